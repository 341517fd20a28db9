"""What more than one floor of tests stands on: a database file, its thread, and a Slack."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from builders import opened

from monitor.demo.slack import SlackStandIn
from monitor.storage import Storage
from monitor.threads import OwnThread

CHANNELS = ("news-alerts", "isis-watch")
TOKEN = "xoxb-1-canary"


@pytest.fixture
def database_file(tmp_path: Path) -> Path:
    return tmp_path / "monitor.db"


@pytest.fixture
def storage(database_file: Path) -> Iterator[Storage]:
    with opened(database_file) as storage:
        yield storage


@pytest.fixture
def database() -> Iterator[OwnThread]:
    thread = OwnThread("database")
    yield thread
    thread.close()


@pytest.fixture
async def standin() -> AsyncIterator[SlackStandIn]:
    async with SlackStandIn(CHANNELS, token=TOKEN, burst=None) as running:
        yield running
