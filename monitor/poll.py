"""The first stage: due feeds become new and edited items.

claim what is due ──► fetch and parse ──► recognise items ──► record items, validators, health, next poll
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from monitor.blackout import Blackout
from monitor.cadence import demand, news_wait, next_poll, next_try, observe, pushed_wait, wait_worth
from monitor.feedhealth import assess, looks_elsewhere, trust
from monitor.feeds import Source
from monitor.headlines import headline_key
from monitor.identity import canonical_url, item_keys
from monitor.records import Changes, Feed, Fetched, FetchFailed, FetchOutcome, KeyedItem, ParsedItem, PollPlan
from monitor.storage import PollStore, TroubleStore
from monitor.threads import OwnThread
from monitor.websub import after_poll, relied_on_for

logger = logging.getLogger(__name__)

CLAIM = timedelta(minutes=5)
"""For how long a feed is taken; what is still under way then is taken again, and not polled twice."""
CONCURRENCY = 1000
"""Polls at once. The source gives each host its turn; who waits for one must not keep others from theirs."""

WORTH_LASTS = timedelta(hours=1)
"""Rhythms change slowly; what a request is worth is worked out again so often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollReport:
    """What one poll brought, for whoever watches."""

    feed: Feed
    outcome: FetchOutcome
    new: int
    edited: int = 0


class Poll:
    """Polls feeds side by side; a slow one holds up nobody."""

    def __init__(
        self,
        *,
        store: PollStore,
        troubles: TroubleStore,
        database: OwnThread,
        source: Source,
        now: Callable[[], datetime],
        on_report: Callable[[PollReport], None],
        every: timedelta,
        concurrency: int = CONCURRENCY,
        chance: Callable[[], float] = random.random,
        blackout: Blackout | None = None,
    ) -> None:
        self._store = store
        self._troubles = troubles
        self._database = database
        self._source = source
        self._now = now
        self._on_report = on_report
        self._every = every
        self._concurrency = concurrency
        self._chance = chance
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._worth: float | None = None
        self._worth_at: datetime | None = None
        self._blackout = blackout or Blackout()

    async def start_due(self) -> int:
        """Begin polling the feeds that are due, as many as there is room for; return how many."""
        # A poll is done as soon as it has reported; its place in the set is cleared a moment later.
        self._under_way = {feed: poll for feed, poll in self._under_way.items() if not poll.done()}
        room = self._concurrency - len(self._under_way)
        if room <= 0:
            return 0
        now = self._now()
        if self._worth_at is None or now - self._worth_at > WORTH_LASTS:
            self._worth_at = now
            self._worth = await self._database(self._request_worth)
        due = await self._database(self._store.claim_due, now, now + CLAIM, room)
        # One that has ended meanwhile may be due again at once; left out, it would stay claimed for nothing.
        fresh = [feed for feed in due if not self._polling(feed)]
        for feed in fresh:
            poll = asyncio.create_task(self._poll(feed), name=f"poll {feed.spec.name}")
            self._under_way[feed.id] = poll
        return len(fresh)

    def _polling(self, feed: Feed) -> bool:
        poll = self._under_way.get(feed.id)
        return poll is not None and not poll.done()

    async def settled(self) -> None:
        """Wait until no poll is under way."""
        while polls := [poll for poll in self._under_way.values() if not poll.done()]:
            await asyncio.wait(polls)

    async def work(self) -> int:
        """Poll everything that is due, to the end; return how many polls that took."""
        polled = 0
        while started := await self.start_due():
            polled += started
            await self.settled()
        return polled

    def abandon(self) -> None:
        """Stop the polls under way; what they claimed is due again at the next start."""
        for poll in self._under_way.values():
            poll.cancel()

    async def _poll(self, feed: Feed) -> None:
        began = self._now()
        try:
            feed, outcome = await self._fetch(feed)
            await self._watch_network(feed, outcome, began)
            changes = await self._record(feed, outcome, recognise(outcome), began)
        except Exception as error:
            # One feed's surprise must not cost the others, nor pass in silence.
            logger.exception("poll_crashed", extra={"feed": feed.spec.name})
            outcome, changes = _fault(error), Changes()
            try:
                await self._record(feed, outcome, [], began)
            except Exception:
                # Not even that: the claim runs out, and the feed is tried again.
                logger.exception("poll_not_recorded", extra={"feed": feed.spec.name})
                return
        _log(feed, outcome, changes)
        report = PollReport(feed=feed, outcome=outcome, new=len(changes.new), edited=changes.edited)
        self._on_report(report)

    async def _fetch(self, feed: Feed) -> tuple[Feed, FetchOutcome]:
        """Ask a feed where it lives now; if that fails for long, also where it used to live."""
        outcome = await self._source.fetch(feed, trust(feed, self._now()))
        if not looks_elsewhere(feed, outcome):
            return feed, outcome
        at_home = replace(feed, health=replace(feed.health, address=None))
        again = await self._source.fetch(at_home, "none")
        return (feed, outcome) if isinstance(again, FetchFailed) else (at_home, again)

    async def _record(
        self, feed: Feed, outcome: FetchOutcome, items: list[KeyedItem], began: datetime
    ) -> Changes:
        now = self._now()
        plan = partial(self._plan, feed, outcome, began, now)
        return await self._database(self._store.record_poll, feed, outcome, items, now, plan)

    async def _watch_network(self, feed: Feed, outcome: FetchOutcome, began: datetime) -> None:
        """Notice when all feeds are out of reach together, and when they are back."""
        match self._blackout.note(feed, outcome, began):
            case "begins":
                assert self._blackout.since is not None
                logger.error("blackout", extra={"reason": self._blackout.cause})
                await self._database(
                    self._troubles.begin_blackout, self._blackout.cause, self._blackout.since
                )
            case "ends":
                logger.warning("blackout_over")
                await self._database(self._troubles.end_blackout, self._now())

    def _plan(
        self, feed: Feed, outcome: FetchOutcome, began: datetime, now: datetime, changes: Changes
    ) -> PollPlan:
        """Learn from the new items when the feed publishes; say how it fares and when it is due again."""
        rhythm, chance = feed.rhythm, self._chance()
        if self._blackout.since is not None and self._blackout.hides(outcome):
            # Not the feed's fault: nothing counts, and it is tried again soon.
            due = next_try(feed, now, chance)
            return PollPlan(next_poll_at=due, rhythm=rhythm, health=feed.health)
        push, pinged = changes.push, None
        if not isinstance(outcome, FetchFailed):
            dates = [keyed.item.published for keyed in changes.new]
            rhythm = observe(rhythm, dates, now)
            if push is not None:
                push, pinged = after_poll(push, dates, began=began, now=now)
        learned = hint = None
        if not feed.spec.paced:
            hint = _hinted(outcome)
            if rhythm is not None and self._worth is not None:
                learned = news_wait(rhythm, self._worth, feed.spec.every, now)
            learned = pushed_wait(learned or feed.spec.every, feed.spec.every, relied_on_for(push, now))
        due = next_poll(feed, outcome, now, chance, learned=learned, hint=hint)
        found = assess(feed, outcome, changes, now)
        return PollPlan(
            next_poll_at=due if pinged is None else min(due, pinged),
            rhythm=rhythm,
            health=found.health,
            begun=found.begun,
            ended=found.ended,
            replaced=found.replaced,
            push=push,
        )

    def _request_worth(self) -> float | None:
        """How long news may wait before a request is worth it, all learned feeds together at their budget."""
        demands = [demand(rhythm) for rhythm in self._store.rhythms()]
        return wait_worth(demands, self._every) if demands else None


