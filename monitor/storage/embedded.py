"""Statements about which items have vectors of which model."""

from datetime import datetime

import sqlalchemy as sa

from monitor.records import Item
from monitor.storage.rows import ITEM_WITH_FEED, item_from
from monitor.storage.scores import stored_models
from monitor.storage.tables import items, vectors


class SqlEmbeddedStore:
    """Items that have been scored, and the models that did it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def models(self) -> list[str]:
        """Return the models that vectors are stored of."""
        with self._engine.connect() as db:
            return list(stored_models(db))

    def count_scored(self, since: datetime) -> int:
        """Return how many items first seen since then have a score."""
        query = sa.select(sa.func.count()).where(*_scored(since))
        with self._engine.connect() as db:
            return db.scalar(query) or 0

    def scored(self, since: datetime, before: int | None, limit: int) -> list[Item]:
        """Return such items, the newest first, from below the id ``before``."""
        older = [] if before is None else [items.c.id < before]
        query = ITEM_WITH_FEED.where(*_scored(since), *older).order_by(items.c.id.desc()).limit(limit)
        with self._engine.connect() as db:
            return [item_from(row) for row in db.execute(query).mappings()]

    def drop_others(self, model: str) -> int:
        """Remove the vectors of all other models; return how many that were."""
        with self._engine.begin() as db:
            return db.execute(vectors.delete().where(vectors.c.model != model)).rowcount


def _scored(since: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return items.c.scored_at.is_not(None), items.c.first_seen >= since
