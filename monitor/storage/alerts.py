"""Statements of the alert stage."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from monitor.policy import Traffic
from monitor.records import (
    DeliveryKind,
    DueReminder,
    Item,
    ListingWhy,
    Match,
    Membership,
    NewDelivery,
    Outcome,
    Post,
    Recorded,
    Rewrite,
    ScoredItem,
    Waiting,
)
from monitor.storage.messages import delivery_columns, message_columns, message_from
from monitor.storage.rows import ITEM_WITH_FEED, Row, item_from, score_from
from monitor.storage.tables import (
    alerts,
    deliveries,
    item_versions,
    items,
    posts,
    regroupings,
    scores,
    stories,
    story_items,
)

_EARLIEST, _LATEST = 20, 80
"""Items of a story that are looked at; nobody reads more, and comparing takes time with their square."""
UNTRIED = sa.and_(deliveries.c.state == "pending", deliveries.c.attempt == 0)


class SqlAlertStore:
    """Matches that wait for a decision, the stories they may belong to, and what the decision leads to."""

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

    def grouped(self, topic_id: str, since: datetime, last: int) -> list[tuple[int, Item]]:
        """Return the items of a topic's stories touched since then, and of the last ones, with story ids."""
        of_topic = stories.c.topic_id == topic_id
        newest = sa.select(stories.c.id).where(of_topic).order_by(stories.c.touched_at.desc()).limit(last)
        wanted = sa.or_(stories.c.touched_at >= since, stories.c.id.in_(newest))
        query = (
            ITEM_WITH_FEED.join(story_items, story_items.c.item_id == items.c.id)
            .join(stories, stories.c.id == story_items.c.story_id)
            .add_columns(story_items.c.story_id)
            .where(of_topic, wanted)
        )
        with self._engine.connect() as db:
            return [(row["story_id"], item_from(row)) for row in db.execute(query).mappings()]

    def regroupings(self) -> int:
        """Return how often stories have been split or merged by hand."""
        with self._engine.connect() as db:
            return db.scalar(sa.select(sa.func.count()).select_from(regroupings)) or 0

    def edited(self, after: int) -> tuple[int, list[str]]:
        """Return the last edit's number, and the topics of stories whose items were edited after one."""
        later = sa.select(item_versions.c.item_id).where(item_versions.c.id > after)
        of_stories = sa.select(story_items.c.topic_id).where(story_items.c.item_id.in_(later)).distinct()
        with self._engine.connect() as db:
            last = db.scalar(sa.select(sa.func.max(item_versions.c.id))) or 0
            return last, list(db.scalars(of_stories))

    def story(self, story_id: int) -> tuple[list[ScoredItem], int]:
        """Return a story's first and last items, the earliest first, and the number of all."""
        of_story = story_items.c.story_id == story_id
        query = (
            ITEM_WITH_FEED.join(story_items, story_items.c.item_id == items.c.id)
            .join(
                scores,
                sa.and_(scores.c.item_id == items.c.id, scores.c.topic_id == story_items.c.topic_id),
            )
            .add_columns(scores.c.score)
            .where(of_story)
        )
        first = query.order_by(items.c.first_seen, items.c.id).limit(_EARLIEST)
        last = query.order_by(items.c.first_seen.desc(), items.c.id.desc()).limit(_LATEST)
        with self._engine.connect() as db:
            count = db.scalar(sa.select(sa.func.count()).where(of_story)) or 0
            rows = {row["id"]: row for part in (first, last) for row in db.execute(part).mappings()}
        told = [ScoredItem(item=item_from(row), score=row["score"]) for row in rows.values()]
        return sorted(told, key=lambda one: (one.item.first_seen, one.item.id)), count

    def posts(self, story_id: int) -> dict[str, Post]:
        """Return how each channel knows a story."""
        with self._engine.connect() as db:
            rows = db.execute(sa.select(posts).where(posts.c.story_id == story_id)).mappings()
            return {row["channel"]: _post_from(row) for row in rows}

    def traffic(self, channel: str, topic_id: str, since: datetime) -> Traffic:
        """Return how many top-level messages a channel has been given since then."""
        messages = sa.func.count(posts.c.delivery_id.distinct())
        recent = sa.select(messages).where(posts.c.channel == channel, posts.c.told_at > since)
        with self._engine.connect() as db:
            of_topic = db.scalar(recent.where(posts.c.topic_id == topic_id)) or 0
            return Traffic(of_topic=of_topic, of_channel=db.scalar(recent) or 0)

    def delivery(self, delivery_id: str) -> Waiting | None:
        """Return a delivery as it stands."""
        return self._waiting(deliveries.c.id == delivery_id)

    def last_child(self, parent_id: str, kind: DeliveryKind, story_id: int | None = None) -> Waiting | None:
        """Return the last reply or edit of a post; that of one story, where a post tells several."""
        of_kind = sa.and_(deliveries.c.parent_id == parent_id, deliveries.c.kind == kind)
        return self._waiting(
            of_kind if story_id is None else sa.and_(of_kind, deliveries.c.story_id == story_id)
        )

    def last_page(self, listing_id: str) -> Waiting | None:
        """Return the last page of a list, which is the list itself while there is no other."""
        pages = sa.and_(
            deliveries.c.parent_id == listing_id,
            deliveries.c.kind == "reply",
            deliveries.c.message["why"].as_string().is_not(None),
        )
        return self._waiting(sa.or_(deliveries.c.id == listing_id, pages))

    def last_listing(self, channel: str, why: ListingWhy, since: datetime) -> Waiting | None:
        """Return the last list of stories that was begun for a channel since then, for this reason."""
        told = sa.select(posts.c.delivery_id).where(posts.c.channel == channel, posts.c.told_at >= since)
        of_kind = sa.and_(
            deliveries.c.id.in_(told),
            deliveries.c.created_at >= since,
            deliveries.c.message["why"].as_string() == why,
        )
        return self._waiting(of_kind)

    def _waiting(self, which: sa.ColumnElement[bool]) -> Waiting | None:
        query = sa.select(deliveries, UNTRIED.label("untried")).where(which)
        with self._engine.connect() as db:
            row = db.execute(query.order_by(deliveries.c.position.desc()).limit(1)).mappings().first()
        if row is None:
            return None
        return Waiting(
            id=row["id"],
            kind=row["kind"],
            message=message_from(row["message"]),
            broadcast=row["broadcast"],
            not_before=row["not_before"],
            created_at=row["created_at"],
            untried=bool(row["untried"]),
        )

    def record_decision(self, match: Match, outcome: Outcome, now: datetime) -> Recorded | None:
        """Store a decision with all that follows; None if the match waits no more."""
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
                return None
            decided = {"decision": outcome.verdict.decision, "reason": outcome.verdict.reason}
            db.execute(alerts.insert().values(topic_id=topic_id, item_id=item_id, decided_at=now, **decided))
            story_id = _join(db, match, outcome.membership) if outcome.membership else None
            of_story = {"topic_id": topic_id, "item_id": item_id, "story_id": story_id}
            _send(db, outcome.deliveries, of_story, now)
            for rewrite in outcome.rewrites:
                _rewrite(db, rewrite)
            for post in outcome.posts:
                _keep_post(db, post, {"story_id": story_id, "topic_id": topic_id})
        return Recorded(story_id=story_id)

    def due_reminders(self, now: datetime) -> list[DueReminder]:
        """Return the posts whose readers are to be reminded, and have had them for long enough."""
        due = sa.and_(posts.c.remind_at.is_not(None), posts.c.remind_at <= now)
        told = sa.select(posts, deliveries.c.settled_at).join_from(
            posts, deliveries, deliveries.c.id == posts.c.delivery_id
        )
        settled = deliveries.c.state.in_(("sent", "failed"))
        with self._engine.connect() as db:
            rows = db.execute(told.where(due, settled).order_by(posts.c.remind_at)).mappings().all()
        return [
            DueReminder(story_id=row["story_id"], topic_id=row["topic_id"], post=post)
            for row in rows
            if _has_had(post := _post_from(row), row["settled_at"], now)
        ]

    def record_reminder(self, due: DueReminder, post: Post, reminder: NewDelivery, now: datetime) -> None:
        """Store a reminder, and when the next one is due; nothing if it was acknowledged in the meantime."""
        of_story = {"story_id": due.story_id, "topic_id": due.topic_id}
        still = sa.and_(
            posts.c.story_id == due.story_id,
            posts.c.channel == due.post.channel,
            posts.c.remind_at.is_not(None),
        )
        with self._engine.begin() as db:
            if db.execute(posts.update().where(still).values(**_post_columns(post))).rowcount:
                _send(db, [reminder], of_story, now)


