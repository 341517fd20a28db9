"""The second stage: new and edited items get a score per topic.

take items in batches ──► vectors of passages, stored or encoded ──► relevance per topic ──► record scores
          ▲                                                                                      │
          └── what is known of ordinary news, of the topics' own items, and from votes ◄── learn every 250
          items
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from monitor.background import Reference
from monitor.learning import Learning
from monitor.passages import passages
from monitor.records import Item, Score, Topic
from monitor.relevance import View, judge
from monitor.scoring import Encoder
from monitor.storage import ScoreStore, Storage
from monitor.threads import OwnThread
from monitor.vectorise import Vectoriser, topic_vectors

__all__ = ["BATCH", "ScoreReport", "Scoring", "in_scope", "open_scoring"]

logger = logging.getLogger(__name__)

BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreReport:
    """One batch, for whoever watches."""

    items: int
    matches: int


class Scoring:
    """Scores items: news before backlog, then in the order in which they were stored."""

    def __init__(
        self,
        *,
        store: ScoreStore,
        database: OwnThread,
        vectors: Vectoriser,
        learning: Learning,
        now: Callable[[], datetime],
        on_report: Callable[[ScoreReport], None],
        batch: int = BATCH,
    ) -> None:
        self._store = store
        self._database = database
        self._vectors = vectors
        self._learning = learning
        self._now = now
        self._on_report = on_report
        self._batch = batch
        self._hearing = dict[tuple[str, frozenset[str]], NDArray[np.bool_]]()

    async def work(self) -> int:
        """Score every item that waits; return how many there were."""
        scored = 0
        while True:
            view, room = await self._learning.follow()
            items = await self._database(self._store.unscored, min(self._batch, room))
            if not items:
                return scored
            scores = await self._judged(view, items)
            await self._database(self._store.record_scores, items, scores, self._now())
            report = ScoreReport(items=len(items), matches=sum(score.matched for score in scores))
            logger.info("scored", extra={"items": report.items, "matches": report.matches})
            self._on_report(report)
            scored += len(items)

    async def _judged(self, view: View, items: Sequence[Item]) -> list[Score]:
        texts = [passages(item) for item in items]
        flat = [text for of_item in texts for text in of_item]
        vectors = await self._vectors.vectors(flat)
        heard = np.repeat([self._heard(view, item) for item in items], [len(of) for of in texts], axis=0)
        near = await asyncio.to_thread(view.near, vectors, heard)
        tokens = dict(
            zip(near.rows, await self._vectors.tokens([flat[row] for row in near.rows]), strict=True)
        )
        ends = np.cumsum([len(of_item) for of_item in texts])
        return await asyncio.to_thread(
            lambda: [
                score
                for item, of_item, end in zip(items, texts, ends, strict=True)
                for score in judge(view, item, near, range(end - len(of_item), end), tokens)
            ]
        )

    def _heard(self, view: View, item: Item) -> NDArray[np.bool_]:
        """Return which topics listen to the item's feed, shape (topics,)."""
        feed = (item.feed_name, item.feed_tags)
        if feed not in self._hearing:
            self._hearing[feed] = np.array([in_scope(seen.topic, item) for seen in view.topics], bool)
        return self._hearing[feed]


async def open_scoring(
    topics: Sequence[Topic],
    *,
    storage: Storage,
    database: OwnThread,
    encoder: Encoder,
    encoding: OwnThread,
    reference: Reference | None,
    now: Callable[[], datetime],
    on_report: Callable[[ScoreReport], None],
    batch: int = BATCH,
) -> Scoring:
    """Return the stage with its topics encoded, and what was learned before and from votes in its place."""
    vectors = Vectoriser(store=storage.scores, database=database, encoder=encoder, encoding=encoding)
    learning = await Learning.open(
        await topic_vectors(topics, vectors),
        store=storage.learned,
        votes=storage.votes,
        database=database,
        vectors=vectors,
        reference=reference,
    )
    return Scoring(
        store=storage.scores,
        database=database,
        vectors=vectors,
        learning=learning,
        now=now,
        on_report=on_report,
        batch=batch,
    )


def in_scope(topic: Topic, item: Item) -> bool:
    """Say whether the topic listens to the item's feed, by tag or by name."""
    return not topic.feeds or item.feed_name in topic.feeds or bool(topic.feeds & item.feed_tags)
