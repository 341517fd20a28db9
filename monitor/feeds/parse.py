"""Bytes of a feed in, items of clean plain text out; only this module knows feedparser.

    charsets ──► a web page? refusals ──► JSON? jsonfeed ──► a sitemap? sitemap ──► feedparser

Also the main loop of the worker process, ``python -m monitor.feeds.parse SECONDS``, which answers one
document after the other, feed or article, on its standard streams. It opens nothing: no file, no connection.
"""

import io
import json
import re
import resource
import signal
import sys
import xml.sax
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, BinaryIO

import feedparser

from monitor.feeds.charsets import decode
from monitor.feeds.cleaning import (
    AUTHOR_LIMIT,
    SUMMARY_LIMIT,
    TITLE_LIMIT,
    absolute,
    bounded_guid,
    moment,
    plain,
)
from monitor.feeds.frames import READY, Answer, Document, framed, pack_answer, read_frame
from monitor.feeds.hints import document_hints
from monitor.feeds.jsonfeed import read_json_feed
from monitor.feeds.refusals import web_page
from monitor.feeds.sitemap import is_sitemap, read_sitemap
from monitor.records import FetchFailed, ParsedItem
from monitor.text import clean

_MEMORY = 2 * 1024**3
_LINKED = ("alternate", "via", "related", "enclosure")


def parse(body: bytes, *, url: str, charset: str | None) -> Document | FetchFailed:
    """Read a feed of any format; ``url`` is where it came from, ``charset`` what its HTTP header said."""
    text = decode(body, charset)
    if page := web_page(text):
        return page
    if text[:1] in ("{", "["):
        return read_json_feed(text, url)
    return read_sitemap(text, url) if is_sitemap(text) else _read_syndication(text, url)


# Numbers from D800 to DFFF, with any zeros before them.
_SURROGATES = re.compile(
    r"(?:&#(?:0*(?:5529[6-9]|55[3-9][0-9]{2}|56[0-9]{3}|57[0-2][0-9]{2}|573[0-3][0-9]|5734[0-3])"
    r"|[xX]0*[dD][89a-fA-F][0-9a-fA-F]{2});)+"
)


def _joined(references: re.Match[str]) -> str:
    """Return the characters that pairs of surrogates stand for; a surrogate alone stands for nothing.

    Some programs write an emoji as two references, which no XML may hold and feedparser stumbles over.
    """
    numbers = re.findall(r"&#(?:([0-9]+)|[xX]([0-9a-fA-F]+));", references[0])
    units = [int(decimal) if decimal else int(hexadecimal, 16) for decimal, hexadecimal in numbers]
    return b"".join(unit.to_bytes(2, "little") for unit in units).decode("utf-16-le", "ignore")