def _fault(error: Exception) -> FetchFailed:
    return FetchFailed(
        kind="fault", message=f"What the feed sent could not be taken in ({type(error).__name__})."
    )


def recognise(outcome: FetchOutcome) -> list[KeyedItem]:
    """Return the items of a document with what makes each the same one next time."""
    if not isinstance(outcome, Fetched):
        return []
    return [recognised(item, key) for item, key in zip(outcome.items, item_keys(outcome.items), strict=True)]


def recognised(item: ParsedItem, key: str) -> KeyedItem:
    """Return an item with what makes it the same one in other feeds, beside its ``key`` in its own."""
    return KeyedItem(
        item=item,
        key=key,
        canonical_url=canonical_url(item.url) if item.url else None,
        headline_key=headline_key(item.title, item.url),
    )


def _hinted(outcome: FetchOutcome) -> timedelta | None:
    """The least wait that the feed or its server asks for, if any."""
    if isinstance(outcome, FetchFailed) or outcome.hints is None:
        return None
    return outcome.hints.min_interval


def _log(feed: Feed, outcome: FetchOutcome, changes: Changes) -> None:
    extra: dict[str, object] = {"feed": feed.spec.name}
    match outcome:
        case FetchFailed(kind=kind, message=message):
            extra |= {"kind": kind, "reason": message, "failures": feed.health.failures + 1}
            logger.warning("poll_failed", extra=extra)
        case Fetched(items=items):
            extra |= {"items": len(items), "new": len(changes.new)}
            extra |= {"edited": changes.edited, "rekeyed": changes.rekeyed}
            if outcome.denied and changes.new:
                logger.warning("hid_items_behind_304", extra=extra)
            logger.info("polled", extra=extra)
        case _:
            logger.debug("polled", extra=extra | {"new": 0})
