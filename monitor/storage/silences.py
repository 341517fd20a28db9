"""Statements about silences."""

from datetime import datetime

import sqlalchemy as sa

from monitor.records import Silence
from monitor.storage.tables import silences


class SqlSilenceStore:
    """What people muted."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(
        self,
        *,
        topic_id: str | None,
        feed: str | None,
        term: str | None,
        until: datetime,
        author: str,
        reason: str,
        now: datetime,
    ) -> Silence:
        """Store a silence and return it."""
        row = {
            "topic_id": topic_id,
            "feed": feed,
            "term": term,
            "until": until,
            "author": author,
            "reason": reason,
            "created_at": now,
        }
        insert = silences.insert().values(row).returning(silences)
        with self._engine.begin() as db:
            return Silence(**db.execute(insert).mappings().one())

    def end(self, silence_id: int, now: datetime) -> Silence | None:
        """End a silence and return it; None if there is none that is active."""
        active = (silences.c.id == silence_id, *_active(now))
        ended = silences.update().where(*active).values(ended_at=now).returning(silences)
        with self._engine.begin() as db:
            row = db.execute(ended).mappings().one_or_none()
        return None if row is None else Silence(**row)

    def silences(self) -> list[Silence]:
        """Return every silence there has been, the oldest first."""
        return self._read()

    def active(self, now: datetime) -> list[Silence]:
        """Return the silences that hold, the oldest first."""
        return self._read(*_active(now))

    def _read(self, *conditions: sa.ColumnElement[bool]) -> list[Silence]:
        query = sa.select(silences).where(*conditions).order_by(silences.c.id)
        with self._engine.connect() as db:
            return [Silence(**row) for row in db.execute(query).mappings()]


def _active(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return silences.c.ended_at.is_(None), silences.c.until > now