def _join(db: sa.Connection, match: Match, membership: Membership) -> int:
    topic_id, item = match.score.topic_id, match.item
    story_id = membership.story_id
    if story_id is None:
        opened = stories.insert().values(
            topic_id=topic_id, opened_at=item.first_seen, touched_at=item.first_seen
        )
        key = db.execute(opened).inserted_primary_key
        assert key is not None
        story_id = int(key[0])
    else:
        later = sa.and_(stories.c.id == story_id, stories.c.touched_at < item.first_seen)
        db.execute(stories.update().where(later).values(touched_at=item.first_seen))
    row = {
        "topic_id": topic_id,
        "item_id": item.id,
        "story_id": story_id,
        "reason": membership.reason,
        "score": membership.score,
        "like_id": membership.like_id,
    }
    db.execute(story_items.insert().values(**row))
    return story_id


def _send(
    db: sa.Connection, new: Sequence[NewDelivery], of_story: Mapping[str, object], now: datetime
) -> None:
    for delivery in new:
        columns = delivery_columns(delivery, now)
        if delivery.kind == "edit" and _has_failed(db, delivery.parent_id):
            columns |= {"state": "failed", "last_error": "its message was never taken"}
        db.execute(deliveries.insert().values(**columns, **of_story))


def _has_failed(db: sa.Connection, delivery_id: str | None) -> bool:
    return db.scalar(sa.select(deliveries.c.state).where(deliveries.c.id == delivery_id)) == "failed"


