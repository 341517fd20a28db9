"""Beside the stages: what people say back in Slack, by buttons and reactions.

hear ──► on record, in one transaction ──► acknowledged to Slack ──► an edit in the outbox tells who it was

Slack sends again what has not been acknowledged, so what is heard twice counts once. A connection that ends
is followed by the next, at once if it has lasted.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from monitor.notify import Listener, open_listener
from monitor.records import Feedback
from monitor.storage import FeedbackStore
from monitor.threads import OwnThread

logger = logging.getLogger(__name__)

LASTED = 60.0
"""Seconds after which a connection has been a good one."""
LONGEST_PAUSE = 60.0
"""Seconds between two tries to connect."""


@asynccontextmanager
async def open_listen(
    api_url: str,
    app_token: str | None,
    bot_token: str | None,
    *,
    store: FeedbackStore,
    database: OwnThread,
    now: Callable[[], datetime],
    on_feedback: Callable[[], None],
) -> AsyncIterator["Listen | None"]:
    """Yield what listens to people in Slack; None without both tokens."""
    if app_token is None or bot_token is None:
        logger.info("not_listening", extra={"hint": "set SLACK_APP_TOKEN and SLACK_BOT_TOKEN for buttons"})
        yield None
        return
    async with open_listener(api_url, app_token, bot_token) as listener:
        yield Listen(listener=listener, store=store, database=database, now=now, on_feedback=on_feedback)


class Listen:
    """Hears people out, and puts on record what they say."""

    def __init__(
        self,
        *,
        listener: Listener,
        store: FeedbackStore,
        database: OwnThread,
        now: Callable[[], datetime],
        on_feedback: Callable[[], None],
    ) -> None:
        self._listener = listener
        self._store = store
        self._database = database
        self._now = now
        self._on_feedback = on_feedback

    async def work(self) -> None:
        """Listen over one connection after the other, until cancelled."""
        loop, failures = asyncio.get_running_loop(), 0
        while True:
            began = loop.time()
            ended = await self._listener.hear(self._take)
            failures = 0 if loop.time() - began >= LASTED else failures + 1
            asked = ended.retry_after.total_seconds() if ended.retry_after else 0.0
            pause = max(asked, _pause(failures))
            level = logging.WARNING if failures else logging.INFO
            logger.log(level, "hung_up", extra={"reason": ended.reason, "next_try_in": pause})
            await asyncio.sleep(pause)

    async def _take(self, feedback: Feedback) -> None:
        outcome = await self._database(self._store.record, feedback, self._now())
        extra = {"kind": feedback.kind, "by": feedback.by, "outcome": outcome}
        logger.info(
            "feedback", extra=extra | {"envelope": feedback.envelope_id, "delivery": feedback.delivery_id}
        )
        if outcome == "recorded":
            self._on_feedback()


def _pause(failures: int) -> float:
    """Return how long to wait before the next connection, after so many in a row that did not last."""
    return 0.0 if failures < 2 else float(min(2 ** min(failures - 2, 20), LONGEST_PAUSE))
