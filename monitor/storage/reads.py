"""Statements of the read stage."""

import sqlalchemy as sa

from monitor.records import Article, Item, NoArticle
from monitor.storage.rows import ITEM_WITH_FEED, item_from
from monitor.storage.tables import UNREAD, items


class SqlReadStore:
    """Items whose article is waited for."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def unread(self, limit: int) -> list[Item]:
        """Return items whose article is waited for, oldest first."""
        query = ITEM_WITH_FEED.where(UNREAD).order_by(items.c.id).limit(limit)
        with self._engine.connect() as db:
            return [item_from(row) for row in db.execute(query).mappings()]

    def record_article(self, item: Item, article: Article | NoArticle) -> None:
        """Store an article, or why there is none; from then on the item waits for its score.

        One that has been edited or has moved since it was taken waits on, for its article as it is now.
        """
        unchanged = (
            items.c.id == item.id,
            items.c.url == item.url,
            items.c.edited_at.is_not_distinct_from(item.edited_at),
        )
        match article:
            case Article(text=text):
                columns = {"article_state": "read", "full_text": text}
            case NoArticle(reason=reason):
                columns = {"article_state": "missing", "full_text_missing": reason}
        with self._engine.begin() as db:
            db.execute(items.update().where(*unchanged).values(**columns))
