"""Statements about stories by hand: what they hold, and how they are split and merged."""

from collections import defaultdict
from datetime import datetime

import sqlalchemy as sa

from monitor.records import Match, StoryHistory, StoryItem
from monitor.storage.rows import ITEM_WITH_FEED, Row, item_from, score_from
from monitor.storage.tables import deliveries, items, posts, regroupings, scores, stories, story_items

_BY_HAND = {"reason": "by_hand", "score": 100.0, "like_id": None}
_SCORED = sa.and_(scores.c.item_id == story_items.c.item_id, scores.c.topic_id == story_items.c.topic_id)
_MEMBER = (
    ITEM_WITH_FEED.join(story_items, story_items.c.item_id == items.c.id)
    .join(stories, stories.c.id == story_items.c.story_id)
    .join(scores, _SCORED)
    .add_columns(
        scores,
        story_items.c.story_id,
        story_items.c.reason,
        story_items.c.score.label("certainty"),
        story_items.c.like_id,
    )
    .order_by(items.c.first_seen, items.c.id)
)


class SqlStoryStore:
    """Stories as people look at them and put them right."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def stories(self, topic_id: str, since: datetime) -> list[StoryHistory]:
        """Return a topic's stories that have got an item since then, the latest first."""
        return self._read(stories.c.topic_id == topic_id, stories.c.touched_at >= since)

    def story(self, story_id: int) -> StoryHistory | None:
        """Return one story."""
        return next(iter(self._read(stories.c.id == story_id)), None)

    def _read(self, *conditions: sa.ColumnElement[bool]) -> list[StoryHistory]:
        members, channels = defaultdict[int, list[StoryItem]](list), defaultdict[int, list[str]](list)
        latest = sa.select(stories).where(*conditions).order_by(stories.c.touched_at.desc(), stories.c.id)
        told = sa.select(posts.c.story_id, posts.c.channel).join(stories, stories.c.id == posts.c.story_id)
        with self._engine.connect() as db:
            rows = db.execute(latest).mappings().all()
            for row in db.execute(_MEMBER.where(*conditions)).mappings():
                members[row["story_id"]].append(_story_item(row))
            for story_id, channel in db.execute(told.where(*conditions).order_by(posts.c.channel)):
                channels[story_id].append(channel)
        return [
            StoryHistory(**row, items=tuple(members[row["id"]]), channels=tuple(channels[row["id"]]))
            for row in rows
        ]

    def split(self, story_id: int, item_ids: frozenset[int], *, by: str, now: datetime) -> int | None:
        """Move items of a story into a new one, and return its id.

        None, and no change, unless all of them are the story's and others stay in it. What has been posted
        stays the old story's.
        """
        of_story = sa.select(story_items.c.topic_id, story_items.c.item_id)
        with self._engine.begin() as db:
            held = db.execute(of_story.where(story_items.c.story_id == story_id)).all()
            if not item_ids or not item_ids < {item_id for _, item_id in held}:
                return None
            row = {"topic_id": held[0].topic_id, "opened_at": now, "touched_at": now}
            new_id: int = db.scalars(stories.insert().values(row).returning(stories.c.id)).one()
            leaving = sa.and_(story_items.c.story_id == story_id, story_items.c.item_id.in_(item_ids))
            db.execute(story_items.update().where(leaving).values(story_id=new_id, **_BY_HAND))
            _date(db, story_id)
            _date(db, new_id)
            numbers = ", ".join(map(str, sorted(item_ids)))
            _log(db, f"split story {story_id}: items {numbers} into story {new_id}", by, now)
        return new_id

    def merge(self, into: int, other: int, *, by: str, now: datetime) -> bool:
        """Move all items of a story into another, and remove the one that is empty then.

        False, and no change, unless both are stories of one topic. Where ``into`` has not been posted, the
        other's post becomes its own.
        """
        with self._engine.begin() as db:
            topics = db.scalars(sa.select(stories.c.topic_id).where(stories.c.id.in_({into, other}))).all()
            if len(topics) != 2 or topics[0] != topics[1]:
                return False
            # What has been told of it is told; a story that is gone cannot be what a message is about.
            db.execute(deliveries.update().where(deliveries.c.story_id == other).values(story_id=into))
            has_post = db.scalars(sa.select(posts.c.channel).where(posts.c.story_id == into)).all()
            missing = sa.and_(posts.c.story_id == other, posts.c.channel.not_in(has_post))
            db.execute(posts.update().where(missing).values(story_id=into))
            db.execute(posts.delete().where(posts.c.story_id == other))
            joining = story_items.c.story_id == other
            db.execute(story_items.update().where(joining).values(story_id=into, **_BY_HAND))
            db.execute(stories.delete().where(stories.c.id == other))
            _date(db, into)
            _log(db, f"merged story {other} into story {into}", by, now)
        return True


def _date(db: sa.Connection, story_id: int) -> None:
    """Let a story begin and end with its items."""
    seen = sa.select(sa.func.min(items.c.first_seen), sa.func.max(items.c.first_seen))
    held = seen.join(story_items, story_items.c.item_id == items.c.id)
    opened_at, touched_at = db.execute(held.where(story_items.c.story_id == story_id)).one()
    dates = {"opened_at": opened_at, "touched_at": touched_at}
    db.execute(stories.update().where(stories.c.id == story_id).values(dates))


def _log(db: sa.Connection, what: str, by: str, now: datetime) -> None:
    db.execute(regroupings.insert().values(at=now, by=by, what=what))


def _story_item(row: Row) -> StoryItem:
    return StoryItem(
        match=Match(item=item_from(row), score=score_from(row)),
        reason=row["reason"],
        certainty=row["certainty"],
        like=row["like_id"],
    )
