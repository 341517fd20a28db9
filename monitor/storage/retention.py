"""Statements of retention: which items are old and gone, and what is removed with them.

An item stays for as long as its feed shows it, or anything about it is still to be done. What it told
outlives it as a tombstone, so that it is never new again, whichever guid it comes back with.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa

from monitor.identity import mark
from monitor.passages import item_text, passages
from monitor.records import Item, Removal
from monitor.storage.rows import ITEM_WITH_FEED, item_from
from monitor.storage.scores import forget_vectors
from monitor.storage.tables import (
    LEFT,
    OPEN,
    alerts,
    deliveries,
    item_versions,
    items,
    scores,
    tombstones,
)

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
            told = list(_all_told(db, old))
            forget_vectors(db, [item_text(title, summary) for _, title, summary in told])
            forget_vectors(db, [text for item in old for text in passages(item)])
            marks = [
                {"feed_id": item.feed_id, "mark": mark(item.url, title, summary, item.published)}
                for item, title, summary in told
            ]
            db.execute(tombstones.insert().prefix_with("OR IGNORE", dialect="sqlite"), marks)
            for table in _ABOUT_ITEMS.values():
                db.execute(table.delete().where(table.c.item_id.in_(ids)))
            db.execute(items.delete().where(items.c.id.in_(ids)))
        return len(old)


def _removable(before: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    undecided = sa.select(scores.c.item_id).where(
        scores.c.item_id == items.c.id, scores.c.matched, scores.c.decided_at.is_(None)
    )
    undelivered = sa.select(deliveries.c.id).where(deliveries.c.item_id == items.c.id, OPEN)
    return (
        LEFT,
        items.c.first_seen < before,
        items.c.scored_at.is_not(None),
        ~undecided.exists(),
        ~undelivered.exists(),
    )


def _all_told(db: sa.Connection, old: Sequence[Item]) -> Iterator[tuple[Item, str, str]]:
    """Yield title and summary of every version of the items, the last ones included."""
    by_id = {item.id: item for item in old}
    versions = sa.select(item_versions.c.item_id, item_versions.c.title, item_versions.c.summary)
    yield from ((item, item.title, item.summary) for item in old)
    for row in db.execute(versions.where(item_versions.c.item_id.in_(by_id))):
        yield by_id[row.item_id], row.title, row.summary
