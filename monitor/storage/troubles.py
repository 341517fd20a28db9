"""Statements about troubles: poll and deliver record them, tell takes those that nobody has been told of."""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from monitor.records import KnownTrouble, NewDelivery, Trouble, TroubleKind
from monitor.storage.messages import delivery_columns
from monitor.storage.rows import Row
from monitor.storage.tables import OPEN, UNTOLD, deliveries, feeds, troubles

_OPEN = troubles.c.ended_at.is_(None)
TROUBLE_WITH_FEED = (
    sa.select(troubles, feeds.c.name, feeds.c.url)
    .join_from(troubles, feeds, isouter=True)
    .order_by(troubles.c.id)
)


class SqlTroubleStore:
    """Troubles that wait to be told, and the one that all feeds have together."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def untold(self, limit: int) -> list[KnownTrouble]:
        """Return troubles whose beginning or end nobody has been told, the oldest first."""
        query = TROUBLE_WITH_FEED.where(UNTOLD).limit(limit)
        with self._engine.connect() as db:
            return [trouble_from(row) for row in db.execute(query).mappings()]

    def record_told(self, told: Sequence[KnownTrouble], new: Sequence[NewDelivery], now: datetime) -> None:
        """Mark what these troubles have come to as told, and store the deliveries that tell it."""
        with self._engine.begin() as db:
            for known in told:
                columns = {"told_at": known.told_at or now}
                if known.ended_at is not None:
                    columns["end_told_at"] = now
                db.execute(troubles.update().where(troubles.c.id == known.id).values(**columns))
            for delivery in new:
                db.execute(deliveries.insert().values(**delivery_columns(delivery, now)))

    def blackout_since(self) -> datetime | None:
        """Return since when the blackout lasts that has not ended, if there is one."""
        with self._engine.connect() as db:
            return db.scalar(sa.select(troubles.c.began_at).where(_OPEN, troubles.c.kind == "blackout"))

    def begin_blackout(self, cause: str, since: datetime) -> None:
        """Record that all feeds are out of reach."""
        with self._engine.begin() as db:
            db.execute(troubles.insert().values(kind="blackout", cause=cause, began_at=since))

    def end_blackout(self, now: datetime) -> None:
        """Record that they are within reach again, and make due whatever could not be polled since."""
        blackout = sa.and_(_OPEN, troubles.c.kind == "blackout")
        with self._engine.begin() as db:
            since = db.scalar(sa.select(sa.func.min(troubles.c.began_at)).where(blackout))
            if since is None:
                return
            missed = sa.or_(feeds.c.last_success_at.is_(None), feeds.c.last_success_at < since)
            late = sa.and_(feeds.c.active, missed, feeds.c.next_poll_at > now)
            db.execute(feeds.update().where(late).values(next_poll_at=now))
            db.execute(troubles.update().where(blackout).values(ended_at=now))


def end_quietly(db: sa.Connection, feed_ids: Collection[int], now: datetime) -> None:
    """End the troubles of feeds that nobody watches any more."""
    of_feeds = sa.and_(_OPEN, troubles.c.feed_id.in_(feed_ids))
    db.execute(troubles.update().where(of_feeds).values(**_closed(now)))


def begin_channel_trouble(db: sa.Connection, channel: str, cause: str, now: datetime) -> None:
    """Record that a channel takes no messages, unless that is known."""
    if db.scalar(sa.select(troubles.c.id).where(_OPEN, troubles.c.channel == channel)) is None:
        row = {"channel": channel, "kind": "channel", "cause": cause, "began_at": now}
        db.execute(troubles.insert().values(**row))


def end_channel_trouble(db: sa.Connection, delivered: str, now: datetime) -> None:
    """Record that the channel of a delivery takes messages."""
    channel = sa.select(deliveries.c.channel).where(deliveries.c.id == delivered).scalar_subquery()
    db.execute(troubles.update().where(_OPEN, troubles.c.channel == channel).values(ended_at=now))


def end_idle_channels(db: sa.Connection, now: datetime) -> None:
    """End the troubles of channels that nothing waits for any more: nobody would notice their end."""
    waiting = sa.select(deliveries.c.channel).where(OPEN)
    idle = sa.and_(_OPEN, troubles.c.channel.is_not(None), troubles.c.channel.not_in(waiting))
    db.execute(troubles.update().where(idle).values(**_closed(now)))


def _closed(now: datetime) -> dict[str, datetime | sa.ColumnElement[datetime]]:
    """Columns of a trouble that is over and of which nothing is left to tell."""
    return {"told_at": sa.func.coalesce(troubles.c.told_at, now), "ended_at": now, "end_told_at": now}


def record_troubles(
    db: sa.Connection,
    feed_id: int,
    begun: Sequence[Trouble],
    ended: Collection[TroubleKind],
    replaced: Collection[TroubleKind],
    now: datetime,
) -> None:
    """Record which of a feed's troubles are over, with or without a word, and which have begun."""
    of_feed = sa.and_(_OPEN, troubles.c.feed_id == feed_id)
    if ended:
        over = sa.and_(of_feed, troubles.c.kind.in_(sorted(ended)))
        db.execute(troubles.update().where(over).values(ended_at=now))
    if replaced:
        over = sa.and_(of_feed, troubles.c.kind.in_(sorted(replaced)))
        db.execute(troubles.update().where(over).values(**_closed(now)))
    for trouble in begun:
        row = {"feed_id": feed_id, "kind": trouble.kind, "cause": trouble.cause, "began_at": now}
        db.execute(troubles.insert().values(**row))


def trouble_from(row: Row) -> KnownTrouble:
    """A row of ``TROUBLE_WITH_FEED`` as a noun."""
    return KnownTrouble(
        id=row["id"],
        trouble=Trouble(kind=row["kind"], cause=row["cause"]),
        feed_name=row["name"],
        feed_url=row["url"],
        channel=row["channel"],
        began_at=row["began_at"],
        told_at=row["told_at"],
        ended_at=row["ended_at"],
    )
