import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from monitor.feeds.frames import Document
from monitor.feeds.limits import FetchLimits
from monitor.feeds.parser import Parser
from monitor.records import FetchFailed

GOOD = b'<rss version="2.0"><channel><item><title>One</title></item></channel></rss>'
# Nested tags take feedparser seconds.
HEAVY = b'<rss version="2.0"><channel>' + b"<a>" * 300_000
NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc")


@pytest.fixture
async def parser() -> AsyncIterator[Parser]:
    parser = Parser(FetchLimits(parse_timeout=1.0))
    yield parser
    await parser.close()
    assert not workers()


def workers() -> list[int]:
    """The ids of this process's children."""
    tasks = Path("/proc/self/task")
    return [int(child) for task in tasks.glob("*/children") for child in task.read_text().split()]


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def read(parser: Parser, body: bytes) -> Document | FetchFailed:
    return await parser.parse(body, url="https://example.org/feed", charset=None)


@NEEDS_PROC
async def test_one_process_reads_document_after_document(parser: Parser) -> None:
    assert workers() == []
    first = await read(parser, GOOD)
    started = workers()
    assert isinstance(first, Document)
    assert isinstance(await read(parser, b"no feed"), FetchFailed)
    assert await read(parser, GOOD) == first
    assert workers() == started
    assert len(started) == 1


@pytest.mark.slow
async def test_a_document_that_hangs_costs_no_other_one(parser: Parser) -> None:
    outcomes = await asyncio.gather(*(read(parser, body) for body in (GOOD, HEAVY, GOOD, GOOD)))
    assert [type(outcome) for outcome in outcomes] == [Document, FetchFailed, Document, Document]
    assert isinstance(outcomes[1], FetchFailed)
    assert outcomes[1].kind == "hang"
    assert "1 s" in outcomes[1].message


@NEEDS_PROC
async def test_a_killed_process_costs_its_document_only(parser: Parser) -> None:
    await read(parser, GOOD)
    [pid] = workers()
    reading = asyncio.create_task(read(parser, HEAVY))
    await asyncio.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    failed = await reading
    assert isinstance(failed, FetchFailed)
    assert failed.kind == "parse"
    assert isinstance(await read(parser, GOOD), Document)
    assert pid not in workers()


@NEEDS_PROC
async def test_a_caller_that_gives_up_leaves_no_answer_behind(parser: Parser) -> None:
    await read(parser, GOOD)
    reading = asyncio.create_task(read(parser, HEAVY))
    await asyncio.sleep(0.1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert workers() == []
    assert isinstance(await read(parser, GOOD), Document)


@pytest.mark.slow
async def test_entities_that_unfold_beyond_measure_are_refused(parser: Parser) -> None:
    item = b"<item><description>&a;</description></item>"
    entity = b'<!DOCTYPE rss [<!ENTITY a "' + b"lorem " * 1000 + b'">]>'
    outcome = await read(
        parser, entity + b'<rss version="2.0"><channel>' + item * 20_000 + b"</channel></rss>"
    )
    assert isinstance(outcome, FetchFailed)
    assert outcome.kind in ("size", "parse", "hang")
    assert isinstance(await read(parser, GOOD), Document)


@NEEDS_PROC
def test_no_process_outlives_a_killed_service() -> None:
    service = (
        "import asyncio, sys; sys.path.insert(0, 'tests/feeds'); import test_parser as t\n"
        "async def main():\n"
        "    await t.read(t.Parser(t.FetchLimits()), t.GOOD)\n"
        "    print(*t.workers(), flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    here = Path(__file__).parents[2]
    env = {**os.environ, "PYTHONPATH": str(here)}
    command = [sys.executable, "-c", service]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=here, env=env) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert running(pid)
        process.kill()
    for _ in range(1000):
        if not running(pid):
            return
        time.sleep(0.02)
    pytest.fail("the parser process is still there")


def test_the_process_loads_little() -> None:
    heavy = ("aiohttp", "asyncio", "numpy", "pydantic", "slack_sdk", "sqlalchemy")
    code = f"import sys, monitor.feeds.parse; print([name for name in {heavy} if name in sys.modules])"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    loaded = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
