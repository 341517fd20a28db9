"""Beside the stages: makes the digests that are due, each once; of several that were missed only the last.

take plans whose last due moment has no digest ──► compose it ──► record it with its delivery

Where nothing matched, the digest says so, and how many items were read: silence would look like a breakdown.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from monitor.digesting import NEAR, SHOWN, Span, composed, last_due, leading
from monitor.identity import delivery_id
from monitor.records import ChannelPlan, Digest, DigestPlan, NewDelivery, Topic
from monitor.storage import DigestStore
from monitor.threads import OwnThread

logger = logging.getLogger(__name__)


class Digests:
    """Makes the channels' digests; ``topics`` are those that each channel is told of."""

    def __init__(
        self,
        *,
        store: DigestStore,
        database: OwnThread,
        plans: Mapping[str, ChannelPlan],
        topics: Mapping[str, Sequence[Topic]],
        now: Callable[[], datetime],
        on_told: Callable[[], None],
    ) -> None:
        self._store = store
        self._database = database
        self._plans = [(plan.channel, digest) for plan in plans.values() for digest in plan.digests]
        self._topics = topics
        self._now = now
        self._on_told = on_told
        self._made: dict[tuple[str, DigestPlan], datetime] = {}

    async def work(self) -> int:
        """Make what is due; return how many digests that were."""
        now = self._now()
        made = 0
        for channel, plan in self._plans:
            span = last_due(plan, now)
            # The database is asked once for each digest, not at every tick.
            if self._made.get((channel, plan)) != span.until:
                made += await self._database(self._make, channel, plan, span, now)
                self._made[channel, plan] = span.until
        if made:
            self._on_told()
        return made

    def _make(self, channel: str, plan: DigestPlan, span: Span, now: datetime) -> bool:
        if self._store.made(channel, plan.period, span.until):
            return False
        extra = {"channel": channel, "period": plan.period, "until": span.until.isoformat()}
        if not self._store.scored_by(span.until):
            logger.info("digest_skipped", extra=extra | {"reason": "nothing had been read by then"})
            self._store.record_digest(channel, plan.period, span.until, None, now)
            return False
        digest = digest_of(self._store, channel, self._topics.get(channel, ()), plan, span)
        delivery = NewDelivery(
            id=delivery_id("digest", channel, plan.period, span.until.isoformat()),
            channel=channel,
            message=digest,
        )
        recorded = self._store.record_digest(channel, plan.period, span.until, delivery, now)
        logger.info("digest", extra=extra | {"stories": sum(count.stories for count in digest.topics)})
        return recorded


def digest_of(
    store: DigestStore, channel: str, topics: Sequence[Topic], plan: DigestPlan, span: Span
) -> Digest:
    """Return a channel's digest of a span of time, as the database has it."""
    told = store.told(channel, span.days[0], span.until)
    after, through = store.scored_by(span.since), store.scored_by(span.until)
    missed = [
        match
        for topic in topics
        for match in store.near_misses(topic.id, after, through, NEAR * topic.cut, SHOWN)
    ]
    items = store.items([story.id for story in leading(told, span)])
    return composed(plan, span, topics, told, items, missed, items_read=through - after)
