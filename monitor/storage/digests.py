"""Statements of the digest stage."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

import sqlalchemy as sa

from monitor.records import ChannelStory, Item, Match, NewDelivery, Period
from monitor.storage.messages import delivery_columns
from monitor.storage.review import missed
from monitor.storage.rows import IN_LIST, ITEM_WITH_FEED, item_from
from monitor.storage.tables import deliveries, digests, items, posts, scores, story_items


class SqlDigestStore:
    """What a channel was told in a while, what just missed it, and which digests have been made."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def made(self, channel: str, period: Period, until: datetime) -> bool:
        """Say whether a channel's digest up to then has been made."""
        with self._engine.connect() as db:
            return _made(db, channel, period, until)

    def told(self, channel: str, since: datetime, until: datetime) -> list[ChannelStory]:
        """Return the stories that the channel was told from ``since`` up to ``until``."""
        of_item = sa.and_(
            scores.c.item_id == story_items.c.item_id, scores.c.topic_id == story_items.c.topic_id
        )
        query = (
            sa.select(
                posts.c.story_id,
                posts.c.topic_id,
                posts.c.told_at,
                sa.func.count().label("items"),
                sa.func.max(scores.c.score).label("score"),
            )
            .join_from(posts, story_items, story_items.c.story_id == posts.c.story_id)
            .join(scores, of_item)
            .where(posts.c.channel == channel, posts.c.told_at >= since, posts.c.told_at < until)
            .group_by(posts.c.story_id, posts.c.topic_id, posts.c.told_at)
            .order_by(posts.c.told_at, posts.c.story_id)
        )
        with self._engine.connect() as db:
            return [
                ChannelStory(
                    id=row["story_id"],
                    topic_id=row["topic_id"],
                    told_at=row["told_at"],
                    items=row["items"],
                    score=row["score"],
                )
                for row in db.execute(query).mappings()
            ]

    def items(self, story_ids: Sequence[int]) -> dict[int, list[Item]]:
        """Return the items of each of these stories, the oldest first."""
        found: dict[int, list[Item]] = {id_: [] for id_ in story_ids}
        query = (
            ITEM_WITH_FEED.join(story_items, story_items.c.item_id == items.c.id)
            .add_columns(story_items.c.story_id)
            .order_by(items.c.id)
        )
        with self._engine.connect() as db:
            for start in range(0, len(story_ids), IN_LIST):
                of_stories = story_items.c.story_id.in_(story_ids[start : start + IN_LIST])
                for row in db.execute(query.where(of_stories)).mappings():
                    found[row["story_id"]].append(item_from(row))
        return found

    def scored_by(self, moment: datetime) -> int:
        """Return how many items had been scored before a moment: where it lies in the order of scoring."""
        # Backwards along the index: only what was scored since is looked at.
        before = (
            sa.select(items.c.score_order)
            .where(items.c.score_order.is_not(None), items.c.scored_at < moment)
            .order_by(items.c.score_order.desc())
            .limit(1)
        )
        # What lies further back may have been removed.
        first = sa.select(sa.func.min(items.c.score_order))
        with self._engine.connect() as db:
            found = db.scalar(before)
            return found if found is not None else (db.scalar(first) or 1) - 1

    def near_misses(self, topic_id: str, after: int, through: int, least: float, limit: int) -> list[Match]:
        """Return up to ``limit`` news that scored too low for a topic, but over ``least``, highest first.

        ``after`` and ``through`` bound them in the order of scoring; one is returned of each story.
        """
        among = (
            items.c.score_order > after,
            items.c.score_order <= through,
            items.c.backlog == sa.false(),
            scores.c.score > least,
        )
        with self._engine.connect() as db:
            return list(islice(missed(db, topic_id, *among), limit))

    def record_digest(
        self, channel: str, period: Period, until: datetime, delivery: NewDelivery | None, now: datetime
    ) -> bool:
        """Store that a digest has been made, and its delivery if there is one; False if it had been."""
        with self._engine.begin() as db:
            if _made(db, channel, period, until):
                return False
            if delivery is not None:
                db.execute(deliveries.insert().values(**delivery_columns(delivery, now)))
            row = {"channel": channel, "period": period, "until": until}
            db.execute(digests.insert().values(**row, delivery_id=delivery.id if delivery else None))
        return True


def _made(db: sa.Connection, channel: str, period: Period, until: datetime) -> bool:
    key = (digests.c.channel == channel, digests.c.period == period, digests.c.until == until)
    return db.scalar(sa.select(sa.func.count()).select_from(digests).where(*key)) == 1
