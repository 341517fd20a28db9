"""Stories in a database as the alert stage leaves them: placed items, decisions, posts."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from builders import NOW, keyed, score, stored_items

from monitor.records import Item
from monitor.storage import Storage
from monitor.storage.engine import open_engine
from monitor.storage.tables import alerts, deliveries, items, posts, stories, story_items

MINUTE = timedelta(minutes=1)


@contextmanager
def beside(path: Path) -> Iterator[sa.Connection]:
    """A transaction beside whoever has the database."""
    engine, close = open_engine(f"sqlite:///{path}", guest=True)
    try:
        with engine.begin() as db:
            yield db
    finally:
        close()


def matching(storage: Storage, n: int, *, topic_id: str = "patrols", points: float = 80.0, **of: Any) -> Item:
    """One more item that matches a topic, shown by a feed and an outlet of its own."""
    host = f"outlet-{n}.example"
    shown = keyed(n, **{"url": f"https://{host}/{n}", "summary": f"Words of {host} alone, {n} times."} | of)
    storage.scores.record_scores(
        [item := stored_items(storage, shown, url=f"https://{host}/rss", name=f"Outlet {n}")[-1]],
        [score(item.id, topic_id=topic_id, score=points)],
        NOW,
    )
    return item


def decided(path: Path, item: Item, decision: str, *, topic_id: str = "patrols", at: datetime = NOW) -> None:
    """A decision on an item."""
    row = {"topic_id": topic_id, "item_id": item.id, "decision": decision, "reason": "-", "decided_at": at}
    with beside(path) as db:
        db.execute(alerts.insert().values(row))


def storied(
    path: Path, placed: Sequence[Item], *channels: str, topic_id: str = "patrols", at: datetime = NOW
) -> int:
    """A story of items, a minute apart from ``at`` on; it was told with the first, and posted in channels."""
    times = [at + n * MINUTE for n in range(len(placed))]
    with beside(path) as db:
        opened = stories.insert().values(topic_id=topic_id, opened_at=times[0], touched_at=times[-1])
        story_id: int = db.scalars(opened.returning(stories.c.id)).one()
        for item, seen in zip(placed, times, strict=True):
            row = {"topic_id": topic_id, "item_id": item.id, "story_id": story_id, "score": 93.0}
            joined = {"reason": "same_event", "like_id": placed[0].id}
            opening = {"reason": "first", "like_id": None}
            db.execute(story_items.insert().values(row | (opening if item is placed[0] else joined)))
            db.execute(items.update().where(items.c.id == item.id).values(first_seen=seen))
        for channel in channels:
            _posted(db, story_id, channel, topic_id)
    for item, seen in zip(placed, times, strict=True):
        decided(path, item, "alert" if item is placed[0] else "thread", topic_id=topic_id, at=seen)
    return story_id


def _posted(db: sa.Connection, story_id: int, channel: str, topic_id: str) -> None:
    delivery = {"id": f"{story_id}-{channel}", "channel": channel, "message": {}, "state": "sent"}
    told = {"story_id": story_id, "topic_id": topic_id}
    db.execute(deliveries.insert().values(**delivery, **told, created_at=NOW))
    loud = {"loud_at": NOW, "loud_sources": 1, "loud_score": 80.0, "loud_toll": 0}
    post = {"channel": channel, "delivery_id": delivery["id"], "level": "routine", "told_at": NOW}
    db.execute(posts.insert().values(**told, **post, **loud))
