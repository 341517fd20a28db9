"""``monitor demo`` as a process: the sample feeds, all the way into the stand-in."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest
from service_parts import until

from monitor.errors import StorageError
from monitor.storage import open_storage

pytestmark = pytest.mark.slow


async def started(*options: str, cwd: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "monitor", "demo", "--once", "--port", "0", *options),
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=cwd,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def demo(*options: str, cwd: Path) -> tuple[int, str]:
    process = await started(*options, cwd=cwd)
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_the_demo_tells_the_seed_event_and_ends_by_itself(tmp_path: Path) -> None:
    # Another folder than the repository: the demo needs no configuration of the user's.
    code, output = await demo(cwd=tmp_path)
    assert code == 0, output
    isis = output.split("#isis-watch:")[1].split("\n#")[0]
    assert '"Will of Victory"' in isis
    assert "&lt;!channel&gt;" in isis, "the fallback text is escaped"
    assert "film" not in isis
    assert "    ↳ " in isis, "a thread is shown as one"
    sights = output.split("Look at\n")[1]
    assert [line.partition(": ")[2] for line in sights.strip().split("\n")] == [
        "#isis-watch",
        "#maritime-security",
        "#duty-desk",
    ]
    for headline in ("Explosive boat", "2 stories, late"):
        assert headline in output
    assert re.search(r"items 92, matches \d+, alerts \d+, quiet \d+", output)
    assert re.search(r"undelivered 0, undeliverable 0", output)
    assert "empty" in output
    assert "html" in output


async def test_a_replay_that_is_killed_in_the_middle_goes_on_where_it_was(tmp_path: Path) -> None:
    database = tmp_path / "kept.db"
    killed = await started("--database", str(database), cwd=tmp_path)
    await until(lambda: stored_items(database) > 20)
    killed.kill()
    await killed.communicate()
    assert stored_items(database) < 92, "killed in the middle"
    code, output = await demo("--database", str(database), cwd=tmp_path)
    assert code == 0, output
    assert stored_items(database) == 92, "no item is lost, and none stored twice"
    _, undisturbed = await demo(cwd=tmp_path)
    assert counts(output) == counts(undisturbed)
    assert "undelivered 0, undeliverable 0" in output


def counts(output: str) -> str:
    """What a demo has come to: items, matches, alerts and what stayed quiet."""
    found = re.search(r"items \d+, matches \d+, alerts \d+, quiet \d+", output)
    assert found, output
    return found[0]


def stored_items(database: Path) -> int:
    try:
        storage = open_storage(f"sqlite:///{database}", read_only=True)
    except StorageError:
        return 0
    try:
        return storage.ledger.counts()["items"]
    finally:
        storage.close()


async def test_bodies_and_index_go_together(tmp_path: Path) -> None:
    code, output = await demo("--bodies", str(tmp_path), cwd=tmp_path)
    assert (code, output) == (
        1,
        "monitor: --bodies and --index go together: the bodies, and what was captured when\n",
    )
