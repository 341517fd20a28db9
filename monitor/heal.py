"""Beside the stages: messages that took several attempts are looked at again, and second copies removed.

A request that was given up may still arrive after the next attempt; nothing but a later look can tell.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from monitor.notify import Notifier
from monitor.records import InDoubt, Posted, Resent
from monitor.storage import HealStore
from monitor.threads import OwnThread

logger = logging.getLogger(__name__)

LAST_LOOK = timedelta(minutes=15)
"""After a message has settled; the first look, which storage sets, is after two minutes."""


class Heal:
    """Makes one message of two."""

    def __init__(
        self, *, store: HealStore, database: OwnThread, notifier: Notifier, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._database = database
        self._notifier = notifier
        self._now = now

    async def work(self) -> None:
        """Look at every message that is due."""
        for resent in await self._database(self._store.due, self._now()):
            await self._look(resent)

    async def _look(self, resent: Resent) -> None:
        outcome = await self._notifier.look_up(resent.delivery)
        kept, elapsed = resent.receipt, self._now() - resent.settled_at
        again = resent.settled_at + LAST_LOOK if elapsed < LAST_LOOK else None
        if isinstance(outcome, InDoubt):
            # Soon at first, and ever more seldom in a channel that stays out of reach.
            again = self._now() + max(elapsed, outcome.retry_after or timedelta(0))
        elif isinstance(outcome, Posted) and outcome.receipt != kept:
            logger.warning("copy_kept", extra={"delivery": resent.delivery.id, "ts": outcome.receipt.ts})
            kept = outcome.receipt
        await self._database(self._store.record_look, resent.delivery.id, kept, again)
