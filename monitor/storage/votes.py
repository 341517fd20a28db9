"""Statements about votes, and the corrections that follow from them."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from monitor.passages import item_text
from monitor.records import Pull, Vote
from monitor.storage.rows import Row
from monitor.storage.tables import items, residuals, scores, votes
from monitor.vectors import packed_numbers, unpacked_numbers
from monitor.votes import Residual

_STANDING = votes.c.undone_at.is_(None)


class SqlVoteStore:
    """What people said of texts, for each topic."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, topic_id: str, text: str, *, up: bool, by: str, now: datetime, url: str | None) -> int:
        """Store a vote and return its id; one that stands on the same text and topic is undone."""
        with self._engine.begin() as db:
            return add_vote(db, topic_id, text, up=up, by=by, now=now, url=url)

    def undo(self, vote_id: int, now: datetime) -> bool:
        """Take back a vote; False if there is none that stands."""
        standing = sa.and_(votes.c.id == vote_id, _STANDING)
        with self._engine.begin() as db:
            return db.execute(votes.update().where(standing).values(undone_at=now)).rowcount == 1

    def votes(self, topic_id: str | None = None) -> list[Vote]:
        """Return the votes that stand, the oldest first; of one topic, or of all."""
        query = sa.select(votes).where(_STANDING).order_by(votes.c.id)
        if topic_id is not None:
            query = query.where(votes.c.topic_id == topic_id)
        with self._engine.connect() as db:
            return [_vote_from(row) for row in db.execute(query).mappings()]

    def changes(self) -> int:
        """Return how often the votes have changed."""
        counted = sa.select(sa.func.count() + sa.func.count(votes.c.undone_at)).select_from(votes)
        with self._engine.connect() as db:
            return db.scalar(counted) or 0

    def anchors(self, topic_id: str, low: float, high: float, limit: int) -> list[tuple[str, float]]:
        """Return texts and zero-label scores, from ``low`` up to ``high``, of the items scored last."""
        query = (
            sa.select(items.c.title, items.c.summary, scores.c.zero_label)
            .join_from(scores, items)
            .where(scores.c.topic_id == topic_id, scores.c.zero_label >= low, scores.c.zero_label < high)
            .order_by(items.c.score_order.desc())
            .limit(limit)
        )
        with self._engine.connect() as db:
            return [(item_text(title, summary), points) for title, summary, points in db.execute(query)]

    def residuals(self) -> dict[str, tuple[str, Residual]]:
        """Return by topic the corrections in use, each with the key of the votes that it was fitted to."""
        query = sa.select(residuals)
        with self._engine.connect() as db:
            return {
                row["topic_id"]: (row["key"], _residual_from(row)) for row in db.execute(query).mappings()
            }

    def pulls(self, topic_id: str) -> tuple[float, list[Pull]] | None:
        """Return a topic's shift in logits, and what each example and vote pulls; None without any."""
        query = sa.select(residuals).where(residuals.c.topic_id == topic_id)
        with self._engine.connect() as db:
            row = db.execute(query).mappings().one_or_none()
        return None if row is None else (row["shift"], [Pull(**pull) for pull in row["pulls"]])

    def record_residual(self, topic_id: str, key: str, residual: Residual, pulls: Sequence[Pull]) -> None:
        """Store a topic's correction in the place of the one before."""
        row = {
            "topic_id": topic_id,
            "key": key,
            "shift": residual.shift,
            "direction": packed_numbers(residual.direction),
            "words": {str(piece): weight for piece, weight in residual.words.items()},
            "pulls": [asdict(pull) for pull in pulls],
        }
        insert = sqlite.insert(residuals).values(**row)
        again = {name: insert.excluded[name] for name in row if name != "topic_id"}
        with self._engine.begin() as db:
            db.execute(insert.on_conflict_do_update(["topic_id"], set_=again))


def add_vote(
    db: sa.Connection, topic_id: str, text: str, *, up: bool, by: str, now: datetime, url: str | None
) -> int:
    """Do within a transaction what ``VoteStore.add`` says."""
    same = sa.and_(votes.c.topic_id == topic_id, votes.c.text == text, _STANDING)
    db.execute(votes.update().where(same).values(undone_at=now))
    row = {"topic_id": topic_id, "text": text, "url": url, "up": up, "by": by, "at": now}
    inserted = db.execute(votes.insert(), row).inserted_primary_key
    return int(inserted[0]) if inserted else 0


def _residual_from(row: Row) -> Residual:
    words = {int(piece): weight for piece, weight in row["words"].items()}
    return Residual(shift=row["shift"], direction=unpacked_numbers(row["direction"]), words=words)


def _vote_from(row: Row) -> Vote:
    return Vote(**row)
