"""Fetches the pages of articles, one at a time from each host and never right after another.

turn at the host ─► slot ─► guarded fetch ─► a web page? ─► the page asked for? ─► parser process

Connections, slots and the process are its own, so that no article ever holds up a feed.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from monitor.feeds.http import HttpSource, open_http
from monitor.feeds.limits import FetchLimits
from monitor.feeds.page import Page
from monitor.feeds.parser import Parser
from monitor.records import Article, FetchFailed, NoArticle
from monitor.text import clean

_ACCEPT = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"
_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_LONGEST_TYPE = 100


@asynccontextmanager
async def open_article_pages(limits: FetchLimits) -> AsyncIterator["ArticlePages"]:
    """Open a source of articles with its connections and parser process, and end them on the way out."""
    parser = Parser(limits)
    try:
        async with open_http(replace(limits, max_bytes=limits.article_max_bytes), accept=_ACCEPT) as source:
            yield ArticlePages(source, parser, limits)
    finally:
        await parser.close()


class ArticlePages:
    """Articles over HTTP."""

    def __init__(self, source: HttpSource, parser: Parser, limits: FetchLimits) -> None:
        self._source = source
        self._parser = parser
        self._pause = limits.article_pause
        self._slots = asyncio.Semaphore(limits.article_concurrency)
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def read(self, url: str) -> Article | NoArticle:
        """Fetch and read one page; whatever goes wrong is a ``NoArticle``."""
        turn = self._turns.setdefault(urlsplit(url).netloc.lower(), asyncio.Semaphore(1))
        await turn.acquire()
        try:
            async with self._slots:
                answer = await self._source.get(url)
                if isinstance(answer, Page):
                    return await self._read(url, answer)
                assert isinstance(answer, FetchFailed)  # nothing is "not modified" without a condition
                return _missing(answer)
        finally:
            # Given back later, and kept in the dictionary until then by the loop.
            asyncio.get_running_loop().call_later(self._pause, turn.release)

    async def _read(self, url: str, page: Page) -> Article | NoArticle:
        content_type = page.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in _PAGES:
            kind = clean(content_type or "no type", _LONGEST_TYPE)
            return NoArticle(reason=f"The address answers with {kind}, not with a web page.")
        if not urlsplit(page.url).path.strip("/") and urlsplit(url).path.strip("/"):
            return NoArticle(reason="The server leads to its front page instead of the article.")
        return await self._parser.extract(page.content, charset=page.charset)


def _missing(failed: FetchFailed) -> NoArticle:
    if failed.status is None:
        return NoArticle(reason=failed.message, temporary=failed.kind in ("connect", "timeout"))
    # The remedies in the message are for feeds.
    temporary = failed.status >= 500 or failed.status == 429
    return NoArticle(reason=f"The server answers HTTP {failed.status}.", temporary=temporary)
