"""Beside the stages: once a day, items that are old and gone from their feeds are removed, in small steps.

So that nothing is told twice, items stay for as long as alerts are compared with them, whatever is asked for.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from monitor.errors import DatabaseInUseError, StorageError
from monitor.grouping import WINDOW
from monitor.policy import told_since
from monitor.records import Removal
from monitor.storage import RetentionStore, open_storage
from monitor.threads import OwnThread

logger = logging.getLogger(__name__)

DAY = timedelta(days=1)
_STEP = 100
"""Items in one transaction: others wait some milliseconds for it."""


class Prune:
    """Removes what is older than ``keep``, once a day; nothing if that is None."""

    def __init__(
        self,
        *,
        store: RetentionStore,
        database: OwnThread,
        keep: timedelta | None,
        max_age: timedelta,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._database = database
        self._keep = keep
        self._max_age = max_age
        self._now = now
        self._done_at: datetime | None = None

    async def work(self) -> int:
        """Remove what is old, unless that was done within the last day; return how many items that were."""
        now = self._now()
        if self._keep is None or (self._done_at is not None and now - self._done_at < DAY):
            return 0
        before = removed_before(self._keep, self._max_age, now)
        removed = 0
        while step := await self._database(self._store.remove, before, _STEP, now):
            removed += step
        self._done_at = now
        if removed:
            logger.info("pruned", extra={"items": removed, "before": before.isoformat()})
        return removed


def removed_before(keep: timedelta, max_age: timedelta, now: datetime) -> datetime:
    """Return from when on items are kept at the least: also those that new items are compared with."""
    return min(now - keep, told_since(max_age, now), now - WINDOW)


def prune_now(url: str, before: datetime, now: datetime, *, dry_run: bool) -> Removal:
    """Remove what was first seen ``before``, unless ``dry_run``, and count it; StorageError if it can't."""
    storage = open_storage(url, read_only=True)
    try:
        removal = storage.retention.removable(before)
    finally:
        storage.close()
    if dry_run:
        return removal
    try:
        storage = open_storage(url)
    except DatabaseInUseError as error:
        raise StorageError(
            f"{error}; a running service prunes by itself, once a day: set storage.keep, "
            "or stop the service first (--dry-run works beside it)"
        ) from error
    try:
        while storage.retention.remove(before, _STEP, now):
            pass
    finally:
        storage.close()
    return removal