def _read_syndication(text: str, url: str) -> Document | FetchFailed:
    read = feedparser.parse(
        io.BytesIO(_SURROGATES.sub(_joined, text).encode()),
        # It believes HTTP before the document.
        response_headers={"content-type": "application/xml; charset=utf-8"},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    fault = read.get("bozo_exception")
    whole = not isinstance(fault, xml.sax.SAXException)
    version = read.get("version") or ""
    items = tuple(_item(entry, url) for entry in read.entries)
    # A channel that breaks off before its first item is damaged, not empty.
    if not items and not (version and whole):
        why = f" ({clean(str(fault), 200)})" if fault else ""
        return FetchFailed(kind="parse", message=f"The document cannot be read as RSS, Atom or RDF{why}.")
    channel = read.feed
    return Document(
        format=version or "unknown",
        title=_plain(channel.get("title_detail") or {}, TITLE_LIMIT),
        items=items,
        whole=whole,
        hints=document_hints(
            channel.get("ttl"), channel.get("sy_updateperiod"), channel.get("sy_updatefrequency")
        ),
        hub=_linked(channel, "hub", url),
        self_url=_linked(channel, "self", url),
    )


def _linked(channel: Mapping[str, Any], relation: str, base: str) -> str | None:
    hrefs = (link.get("href") for link in channel.get("links", ()) if link.get("rel") == relation)
    return next((address for href in hrefs if (address := absolute(href, base))), None)


def _item(entry: Mapping[str, Any], base: str) -> ParsedItem:
    author = entry.get("author_detail", {}).get("name") or entry.get("author")
    return ParsedItem(
        guid=bounded_guid(entry.get("id")),
        url=_link(entry, base),
        title=_plain(entry.get("title_detail") or {"value": entry.get("title")}, TITLE_LIMIT),
        summary=_summary(entry),
        author=plain(author, AUTHOR_LIMIT) or None,
        published=_published(entry),
    )


def _summary(entry: Mapping[str, Any]) -> str:
    contents = entry.get("content") or [{}]
    # A summary without detail is feedparser's copy of the first content.
    described = entry.get("summary_detail") or {**contents[0], "value": entry.get("summary")}
    return _plain(described, SUMMARY_LIMIT) or _plain(contents[0], SUMMARY_LIMIT)


def _plain(content: Mapping[str, Any], limit: int) -> str:
    return plain(content.get("value"), limit, content.get("type") or "text/plain")


def _link(entry: Mapping[str, Any], base: str) -> str | None:
    """Return the item's first usable address: the original of a proxied link, the link, any other."""
    linked = [link.get("href") for link in entry.get("links", ()) if link.get("rel") in _LINKED]
    # A guid is a permalink unless it says otherwise, which the many that are mere numbers forget.
    link = None if entry.get("guidislink") and "://" not in entry.get("link", "") else entry.get("link")
    # Atom's content may stand at an address of its own.
    content = [part.get("src") for part in entry.get("content", ())]
    candidates = (entry.get("feedburner_origlink"), link, *linked, *content)
    return next((address for candidate in candidates if (address := absolute(candidate, base))), None)


def _published(entry: Mapping[str, Any]) -> datetime | None:
    for field in ("published", "updated", "created"):
        # dict.get, for feedparser's own get() reads one date for another, with a warning.
        parts = dict.get(entry, f"{field}_parsed")  # type: ignore[call-overload]
        written = dict.get(entry, field)  # type: ignore[call-overload]
        with suppress(ValueError, OverflowError):
            if parts:
                year, month, day, hour, minute, second = parts[:6]
                return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
            # feedparser gives up on some dates that mail programs read
            if read := moment(written):
                return read
    return None


# --- the worker process ----------------------------------------------------------------------------


def main() -> None:
    """Answer documents until standard input ends; the argument bounds the seconds for one of them."""
    last_resort = int(sys.argv[1])
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # a stray print would break the frames
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the service's to handle
    _bound_resources()
    _write(answers, READY)
    while (request := read_frame(sys.stdin.buffer)) is not None:
        body = read_frame(sys.stdin.buffer)
        if body is None:
            break
        # The service ends a worker that hangs; if the service was killed first, the alarm does.
        signal.alarm(last_resort)
        _write(answers, pack_answer(_survived(request, body)))
        signal.alarm(0)


def _bound_resources() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ValueError, OSError):  # macOS keeps no bound on address space
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _survived(request: bytes, body: bytes) -> Answer:
    try:
        return _read(body, **json.loads(request))
    except Exception as error:  # noqa: BLE001 — a parser of hostile input may stumble in any way, and goes on
        return FetchFailed(
            kind="parse", message=f"The parser failed on the document ({type(error).__name__})."
        )


def _read(body: bytes, *, read: str, **about: Any) -> Answer:
    if read == "feed":
        return parse(body, **about)
    from monitor.feeds.article import extract  # heavy, and most services read no articles

    return extract(body, **about)


def _write(answers: BinaryIO, payload: bytes) -> None:
    answers.write(framed(payload))
    answers.flush()


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        main()
