"""Statements about the outbox as people look at it."""

import sqlalchemy as sa

from monitor.records import DeliveryStatus, UnsentDelivery, as_sent
from monitor.storage.messages import message_from
from monitor.storage.tables import deliveries

_PARENT = deliveries.alias("parent")
_LATER = deliveries.alias("later")


class SqlOutboxStore:
    """What has not reached its channel."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def unsent(self) -> list[UnsentDelivery]:
        """Return the deliveries that are not known to be in their channel, in order of their making."""
        query = sa.select(deliveries).where(deliveries.c.state != "sent").order_by(deliveries.c.position)
        with self._engine.connect() as db:
            return [
                UnsentDelivery(
                    id=row["id"],
                    message=as_sent(message_from(row["message"])),
                    status=DeliveryStatus(
                        channel=row["channel"],
                        kind=row["kind"],
                        state=row["state"],
                        attempt=row["attempt"],
                        last_error=row["last_error"],
                        receipt=None,
                    ),
                    created_at=row["created_at"],
                    not_before=row["not_before"],
                )
                for row in db.execute(query).mappings()
            ]

    def retry(self, delivery_id: str | None) -> int:
        """Make a delivery that was refused wait for its channel again, all of them for None; return how many.

        Edits of a post wait with it. What has failed untried was given up for a reason that stands, and an
        edit is not made again once a later one has been.
        """
        edits_of = sa.and_(deliveries.c.kind == "edit", deliveries.c.state == "failed")
        with_post = sa.exists().where(_PARENT.c.id == deliveries.c.parent_id, _refused(_PARENT, delivery_id))
        landed = sa.exists().where(_PARENT.c.id == deliveries.c.parent_id, _PARENT.c.receipt_ts.is_not(None))
        overtaken = sa.exists().where(
            _LATER.c.parent_id == deliveries.c.parent_id,
            _LATER.c.kind == "edit",
            _LATER.c.position > deliveries.c.position,
            _LATER.c.state == "sent",
        )
        current = sa.or_(deliveries.c.kind != "edit", sa.and_(landed, ~overtaken))
        again = deliveries.update().values(state="pending")
        with self._engine.begin() as db:
            edits = db.execute(again.where(edits_of, with_post)).rowcount
            return edits + db.execute(again.where(_refused(deliveries, delivery_id), current)).rowcount


def _refused(table: sa.FromClause, delivery_id: str | None) -> sa.ColumnElement[bool]:
    refused = sa.and_(table.c.state == "failed", table.c.attempt > 0)
    return refused if delivery_id is None else sa.and_(refused, table.c.id == delivery_id)
