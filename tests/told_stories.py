"""Stories that channels have been told, put into the tables as the alert stage leaves them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from builders import new_delivery
from sqlalchemy.dialects import sqlite

from monitor.storage.engine import open_engine
from monitor.storage.messages import delivery_columns
from monitor.storage.tables import deliveries, posts, scores, stories, story_items

_CERTAINTY = 4.0
"""Of the place in the story, which is no score for the topic."""


@contextmanager
def other_writer(database_file: Path) -> Iterator[sa.Connection]:
    """A transaction of somebody else's."""
    engine, close = open_engine(f"sqlite:///{database_file}", guest=True)
    try:
        with engine.begin() as db:
            yield db
    finally:
        close()


def tell(
    database_file: Path,
    story_id: int,
    item_ids: Sequence[int],
    told_at: datetime,
    *,
    channel: str = "#news-alerts",
    topic_id: str = "patrols",
    score: float = 80.0,
) -> None:
    """Have a channel told of a story that these items tell; the first of them has the score."""
    delivery = new_delivery(story_id, channel)
    row = {"story_id": story_id, "topic_id": topic_id}
    with other_writer(database_file) as db:
        db.execute(
            stories.insert().values(id=story_id, topic_id=topic_id, opened_at=told_at, touched_at=told_at)
        )
        for place, item_id in enumerate(item_ids):
            own = {"item_id": item_id, "topic_id": topic_id}
            placed = own | {"story_id": story_id, "reason": "too_far", "score": _CERTAINTY}
            db.execute(story_items.insert().values(**placed))
            scored = sqlite.insert(scores).values(
                **own, score=score - place, matched=True, evidence={}, decided_at=told_at
            )
            changed = {"score": score - place}
            db.execute(scored.on_conflict_do_update(["item_id", "topic_id"], set_=changed))
        db.execute(deliveries.insert().values(**delivery_columns(delivery, told_at)))
        loud = {"loud_at": told_at, "loud_sources": 1, "loud_score": score, "loud_toll": 0}
        db.execute(
            posts.insert().values(
                **row, **loud, channel=channel, delivery_id=delivery.id, level="routine", told_at=told_at
            )
        )
