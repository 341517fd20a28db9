"""Statements of those who look back at many items: evaluate, backtest, near-misses, silences."""

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from monitor.records import Item, Judgement, Match, Verdict
from monitor.storage.rows import ITEM_WITH_FEED, Row, item_from, score_from
from monitor.storage.tables import alerts, items, scores, story_items


class SqlReviewStore:
    """Scores and decisions of many items at once."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def judged(self, after: int) -> list[Judgement]:
        """Return what was made of the items with a higher id, in the order in which they were stored."""
        decided = sa.and_(alerts.c.topic_id == scores.c.topic_id, alerts.c.item_id == scores.c.item_id)
        placed = sa.and_(
            story_items.c.topic_id == scores.c.topic_id, story_items.c.item_id == scores.c.item_id
        )
        query = (
            sa.select(
                scores,
                items.c.guid,
                alerts.c.decision,
                alerts.c.reason,
                story_items.c.story_id,
            )
            .join_from(scores, items)
            .join(alerts, decided, isouter=True)
            .join(story_items, placed, isouter=True)
            .where(scores.c.item_id > after)
            .order_by(scores.c.item_id, scores.c.topic_id)
        )
        with self._engine.connect() as db:
            return [_judgement(row) for row in db.execute(query).mappings()]

    def near_misses(self, topic_id: str, since: datetime) -> Iterator[Match]:
        """Yield what scored too low for a topic since then, highest first, one of each story.

        Left out is what tells a story that matched the topic.
        """
        with self._engine.connect() as db:
            yield from missed(db, topic_id, items.c.first_seen >= since)

    def matches(self, since: datetime) -> Iterator[Match]:
        """Yield what matched any topic of the items first seen since then, in the order of their storage."""
        query = ITEM_WITH_FEED.join(scores, scores.c.item_id == items.c.id).add_columns(scores)
        recent = query.where(scores.c.matched, items.c.first_seen >= since)
        with self._engine.connect() as db:
            for row in db.execute(recent.order_by(items.c.id, scores.c.topic_id)).mappings():
                yield Match(item=item_from(row), score=score_from(row))

    def items(self, since: datetime) -> Iterator[Item]:
        """Yield every item first seen since then, in the order in which they were stored."""
        query = ITEM_WITH_FEED.where(items.c.first_seen >= since).order_by(items.c.id)
        with self._engine.connect() as db:
            for row in db.execute(query).mappings():
                yield item_from(row)


def missed(db: sa.Connection, topic_id: str, *among: sa.ColumnElement[bool]) -> Iterator[Match]:
    """Yield what scored too low for a topic among some items, highest first, one of each story.

    Left out is what tells a story that matched the topic, by one of these items.
    """
    of_topic = (scores.c.topic_id == topic_id, *among)
    matched = sa.select(items.c.headline_key, items.c.canonical_url).join(scores)
    low = ITEM_WITH_FEED.join(scores, scores.c.item_id == items.c.id).add_columns(scores)
    low = low.where(~scores.c.matched, *of_topic).order_by(scores.c.score.desc(), items.c.id)
    seen = set[str]()
    for told in db.execute(matched.where(scores.c.matched, *of_topic)):
        seen.update(key for key in told if key)
    for row in db.execute(low).mappings():
        keys = {key for key in (row["headline_key"], row["canonical_url"]) if key}
        if not keys & seen:
            yield Match(item=item_from(row), score=score_from(row))
        seen |= keys


def _judgement(row: Row) -> Judgement:
    verdict = None
    if row["decision"] is not None:
        verdict = Verdict(decision=row["decision"], reason=row["reason"])
    return Judgement(guid=row["guid"], score=score_from(row), verdict=verdict, story_id=row["story_id"])
