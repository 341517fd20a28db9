"""Statements of the score stage."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from monitor.records import Item, Score
from monitor.storage.learned import last_order
from monitor.storage.rows import IN_LIST, ITEM_WITH_FEED, item_from
from monitor.storage.tables import items, scores, vectors
from monitor.vectors import Vectors, packed, text_hash, unpacked


class SqlScoreStore:
    """Items that wait for a score, and the vectors that spare encoding a text twice."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def unscored(self, limit: int) -> list[Item]:
        """Return items to score, news before backlog, then the oldest; none whose article is awaited."""
        readable = items.c.article_state.is_distinct_from("waiting")
        waiting = ITEM_WITH_FEED.where(items.c.scored_at.is_(None), readable)
        query = waiting.order_by(items.c.backlog, items.c.id).limit(limit)
        with self._engine.connect() as db:
            return [item_from(row) for row in db.execute(query).mappings()]

    def vectors(self, model: str, text_hashes: Iterable[str]) -> dict[str, Vectors]:
        """Return the stored vectors (float32, unit length) among those asked for."""
        wanted = list(text_hashes)
        found: dict[str, Vectors] = {}
        with self._engine.connect() as db:
            for start in range(0, len(wanted), IN_LIST):
                query = sa.select(vectors.c.text_hash, vectors.c.vector).where(
                    vectors.c.model == model, vectors.c.text_hash.in_(wanted[start : start + IN_LIST])
                )
                for text_hash, blob in db.execute(query):
                    found[text_hash] = unpacked(blob)
        return found

    def record_vectors(self, model: str, new: Mapping[str, Vectors]) -> None:
        """Store vectors by the hash of their text; known ones are left alone."""
        rows = [
            {"model": model, "text_hash": text_hash, "vector": packed(vector)}
            for text_hash, vector in new.items()
        ]
        if rows:
            with self._engine.begin() as db:
                db.execute(vectors.insert().prefix_with("OR IGNORE", dialect="sqlite"), rows)

    def record_scores(self, scored: Sequence[Item], new: Sequence[Score], now: datetime) -> None:
        """Mark items as scored, in their order, and store the scores worth keeping; decisions made before
        stay.

        An item that has been edited since it was taken waits on, and its scores are dropped.
        """
        with self._engine.begin() as db:
            ids = _unchanged(db, scored)
            kept = [_columns(score) for score in new if score.item_id in ids]
            undecided = sa.and_(scores.c.item_id.in_(ids), scores.c.decided_at.is_(None))
            db.execute(scores.delete().where(undecided))
            if kept:
                insert = sqlite.insert(scores)
                again = {
                    name: insert.excluded[name] for name in ("score", "matched", "evidence", "zero_label")
                }
                db.execute(insert.on_conflict_do_update(["item_id", "topic_id"], set_=again), kept)
            db.execute(items.update().where(items.c.id.in_(ids)).values(scored_at=now))
            _number(db, [item.id for item in scored if item.id in ids])


def forget_vectors(db: sa.Connection, texts: Iterable[str]) -> None:
    """Remove what every model made of these texts; at worst a copy that stays has to be encoded again."""
    hashes = [text_hash(text) for text in texts]
    if not hashes:
        return
    for model in stored_models(db):
        for start in range(0, len(hashes), IN_LIST):
            of_model = sa.and_(
                vectors.c.model == model, vectors.c.text_hash.in_(hashes[start : start + IN_LIST])
            )
            db.execute(vectors.delete().where(of_model))


def stored_models(db: sa.Connection) -> Iterator[str]:
    """Yield the models that vectors are stored of, one look-up each instead of a pass over the table."""
    first = sa.select(sa.func.min(vectors.c.model))
    model = db.scalar(first)
    while model is not None:
        yield model
        model = db.scalar(first.where(vectors.c.model > model))


def _unchanged(db: sa.Connection, scored: Sequence[Item]) -> set[int]:
    taken = {item.id: item.edited_at for item in scored}
    query = sa.select(items.c.id, items.c.edited_at).where(items.c.id.in_(taken))
    return {id_ for id_, edited_at in db.execute(query) if edited_at == taken[id_]}


def _number(db: sa.Connection, ids: Sequence[int]) -> None:
    """Give each item its place in the order of scoring, if it has none from before an edit."""
    numbered = set(
        db.scalars(sa.select(items.c.id).where(items.c.id.in_(ids), items.c.score_order.is_not(None)))
    )
    last = last_order(db)
    places = [
        {"row": id_, "place": last + place}
        for place, id_ in enumerate((id_ for id_ in ids if id_ not in numbered), 1)
    ]
    if places:
        place = items.update().where(items.c.id == sa.bindparam("row"))
        db.execute(place.values(score_order=sa.bindparam("place")), places)


def _columns(score: Score) -> dict[str, Any]:
    return {
        "item_id": score.item_id,
        "topic_id": score.topic_id,
        "score": score.score,
        "matched": score.matched,
        "evidence": asdict(score.evidence),
        "zero_label": score.zero_label,
    }
