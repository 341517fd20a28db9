"""What people ask of the database; reading only."""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from monitor.records import (
    DeliveryStatus,
    Feed,
    History,
    KnownTrouble,
    Receipt,
    StoryPlace,
    Subscription,
    TopicHistory,
    Verdict,
)
from monitor.storage.deliveries import due
from monitor.storage.rows import ITEM_WITH_FEED, Row, feed_from, item_from, open_troubles, score_from
from monitor.storage.subscriptions import SUBSCRIPTION_WITH_FEED, subscription_from
from monitor.storage.tables import (
    OPEN,
    UNREAD,
    Utc,
    alerts,
    deliveries,
    feeds,
    items,
    posts,
    scores,
    stories,
    story_items,
    subscriptions,
    troubles,
)
from monitor.storage.troubles import TROUBLE_WITH_FEED, trouble_from


class SqlLedger:
    """Every decision, after the fact."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def feeds(self) -> list[Feed]:
        """Return the feeds in use, by name."""
        query = sa.select(feeds).where(feeds.c.active).order_by(feeds.c.name)
        with self._engine.connect() as db:
            kinds = open_troubles(db)
            return [feed_from(row, kinds.get(row["id"], frozenset())) for row in db.execute(query).mappings()]

    def history(self, urls: frozenset[str]) -> list[History]:
        """Return what happened to every item with one of these addresses, as shown or canonical."""
        known_by = sa.or_(items.c.url.in_(urls), items.c.canonical_url.in_(urls), items.c.guid.in_(urls))
        with self._engine.connect() as db:
            rows = db.execute(ITEM_WITH_FEED.where(known_by).order_by(items.c.id)).mappings().all()
            return [
                History(item=item_from(row), scored_at=row["scored_at"], topics=_topics(db, row["id"]))
                for row in rows
            ]

    def waiting_since(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """Return since when the oldest item waits for a score, and the oldest message for its channel.

        A message waits from when it may go.
        """
        since = sa.func.coalesce(items.c.edited_at, items.c.first_seen, type_=Utc)
        unscored = sa.select(sa.func.min(since)).where(items.c.scored_at.is_(None))
        may_go = sa.func.coalesce(deliveries.c.not_before, deliveries.c.created_at, type_=Utc)
        undelivered = due(sa.select(sa.func.min(may_go)), now)
        with self._engine.connect() as db:
            return db.scalar(unscored), db.scalar(undelivered)

    def troubles(self) -> list[KnownTrouble]:
        """Return the troubles that have not ended, the oldest first."""
        query = TROUBLE_WITH_FEED.where(troubles.c.ended_at.is_(None))
        with self._engine.connect() as db:
            return [trouble_from(row) for row in db.execute(query).mappings()]

    def subscriptions(self) -> list[Subscription]:
        """Return every subscription to a hub, by name of the feed."""
        query = SUBSCRIPTION_WITH_FEED.order_by(feeds.c.name, subscriptions.c.id)
        with self._engine.connect() as db:
            return [subscription_from(row) for row in db.execute(query).mappings()]

    def waiting(self, now: datetime) -> dict[str, int]:
        """Return how many feeds and troubles there are, and how much work is waiting; by indexes alone.

        ``undelivered`` leaves out what has to wait for its time.
        """
        return self._counted(_WAITING | {"undelivered": due(_COUNT, now)})

    def counts(self) -> dict[str, int]:
        """Return the same, whatever its time, and how many rows of each kind there are: whole tables."""
        return self._counted(_WAITING | _TOTALS)

    def _counted(self, queries: Mapping[str, sa.Select[int]]) -> dict[str, int]:
        with self._engine.connect() as db:
            return {name: db.scalar(query) or 0 for name, query in queries.items()}


_COUNT = sa.select(sa.func.count())
_WAITING = {
    "feeds": _COUNT.where(feeds.c.active),
    "failing_feeds": _COUNT.where(feeds.c.active, feeds.c.failures > 0),
    "troubles": _COUNT.where(troubles.c.ended_at.is_(None)),
    "unread": _COUNT.where(UNREAD),
    "unscored": _COUNT.where(items.c.scored_at.is_(None)),
    "undecided": _COUNT.where(scores.c.matched, scores.c.decided_at.is_(None)),
    "undelivered": _COUNT.where(OPEN),
}
_TOTALS = {
    "stories": _COUNT.select_from(stories),
    "items": _COUNT.select_from(items),
    "matches": _COUNT.where(scores.c.matched),
    "alerts": _COUNT.where(alerts.c.decision == "alert"),
    "threaded": _COUNT.where(alerts.c.decision == "thread"),
    "quiet": _COUNT.where(alerts.c.decision == "quiet"),
    "delivered": _COUNT.where(deliveries.c.state == "sent"),
    "undeliverable": _COUNT.where(deliveries.c.state == "failed"),
}


def _topics(db: sa.Connection, item_id: int) -> tuple[TopicHistory, ...]:
    decided = alerts.c.topic_id == scores.c.topic_id
    query = (
        sa.select(scores, alerts.c.decision, alerts.c.reason, alerts.c.decided_at.label("alert_decided_at"))
        .join_from(scores, alerts, sa.and_(decided, alerts.c.item_id == scores.c.item_id), isouter=True)
        .where(scores.c.item_id == item_id)
        .order_by(scores.c.score.desc())
    )
    places = _places(db, item_id)
    return tuple(
        TopicHistory(
            score=score_from(row),
            verdict=_verdict(row),
            decided_at=row["alert_decided_at"],
            story=places.get(row["topic_id"]),
            deliveries=_deliveries(db, item_id, row["topic_id"], places.get(row["topic_id"])),
        )
        for row in db.execute(query).mappings().all()
    )


def _verdict(row: Row) -> Verdict | None:
    if row["decision"] is None:
        return None
    return Verdict(decision=row["decision"], reason=row["reason"])


def _places(db: sa.Connection, item_id: int) -> dict[str, StoryPlace]:
    """Return an item's place in a story, by topic."""
    like = items.alias()
    placed = sa.select(story_items, like.c.title.label("like")).where(story_items.c.item_id == item_id)
    placed = placed.join_from(story_items, like, like.c.id == story_items.c.like_id, isouter=True)
    found = {}
    for row in db.execute(placed).mappings().all():
        of_story = story_items.c.story_id == row["story_id"]
        held = story_items.c.item_id == items.c.id
        first = sa.select(items.c.title).join_from(items, story_items, held).where(of_story)
        first = first.order_by(items.c.first_seen, items.c.id).limit(1)
        found[row["topic_id"]] = StoryPlace(
            story_id=row["story_id"],
            items=db.scalar(_COUNT.where(of_story)) or 0,
            headline=db.scalar(first) or "",
            reason=row["reason"],
            score=row["score"],
            like=row["like"],
        )
    return found


def _deliveries(
    db: sa.Connection, item_id: int, topic_id: str, place: StoryPlace | None
) -> tuple[DeliveryStatus, ...]:
    """Return the posts that tell the item's story, and what the item itself gave rise to."""
    own = sa.and_(deliveries.c.item_id == item_id, deliveries.c.topic_id == topic_id)
    told = sa.select(posts.c.delivery_id).where(posts.c.story_id == (place.story_id if place else None))
    query = sa.select(deliveries).where(sa.or_(own, deliveries.c.id.in_(told)))
    return tuple(
        DeliveryStatus(
            channel=row["channel"],
            kind=row["kind"],
            state=row["state"],
            attempt=row["attempt"],
            last_error=row["last_error"],
            receipt=Receipt(channel=row["receipt_channel"], ts=row["receipt_ts"])
            if row["receipt_ts"] is not None
            else None,
        )
        for row in db.execute(query.order_by(deliveries.c.position)).mappings()
    )
