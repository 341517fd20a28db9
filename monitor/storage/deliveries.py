"""Statements of the deliver stage."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import sqlalchemy as sa

from monitor.records import Delivery, DeliveryState, Receipt, as_sent
from monitor.storage.messages import message_from
from monitor.storage.rows import IN_LIST, Row
from monitor.storage.tables import OPEN, deliveries, posts
from monitor.storage.troubles import begin_channel_trouble, end_channel_trouble, end_idle_channels

PARENT = deliveries.alias("parent")
_LANDED = (PARENT.c.receipt_channel, PARENT.c.receipt_ts)
WITH_PARENT = sa.select(deliveries, *(column.label(f"parent_{column.name}") for column in _LANDED))
FIRST_LOOK = timedelta(minutes=2)
"""After a message has settled that took several attempts: a late one may have arrived by then."""
_Row = TypeVar("_Row")


class SqlDeliverStore:
    """The outbox: open deliveries, in order within their channel."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def open_channels(self, now: datetime) -> list[str]:
        """Return the channels with deliveries that are not settled and may go."""
        query = due(sa.select(deliveries.c.channel), now).distinct().order_by(deliveries.c.channel)
        with self._engine.connect() as db:
            return list(db.scalars(query))

    def next_delivery(self, channel: str, now: datetime) -> tuple[Delivery, DeliveryState] | None:
        """Return the channel's oldest open delivery that may go; none goes before its parent."""
        query = due(WITH_PARENT, now).where(deliveries.c.channel == channel)
        with self._engine.connect() as db:
            row = db.execute(query.order_by(deliveries.c.position).limit(1)).mappings().first()
        if row is None:
            return None
        return delivery_from(row), row["state"]

    def interrupted(self) -> int:
        """Call in doubt what a process that died was sending; return how many."""
        with self._engine.begin() as db:
            result = db.execute(
                deliveries.update()
                .where(deliveries.c.state == "sending")
                .values(state="in_doubt", last_error="interrupted while sending")
            )
        return result.rowcount

    def readdress(self, channels: Mapping[str | None, str], named: frozenset[str], default: str) -> int:
        """Send on what waits for a channel that is not ``named`` any more; return how many messages that are.

        ``channels`` are the topics' by topic id, and under None that of notices. What is in doubt must be
        looked for where it was sent. Replies to what has landed elsewhere stand by themselves, edits of it
        are given up; so is a post of a story that the other channel knows.
        """
        moved, known = 0, {*channels.values(), *named, default}
        stranded = sa.and_(deliveries.c.state == "pending", deliveries.c.channel.not_in(known))
        with self._engine.begin() as db:
            _part(db, stranded)
            for topic_id in db.scalars(sa.select(deliveries.c.topic_id).where(stranded).distinct()).all():
                channel = channels.get(topic_id, default)
                of_topic = sa.and_(stranded, deliveries.c.topic_id.is_not_distinct_from(topic_id))
                ids = db.scalars(
                    deliveries.update().where(of_topic).values(channel=channel).returning(deliveries.c.id)
                ).all()
                _know_there(db, ids, channel)
                moved += len(ids)
        return moved

    def count_open(self, now: datetime) -> int:
        """Return how many deliveries are not settled and may go."""
        with self._engine.connect() as db:
            return db.scalar(due(sa.select(sa.func.count()), now)) or 0

    def record_attempt(self, delivery: Delivery, now: datetime) -> Delivery:
        """Write ahead: from here on the message may have reached the channel; return it with its attempt."""
        attempt, first = delivery.attempt + 1, delivery.first_try_at or now
        begun = deliveries.update().values(state="sending", attempt=attempt, first_try_at=first)
        with self._engine.begin() as db:
            db.execute(begun.where(deliveries.c.id == delivery.id))
        return replace(delivery, attempt=attempt, first_try_at=first)

    def record_state(self, delivery_id: str, state: DeliveryState, reason: str) -> None:
        """Store what became of an attempt that brought no receipt.

        What is never taken cannot be edited either: the edits that wait for it are given up.
        """
        changed = deliveries.update().values(state=state, last_error=reason)
        edits = sa.and_(deliveries.c.parent_id == delivery_id, deliveries.c.kind == "edit", OPEN)
        with self._engine.begin() as db:
            db.execute(changed.where(deliveries.c.id == delivery_id))
            if state == "failed":
                db.execute(changed.where(edits))

    def record_closed(self, channel: str, cause: str, now: datetime) -> None:
        """Store that a channel takes no messages until somebody does something, and why."""
        with self._engine.begin() as db:
            begin_channel_trouble(db, channel, cause, now)

    def forget_closed(self, now: datetime) -> None:
        """Store that nobody asks any more whether a channel is closed that nothing waits for."""
        with self._engine.begin() as db:
            end_idle_channels(db, now)

    def record_receipt(self, delivery_id: str, receipt: Receipt, now: datetime) -> None:
        """Store where the message landed; the delivery is settled, and its channel takes messages."""
        landed = {"receipt_channel": receipt.channel, "receipt_ts": receipt.ts}
        resent = sa.and_(deliveries.c.attempt > 1, deliveries.c.kind != "edit")
        heal_at = sa.case((resent, now + FIRST_LOOK), else_=None)
        settled = deliveries.update().values(state="sent", last_error=None, settled_at=now, **landed)
        settled = settled.values(heal_at=heal_at)
        with self._engine.begin() as db:
            db.execute(settled.where(deliveries.c.id == delivery_id))
            end_channel_trouble(db, delivery_id, now)