def _rewrite(db: sa.Connection, rewrite: Rewrite) -> None:
    """Have an untried delivery say something else; whoever read it as untried is its only writer."""
    changed = deliveries.update().where(deliveries.c.id == rewrite.delivery_id, UNTRIED)
    db.execute(
        changed.values(
            message=message_columns(rewrite.message),
            broadcast=rewrite.broadcast,
            not_before=rewrite.not_before,
        )
    )


def _keep_post(db: sa.Connection, post: Post, of_story: dict[str, Any]) -> None:
    columns = _post_columns(post)
    insert = sqlite.insert(posts).values(**columns, **of_story)
    db.execute(insert.on_conflict_do_update(["story_id", "channel"], set_=columns))


def _has_had(post: Post, arrived: datetime | None, now: datetime) -> bool:
    """Say whether readers have had a post for as long as they may take before they are reminded."""
    return arrived is None or post.remind_after is None or arrived + post.remind_after <= now


def _post_columns(post: Post) -> dict[str, Any]:
    columns = {field.name: getattr(post, field.name) for field in fields(post)}
    every = columns.pop("remind_after")
    return columns | {"remind_seconds": every.total_seconds() if every else None}


def _post_from(row: Row) -> Post:
    seconds = row["remind_seconds"]
    columns = {field.name: row[field.name] for field in fields(Post) if field.name != "remind_after"}
    return Post(**columns, remind_after=None if seconds is None else timedelta(seconds=seconds))
