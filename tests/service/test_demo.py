"""``monitor demo`` as a process: the sample feeds, all the way into the stand-in."""

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


async def demo(*options: str, cwd: Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "monitor", "demo", "--once", "--port", "0", *options),
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=cwd,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
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
    assert re.search(r"items 92, matches \d+, alerts \d+, quiet \d+", output)
    assert re.search(r"undelivered 0, undeliverable 0", output)
    assert "empty" in output
    assert "html" in output


async def test_a_replay_into_a_kept_database_goes_on_where_it_stopped(tmp_path: Path) -> None:
    database = tmp_path / "kept.db"
    code, first = await demo("--database", str(database), cwd=tmp_path)
    assert code == 0, first
    code, second = await demo("--database", str(database), cwd=tmp_path)
    assert code == 0, second
    counted = re.search(r"items 92, .*", first)
    assert counted is not None
    assert counted[0] in second, "nothing is stored, matched or decided a second time"
    assert " alert " not in second


async def test_bodies_and_index_go_together(tmp_path: Path) -> None:
    code, output = await demo("--bodies", str(tmp_path), cwd=tmp_path)
    assert (code, output) == (
        1,
        "monitor: --bodies and --index go together: the bodies, and what was captured when\n",
    )
