"""The feeds room: a feed in, its items or the reason why there are none out; the same for an item's article.

http ── fetches, guarded by addresses
parser ── keeps the worker processes that run parse and article, and ends those that hang
articles ── fetches the pages of articles, host by host
discover ── finds the feeds of a site
opml ── lists of feeds, to and from other programs
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from monitor.feeds.limits import FetchLimits
from monitor.feeds.opml import MAX_OPML_BYTES, Opml, Outline, read_opml, write_opml
from monitor.feeds.page import Discovery, FoundFeed, Page, Pages, Redirect
from monitor.records import Article, Feed, FetchFailed, FetchOutcome, NoArticle, Trust

__all__ = [
    "MAX_OPML_BYTES",
    "ArticleSource",
    "Discovery",
    "FetchLimits",
    "FoundFeed",
    "Hubs",
    "Opml",
    "Outline",
    "Page",
    "Pages",
    "Redirect",
    "Source",
    "find_feeds",
    "open_articles",
    "open_hubs",
    "open_pages",
    "open_source",
    "read_opml",
    "write_opml",
]


class Source(Protocol):
    """Something that feeds can be fetched from."""

    async def fetch(self, feed: Feed, trust: Trust = "full") -> FetchOutcome:
        """Fetch and read one feed; whatever goes wrong is a ``FetchFailed``.

        ``trust`` says how far the server's word is taken that nothing has changed.
        """
        ...


class ArticleSource(Protocol):
    """Something that the articles of items can be fetched from."""

    async def read(self, url: str) -> Article | NoArticle:
        """Fetch and read one page; whatever goes wrong is a ``NoArticle``."""
        ...


class Hubs(Protocol):
    """Something that hubs can be asked through."""

    async def post(self, url: str, form: Mapping[str, str], *, home: str) -> FetchFailed | None:
        """Send a form to a hub that the feed at ``home`` names; None if it is taken."""
        ...


def open_source(limits: FetchLimits) -> AbstractAsyncContextManager[Source]:
    """Open the source that reads feeds over HTTP; leaving it ends its connections and processes."""
    from monitor.feeds.http import open_http

    return open_http(limits)


def open_articles(limits: FetchLimits) -> AbstractAsyncContextManager[ArticleSource]:
    """Open the source that reads articles over HTTP, with connections and a parser process of its own."""
    from monitor.feeds.articles import open_article_pages

    return open_article_pages(limits)


def open_hubs(limits: FetchLimits) -> AbstractAsyncContextManager[Hubs]:
    """Open what asks hubs over HTTP, guarded like a source, with connections of its own."""
    from monitor.feeds.http import open_http

    return open_http(limits)


def open_pages(limits: FetchLimits) -> AbstractAsyncContextManager[Pages]:
    """Open what asks single addresses over HTTP, guarded like a source."""
    from monitor.feeds.http import open_http

    return open_http(limits)


async def find_feeds(pages: Pages, url: str) -> Discovery | FetchFailed:
    """Find the feeds at an address, be it a feed itself or a page; FetchFailed if it does not answer."""
    from monitor.feeds.discover import discover

    return await discover(pages, url)
