from datetime import datetime, timedelta
from pathlib import Path

import pytest
from builders import NOW, fetched, keyed, next_at, opened, spec

from monitor.errors import NoDatabaseError, StorageError
from monitor.grouping import WINDOW
from monitor.prune import Prune, prune_now, removed_before
from monitor.records import Removal
from monitor.storage import Storage
from monitor.threads import OwnThread

DAY = timedelta(days=1)
MAX_AGE = 2 * DAY
KEEP = 30 * DAY
ITEMS = 250


def leave(storage: Storage, at: datetime, first: int = 0) -> None:
    """Leave items that their feed showed once, and that are done with."""
    storage.polls.sync_feeds([spec()], NOW)
    for document in ([keyed(n) for n in range(first, first + ITEMS)], []):
        (feed,) = storage.ledger.feeds()
        storage.polls.record_poll(feed, fetched(), document, at, next_at(NOW))
    storage.scores.record_scores(storage.scores.unscored(ITEMS), [], at)


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


def stage(storage: Storage, database: OwnThread, clock: Clock, keep: timedelta | None = KEEP) -> Prune:
    return Prune(store=storage.retention, database=database, keep=keep, max_age=MAX_AGE, now=clock)


async def test_once_a_day_what_is_old_goes(storage: Storage, database: OwnThread) -> None:
    clock = Clock()
    prune = stage(storage, database, clock)
    leave(storage, NOW - KEEP)
    assert await prune.work() == 0, "not older yet"
    clock.now += timedelta(hours=23)
    assert await prune.work() == 0, "not a day later yet"
    clock.now += timedelta(hours=1)
    assert await prune.work() == ITEMS
    assert storage.ledger.counts()["items"] == 0
    leave(storage, NOW - KEEP, first=ITEMS)
    assert await prune.work() == 0
    clock.now += DAY
    assert await prune.work() == ITEMS


async def test_without_a_wish_everything_is_kept(storage: Storage, database: OwnThread) -> None:
    leave(storage, NOW - 1000 * DAY)
    assert await stage(storage, database, Clock(), keep=None).work() == 0
    assert storage.ledger.counts()["items"] == ITEMS


@pytest.mark.parametrize(
    ("keep", "max_age", "kept"),
    [(DAY, MAX_AGE, WINDOW), (WINDOW, MAX_AGE, WINDOW), (DAY, 4 * DAY, 8 * DAY), (KEEP, 4 * DAY, KEEP)],
)
def test_what_new_items_are_compared_with_is_kept(
    keep: timedelta, max_age: timedelta, kept: timedelta
) -> None:
    assert removed_before(keep, max_age, NOW) == NOW - kept


class TestByHand:
    def url(self, database_file: Path) -> str:
        return f"sqlite:///{database_file}"

    def test_a_dry_run_counts_beside_the_service_and_removes_nothing(
        self, storage: Storage, database_file: Path
    ) -> None:
        leave(storage, NOW - KEEP)
        found = prune_now(self.url(database_file), NOW, NOW, dry_run=True)
        assert found == Removal(items=ITEMS, versions=0, scores=0, alerts=0, deliveries=0)
        assert storage.ledger.counts()["items"] == ITEMS

    def test_what_was_counted_is_removed(self, database_file: Path) -> None:
        with opened(database_file) as storage:
            leave(storage, NOW - KEEP)
        assert prune_now(self.url(database_file), NOW, NOW, dry_run=False).items == ITEMS
        assert prune_now(self.url(database_file), NOW, NOW, dry_run=False).items == 0
        with opened(database_file) as storage:
            assert storage.ledger.counts()["items"] == 0

    def test_beside_a_service_it_says_what_to_do(self, storage: Storage, database_file: Path) -> None:
        leave(storage, NOW - KEEP)
        with pytest.raises(StorageError, match=r"is using this database; .* set storage\.keep, or stop"):
            prune_now(self.url(database_file), NOW, NOW, dry_run=False)
        assert storage.ledger.counts()["items"] == ITEMS

    def test_it_makes_no_database(self, database_file: Path) -> None:
        with pytest.raises(NoDatabaseError):
            prune_now(self.url(database_file), NOW, NOW, dry_run=False)
        assert not database_file.exists()
