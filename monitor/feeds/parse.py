"""Bytes of a feed in, items of clean plain text out; only this module knows feedparser.

Also the main loop of the worker process, ``python -m monitor.feeds.parse SECONDS``, which answers one
document after the other, feed or article, on its standard streams. It opens nothing: no file, no connection.
"""

import email.utils
import hashlib
import io
import json
import re
import resource
import signal
import sys
import urllib.parse
import xml.sax
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, BinaryIO

import feedparser

from monitor.feeds.frames import READY, Answer, Document, framed, pack_answer, read_frame
from monitor.records import FetchFailed, ParsedItem
from monitor.text import clean, without_markup

_TITLE_LIMIT = 500
_SUMMARY_LIMIT = 5_000
_AUTHOR_LIMIT = 200
_GUID_LIMIT = 1_000
_URL_LIMIT = 4_096
# Cleaning looks no further than this; a summary's first 5,000 characters lie well inside.
_MARKUP_LIMIT = 100_000
_MEMORY = 2 * 1024**3

_HTML = re.compile(
    rb"(?:<\?xml[^>]*>|<!--.*?-->|\s|\xef\xbb\xbf)*(?:<!doctype\s+html|<html|<head|<body)",
    re.IGNORECASE | re.DOTALL,
)
_CHARSET = re.compile(r"[\w.:-]+")
_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_LINKED = ("alternate", "via", "related", "enclosure")
_URL_SAFE = "%/:;?@!$&'()*+,=~[]"
_NO_HOST = re.compile(r"[\s<>\"\\^`{|}]")


def parse(body: bytes, *, url: str, charset: str | None) -> Document | FetchFailed:
    """Read a feed of any format; ``url`` is where it came from, ``charset`` what its HTTP header said."""
    if _HTML.match(body):
        return FetchFailed(
            kind="html",
            message="The address answers with a web page, not a feed; the page may name its feed, "
            "or the site may be turning automated readers away.",
        )
    read = feedparser.parse(
        io.BytesIO(body),
        response_headers={"content-type": _content_type(body, charset)},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    fault = read.get("bozo_exception")
    whole = not isinstance(fault, xml.sax.SAXException)
    version = read.get("version") or ""
    items = tuple(_item(entry, url) for entry in read.entries)
    # A channel that breaks off before its first item is damaged, not empty.
    if not items and not (version and whole):
        return FetchFailed(kind="parse", message=_unreadable(body, fault))
    return Document(format=version or "unknown", items=items, whole=whole)


def _content_type(body: bytes, charset: str | None) -> str:
    """Name the charset for feedparser, which believes HTTP before the document.

    Servers add a default charset to documents they have not looked at. Bytes beyond ASCII that are valid
    UTF-8 are UTF-8, whatever header or declaration say.
    """
    if not body.isascii():
        with suppress(UnicodeDecodeError):
            body.decode()
            charset = "utf-8"
    known = charset is not None and _CHARSET.fullmatch(charset)
    return f"application/xml; charset={charset}" if known else "application/xml"


def _unreadable(body: bytes, fault: object) -> str:
    if body.lstrip()[:1] in (b"{", b"["):
        return "The address answers with JSON; only RSS, Atom and RDF feeds can be read."
    why = f" ({clean(str(fault), 200)})" if fault else ""
    return f"The document cannot be read as RSS, Atom or RDF{why}."


def _item(entry: Mapping[str, Any], base: str) -> ParsedItem:
    title = _plain(entry.get("title_detail") or {"value": entry.get("title")}, _TITLE_LIMIT)
    author = entry.get("author_detail", {}).get("name") or entry.get("author")
    return ParsedItem(
        guid=_guid(entry.get("id")),
        url=_link(entry, base),
        title=title,
        summary=_summary(entry),
        author=_plain({"value": author}, _AUTHOR_LIMIT) or None,
        published=_published(entry),
    )


def _summary(entry: Mapping[str, Any]) -> str:
    contents = entry.get("content") or [{}]
    # A summary without detail is feedparser's copy of the first content.
    described = entry.get("summary_detail") or {**contents[0], "value": entry.get("summary")}
    return _plain(described, _SUMMARY_LIMIT) or _plain(contents[0], _SUMMARY_LIMIT)


def _plain(content: Mapping[str, Any], limit: int) -> str:
    value, kind = content.get("value"), content.get("type") or "text/plain"
    if not isinstance(value, str):
        return ""
    if kind in _HTML_TYPES or kind.endswith("xml"):
        value = without_markup(value[:_MARKUP_LIMIT])
    elif not kind.startswith("text/"):
        return ""
    return clean(value, limit)


def _guid(identifier: object) -> str | None:
    if not isinstance(identifier, str):
        return None
    guid = clean(identifier)
    if len(guid) > _GUID_LIMIT:
        guid = f"sha256:{hashlib.sha256(guid.encode()).hexdigest()}"
    return guid or None


def _link(entry: Mapping[str, Any], base: str) -> str | None:
    """Return the item's first usable address: the original of a proxied link, the link, any other."""
    linked = [link.get("href") for link in entry.get("links", ()) if link.get("rel") in _LINKED]
    # A guid is a permalink unless it says otherwise, which the many that are mere numbers forget.
    link = None if entry.get("guidislink") and "://" not in entry.get("link", "") else entry.get("link")
    for candidate in (entry.get("feedburner_origlink"), link, *linked):
        if isinstance(candidate, str) and (address := _absolute(candidate, base)):
            return address
    return None


def _absolute(link: str, base: str) -> str | None:
    """Return the web address a link names, as ASCII but for its host; None if it names none."""
    try:
        # Line breaks and tabs inside an address are the feed's own wrapping, as browsers know.
        parts = urllib.parse.urlsplit(urllib.parse.urljoin(base, re.sub(r"[\t\r\n]+", "", link.strip())))
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or _NO_HOST.search(clean(parts.netloc))
        ):
            return None
        path, query, fragment = (urllib.parse.quote(part, safe=_URL_SAFE) for part in parts[2:])
        address = urllib.parse.urlunsplit((parts.scheme, clean(parts.netloc), path, query, fragment))
    except ValueError:
        return None
    return address if link.strip() and len(address) <= _URL_LIMIT else None


def _published(entry: Mapping[str, Any]) -> datetime | None:
    for field in ("published", "updated", "created"):
        # dict.get, for feedparser's own get() reads one date for another, with a warning.
        moment = dict.get(entry, f"{field}_parsed")  # type: ignore[call-overload]
        written = dict.get(entry, field)  # type: ignore[call-overload]
        with suppress(ValueError, OverflowError):
            if moment:
                year, month, day, hour, minute, second = moment[:6]
                return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
            if written:  # feedparser gives up on some dates that mail programs read
                sent = email.utils.parsedate_to_datetime(written)
                return (sent if sent.tzinfo else sent.replace(tzinfo=UTC)).astimezone(UTC)
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
