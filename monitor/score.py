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
from monitor.scoring import Encoder
from monitor.storage import ScoreStore
from monitor.threads import OwnThread
from monitor.vectors import Vectors, text_hash

logger = logging.getLogger(__name__)

BATCH = 64
KEPT_FROM = 5.0
"""Lower scores are not stored: nobody asks for them, and they would be most of the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreReport:
    """One batch, for whoever watches."""

    items: int
    matches: int


class Vectoriser:
    """Texts to vectors, encoding only what no one has encoded before."""

    def __init__(
        self, *, store: ScoreStore, database: OwnThread, encoder: Encoder, encoding: OwnThread
    ) -> None:
        self._store = store
        self._database = database
        self._encoder = encoder
        self._encoding = encoding

    async def vectors(self, texts: Sequence[str]) -> Vectors:
        """Return one vector per item's text, shape (n, d); new ones are stored before they are returned."""
        # By the text alone, as retention looks for them: the model's name stands for the prompt.
        return await self._vectors([text_hash(text) for text in texts], texts, self._encoder.passage_prompt)

    async def queries(self, sentences: Sequence[str]) -> Vectors:
        """Return one vector per sentence that describes a topic, shape (n, d); new ones are stored first."""
        prompt = self._encoder.query_prompt
        if prompt == self._encoder.passage_prompt:
            return await self.vectors(sentences)
        hashes = [text_hash(f"{prompt}\0{sentence}") for sentence in sentences]
        return await self._vectors(hashes, sentences, prompt)

    async def _vectors(self, hashes: Sequence[str], texts: Sequence[str], prompt: str) -> Vectors:
        model = self._encoder.model
        known = await self._database(self._store.vectors, model, set(hashes))
        missing = {key: prompt + text for key, text in zip(hashes, texts, strict=True) if key not in known}
        if missing:
            encoded = await self._encoding(self._encoder.encode, list(missing.values()))
            fresh = dict(zip(missing, encoded, strict=True))
            await self._database(self._store.record_vectors, model, fresh)
            # Read back, so that a score never depends on whether its vector was fresh or stored.
            known |= await self._database(self._store.vectors, model, fresh)
        return np.stack([known[key] for key in hashes]) if hashes else np.empty((0, 0), np.float32)


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


async def topic_vectors(topics: Sequence[Topic], vectors: Vectoriser) -> list[TopicVectors]:
    """Return the topics with the vectors of their sentences."""
    return [
        TopicVectors(
            topic=topic,
            about=await vectors.queries(topic.about),
            not_about=await vectors.queries(topic.not_about),
            name=await vectors.queries([topic.name]),
        )
        for topic in topics
    ]


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
