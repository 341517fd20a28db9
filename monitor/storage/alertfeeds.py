"""Statements of the feeds of alerts: which stories a topic was last told of, and what they hold."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from monitor.records import Match, ToldStory
from monitor.storage.rows import ITEM_WITH_FEED, Row, item_from, score_from
from monitor.storage.tables import alerts, items, regroupings, scores, story_items

_PLACED = sa.and_(story_items.c.item_id == alerts.c.item_id, story_items.c.topic_id == alerts.c.topic_id)
_ALONE = sa.case((story_items.c.story_id.is_(None), alerts.c.item_id))
"""What was told before there were stories is told item by item."""
_DECIDED = (
    ITEM_WITH_FEED.join(scores, scores.c.item_id == items.c.id)
    .join(alerts, sa.and_(alerts.c.item_id == items.c.id, alerts.c.topic_id == scores.c.topic_id))
    .add_columns(scores, alerts.c.decision, alerts.c.decided_at.label("told_at"))
    .order_by(items.c.first_seen, items.c.id)
)

_Key = tuple[str, int | None, int | None]
"""Topic and story, or topic and item."""


class SqlAlertFeedStore:
    """What other tools are told of alerts."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def told(self, topic_ids: frozenset[str], limit: int) -> list[ToldStory]:
        """Return the stories that these topics were last told of, the last one first."""
        last = (
            sa.select(alerts.c.topic_id, story_items.c.story_id, _ALONE.label("item_id"))
            .join_from(alerts, story_items, _PLACED, isouter=True)
            .where(alerts.c.decision == "alert", alerts.c.topic_id.in_(topic_ids))
            .group_by(alerts.c.topic_id, story_items.c.story_id, _ALONE)
            .order_by(sa.func.min(alerts.c.decided_at).desc(), story_items.c.story_id.desc(), _ALONE.desc())
            .limit(limit)
        )
        with self._engine.connect() as db:
            keys = [(row.topic_id, row.story_id, row.item_id) for row in db.execute(last)]
            found = _decided(db, keys)
        return [_told_story(key, found[key]) for key in keys]

    def regrouped_at(self) -> datetime | None:
        """Return when stories last changed other than by growing."""
        with self._engine.connect() as db:
            last: datetime | None = db.scalar(sa.select(sa.func.max(regroupings.c.at)))
        return last


def _decided(db: sa.Connection, keys: Sequence[_Key]) -> dict[_Key, list[Row]]:
    """Return the items of these stories, and these items, the first seen first."""
    same = sa.and_(story_items.c.item_id == scores.c.item_id, story_items.c.topic_id == scores.c.topic_id)
    told = _DECIDED.join(story_items, same).add_columns(story_items.c.story_id)
    found = defaultdict[_Key, list[Row]](list)
    for row in db.execute(told.where(story_items.c.story_id.in_({key[1] for key in keys}))).mappings():
        found[row["topic_id"], row["story_id"], None].append(row)
    for row in db.execute(_DECIDED.where(items.c.id.in_({key[2] for key in keys}))).mappings():
        found[row["topic_id"], None, row["item_id"]].append(row)
    return found


def _told_story(key: _Key, rows: Sequence[Row]) -> ToldStory:
    told = min((row for row in rows if row["decision"] == "alert"), key=lambda row: row["told_at"])
    return ToldStory(
        id=key[1],
        topic_id=key[0],
        told_at=told["told_at"],
        first=_match(told),
        matches=tuple(_match(row) for row in rows),
    )


def _match(row: Row) -> Match:
    return Match(item=item_from(row), score=score_from(row))
