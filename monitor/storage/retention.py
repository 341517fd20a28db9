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
    posts,
    regroupings,
    scores,
    stories,
    story_items,
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

    def remove(self, before: datetime, limit: int, now: datetime) -> int:
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
            _leave_stories(db, ids, now)
            for table in (item_versions, scores, alerts):
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


def _leave_stories(db: sa.Connection, ids: Sequence[int], now: datetime) -> None:
    """Take items out of their stories, and remove what nobody refers to any more: stories and messages."""
    touched = set(db.scalars(sa.select(story_items.c.story_id).where(story_items.c.item_id.in_(ids))))
    if touched:
        # Whoever remembers stories must not put an item beside one that is gone.
        what = f"removed old items from {len(touched)} stories"
        db.execute(regroupings.insert().values(at=now, by="retention", what=what))
    db.execute(story_items.delete().where(story_items.c.item_id.in_(ids)))
    db.execute(story_items.update().where(story_items.c.like_id.in_(ids)).values(like_id=None))
    alive = set(db.scalars(sa.select(story_items.c.story_id).where(story_items.c.story_id.in_(touched))))
    ended = touched - alive
    told = set(db.scalars(sa.select(posts.c.delivery_id).where(posts.c.story_id.in_(ended))))
    db.execute(posts.delete().where(posts.c.story_id.in_(ended)))
    db.execute(deliveries.update().where(deliveries.c.story_id.in_(ended)).values(story_id=None))
    db.execute(stories.delete().where(stories.c.id.in_(ended)))

    in_use = sa.select(posts.c.delivery_id)
    child = deliveries.alias()
    over = sa.and_(
        sa.or_(deliveries.c.item_id.in_(ids), deliveries.c.id.in_(told), deliveries.c.parent_id.in_(told)),
        deliveries.c.id.not_in(in_use),
        sa.or_(deliveries.c.parent_id.is_(None), deliveries.c.parent_id.not_in(in_use)),
    )
    gone = sa.select(deliveries.c.id).where(over)
    db.execute(deliveries.delete().where(deliveries.c.parent_id.in_(gone)))
    db.execute(deliveries.delete().where(over, ~sa.exists().where(child.c.parent_id == deliveries.c.id)))
    db.execute(deliveries.update().where(deliveries.c.item_id.in_(ids)).values(item_id=None))
