"""Statements about messages that may stand in their channel twice."""

from datetime import datetime

import sqlalchemy as sa

from monitor.records import Receipt, Resent
from monitor.storage.deliveries import PARENT, WITH_PARENT, delivery_from
from monitor.storage.tables import deliveries


class SqlHealStore:
    """Deliveries that took several attempts, until nobody looks at them any more."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def due(self, now: datetime) -> list[Resent]:
        """Return the deliveries that are to be looked at again, those first that have waited longest."""
        parent = PARENT.c.id == deliveries.c.parent_id
        every = WITH_PARENT.join_from(deliveries, PARENT, parent, isouter=True)
        query = every.where(deliveries.c.heal_at <= now).order_by(deliveries.c.heal_at)
        with self._engine.connect() as db:
            return [
                Resent(
                    delivery=delivery_from(row),
                    receipt=Receipt(channel=row["receipt_channel"], ts=row["receipt_ts"]),
                    settled_at=row["settled_at"],
                )
                for row in db.execute(query).mappings()
            ]

    def record_look(self, delivery_id: str, receipt: Receipt, again: datetime | None) -> None:
        """Store which copy is kept, and when to look again; None for never."""
        looked = deliveries.update().where(deliveries.c.id == delivery_id)
        kept = {"receipt_channel": receipt.channel, "receipt_ts": receipt.ts}
        with self._engine.begin() as db:
            db.execute(looked.values(heal_at=again, **kept))
