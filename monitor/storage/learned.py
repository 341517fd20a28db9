"""Statements about what scoring has learned from the items scored so far, block by block."""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from monitor.background import Learned
from monitor.records import Lesson
from monitor.relevance import Profile
from monitor.storage.tables import items, profiles, scores, statistics
from monitor.vectors import packed_numbers, unpacked_numbers


class SqlLearnedStore:
    """The statistics of the model in use, and the topics' profiles."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def last_order(self) -> int:
        """Return how many items have been scored."""
        with self._engine.connect() as db:
            return last_order(db)

    def lessons(self, after: int, through: int) -> list[Lesson]:
        """Return the items that were scored after so many, in order; those that were removed are missing."""
        block = sa.and_(items.c.score_order > after, items.c.score_order <= through)
        wanted = sa.select(items.c.id, items.c.score_order, items.c.title, items.c.summary).where(block)
        told = sa.select(scores.c.item_id, scores.c.topic_id, scores.c.zero_label)
        told = told.join_from(scores, items).where(block)
        with self._engine.connect() as db:
            zero_labels = defaultdict[int, dict[str, float]](dict)
            for item_id, topic_id, zero_label in db.execute(told):
                zero_labels[item_id][topic_id] = zero_label
            return [
                Lesson(order=order, title=title, summary=summary, zero_labels=zero_labels[id_])
                for id_, order, title, summary in db.execute(wanted.order_by(items.c.score_order))
            ]

    def learned(self, model: str) -> Learned | None:
        """Return what has been learned with a model, if that is the one in use."""
        with self._engine.connect() as db:
            query = sa.select(statistics).where(statistics.c.model == model)
            row = db.execute(query).mappings().one_or_none()
        if row is None:
            return None
        return Learned(
            through=row["through"],
            count=row["count"],
            total=unpacked_numbers(row["total"]),
            pieces=np.frombuffer(row["pieces"], "<u4").astype(np.int64),
        )

    def profiles(self) -> dict[str, Profile]:
        """Return what the topics have learned from their own items, by topic; ``own`` as one row."""
        with self._engine.connect() as db:
            return {
                row["topic_id"]: Profile(
                    key=row["key"],
                    since=row["since"],
                    own=unpacked_numbers(row["own"]),
                    weight=row["weight"],
                )
                for row in db.execute(sa.select(profiles)).mappings()
            }

    def record_learned(self, model: str, learned: Learned, changed: Mapping[str, Profile]) -> None:
        """Store what is known after a block, and the profiles that it changed; other models' goes."""
        row = {
            "model": model,
            "through": learned.through,
            "count": learned.count,
            "total": packed_numbers(learned.total),
            "pieces": learned.pieces.astype("<u4").tobytes(),
        }
        columns = [
            {
                "topic_id": topic_id,
                "key": profile.key,
                "since": profile.since,
                "own": packed_numbers(profile.own),
                "weight": profile.weight,
            }
            for topic_id, profile in changed.items()
        ]
        with self._engine.begin() as db:
            db.execute(statistics.delete())
            db.execute(statistics.insert(), row)
            if columns:
                insert = sqlite.insert(profiles)
                again = {name: insert.excluded[name] for name in ("key", "since", "own", "weight")}
                db.execute(insert.on_conflict_do_update(["topic_id"], set_=again), columns)


def last_order(db: sa.Connection) -> int:
    """Return how many items have been scored; what was learned is not forgotten when they are removed."""
    scored = db.scalar(sa.select(sa.func.max(items.c.score_order))) or 0
    return max(scored, db.scalar(sa.select(sa.func.max(statistics.c.through))) or 0)
