"""Statements of the alert stage."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from monitor.records import Item, Match, NewDelivery, Verdict
from monitor.storage.messages import delivery_columns
from monitor.storage.rows import ITEM_WITH_FEED, item_from, score_from
from monitor.storage.tables import alerts, deliveries, feeds, items, scores


class SqlAlertStore:
    """Matches that wait for a decision, and what the decision leads to."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def undecided(self, limit: int) -> list[Match]:
        """Return matches without a decision, in the order in which their items were stored."""
        query = (
            ITEM_WITH_FEED.join(scores, scores.c.item_id == items.c.id)
            .add_columns(scores)
            .where(scores.c.matched, scores.c.decided_at.is_(None))
            .order_by(scores.c.item_id, scores.c.topic_id)
            .limit(limit)
        )
        with self._engine.connect() as db:
            rows = db.execute(query).mappings().all()
        return [Match(item=item_from(row), score=score_from(row)) for row in rows]

    def told_before(self, match: Match, since: datetime) -> list[Item]:
        """Return items that alerted the topic since then and share the match's address or headline."""
        query = (
            ITEM_WITH_FEED.join(alerts, alerts.c.item_id == items.c.id)
            .where(
                alerts.c.topic_id == match.score.topic_id,
                alerts.c.decision == "alert",
                items.c.first_seen >= since,
                _same(match.item),
            )
            .order_by(items.c.id)
        )
        with self._engine.connect() as db:
            return [item_from(row) for row in db.execute(query).mappings()]

    def other_sources(self, item: Item) -> list[str]:
        """Return the names of the other feeds that have shown the item, by address or headline."""
        query = (
            sa.select(feeds.c.name)
            .join_from(items, feeds)
            .where(_same(item), items.c.feed_id != item.feed_id)
            .distinct()
            .order_by(feeds.c.name)
        )
        with self._engine.connect() as db:
            return list(db.scalars(query))

    def record_decision(
        self, match: Match, verdict: Verdict, new: Sequence[NewDelivery], now: datetime
    ) -> bool:
        """Store a decision, and with it the deliveries that follow; False if the match waits no more."""
        topic_id, item_id = match.score.topic_id, match.score.item_id
        waits = sa.and_(
            scores.c.topic_id == topic_id,
            scores.c.item_id == item_id,
            scores.c.matched,
            scores.c.decided_at.is_(None),
        )
        with self._engine.begin() as db:
            # An edit may have taken the match back since.
            if not db.execute(scores.update().where(waits).values(decided_at=now)).rowcount:
                return False
            db.execute(
                alerts.insert().values(
                    topic_id=topic_id,
                    item_id=item_id,
                    decision=verdict.decision,
                    reason=verdict.reason,
                    decided_at=now,
                )
            )
            for delivery in new:
                columns = delivery_columns(delivery, now) | {"topic_id": topic_id, "item_id": item_id}
                db.execute(deliveries.insert().values(**columns))
        return True


def _same(item: Item) -> sa.ColumnElement[bool]:
    by_headline = items.c.headline_key == item.headline_key if item.headline_key else sa.false()
    if item.canonical_url is None:
        return by_headline
    # Within one feed items have told each other apart already, and some link them all to one page.
    by_url = sa.and_(items.c.canonical_url == item.canonical_url, items.c.feed_id != item.feed_id)
    return sa.or_(by_url, by_headline)
