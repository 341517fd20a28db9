"""Rows to nouns."""

from collections import defaultdict
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from monitor.records import Evidence, Feed, FeedHealth, FeedSpec, Item, Rhythm, Score, TroubleKind
from monitor.storage.tables import feeds, items, troubles

Row = sa.RowMapping

IN_LIST = 500
"""Values per statement, well under every database's limit on parameters."""

ITEM_WITH_FEED = sa.select(
    items,  # its full_text; a feed's column of that name says whether it is wanted
    feeds.c.url.label("feed_url"),
    feeds.c.name.label("feed_name"),
    feeds.c.tags.label("feed_tags"),
    feeds.c.alert_backlog_seconds,
).join_from(items, feeds)


_HEALTH = {field.name: field.name for field in fields(FeedHealth)} | {"weight": "failure_weight"}


def feed_from(row: Row, kinds: frozenset[TroubleKind]) -> Feed:
    """A row of ``feeds`` as a noun, with the ``kinds`` of its open troubles."""
    spec = FeedSpec(
        url=row["url"],
        name=row["name"],
        tags=frozenset(row["tags"]),
        every=timedelta(seconds=row["every_seconds"]),
        alert_backlog=timedelta(seconds=row["alert_backlog_seconds"]),
        full_text=row["full_text"],
        paced=row["paced"],
    )
    return Feed(
        id=row["id"],
        spec=spec,
        etag=row["etag"],
        last_modified=row["last_modified"],
        body_hash=row["body_hash"],
        next_poll_at=row["next_poll_at"],
        first_polled_at=row["first_polled_at"],
        last_polled_at=row["last_polled_at"],
        last_success_at=row["last_success_at"],
        rhythm=rhythm_from(row["rhythm"]),
        health=FeedHealth(**{name: row[column] for name, column in _HEALTH.items()}),
        troubles=kinds,
    )


def health_columns(health: FeedHealth) -> dict[str, Any]:
    """A feed's health as columns."""
    return {column: getattr(health, name) for name, column in _HEALTH.items()}


def open_troubles(db: sa.Connection) -> dict[int, frozenset[TroubleKind]]:
    """Return the kinds of the troubles that have not ended, by feed; few feeds have any."""
    query = sa.select(troubles.c.feed_id, troubles.c.kind).where(
        troubles.c.ended_at.is_(None), troubles.c.feed_id.is_not(None)
    )
    found = defaultdict[int, set[TroubleKind]](set)
    for feed_id, kind in db.execute(query):
        found[feed_id].add(kind)
    return {feed_id: frozenset(kinds) for feed_id, kinds in found.items()}


def rhythm_from(stored: dict[str, Any] | None) -> Rhythm | None:
    """A rhythm from the JSON that ``rhythm_columns`` made."""
    if stored is None:
        return None
    seen_to = datetime.fromisoformat(stored["seen_to"])
    return Rhythm(counts=tuple(stored["counts"]), days=stored["days"], seen_to=seen_to)


def rhythm_columns(rhythm: Rhythm | None) -> dict[str, Any] | None:
    """A rhythm as JSON."""
    if rhythm is None:
        return None
    counts = [round(count, 3) for count in rhythm.counts]
    return {"counts": counts, "days": rhythm.days, "seen_to": rhythm.seen_to.isoformat()}


def spec_columns(spec: FeedSpec) -> dict[str, Any]:
    """What ``feeds.yaml`` says of a feed, as columns."""
    return {
        "name": spec.name,
        "tags": sorted(spec.tags),
        "every_seconds": spec.every.total_seconds(),
        "alert_backlog_seconds": spec.alert_backlog.total_seconds(),
        "full_text": spec.full_text,
        "paced": spec.paced,
        "active": True,
    }


def item_from(row: Row) -> Item:
    """A row of ``ITEM_WITH_FEED`` as a noun."""
    return Item(
        id=row["id"],
        feed_id=row["feed_id"],
        feed_url=row["feed_url"],
        feed_name=row["feed_name"],
        feed_tags=frozenset(row["feed_tags"]),
        key=row["key"],
        guid=row["guid"],
        url=row["url"],
        canonical_url=row["canonical_url"],
        headline_key=row["headline_key"],
        title=row["title"],
        summary=row["summary"],
        author=row["author"],
        published=row["published"],
        first_seen=row["first_seen"],
        backlog=row["backlog"],
        alert_backlog=timedelta(seconds=row["alert_backlog_seconds"]),
        full_text=row["full_text"],
        full_text_missing=row["full_text_missing"],
        edited_at=row["edited_at"],
    )


def score_from(row: Row) -> Score:
    """A row that has the columns of ``scores`` as a noun."""
    return Score(
        item_id=row["item_id"],
        topic_id=row["topic_id"],
        score=row["score"],
        matched=row["matched"],
        evidence=Evidence(**row["evidence"] | {"words": tuple(row["evidence"].get("words", ()))}),
        zero_label=row["zero_label"],
    )
