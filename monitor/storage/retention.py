"""Statements of retention: which items are old and gone, and what is removed with them.

An item stays for as long as its feed shows it, or anything about it is still to be done. Its key outlives
it as a tombstone, so that it is never new again.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa

from monitor.passages import item_text, passages
from monitor.records import Item, Removal
from monitor.storage.rows import IN_LIST, ITEM_WITH_FEED, item_from
from monitor.storage.tables import (
    LEFT,
    OPEN_STATES,
    alerts,
    deliveries,
    item_versions,
    items,
    scores,
    tombstones,
    vectors,
)
from monitor.vectors import text_hash

_ABOUT_ITEMS = {"versions": item_versions, "scores": scores, "alerts": alerts, "deliveries": deliveries}


class SqlRetentionStore:
    """Items that nobody needs any more."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def removable(self, before: datetime) -> Removal:
        """Count what ``remove`` would remove in the end."""
        ids = sa.select(items.c.id).where(*_removable(before))
        with self._engine.connect() as db:
            counts = {
                name: db.scalar(sa.select(sa.func.count()).where(table.c.item_id.in_(ids))) or 0
                for name, table in _ABOUT_ITEMS.items()
            }
            return Removal(
                items=db.scalar(sa.select(sa.func.count()).where(*_removable(before))) or 0, **counts
            )

    def remove(self, before: datetime, limit: int) -> int:
        """Remove up to ``limit`` of them, oldest first, with all that belongs to them; return how many."""
        oldest = ITEM_WITH_FEED.where(*_removable(before)).order_by(items.c.first_seen).limit(limit)
        with self._engine.begin() as db:
            old = [item_from(row) for row in db.execute(oldest).mappings()]
            if not old:
                return 0
            ids = [item.id for item in old]
            _forget_vectors(db, old, ids)
            db.execute(tombstones.insert(), [{"feed_id": item.feed_id, "key": item.key} for item in old])
            for table in _ABOUT_ITEMS.values():
                db.execute(table.delete().where(table.c.item_id.in_(ids)))
            db.execute(alerts.update().where(alerts.c.duplicate_of.in_(ids)).values(duplicate_of=None))
            db.execute(items.delete().where(items.c.id.in_(ids)))
        return len(old)


def _removable(before: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    undecided = sa.select(scores.c.item_id).where(
        scores.c.item_id == items.c.id, scores.c.matched, scores.c.decided_at.is_(None)
    )
    undelivered = sa.select(deliveries.c.id).where(
        deliveries.c.item_id == items.c.id, deliveries.c.state.in_(OPEN_STATES)
    )
    return (
        LEFT,
        items.c.first_seen < before,
        items.c.scored_at.is_not(None),
        ~undecided.exists(),
        ~undelivered.exists(),
    )


def _forget_vectors(db: sa.Connection, old: Sequence[Item], ids: Sequence[int]) -> None:
    """Remove the vectors of what items told; at worst a copy that stays has to be encoded again."""
    versions = sa.select(item_versions.c.title, item_versions.c.summary).where(
        item_versions.c.item_id.in_(ids)
    )
    texts = [text for item in old for text in passages(item)]
    texts += [item_text(title, summary) for title, summary in db.execute(versions)]
    hashes = [text_hash(text) for text in texts]
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
