"""Finds the feeds of a site: what its page names, else what lives where feeds usually live.

address ─► a feed? ─► it
             └── a page ─► Link headers, <link rel=alternate> ─► the feeds among them
                                        └── none ─► well-known paths of that host, until one is a feed
"""

import asyncio
import html
import re
from collections.abc import Iterator, Mapping
from urllib.parse import urljoin, urlsplit

from monitor.feeds.page import Discovery, FoundFeed, Page, Pages
from monitor.records import Fetched, FetchFailed, NotModified

__all__ = ["discover", "named_feeds"]

_TYPES = frozenset(
    {"application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/feed+json"}
)
_WELL_KNOWN = ("/feed", "/rss", "/rss.xml", "/atom.xml", "/feed.xml", "/index.xml")
_MOST_NAMED = 20
# Feeds are named in a page's head; pages that are longer than this have it behind them.
_HEAD = 500_000

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_LINK = re.compile(r"<(link|base)\b([^<>]{1,4000})>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([a-z-]{1,40})\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_HEADER_LINK = re.compile(r"<([^<>]{1,4000})>((?:\s*;\s*[\w*-]+\s*=\s*(?:\"[^\"]*\"|[^\s\",;]+))*)")


async def discover(pages: Pages, url: str) -> Discovery | FetchFailed:
    """Find the feeds at an address, be it a feed itself or a page; FetchFailed if it does not answer."""
    page = await pages.get(url)
    if not isinstance(page, Page):
        return _answered(page)
    fetched = await pages.read(page)
    if isinstance(fetched, Fetched):
        return Discovery(found=(FoundFeed(url=page.lasting_url(url), fetched=fetched),))
    named = list(dict.fromkeys(named_feeds(page)))[:_MOST_NAMED]
    answers = await asyncio.gather(*(_feed_at(pages, candidate) for candidate in named))
    found = tuple({answer.url: answer for answer in answers if isinstance(answer, FoundFeed)}.values())
    unreadable = tuple(
        (candidate, answer)
        for candidate, answer in zip(named, answers, strict=True)
        if isinstance(answer, FetchFailed)
    )
    if not found and (usual := await _well_known(pages, page.url)):
        found = (usual,)
    return Discovery(found=found, unreadable=unreadable)


def named_feeds(page: Page) -> Iterator[str]:
    """Yield the addresses that a page calls feeds, in its headers and in its head, repeats included."""
    for target, parameters in _HEADER_LINK.findall(page.headers.get("link", "")):
        if address := _named(target, _attributes(parameters), page.url):
            yield address
    charset = page.declared_charset
    head = _COMMENT.sub("", _text(page.content[:_HEAD], charset[0] if charset else "utf-8"))
    base = page.url
    for element, written in _LINK.findall(head):
        said = _attributes(written)
        href = said.get("href", "")
        if element.lower() == "base":
            base = _joined(page.url, href) or base
        elif address := _named(href, said, base):
            yield address


def _named(href: str, said: Mapping[str, str], base: str) -> str | None:
    kind = said.get("type", "").partition(";")[0].strip().lower()
    if "alternate" not in said.get("rel", "").lower().split() or kind not in _TYPES:
        return None
    return _joined(base, href)


def _joined(base: str, href: str) -> str | None:
    try:
        address = urljoin(base, href.strip()).partition("#")[0]
        usable = urlsplit(address).scheme in ("http", "https") and urlsplit(address).hostname
    except ValueError:
        return None
    return address if href.strip() and usable else None


def _attributes(written: str) -> dict[str, str]:
    return {
        name.lower(): html.unescape(double or single or bare)
        for name, double, single, bare in _ATTRIBUTE.findall(written)
    }


def _text(content: bytes, charset: str) -> str:
    try:
        return content.decode(charset, errors="replace")
    except LookupError:
        return content.decode(errors="replace")


async def _feed_at(pages: Pages, url: str) -> FoundFeed | FetchFailed:
    page = await pages.get(url)
    if not isinstance(page, Page):
        return _answered(page)
    fetched = await pages.read(page)
    return (
        fetched if isinstance(fetched, FetchFailed) else FoundFeed(url=page.lasting_url(url), fetched=fetched)
    )


async def _well_known(pages: Pages, site: str) -> FoundFeed | None:
    # One after the other, for most sites that have a feed have it at the first of them.
    for path in _WELL_KNOWN:
        answer = await _feed_at(pages, urljoin(site, path))
        if isinstance(answer, FoundFeed):
            return answer
    return None


def _answered(answer: NotModified | FetchFailed) -> FetchFailed:
    assert isinstance(answer, FetchFailed), "nothing was asked conditionally"
    return answer
