"""News sitemaps: addresses with headline and date, as search engines are told of them. Pure.

    <urlset> <url> <loc/> <news:news> <news:title/> <news:publication_date/>

Elements are known by their place and local name, since many sitemaps declare the news namespace wrongly.
Entities are refused where they are declared: no sitemap needs them, and expat before 2.4 has no bounds.
"""

import re
from xml.parsers import expat

from monitor.feeds.cleaning import TITLE_LIMIT, absolute, moment, plain
from monitor.feeds.frames import Document
from monitor.records import FetchFailed, ParsedItem
from monitor.text import clean

_START = re.compile(
    r"(?:<\?[^>]*>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[[^\]]*\]\s*)?>|\s)*<(?:[\w-]+:)?(urlset|sitemapindex)\b",
    re.DOTALL,
)
_NEWS = ("urlset", "url", "news")
_PLACES = {
    ("urlset", "url", "loc"): "url",
    (*_NEWS, "title"): "title",
    (*_NEWS, "publication_date"): "published",
    ("sitemapindex", "sitemap", "loc"): "sitemap",
}


def is_sitemap(text: str) -> bool:
    """Say whether a document's outermost element is a sitemap's."""
    return _START.match(text) is not None


def read_sitemap(text: str, base: str) -> Document | FetchFailed:
    """Read a news sitemap; a sitemap of pages or of sitemaps is a failure that says so."""
    reader = _Reader(base)
    fault = reader.read(text)
    if reader.sitemaps:
        likely = next((url for url in reader.sitemaps if "news" in url), reader.sitemaps[0])
        return _failed(f"This is an index of sitemaps; watch its news sitemap instead, such as {likely}")
    if reader.items or (reader.news_declared and not reader.pages and fault is None):
        return Document(format="sitemap-news", items=tuple(reader.items), whole=fault is None)
    if fault is not None:
        return _failed(f"The sitemap cannot be read ({fault})")
    return _failed(
        "This is a sitemap of pages without headlines and dates (news:news), which cannot be watched; "
        "look for the site's news sitemap or its feed"
    )


def _failed(message: str) -> FetchFailed:
    return FetchFailed(kind="parse", message=f"{message}.")


class _Reader:
    """What has been read of one sitemap so far."""

    def __init__(self, base: str) -> None:
        self.items: list[ParsedItem] = []
        self.sitemaps: list[str] = []
        self.pages = 0
        self.news_declared = False
        self._base = base
        self._path: list[str] = []
        self._fields: dict[str, str] = {}
        self._has_news = False
        self._text: list[str] = []

    def read(self, text: str) -> str | None:
        """Read the document as far as it is sound, and return its fault if it is not so to its end."""
        parser = expat.ParserCreate("utf-8")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.EntityDeclHandler = _refuse_entity
        try:
            parser.Parse(text.encode(), True)
        except (expat.ExpatError, ValueError) as error:
            return clean(str(error), 200)
        return None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._path:
            self.news_declared = any("sitemap-news" in value for value in attributes.values())
        self._path.append(name.rpartition(":")[2])
        self._text.clear()
        self._has_news = self._has_news or tuple(self._path) == _NEWS

    def _end(self, _name: str) -> None:
        place = tuple(self._path[:5])
        self._path.pop()
        if field := _PLACES.get(place):
            self._fields.setdefault(field, "".join(self._text))
        if place == ("sitemapindex", "sitemap") and (
            url := absolute(self._fields.get("sitemap"), self._base)
        ):
            self.sitemaps.append(url)
        if place == ("urlset", "url"):
            self._page()
        if len(place) == 2:
            self._fields.clear()
            self._has_news = False

    def _page(self) -> None:
        self.pages += 1
        if not self._has_news:
            return
        url = absolute(self._fields.get("url"), self._base)
        title = plain(self._fields.get("title"), TITLE_LIMIT)
        if url or title:
            published = moment(self._fields.get("published"))
            self.items.append(ParsedItem(guid=None, url=url, title=title, summary="", published=published))


def _refuse_entity(*_declaration: object) -> None:
    raise ValueError("it declares entities, which no sitemap needs")