def _part(db: sa.Connection, stranded: sa.ColumnElement[bool]) -> None:
    """Part replies from a post that landed in a channel nobody names any more; its edits are in vain."""
    landed = sa.select(PARENT.c.id).where(
        PARENT.c.id == deliveries.c.parent_id, PARENT.c.receipt_ts.is_not(None)
    )
    under = sa.and_(stranded, landed.exists())
    said = {"state": "failed", "last_error": "its message is in a channel that is not named any more"}
    db.execute(deliveries.update().where(under, deliveries.c.kind == "edit").values(**said))
    db.execute(deliveries.update().where(under).values(kind="post", parent_id=None))


def _know_there(db: sa.Connection, ids: Sequence[str], channel: str) -> None:
    """Let stories be known where their posts are sent on to; what is known there is not told again."""
    for start in range(0, len(ids), IN_LIST):
        moved = posts.c.delivery_id.in_(ids[start : start + IN_LIST])
        moving = posts.update().prefix_with("OR IGNORE", dialect="sqlite")
        db.execute(moving.where(moved).values(channel=channel))
        stories = sa.select(posts.c.delivery_id).where(moved)
        known = sa.and_(
            deliveries.c.id.in_(stories.where(posts.c.channel != channel)),
            deliveries.c.id.not_in(stories.where(posts.c.channel == channel)),
        )
        said = {"state": "failed", "last_error": f"{channel} has been told of it"}
        gone = db.scalars(deliveries.update().where(known).values(**said).returning(deliveries.c.id)).all()
        under = sa.and_(deliveries.c.parent_id.in_(gone), deliveries.c.state == "pending")
        db.execute(deliveries.update().where(under).values(**said))


def delivery_from(row: Row) -> Delivery:
    """A row of ``WITH_PARENT`` as a noun."""
    landed_at = row["parent_receipt_ts"]
    return Delivery(
        id=row["id"],
        channel=row["channel"],
        message=as_sent(message_from(row["message"])),
        attempt=row["attempt"],
        first_try_at=row["first_try_at"],
        # Where nothing landed that it could go under, it stands by itself.
        kind=row["kind"] if landed_at else "post",
        parent=Receipt(channel=row["parent_receipt_channel"], ts=landed_at) if landed_at else None,
        broadcast=row["broadcast"],
    )


def due(select: sa.Select[_Row], now: datetime) -> sa.Select[_Row]:
    """Return those of a selection that are open, whose time has come, and whose parent is settled."""
    return (
        select.join_from(deliveries, PARENT, PARENT.c.id == deliveries.c.parent_id, isouter=True)
        .where(OPEN)
        .where(sa.or_(deliveries.c.not_before.is_(None), deliveries.c.not_before <= now))
        .where(sa.or_(PARENT.c.id.is_(None), PARENT.c.state.in_(("sent", "failed"))))
    )
