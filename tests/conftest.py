"""What more than one floor of tests stands on: a database file, its thread, and a Slack."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from builders import CHANNELS, TOKEN, opened
from hypothesis import HealthCheck, settings

from monitor.demo.slack import SlackStandIn
from monitor.storage import Storage
from monitor.threads import OwnThread

# A busy machine is no failure: no example is timed. A change is judged by the same examples every time;
# `make fuzz` looks for new ones, and what it finds is kept as an `@example` beside the property.
FUZZ = int(os.environ.get("FUZZ", "0"))
settings.register_profile(
    "untimed",
    deadline=None,
    derandomize=not FUZZ,
    max_examples=FUZZ or 100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("untimed")


@pytest.fixture
def database_file(tmp_path: Path) -> Path:
    return tmp_path / "monitor.db"


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database; copying it is ten times faster than migrating another."""
    path = tmp_path_factory.mktemp("migrated") / "monitor.db"
    with opened(path):
        return path


@pytest.fixture
def storage(database_file: Path, migrated_file: Path) -> Iterator[Storage]:
    shutil.copy(migrated_file, database_file)
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
