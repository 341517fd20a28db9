"""The fourth stage: deliveries become messages, in order within each channel, each exactly once.

pending ──► write ahead: sending ──► post ──┬─► sent, with its receipt
   ▲                                        ├─► pending again: certainly not there; the channel waits,
   │                                        │   for long where a person has to do something, who is told
   │                                        ├─► failed: this message will never be taken
   └── not there ◄── look ◄── in doubt ◄────┘
                       └──► sent

A channel is a lane: one message at a time, at most one a second, and a message that has to wait holds up
those behind it, so that order is kept. Lanes do not wait for each other, but for their turn: all together
send three a second. A lane has one turn at a time, so a long one delays a short one by no more than that.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from monitor.notify import Notifier
from monitor.pacing import Bucket
from monitor.records import Delivery, InDoubt, NotPosted, Posted, PostOutcome
from monitor.storage import DeliverStore
from monitor.threads import OwnThread

logger = logging.getLogger(__name__)

PACE = 1.0
"""Seconds between two messages of a channel: what Slack allows."""
LANES_AT_PACE = 3
"""So many lanes may go at their pace at once, and more share that: Slack says that a workspace takes several
hundred messages a minute."""
BURST = 5
"""Messages over all lanes that may go at once after a rest."""
SETTLE = 20.0
"""Seconds to wait before looking for a message in doubt: longer than a late request needs to arrive."""
LONGEST_HOLD = 300.0
"""Seconds; a channel that keeps refusing, or is closed to us, is tried again this often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverReport:
    """What became of one attempt, for whoever watches."""

    delivery: Delivery
    outcome: PostOutcome


