"""Keeps what scoring has learned in step with the tables.

a block of 250 items is scored ──► its lessons ──► statistics of the stream, the topics' profiles
a vote or an example is new    ──► ballots     ──► the topic's residual

A block is learned from the tables alone, after the scores that complete it are on record and before
anything else is scored. So a restart, or a kill between the two, changes no score; nor does the size of
batches.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Self

import numpy as np

from monitor.background import BLOCK, Background, Learned, Reference, no_reference
from monitor.passages import item_text
from monitor.records import Lesson, Pull, Topic, Vote
from monitor.relevance import CONFIDENT, Profile, TopicVectors, View, look
from monitor.storage import LearnedStore, VoteStore
from monitor.threads import OwnThread
from monitor.vectorise import Vectoriser
from monitor.vectors import Array, logit, text_hash
from monitor.votes import ANCHORS, Ballot, Residual, fit

__all__ = ["Learning"]

logger = logging.getLogger(__name__)

_ANCHORS_BETWEEN = (5.0, 18.0)
"""Scores: worth a thought, and so far below every cut that few of the weak noes are wrong."""
_SCHEME = 2
"""Another one, and what was learned before does not fit the rules any more."""
_Told = tuple[str, bool, str | None]
"""A text, whether it is wanted, and who said so: a voter, or None for an example."""


class Learning:
    """The view that items are judged by, and what changes it."""

    def __init__(
        self,
        topics: Sequence[TopicVectors],
        *,
        store: LearnedStore,
        votes: VoteStore,
        database: OwnThread,
        vectors: Vectoriser,
        background: Background,
        profiles: Mapping[str, Profile],
    ) -> None:
        self._topics = {topic.topic.id: topic for topic in topics}
        self._store = store
        self._votes = votes
        self._database = database
        self._vectors = vectors
        self._background = background
        self._profiles = dict(profiles)
        self._residuals = dict[str, Residual]()
        self._changes = -1
        self._view = self._look()

    @classmethod
    async def open(
        cls,
        topics: Sequence[TopicVectors],
        *,
        store: LearnedStore,
        votes: VoteStore,
        database: OwnThread,
        vectors: Vectoriser,
        reference: Reference | None,
    ) -> Self:
        """Take up what was learned before; another model, or a topic with other sentences, begins anew.

        There is at least one topic.
        """
        model, last, dimensions = vectors.model, await database(store.last_order), topics[0].about.shape[1]
        learned = await database(store.learned, model)
        if learned is None:
            nothing = np.zeros(0, np.int64)
            learned = Learned(through=last, count=0, total=np.zeros(dimensions), pieces=nothing)
        known, profiles, new = await database(store.profiles), dict[str, Profile](), dict[str, Profile]()
        for topic in topics:
            key, id_ = _key(model, topic.topic), topic.topic.id
            shape = (len(topic.phrases), dimensions)
            if id_ in known and known[id_].key == key:
                profiles[id_] = replace(known[id_], own=known[id_].own.reshape(shape))
            else:
                profiles[id_] = new[id_] = Profile(key=key, since=last, own=np.zeros(shape))
        await database(store.record_learned, model, learned, new)
        return cls(
            topics,
            store=store,
            votes=votes,
            database=database,
            vectors=vectors,
            background=Background(reference=reference or no_reference(dimensions), learned=learned),
            profiles=profiles,
        )

    async def follow(self) -> tuple[View, int]:
        """Learn what there is to learn; return the view, and how many items it holds for."""
        changed = False
        last = await self._database(self._store.last_order)
        while last >= self._background.learned.through + BLOCK:
            await self._learn_block()
            changed = True
        if changed:
            self._view = self._look()
        changes = await self._database(self._votes.changes)
        if changes != self._changes:
            await self._count_votes()
            self._changes = changes
            self._view = self._look()
        return self._view, self._background.learned.through + BLOCK - last

    def _look(self) -> View:
        return look(tuple(self._topics.values()), self._background, self._profiles, self._residuals)

    async def _learn_block(self) -> None:
        learned = self._background.learned
        through = learned.through + BLOCK
        lessons = await self._database(self._store.lessons, learned.through, through)
        texts = [item_text(lesson.title, lesson.summary) for lesson in lessons]
        vectors = await self._vectors.vectors(texts)
        pieces = await self._vectors.pieces(texts)
        changed = self._taught(lessons, self._background.centred(vectors)) if lessons else {}
        learned = learned.after(through, vectors, pieces)
        await self._database(self._store.record_learned, self._vectors.model, learned, changed)
        self._profiles |= changed
        self._background = Background(reference=self._background.reference, learned=learned)
        logger.info("learned", extra={"items": through, "topics": len(changed)})

    def _taught(self, lessons: Sequence[Lesson], centred: Array) -> dict[str, Profile]:
        """Return the profiles that the lessons, with their centred vectors (n, d), change."""
        rows = defaultdict[str, list[int]](list)
        for row, lesson in enumerate(lessons):
            for topic_id, points in lesson.zero_labels.items():
                profile = self._profiles.get(topic_id)
                if profile and lesson.order > profile.since and points > CONFIDENT:
                    rows[topic_id].append(row)
        return {
            topic_id: self._profiles[topic_id].after(
                centred[own],
                self._view.topics[self._view.places[topic_id]].aspects.nearest(centred[own]),
                np.array([lessons[row].zero_labels[topic_id] / 100.0 for row in own]),
            )
            for topic_id, own in rows.items()
        }

    async def _count_votes(self) -> None:
        """Fit the corrections of the topics whose examples or votes have changed."""
        votes = defaultdict[str, list[Vote]](list)
        for vote in await self._database(self._votes.votes):
            votes[vote.topic_id].append(vote)
        known = await self._database(self._votes.residuals)
        self._residuals = {}
        for topic_id, topic in self._topics.items():
            told = _told(topic.topic, votes[topic_id])
            if not told:
                continue
            key = text_hash(json.dumps([self._profiles[topic_id].key, told]))
            if topic_id in known and known[topic_id][0] == key:
                self._residuals[topic_id] = known[topic_id][1]
                continue
            residual, pulls = await self._fitted(topic_id, told)
            self._residuals[topic_id] = residual
            await self._database(self._votes.record_residual, topic_id, key, residual, pulls)
            logger.info("votes_counted", extra={"topic": topic_id, "votes": len(told)})

    async def _fitted(self, topic_id: str, told: Sequence[_Told]) -> tuple[Residual, list[Pull]]:
        place = self._view.places[topic_id]
        texts = [text for text, _, _ in told]
        tokens = await self._vectors.tokens(texts)
        vectors = await self._vectors.vectors(texts)
        near = self._view.near(vectors, np.ones((len(texts), len(self._topics)), bool))
        ballots = [
            Ballot(
                centred=near.centred[row],
                pieces=tokens[row].ids,
                logit=self._view.measure(near, row, place, tokens[row]).zero_label,
                up=up,
            )
            for row, (_, up, _) in enumerate(told)
        ]
        ballots += await self._anchors(topic_id, frozenset(texts))
        seen = self._view.topics[place]
        ballots += [Ballot.sentence(sentence, up=True) for sentence in seen.about]
        ballots += [Ballot.sentence(sentence, up=False) for sentence in seen.not_about]
        residual, pulls = fit(ballots, seen.direction, self._background)
        return residual, [
            Pull(text=text, up=up, by=by, logits=float(logits))
            for (text, up, by), logits in zip(told, pulls, strict=False)
        ]

    async def _anchors(self, topic_id: str, voted: frozenset[str]) -> list[Ballot]:
        recent = await self._database(self._votes.anchors, topic_id, *_ANCHORS_BETWEEN, ANCHORS + len(voted))
        recent = [(text, points) for text, points in recent if text not in voted][:ANCHORS]
        texts = [text for text, _ in recent]
        if not texts:
            return []
        centred = self._background.centred(await self._vectors.vectors(texts))
        pieces = await self._vectors.pieces(texts)
        return [
            Ballot.anchor(centred[row], pieces[row], logit(points / 100.0))
            for row, (_, points) in enumerate(recent)
        ]

    async def without(self, topic_id: str, example: str) -> View:
        """Return the view as it would be if nobody had said anything of a text: to test an example by."""
        topic = self._topics[topic_id]
        votes = await self._database(self._votes.votes, topic_id)
        told = [ballot for ballot in _told(topic.topic, votes) if ballot[0] != example]
        residuals = {key: residual for key, residual in self._residuals.items() if key != topic_id}
        if told:
            residuals[topic_id] = (await self._fitted(topic_id, told))[0]
        return look(tuple(self._topics.values()), self._background, self._profiles, residuals)


def _key(model: str, topic: Topic) -> str:
    """Return what changes when a topic means something else, or to another model."""
    return text_hash(json.dumps([_SCHEME, model, topic.name, topic.about, topic.not_about]))


def _told(topic: Topic, votes: Sequence[Vote]) -> list[_Told]:
    """Return what is known of texts: the votes, and the examples on which nobody has voted."""
    examples = [(text, True, None) for text in topic.relevant]
    examples += [(text, False, None) for text in topic.irrelevant]
    voted = {vote.text for vote in votes}
    unvoted = [(text, up, by) for text, up, by in examples if text not in voted]
    return [*unvoted, *((vote.text, vote.up, vote.by) for vote in votes)]
