"""Statements about the outbox as people look at it."""

import sqlalchemy as sa

from monitor.records import DeliveryStatus, UnsentDelivery, as_sent
from monitor.storage.messages import message_from
from monitor.storage.tables import deliveries

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
        """Make a failed delivery wait for its channel again, all of them for None; return how many do.

        An edit does not whose message has been edited since.
        """
        chosen = deliveries.c.state == "failed"
        if delivery_id is not None:
            chosen &= deliveries.c.id == delivery_id
        overtaken = sa.exists().where(
            deliveries.c.kind == "edit",
            _LATER.c.kind == "edit",
            _LATER.c.parent_id == deliveries.c.parent_id,
            _LATER.c.position > deliveries.c.position,
            _LATER.c.state == "sent",
        )
        with self._engine.begin() as db:
            again = deliveries.update().where(chosen, ~overtaken).values(state="pending")
            return db.execute(again).rowcount
