"""Statements of what people say back: acknowledgements and votes, each in one transaction."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from monitor.identity import delivery_id
from monitor.passages import item_text
from monitor.records import Content, Feedback, FeedbackOutcome, Listing, Message, NewDelivery, as_sent
from monitor.storage.messages import delivery_columns, message_columns, message_from
from monitor.storage.rows import Row
from monitor.storage.tables import deliveries, items, posts, story_items, votes
from monitor.storage.votes import add_vote

_UNTRIED = sa.and_(deliveries.c.state == "pending", deliveries.c.attempt == 0)


class SqlFeedbackStore:
    """What people say of the messages that tell stories."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def record(self, feedback: Feedback, now: datetime) -> FeedbackOutcome:
        """Store what a person says of a message; the same said again is ``known``, and changes nothing.

        An acknowledgement holds for the message's stories in every channel: nobody is reminded of them any
        more, also not by what waits for delivery, and edits that tell who it was wait instead. A vote is on
        the first item of the message's story. What is no message of ours, or not of a story, is ``unknown``.
        """
        with self._engine.begin() as db:
            story_ids = _stories(db, feedback)
            if not story_ids:
                return "unknown"
            if feedback.kind == "ack":
                return _acknowledge(db, story_ids, feedback, now)
            return _vote(db, story_ids, feedback)


def _stories(db: sa.Connection, feedback: Feedback) -> Sequence[int]:
    """Return the stories that a message tells: a post, or what has followed it in its thread."""
    meant = sa.and_(
        deliveries.c.receipt_ts == feedback.ts, deliveries.c.receipt_channel == feedback.channel_id
    )
    if feedback.delivery_id is not None:
        # A button says of itself what it belongs to, even if nobody has heard yet where the message landed.
        meant = sa.or_(meant, deliveries.c.id == feedback.delivery_id)
    post = sa.select(sa.func.coalesce(deliveries.c.parent_id, deliveries.c.id)).where(meant)
    return db.scalars(sa.select(posts.c.story_id).where(posts.c.delivery_id.in_(post)).distinct()).all()


def _acknowledge(
    db: sa.Connection, story_ids: Sequence[int], feedback: Feedback, now: datetime
) -> FeedbackOutcome:
    by = feedback.by_name or feedback.by
    acknowledged = (
        posts.update()
        .where(posts.c.story_id.in_(story_ids), posts.c.acked_at.is_(None))
        .values(acked_by=by, acked_at=now, remind_at=None)
        .returning(posts)
    )
    rows = db.execute(acknowledged).mappings().all()
    reminder = deliveries.c.message["kind"].as_string() == "Reminder"
    db.execute(deliveries.delete().where(deliveries.c.story_id.in_(story_ids), reminder, _UNTRIED))
    # A list of stories is one message of several posts.
    for post in {row["delivery_id"]: row for row in rows}.values():
        edit = _edit(db, post, by, feedback)
        if edit is not None:
            columns = delivery_columns(edit, now)
            columns |= {"story_id": post["story_id"], "topic_id": post["topic_id"]}
            db.execute(deliveries.insert().values(**columns))
    return "recorded" if rows else "known"


def _edit(db: sa.Connection, post: Row, by: str, feedback: Feedback) -> NewDelivery | None:
    """Return an edit of a post that says who has acknowledged it, in the place of one that nobody has tried.

    It goes at once, and that one might have waited, and then would have undone it. A post that nobody has
    tried says it itself.
    """
    untried = sa.and_(deliveries.c.id == post["delivery_id"], _UNTRIED)
    waiting = db.scalars(sa.select(deliveries.c.message).where(untried)).one_or_none()
    if waiting is not None:
        says_so = message_columns(_acknowledged(message_from(waiting), by))
        db.execute(deliveries.update().where(untried).values(message=says_so))
        return None
    is_edit = sa.and_(deliveries.c.parent_id == post["delivery_id"], deliveries.c.kind == "edit")
    says_now = (
        sa.select(deliveries.c.message)
        .where(sa.or_(deliveries.c.id == post["delivery_id"], is_edit))
        .order_by(deliveries.c.position.desc())
        .limit(1)
    )
    message = as_sent(message_from(db.scalars(says_now).one()))
    if not isinstance(message, Message):
        return None
    message = _acknowledged(message, by)
    db.execute(deliveries.delete().where(is_edit, _UNTRIED))
    return NewDelivery(
        id=delivery_id("acknowledged", post["delivery_id"], feedback.at.isoformat()),
        channel=post["channel"],
        message=message,
        kind="edit",
        parent_id=post["delivery_id"],
    )


def _acknowledged(message: Content, by: str) -> Content:
    match message:
        case Message():
            return replace(message, acknowledged_by=by)
        case Listing(alone=Message() as alone):
            return replace(message, alone=replace(alone, acknowledged_by=by))
    return message


def _vote(db: sa.Connection, story_ids: Sequence[int], feedback: Feedback) -> FeedbackOutcome:
    if len(story_ids) > 1:
        return "unknown"
    first = (
        sa.select(items.c.title, items.c.summary, items.c.url, story_items.c.topic_id)
        .join_from(story_items, items, items.c.id == story_items.c.item_id)
        .where(story_items.c.story_id == story_ids[0])
        .order_by(items.c.id)
        .limit(1)
    )
    told = db.execute(first).mappings().one_or_none()
    if told is None:
        return "unknown"
    text, up = item_text(told["title"], told["summary"]), feedback.kind == "vote_up"
    standing = sa.and_(votes.c.undone_at.is_(None), votes.c.up == up)
    # What Slack sends once more is as old as it was, whatever has been said since.
    said = sa.select(votes.c.id).where(
        votes.c.topic_id == told["topic_id"],
        votes.c.text == text,
        sa.or_(standing, votes.c.at >= feedback.at),
    )
    if db.scalar(said.limit(1)) is not None:
        return "known"
    by = f"slack:{feedback.by}"
    add_vote(db, told["topic_id"], text, up=up, by=by, now=feedback.at, url=told["url"])
    return "recorded"
