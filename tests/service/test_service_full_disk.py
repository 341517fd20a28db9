"""A service whose database cannot grow for a while, as on a full disk."""

import asyncio
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from service_parts import MATCHING, Outlet, Service, rss, until

from monitor.demo.slack import SlackStandIn
from monitor.storage.backups import damage

pytestmark = pytest.mark.slow

CLAIM = 400
"""Seconds; a poll that cannot be recorded keeps its feed for five minutes, if it happens to be one then."""


@contextmanager
def no_room(process: asyncio.subprocess.Process, database: Path) -> Iterator[None]:
    """Let none of the process's files grow beyond what the log of its database has now."""
    size = database.with_name(database.name + "-wal").stat().st_size
    before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, before[1]))
    yield
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, before)


async def test_a_database_that_cannot_grow_for_a_while_loses_and_doubles_nothing(
    outlet: Outlet, slack: SlackStandIn, service: Service, tmp_path: Path
) -> None:
    def headlines() -> list[str]:
        return [message.text.partition(": ")[2] for message in slack.messages("isis-watch")]

    database = tmp_path / "monitor.db"
    outlet.body = rss(MATCHING[:2])
    process = await service.start()
    await until(lambda: len(headlines()) == 2)

    slack.fail("slow", seconds=2.0)
    asked = slack.requests["chat.postMessage"]
    outlet.body = rss(MATCHING[:3])
    await until(lambda: slack.requests["chat.postMessage"] > asked)
    with no_room(process, database):
        # Slack takes the message, and that it has cannot be written down.
        await until(lambda: "lane_crashed" in service.log())
        assert len(headlines()) == 3
        outlet.body = rss(MATCHING[:5])
        failures = service.log().count("stage_failed")
        await until(lambda: service.log().count("stage_failed") > failures)
    await until(lambda: len(headlines()) >= 5, CLAIM)
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    assert headlines() == MATCHING[:5]
    assert damage(database, thorough=True) is None
