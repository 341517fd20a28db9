"""The third stage: matches become alerts, or stay quiet with a reason.

take matches in order ──► told before? ──► policy ──► record the decision and its deliveries
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.identity import delivery_id
from monitor.policy import decide, told_since
from monitor.records import Item, Match, Message, NewDelivery, Topic, Verdict
from monitor.storage import AlertStore
from monitor.stories import first_told
from monitor.threads import OwnThread

logger = logging.getLogger(__name__)

_BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertReport:
    """One decision, for whoever watches."""

    match: Match
    topic_name: str
    verdict: Verdict


class Alert:
    """Decides on matches one after the other, so that each decision knows those before it."""

    def __init__(
        self,
        *,
        store: AlertStore,
        database: OwnThread,
        topics: Mapping[str, Topic],
        max_age: timedelta,
        now: Callable[[], datetime],
        on_report: Callable[[AlertReport], None],
    ) -> None:
        self._store = store
        self._database = database
        self._topics = topics
        self._max_age = max_age
        self._now = now
        self._on_report = on_report

    async def work(self) -> int:
        """Decide on every match that waits; return how many there were."""
        decided = 0
        while matches := await self._database(self._store.undecided, _BATCH):
            failure: Exception | None = None
            before = decided
            for match in matches:
                try:
                    report = await self._database(self._decide, match)
                except Exception as error:
                    # One match's surprise must not cost those behind it.
                    logger.exception("decision_failed", extra={"item": match.item.id})
                    failure = error
                    continue
                if report:
                    self._on_report(report)
                    decided += 1
            if failure and decided == before:
                raise failure
        return decided

    def _decide(self, match: Match) -> AlertReport | None:
        now = self._now()
        topic = self._topics.get(match.score.topic_id)
        told = first_told(self._store.told_before(match, told_since(self._max_age, now)))
        verdict = decide(match.item, topic, told, self._max_age, now)
        deliveries = []
        if topic is not None and verdict.decision == "alert":
            message = message_for(match, topic, self._store.other_sources(match.item))
            deliveries = [new_delivery(match.item, topic.id, topic.channel, message)]
        if not self._store.record_decision(match, verdict, deliveries, now):
            return None
        name = topic.name if topic else match.score.topic_id
        extra = {"topic": match.score.topic_id, "item": match.item.id, "score": round(match.score.score)}
        logger.info(verdict.decision, extra=extra | {"reason": verdict.reason})
        return AlertReport(match=match, topic_name=name, verdict=verdict)


def message_for(match: Match, topic: Topic, also_in: list[str]) -> Message:
    """Return what a subscriber of the topic is told about the match."""
    item, score = match.item, match.score
    return Message(
        topic_name=topic.name,
        watchlist=topic.watchlist,
        title=item.title,
        url=item.url,
        source=item.feed_name,
        author=item.author,
        published=item.published,
        first_seen=item.first_seen,
        score=score.score,
        cut=topic.cut,
        summary=item.summary,
        sentence=score.evidence.sentence,
        mention=topic.mention,
        sources=(item.feed_name, *also_in),
    )


def new_delivery(item: Item, topic_id: str, channel: str, message: Message) -> NewDelivery:
    """Return the delivery of a message; the same item, topic and channel always give the same id.

    A key may pass from one item to another, when guids are used again; a row and its first moment do not.
    """
    told = (topic_id, item.feed_url, str(item.id), item.first_seen.isoformat(), channel)
    return NewDelivery(id=delivery_id(*told), channel=channel, message=message)
