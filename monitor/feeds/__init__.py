"""The feeds room: a feed in, its items or the reason why there are none out; the same for an item's article.

http ── fetches, guarded by addresses
articles ── fetches the pages of articles, host by host
parser ── keeps the worker processes that run parse and article, and ends those that hang
"""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from monitor.feeds.limits import FetchLimits
from monitor.records import Article, Feed, FetchOutcome, NoArticle

__all__ = ["ArticleSource", "FetchLimits", "Source", "open_articles", "open_source"]


class Source(Protocol):
    """Something that feeds can be fetched from."""

    async def fetch(self, feed: Feed) -> FetchOutcome:
        """Fetch and read one feed; whatever goes wrong is a ``FetchFailed``."""
        ...


class ArticleSource(Protocol):
    """Something that the articles of items can be fetched from."""

    async def read(self, url: str) -> Article | NoArticle:
        """Fetch and read one page; whatever goes wrong is a ``NoArticle``."""
        ...


def open_source(limits: FetchLimits) -> AbstractAsyncContextManager[Source]:
    """Open the source that reads feeds over HTTP; leaving it ends its connections and processes."""
    from monitor.feeds.http import open_http

    return open_http(limits)


def open_articles(limits: FetchLimits) -> AbstractAsyncContextManager[ArticleSource]:
    """Open the source that reads articles over HTTP, with connections and a parser process of its own."""
    from monitor.feeds.articles import open_pages

    return open_pages(limits)
