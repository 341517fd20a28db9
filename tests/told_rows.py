"""Stories that have been told in channels, as rows: what the alert and deliver stages leave behind."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from builders import NOW, keyed, message, parsed, score, stored_items

from monitor.records import Content, NewDelivery, Receipt
from monitor.storage import Storage
from monitor.storage.engine import open_engine
from monitor.storage.messages import delivery_columns
from monitor.storage.tables import deliveries, posts, stories, story_items

NEWS, ISIS = "#news-alerts", "#isis-watch"


class Told:
    """The rows of a database, written and read beside the service's own connection."""

    def __init__(self, storage: Storage, file: Path) -> None:
        self._storage = storage
        self._url = f"sqlite:///{file}"

    def run(self, *statements: sa.Executable) -> None:
        engine, close = open_engine(self._url, guest=True)
        with engine.begin() as db:
            for statement in statements:
                db.execute(statement)
        close()

    def rows(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        engine, close = open_engine(self._url, guest=True)
        with engine.connect() as db:
            found = [dict(row) for row in db.execute(query).mappings()]
        close()
        return found

    def story(self, story_id: int = 1, *, items: int = 2) -> None:
        """A story of the topic ``patrols`` with so many items."""
        numbers = range(story_id * 10, story_id * 10 + items)
        waiting = stored_items(self._storage, *(keyed(n, **_fields(n)) for n in reversed(numbers)))
        self._storage.scores.record_scores(waiting, [score(item.id) for item in waiting], NOW)
        told = {"topic_id": "patrols", "story_id": story_id, "reason": "first", "score": 80.0}
        self.run(
            stories.insert().values(id=story_id, topic_id="patrols", opened_at=NOW, touched_at=NOW),
            *(story_items.insert().values(item_id=item.id, **told) for item in waiting),
        )

    def post(
        self,
        delivery_id: str,
        channel: str = NEWS,
        *,
        story_ids: Sequence[int] = (1,),
        receipt: Receipt | None,
        content: Content | None = None,
    ) -> None:
        """These stories are told in a channel, in one message; somebody is to be reminded in an hour."""
        self.delivered(NewDelivery(id=delivery_id, channel=channel, message=content or message()), receipt)
        row = posts.insert().values(
            channel=channel,
            topic_id="patrols",
            delivery_id=delivery_id,
            level="urgent",
            told_at=NOW,
            loud_at=NOW,
            loud_sources=1,
            loud_score=80.0,
            loud_toll=0,
            remind_at=NOW + timedelta(hours=1),
        )
        self.run(*(row.values(story_id=story_id) for story_id in story_ids))

    def delivered(self, new: NewDelivery, receipt: Receipt | None, *, story_id: int | None = None) -> None:
        """A message has been delivered, or waits if it has no receipt."""
        row = delivery_columns(new, NOW) | {"story_id": story_id}
        if receipt:
            row |= {"state": "sent", "receipt_channel": receipt.channel, "receipt_ts": receipt.ts}
        self.run(deliveries.insert().values(**row))

    def acknowledged(self) -> dict[tuple[int, str], str | None]:
        """Who has acknowledged which story in which channel; all the same, nobody is reminded then."""
        rows = self.rows(sa.select(posts))
        assert all((row["acked_at"] is None) == (row["remind_at"] is not None) for row in rows)
        return {(row["story_id"], row["channel"]): row["acked_by"] for row in rows}


def _fields(n: int) -> dict[str, Any]:
    plain = parsed(n)
    return {"title": f"{plain.title} of {n}", "url": plain.url}
