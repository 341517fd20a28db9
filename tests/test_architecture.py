"""The linters are awake: a seeded violation of each fails, in a copy that passes without it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
SCRIPTS = Path(sys.executable).parent
IMPORTS = (str(SCRIPTS / "lint-imports"), "--no-cache")
RUFF = (str(SCRIPTS / "ruff"), "check", "--no-cache", "monitor")
FORMAT = (str(SCRIPTS / "ruff"), "format", "--no-cache", "--check", "monitor")
MYPY = (str(SCRIPTS / "mypy"), "monitor/policy.py")

SEEDS = {
    "a rule imports a stage": (IMPORTS, "monitor/policy.py", "import monitor.alert", "Imports only go down"),
    "a lazy import upwards counts": (
        IMPORTS,
        "monitor/policy.py",
        "def late() -> None:\n    import monitor.alert",
        "Imports only go down",
    ),
    "rooms meet": (IMPORTS, "monitor/feeds/http.py", "import monitor.notify", "Imports only go down"),
    "a module without a floor": (IMPORTS, "monitor/somewhere.py", "x = 1", "Imports only go down"),
    "past the door": (IMPORTS, "monitor/poll.py", "import monitor.feeds.parse", "entered by their doors"),
    "back through the door": (
        IMPORTS,
        "monitor/storage/polls.py",
        "import monitor.storage as door",
        "never imports the door",
    ),
    "a second importer": (IMPORTS, "monitor/poll.py", "import feedparser", "has one importer"),
    "aiohttp in a stage": (IMPORTS, "monitor/poll.py", "import aiohttp", "stay in their rooms"),
    "a bare except": (RUFF, "monitor/policy.py", "try:\n    x = 1\nexcept:\n    x = 2", "E722"),
    "a naive clock": (RUFF, "monitor/policy.py", "LATE = datetime.now()", "DTZ005"),
    "a layout": (FORMAT, "monitor/policy.py", "x  =  1", "would be reformatted"),
    "a wrong type": (MYPY, "monitor/policy.py", "MAX: int = 'one'", "Incompatible types"),
    "no types": (MYPY, "monitor/policy.py", "def untyped(x):\n    return x", "missing a type annotation"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    ignore = shutil.ignore_patterns("__pycache__", "samples")
    shutil.copytree(REPOSITORY / "monitor", folder / "monitor", ignore=ignore)
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    return folder


def run(tool: tuple[str, ...], folder: Path) -> tuple[int, str]:
    done = subprocess.run(tool, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_seeded_violation_fails(copy: Path, seed: str) -> None:
    tool, file, violation, complaint = SEEDS[seed]
    path = copy / file
    before = path.read_text() if path.exists() else None
    path.write_text((before or "") + "\n\n" + violation + "\n")
    try:
        code, output = run(tool, copy)
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)
    assert code != 0, output
    assert complaint in " ".join(output.split())
    assert run(tool, copy)[0] == 0, "without the seed it passes"
