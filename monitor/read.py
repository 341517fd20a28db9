"""Between poll and score, for feeds with ``full_text``: items get their article, or why there is none.

take items whose article is waited for ──► fetch and extract, twice if need be ──► record text or reason

Nothing is claimed: an item waits in its table until the outcome is on record, so that a crash costs a second
request at most. Whatever happens, within ``PATIENCE`` the item goes on to its score, or is read anew if it
has been edited meanwhile.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from monitor.feeds import ArticleSource
from monitor.records import Article, Item, NoArticle
from monitor.storage import ReadStore
from monitor.threads import OwnThread

logger = logging.getLogger(__name__)

PATIENCE = 120.0
"""Seconds that an item's score may wait for its article, its turn at the host included."""
SECOND_TRY = 15.0
"""Seconds until a host that was in trouble is asked again."""
ROOM = 1_000
"""Items under way: most of them only wait for their turn at a host, and hold up nobody else meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadReport:
    """What became of one item's article, for whoever watches."""

    item: Item
    article: Article | NoArticle


class Read:
    """Reads articles side by side; the source sees to it that no host is asked too often."""

    def __init__(
        self,
        *,
        store: ReadStore,
        database: OwnThread,
        source: ArticleSource,
        on_report: Callable[[ReadReport], None],
        patience: float = PATIENCE,
        second_try: float = SECOND_TRY,
    ) -> None:
        self._store = store
        self._database = database
        self._source = source
        self._on_report = on_report
        self._patience = patience
        self._second_try = second_try
        self._under_way: dict[int, asyncio.Task[None]] = {}

    async def start_waiting(self) -> int:
        """Begin reading the articles that are waited for and not under way; return how many."""
        unread = await self._database(self._store.unread, ROOM)
        new = [item for item in unread if item.id not in self._under_way]
        for item in new:
            task = asyncio.create_task(self._read(item), name=f"read {item.id}")
            self._under_way[item.id] = task
            task.add_done_callback(partial(self._forget, item.id))
        return len(new)

    def _forget(self, item_id: int, _task: asyncio.Task[None]) -> None:
        del self._under_way[item_id]

    async def settled(self) -> None:
        """Wait until no article is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way.values())

    async def work(self) -> int:
        """Read every article that is waited for, to the end; return how many there were."""
        read = 0
        while started := await self.start_waiting():
            read += started
            await self.settled()
        return read

    def abandon(self) -> None:
        """Stop the reading under way; the items still wait for their articles at the next start."""
        for task in self._under_way.values():
            task.cancel()

    async def _read(self, item: Item) -> None:
        try:
            article = await self._article(item)
            await self._database(self._store.record_article, item, article)
        except Exception:
            # One page's surprise must not keep its item from its score.
            logger.exception("read_crashed", extra={"item": item.id})
            article = NoArticle(reason="Reading the article failed; the log says more.")
            await self._database(self._store.record_article, item, article)
        _log(item, article)
        self._on_report(ReadReport(item=item, article=article))

    async def _article(self, item: Item) -> Article | NoArticle:
        assert item.url is not None  # poll asks for no article of an item without one
        try:
            async with asyncio.timeout(self._patience):
                article = await self._source.read(item.url)
                if isinstance(article, NoArticle) and article.temporary:
                    await asyncio.sleep(self._second_try)
                    article = await self._source.read(item.url)
                return article
        except TimeoutError:
            return NoArticle(reason=f"The article could not be read within {self._patience:g} s.")


def _log(item: Item, article: Article | NoArticle) -> None:
    extra = {"feed": item.feed_name, "item": item.id}
    match article:
        case Article(text=text):
            logger.info("article_read", extra=extra | {"words": len(text.split())})
        case NoArticle(reason=reason):
            logger.info("article_missing", extra=extra | {"reason": reason})
