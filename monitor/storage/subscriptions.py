"""Statements about subscriptions: subscribe asks hubs for them, pings make feeds due, poll judges both."""

from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from monitor.records import Push, Subscription
from monitor.storage.rows import Row
from monitor.storage.tables import feeds, subscriptions

SUBSCRIPTION_WITH_FEED = sa.select(
    subscriptions,
    feeds.c.name.label("feed_name"),
    sa.func.coalesce(feeds.c.address, feeds.c.url).label("feed_url"),
).join_from(subscriptions, feeds)


class SqlSubscriptionStore:
    """Subscriptions at hubs, wanted and unwanted."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def keep_under(self, base: str | None) -> None:
        """Forget subscriptions whose callback does not begin with ``base``, or all: no ping comes there."""
        forgotten = subscriptions.delete()
        if base is not None:
            forgotten = forgotten.where(~subscriptions.c.callback.startswith(base, autoescape=True))
        with self._engine.begin() as db:
            db.execute(forgotten)

    def reconcile(self, issue: Callable[[], tuple[str, str]], now: datetime) -> None:
        """Want a subscription for every feed whose document names a hub and a topic, and no other.

        ``issue`` makes a new subscription's callback and secret. An unwanted one is kept until its hub has
        ended it, or its lease has run out.
        """
        with self._engine.begin() as db:
            known = {(row.feed_id, row.hub, row.topic): row for row in db.execute(sa.select(subscriptions))}
            named = sa.and_(feeds.c.active, feeds.c.hub.is_not(None), feeds.c.hub_topic.is_not(None))
            for feed_id, hub, topic in db.execute(
                sa.select(feeds.c.id, feeds.c.hub, feeds.c.hub_topic).where(named)
            ):
                row = known.pop((feed_id, hub, topic), None)
                if row is None:
                    callback, secret = issue()
                    columns = {"feed_id": feed_id, "hub": hub, "topic": topic, "callback": callback}
                    columns |= {"secret": secret, "wanted": True, "ask_at": now}
                    db.execute(subscriptions.insert().values(**columns))
                elif not row.wanted:
                    _want(db, row.id, True, now)
            for row in known.values():
                if row.lease_until is None or row.lease_until <= now:
                    db.execute(subscriptions.delete().where(subscriptions.c.id == row.id))
                elif row.wanted:
                    _want(db, row.id, False, now)

    def due(self, now: datetime) -> list[Subscription]:
        """Return subscriptions whose hub is to be asked, longest waiting first."""
        due = SUBSCRIPTION_WITH_FEED.where(subscriptions.c.ask_at <= now)
        with self._engine.connect() as db:
            rows = db.execute(due.order_by(subscriptions.c.ask_at, subscriptions.c.id)).mappings()
            return [subscription_from(row) for row in rows]

    def find(self, callback: str) -> Subscription | None:
        """Return the subscription with this callback."""
        query = SUBSCRIPTION_WITH_FEED.where(subscriptions.c.callback == callback)
        with self._engine.connect() as db:
            row = db.execute(query).mappings().one_or_none()
            return None if row is None else subscription_from(row)

    def record_ask(self, subscription_id: int, ask_at: datetime) -> None:
        """Write ahead: the hub is being asked, and asked again then unless it verifies."""
        self._record(subscription_id, asks=subscriptions.c.asks + 1, ask_at=ask_at)

    def record_refusal(
        self, subscription_id: int, reason: str, ask_at: datetime, *, ended: bool = False
    ) -> None:
        """Store why a hub did not take a request and when it is asked again; ``ended``: its lease is over."""
        lease = {"lease_until": None} if ended else {}
        self._record(subscription_id, last_error=reason, ask_at=ask_at, **lease)

    def record_verified(self, subscription_id: int, lease_until: datetime, ask_at: datetime) -> None:
        """Store until when the hub has promised to ping, and when that is to be renewed."""
        self._record(subscription_id, asks=0, last_error=None, lease_until=lease_until, ask_at=ask_at)

    def remove(self, subscription_id: int) -> None:
        """Forget a subscription that its hub has ended."""
        with self._engine.begin() as db:
            db.execute(subscriptions.delete().where(subscriptions.c.id == subscription_id))

    def record_ping(self, subscription_id: int, now: datetime, spacing: timedelta) -> None:
        """Make the subscription's feed due, but not sooner than ``spacing`` after its last poll.

        Nothing changes while an earlier ping waits for its answer; but one that arrives during a poll is
        remembered, since that poll may have asked too soon.
        """
        query = (
            sa.select(feeds, subscriptions.c.pinged_at)
            .join_from(subscriptions, feeds)
            .where(subscriptions.c.id == subscription_id)
        )
        with self._engine.begin() as db:
            row = db.execute(query).one_or_none()
            if row is None:
                return
            under_way = row.claimed_until is not None and row.claimed_until > now
            # A poll that failed has not answered a ping.
            failed = row.failures > 0 and row.last_polled_at is not None and row.pinged_at is not None
            waits = row.pinged_at is not None and not (failed and row.pinged_at <= row.last_polled_at)
            if waits and not under_way:
                return
            pinged = subscriptions.update().where(subscriptions.c.id == subscription_id)
            db.execute(pinged.values(pinged_at=now))
            if not under_way:
                soonest = now if row.last_polled_at is None else max(now, row.last_polled_at + spacing)
                due = min(row.next_poll_at, soonest)
                db.execute(feeds.update().where(feeds.c.id == row.id).values(next_poll_at=due))

    def record_forged(self, subscription_id: int) -> None:
        """Count a ping that was not signed by the hub."""
        self._record(subscription_id, forged=subscriptions.c.forged + 1)

    def _record(self, subscription_id: int, **columns: object) -> None:
        with self._engine.begin() as db:
            db.execute(subscriptions.update().where(subscriptions.c.id == subscription_id).values(**columns))


def push_of(db: sa.Connection, feed_id: int) -> Push | None:
    """Return how a feed's subscription stands, if one is wanted."""
    wanted = sa.and_(subscriptions.c.feed_id == feed_id, subscriptions.c.wanted)
    row = db.execute(sa.select(subscriptions).where(wanted)).mappings().one_or_none()
    return None if row is None else _push_from(row)


def record_push(db: sa.Connection, feed_id: int, push: Push) -> None:
    """Store what a poll has shown about a feed's hub."""
    wanted = sa.and_(subscriptions.c.feed_id == feed_id, subscriptions.c.wanted)
    columns = {"pinged_at": push.pinged_at, "trusted": push.trusted}
    db.execute(subscriptions.update().where(wanted).values(**columns))


def subscription_from(row: Row) -> Subscription:
    """A row of ``SUBSCRIPTION_WITH_FEED`` as a noun."""
    return Subscription(
        id=row["id"],
        feed_name=row["feed_name"],
        feed_url=row["feed_url"],
        hub=row["hub"],
        topic=row["topic"],
        callback=row["callback"],
        secret=row["secret"],
        wanted=row["wanted"],
        asks=row["asks"],
        forged=row["forged"],
        last_error=row["last_error"],
        push=_push_from(row),
    )


def _want(db: sa.Connection, subscription_id: int, wanted: bool, now: datetime) -> None:
    changed = subscriptions.update().where(subscriptions.c.id == subscription_id)
    db.execute(changed.values(wanted=wanted, ask_at=now, asks=0, pinged_at=None))


def _push_from(row: Row) -> Push:
    return Push(lease_until=row["lease_until"], pinged_at=row["pinged_at"], trusted=row["trusted"])
