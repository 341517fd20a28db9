"""The second stage: new and edited items get a score per topic.

take items in batches ──► vectors of passages, stored or encoded ──► relevance per topic ──► record scores
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from monitor.records import Item, Score, Topic
from monitor.relevance import TopicVectors, judge, passages
from monitor.storage import ScoreStore
from monitor.threads import OwnThread
from monitor.vectorise import Vectoriser
from monitor.vectors import Vectors

logger = logging.getLogger(__name__)

BATCH = 64
KEPT_FROM = 5.0
"""Lower scores are not stored: nobody asks for them, and they would be most of the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreReport:
    """One batch, for whoever watches."""

    items: int
    matches: int


class Scoring:
    """Scores items in the order in which they were stored."""

    def __init__(
        self,
        *,
        store: ScoreStore,
        database: OwnThread,
        vectors: Vectoriser,
        topics: Sequence[TopicVectors],
        now: Callable[[], datetime],
        on_report: Callable[[ScoreReport], None],
    ) -> None:
        self._store = store
        self._database = database
        self._vectors = vectors
        self._topics = topics
        self._now = now
        self._on_report = on_report

    async def work(self) -> int:
        """Score every item that waits; return how many there were."""
        scored = 0
        while items := await self._database(self._store.unscored, BATCH):
            texts = [passages(item) for item in items]
            vectors = await self._vectors.vectors([text for of_item in texts for text in of_item])
            ends = np.cumsum([len(of_item) for of_item in texts])[:-1]
            scores = judge_all(self._topics, items, np.split(vectors, ends))
            await self._database(self._store.record_scores, items, scores, self._now())
            report = ScoreReport(items=len(items), matches=sum(score.matched for score in scores))
            logger.info("scored", extra={"items": report.items, "matches": report.matches})
            self._on_report(report)
            scored += len(items)
        return scored


def judge_all(
    topics: Sequence[TopicVectors], items: Sequence[Item], vectors: Sequence[Vectors]
) -> list[Score]:
    """Return the scores worth keeping, of every item (``vectors``: of its passages) with every topic."""
    scores = (
        judge(topic, item, of_item)
        for item, of_item in zip(items, vectors, strict=True)
        for topic in topics
        if in_scope(topic.topic, item)
    )
    return [score for score in scores if worth_keeping(score)]


def worth_keeping(score: Score) -> bool:
    """Say whether anybody may ask for the score: what is near, also if words or look-alikes kept it out."""
    return max(score.score, score.evidence.parts["closeness"]) >= KEPT_FROM


def in_scope(topic: Topic, item: Item) -> bool:
    """Say whether the topic listens to the item's feed, by tag or by name."""
    return not topic.feeds or item.feed_name in topic.feeds or bool(topic.feeds & item.feed_tags)
