"""Statements of the poll stage."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.records import (
    Changes,
    Feed,
    FeedSpec,
    Fetched,
    FetchFailed,
    FetchOutcome,
    KeyedItem,
    PollPlan,
    Rhythm,
)
from monitor.storage.documents import record_document
from monitor.storage.rows import (
    feed_from,
    health_columns,
    open_troubles,
    rhythm_columns,
    rhythm_from,
    spec_columns,
)
from monitor.storage.subscriptions import push_of, record_push
from monitor.storage.tables import LISTED, feeds, items
from monitor.storage.troubles import end_quietly, record_troubles


class SqlPollStore:
    """Feeds that are due, and the items they bring."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def sync_feeds(self, specs: Sequence[FeedSpec], now: datetime) -> None:
        """Make the feeds table say what ``feeds.yaml`` says; new feeds are due at once."""
        with self._engine.begin() as db:
            known = {row.url: row for row in db.execute(sa.select(feeds))}
            _adopt_addresses(db, known, {spec.url for spec in specs})
            for spec in specs:
                columns = spec_columns(spec)
                row = known.get(spec.url)
                if row is None:
                    db.execute(feeds.insert().values(url=spec.url, next_poll_at=now, **columns))
                    continue
                latest = now + (2 * max(spec.every, timedelta(days=1)))  # later than any poll ever sets
                if row.every_seconds != columns["every_seconds"] or not row.active:
                    latest = now + spec.every
                columns["next_poll_at"] = min(row.next_poll_at, latest)
                db.execute(feeds.update().where(feeds.c.id == row.id).values(**columns))
            gone = known.keys() - {spec.url for spec in specs}
            ids = [known[url].id for url in gone]
            db.execute(feeds.update().where(feeds.c.id.in_(ids)).values(active=False))
            end_quietly(db, ids, now)
            db.execute(items.update().where(items.c.feed_id.in_(ids), LISTED).values(listed=False))

    def claim_due(self, now: datetime, until: datetime, limit: int) -> list[Feed]:
        """Take up to ``limit`` due feeds, longest waiting first; nobody else gets them before ``until``."""
        free = sa.or_(feeds.c.claimed_until.is_(None), feeds.c.claimed_until <= now)
        due = (
            sa.select(feeds)
            .where(feeds.c.active, feeds.c.next_poll_at <= now, free)
            .order_by(feeds.c.next_poll_at, feeds.c.id)
            .limit(limit)
        )
        with self._engine.begin() as db:
            rows = db.execute(due).mappings().all()
            troubles = open_troubles(db) if rows else {}
            claimed = [feed_from(row, troubles.get(row["id"], frozenset())) for row in rows]
            if claimed:
                ids = [feed.id for feed in claimed]
                db.execute(feeds.update().where(feeds.c.id.in_(ids)).values(claimed_until=until))
        return claimed

    def release_claims(self) -> None:
        """Give back what a process that died had claimed."""
        with self._engine.begin() as db:
            db.execute(feeds.update().values(claimed_until=None))

    def record_poll(
        self,
        feed: Feed,
        outcome: FetchOutcome,
        items: Sequence[KeyedItem],
        now: datetime,
        plan: Callable[[Changes], PollPlan],
    ) -> Changes:
        """Store a poll's items, the feed's validators and the plan; return what the items changed."""
        with self._engine.begin() as db:
            brought = isinstance(outcome, Fetched)
            changes = record_document(db, feed, items, now) if brought else Changes()
            changes = replace(changes, push=push_of(db, feed.id))
            planned = plan(changes)
            columns = {
                "next_poll_at": planned.next_poll_at,
                "rhythm": rhythm_columns(planned.rhythm),
                "last_polled_at": now,
                "claimed_until": None,
            }
            columns |= health_columns(planned.health) | _validators(feed, outcome, now)
            if changes.put_off:
                columns |= {"etag": None, "last_modified": None, "body_hash": None}
            db.execute(feeds.update().where(feeds.c.id == feed.id).values(**columns))
            record_troubles(db, feed.id, planned.begun, planned.ended, planned.replaced, now)
            if planned.push is not None:
                record_push(db, feed.id, planned.push)
        return changes

    def rhythms(self) -> list[Rhythm]:
        """Return what has been learned of the feeds that follow their rhythm."""
        learned = sa.select(feeds.c.rhythm).where(feeds.c.active, ~feeds.c.paced)
        with self._engine.connect() as db:
            found = [rhythm_from(stored) for stored in db.scalars(learned)]
        return [rhythm for rhythm in found if rhythm is not None]


def _adopt_addresses(db: sa.Connection, known: dict[str, Any], wanted: set[str]) -> None:
    """Let a feed whose new address has been put into ``feeds.yaml`` keep its items, health and name."""
    for url, row in list(known.items()):
        if row.address in wanted and row.address not in known and url not in wanted:
            adopted = {"url": row.address, "address": None, "moved_to": None, "moved_times": 0}
            db.execute(feeds.update().where(feeds.c.id == row.id).values(**adopted))
            known[row.address] = known.pop(url)


def _validators(feed: Feed, outcome: FetchOutcome, now: datetime) -> dict[str, Any]:
    if isinstance(outcome, FetchFailed):
        return {}
    columns = {
        "etag": outcome.etag,
        "last_modified": outcome.last_modified,
        "last_success_at": now,
        "first_polled_at": feed.first_polled_at or now,
    }
    if isinstance(outcome, Fetched):
        columns |= {"body_hash": outcome.body_hash, "hub": outcome.hub, "hub_topic": outcome.self_url}
    return columns