class Deliver:
    """Empties the outbox, lane by lane."""

    def __init__(
        self,
        *,
        store: DeliverStore,
        database: OwnThread,
        notifier: Notifier,
        now: Callable[[], datetime],
        wall_clock: Callable[[], datetime],
        on_report: Callable[[DeliverReport], None],
        pace: float = PACE,
        settle: float = SETTLE,
    ) -> None:
        self._store = store
        self._database = database
        self._notifier = notifier
        self._now = now
        self._wall_clock = wall_clock
        self._on_report = on_report
        self._pace = pace
        self._turns = Bucket(interval=pace / LANES_AT_PACE, burst=BURST)
        self._settle = settle
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._free_at: dict[str, float] = {}
        self._refusals: Counter[str] = Counter()
        self._waited_for: set[str] = set()
        self._stopping = asyncio.Event()

    async def work(self) -> None:
        """Set every lane going that has something to send and need not wait."""
        if self._stopping.is_set():
            return
        now = asyncio.get_running_loop().time()
        for channel in await self._database(self._store.open_channels, self._now()):
            lane = self._lanes.get(channel)
            if (lane is None or lane.done()) and self._free_at.get(channel, 0.0) - now <= self._pace:
                self._lanes[channel] = asyncio.create_task(self._run_lane(channel), name=f"lane {channel}")

    async def emptied(self, patience: float) -> bool:
        """Work until nothing is open, or nothing has been settled for ``patience`` seconds; say which."""
        loop = asyncio.get_running_loop()
        last_open, progress_at = -1, loop.time()
        while open_now := await self._database(self._store.count_open, self._now()):
            if open_now != last_open:
                last_open, progress_at = open_now, loop.time()
            if loop.time() - progress_at > patience:
                return False
            await self.work()
            await asyncio.sleep(0.05)
        return True

    async def stop(self) -> None:
        """Let the attempts under way end, and begin none."""
        self._stopping.set()
        await asyncio.gather(*self._lanes.values(), return_exceptions=True)

    async def _run_lane(self, channel: str) -> None:
        try:
            while not self._stopping.is_set() and await self._step(channel):
                pass
        except Exception:
            logger.exception("lane_crashed", extra={"channel": channel})
            self._hold(channel, self._settle)

    async def _step(self, channel: str) -> bool:
        """Take the lane's first delivery one step further; say whether the lane may go on."""
        open_delivery = await self._database(self._store.next_delivery, channel, self._now())
        if open_delivery is None:
            return False
        delivery, state = open_delivery
        if state != "pending" and delivery.id not in self._waited_for:
            # The request may still be on its way, even that of a process that has died since.
            self._waited_for.add(delivery.id)
            self._hold(channel, self._settle)
            return False
        if state == "pending":
            await self._wait_for_pace(channel)
            if self._stopping.is_set():
                return False
            begun = await self._database(self._begin, channel)
            if begun is None:
                return True
            delivery = begun
            outcome = await self._notifier.post(delivery)
            self._free_at[channel] = asyncio.get_running_loop().time() + self._pace
        else:
            outcome = await self._notifier.look_up(delivery)
            if not isinstance(outcome, InDoubt):
                self._waited_for.discard(delivery.id)
        goes_on = await self._record(delivery, outcome, looked=state != "pending")
        if isinstance(outcome, NotPosted | InDoubt) and outcome.remedy:
            await self._close(channel, f"It takes no messages ({outcome.reason}). {outcome.remedy}")
        self._on_report(DeliverReport(delivery=delivery, outcome=outcome))
        return goes_on

    def _begin(self, channel: str) -> Delivery | None:
        """Write ahead the next attempt, in storage's thread; None if none is due any more.

        What was due before the wait may have been rewritten, put off or taken back since.
        """
        due = self._store.next_delivery(channel, self._now())
        if due is None or due[1] != "pending":
            return None
        return self._store.record_attempt(due[0], self._wall_clock())

    async def _wait_for_pace(self, channel: str) -> None:
        clock = asyncio.get_running_loop().time
        await self._pause(self._free_at.get(channel, 0.0) - clock())
        await self._pause(self._turns.take(clock()))

    async def _pause(self, seconds: float) -> None:
        """Let so much time pass, less if there is no more to come."""
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _record(self, delivery: Delivery, outcome: PostOutcome, *, looked: bool) -> bool:
        """Store what became of an attempt or a look; say whether the lane may go on."""
        channel = delivery.channel
        extra = {"delivery": delivery.id, "channel": channel, "attempt": delivery.attempt}
        match outcome:
            case Posted(receipt=receipt):
                await self._database(self._store.record_receipt, delivery.id, receipt, self._wall_clock())
                del self._refusals[channel]
                logger.info("delivered", extra=extra)
                return True
            case NotPosted(reason=reason, hopeless=True):
                await self._database(self._store.record_state, delivery.id, "failed", reason)
                logger.error("undeliverable", extra=extra | {"reason": reason})
                return True
            case NotPosted(reason=reason, retry_after=retry_after):
                await self._database(self._store.record_state, delivery.id, "pending", reason)
                logger.warning("not_posted", extra=extra | {"reason": reason})
                if looked:
                    return True
                asked = retry_after.total_seconds() if retry_after else 0.0
                self._hold(channel, asked or self._back_off(channel))
                return False
            case InDoubt(reason=reason, retry_after=retry_after):
                await self._database(self._store.record_state, delivery.id, "in_doubt", reason)
                logger.warning("in_doubt", extra=extra | {"reason": reason})
                if looked:
                    asked = retry_after.total_seconds() if retry_after else 0.0
                    self._hold(channel, asked or self._back_off(channel))
                return not looked

    async def _close(self, channel: str, cause: str) -> None:
        """Leave a channel alone that takes nothing, and have those told who can do something about it."""
        await self._database(self._store.record_closed, channel, cause, self._wall_clock())
        self._hold(channel, LONGEST_HOLD)

    def _back_off(self, channel: str) -> float:
        self._refusals[channel] += 1
        return float(min(2 ** (self._refusals[channel] - 1), LONGEST_HOLD))

    def _hold(self, channel: str, seconds: float) -> None:
        self._free_at[channel] = asyncio.get_running_loop().time() + seconds
