"""Lists of feeds as OPML, both ways; only this module knows its spelling.

    bytes ──► text ──► expat ──► outlines ──► feeds
                         └── not well-formed ──► scan, which notes what it mends ──┘

Most OPML in the wild is written by hand or by string concatenation. A recovering XML parser drops what it
does not understand: out of ``?a=1&b=2`` it makes ``?a=1=2``, and a quote inside a title takes the address
along. The scan knows that in OPML a tag follows a tag, so that it can tell where a value ends.

Tags travel in ``category``, with ``%2C`` and ``%2F`` for a comma and a slash of their own. What OPML has no
word for travels in a namespace of ours, which others ignore.
"""

import codecs
import html
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from monitor.text import clean

__all__ = ["MAX_OPML_BYTES", "Opml", "Outline", "read_opml", "write_opml"]

MAX_OPML_BYTES = 20_000_000
NAMESPACE = "urn:news-monitor:opml"

_NAME_LIMIT = 200
_TAG_LIMIT = 100
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_DECLARED = re.compile(rb"""\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})""")

_NOT_A_TAG = r"<!--.*?(?:-->|\Z)|<\?.*?(?:\?>|\Z)|<![^>]*(?:>|\Z)"
_TAG = re.compile(rf"{_NOT_A_TAG}|</\s*(?P<end>[\w:.-]+)\s*>?|<(?P<start>[A-Za-z_][\w:.-]*)", re.DOTALL)
_ATTRIBUTE = re.compile(r"""[\s"']*([A-Za-z_][\w:.-]*)\s*=\s*""")
# What may follow the quote that ends a value: another attribute, or the end of the tag and then a tag.
_AFTER_VALUE = (
    r"""(?=\s*[A-Za-z_][\w:.-]*\s*=\s*["']|\s*[/?]?>?\s*(?:</?(?:outline|body|head|opml|title)\b|<!--|\Z))"""
)
_VALUES = {
    mark: re.compile(f"{mark}(.*?){mark}{_AFTER_VALUE}", re.DOTALL | re.IGNORECASE) for mark in ('"', "'")
}
_BARE_VALUE = re.compile(r"""[^\s"'<>]*""")
_TAG_END = re.compile(r"""[^<>]*?(/?)>""")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|(?P<name>[A-Za-z][A-Za-z0-9]{1,31}));|&")
_XML_ENTITIES = frozenset({"amp", "lt", "gt", "quot", "apos"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """One feed of a list; ``name`` is empty, ``every`` and ``alert_backlog`` are None, where nothing is said.

    Durations are as people write them: ``5m``.
    """

    url: str
    name: str = ""
    tags: frozenset[str] = frozenset()
    every: str | None = None
    alert_backlog: str | None = None
    full_text: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Opml:
    """The feeds of one file in its order, repeats included; ``mended`` says what was wrong with it."""

    feeds: tuple[Outline, ...]
    mended: tuple[str, ...]


def read_opml(data: bytes) -> Opml:
    """Read an OPML file, mending what is not well-formed; a file that is none holds no feeds."""
    text, mended = _decoded(data)
    reading = _Reading()
    try:
        _parse(text, reading)
    except (expat.ExpatError, ValueError) as error:
        reading = _Reading()
        scan = _Scan(text)
        scan.into(reading)
        mended += scan.notes() or [f"not well-formed XML ({error})"]
    return Opml(feeds=tuple(reading.feeds), mended=tuple(mended))


def _decoded(data: bytes) -> tuple[str, list[str]]:
    """Return the text, and what was wrong with its encoding."""
    named = next((name for bom, name in _BOMS.items() if data.startswith(bom)), None)
    if named is None and (declared := _DECLARED.match(data)):
        named = declared[1].decode()
    try:
        return data.decode(named or "utf-8"), []
    except (UnicodeError, LookupError):
        pass
    for guess in ("utf-8", "cp1252", "latin-1"):
        try:
            return data.decode(guess), [
                f"not in the encoding it claims ({named or 'utf-8'}), read as {guess}"
            ]
        except UnicodeError:
            continue
    raise AssertionError("latin-1 reads any bytes")


class _Reading:
    """Collects feeds from start and end tags; groups around a feed are its tags."""

    def __init__(self) -> None:
        self.feeds: list[Outline] = []
        self._groups: list[str] = []

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name.lower() != "outline":
            return
        said = {key.lower(): value.strip() for key, value in attributes.items()}
        title = clean(said.get("text") or said.get("title") or "", _NAME_LIMIT)
        url = said.get("xmlurl")
        if url:
            self.feeds.append(_outline(url, title, said, self._groups))
        # A feed is no group: one that was never closed may not become the tag of all that follow.
        self._groups.append("" if url else clean(title, _TAG_LIMIT))

    def end(self, name: str) -> None:
        if name.lower() == "outline" and self._groups:
            self._groups.pop()


def _outline(url: str, title: str, said: Mapping[str, str], groups: Iterable[str]) -> Outline:
    categories = re.split(r"[,/]", said.get("category", ""))
    tags = {*groups, *(clean(unquote(category), _TAG_LIMIT) for category in categories)}
    return Outline(
        url=url,
        name=title,
        tags=frozenset(tags - {""}),
        every=said.get("monitor:every"),
        alert_backlog=said.get("monitor:alertbacklog"),
        full_text=said.get("monitor:fulltext") == "true",
    )


def _parse(text: str, reading: _Reading) -> None:
    parser = expat.ParserCreate()
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.EntityDeclHandler = _refuse_entity
    # Lone surrogates cannot be handed over, and are not XML anyway.
    parser.Parse(text.encode(errors="replace").decode(), True)


def _refuse_entity(*_declaration: object) -> None:
    raise ValueError("it declares entities of its own")


# --- what is not well-formed -----------------------------------------------------------------------


@dataclass(slots=True)
class _Scan:
    """One walk over a text that is not well-formed; ``found`` counts what had to be mended."""

    text: str
    found: Counter[str] = field(default_factory=Counter)

    def into(self, reading: _Reading) -> None:
        position, depth = 0, 0
        while tag := _TAG.search(self.text, position):
            position = tag.end()
            if name := tag["start"]:
                attributes, position, closed = self._attributes(position)
                reading.start(name, attributes)
                depth += 1
            if (name and closed) or tag["end"]:
                reading.end(name or tag["end"])
                self.found["end tag without a start"] += depth == 0
                depth = max(depth - 1, 0)
        self.found["tag that is never closed"] += depth

    def _attributes(self, position: int) -> tuple[dict[str, str], int, bool]:
        """Read a start tag from behind its name; returns also where it ends, and whether it closes itself."""
        attributes: dict[str, str] = {}
        while key := _ATTRIBUTE.match(self.text, position):
            pattern = _VALUES.get(self.text[key.end() : key.end() + 1])
            value = pattern.match(self.text, key.end()) if pattern else None
            if value is None:
                value = _BARE_VALUE.match(self.text, key.end())
                self.found["value without its quotes"] += 1
            assert value is not None
            position = max(value.end(), key.end())
            attributes.setdefault(key[1], self._unescaped(value))
        end = _TAG_END.match(self.text, position)
        self.found["tag without its '>'"] += end is None
        return attributes, end.end() if end else position, bool(end and end[1])

    def _unescaped(self, value: re.Match[str]) -> str:
        text = value[1] if value.re.groups else value[0]
        if value.re.groups:
            self.found["quote inside a value"] += value[0][0] in text
        self.found["bare '<'"] += "<" in text
        return _ENTITY.sub(self._entity, text)

    def _entity(self, found: re.Match[str]) -> str:
        if found[0] == "&":
            self.found["bare '&'"] += 1
        elif found["name"] and found["name"] not in _XML_ENTITIES:
            self.found[f"{found[0]}, which is not XML"] += 1
        return html.unescape(found[0]) if len(found[0]) > 1 else "&"

    def notes(self) -> list[str]:
        return [f"{count} × {what}" for what, count in self.found.items() if count]


# --- writing ---------------------------------------------------------------------------------------


def write_opml(feeds: Iterable[Outline]) -> bytes:
    """Write feeds as OPML 2.0 in UTF-8, one outline per line."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<opml version="2.0" xmlns:monitor="{NAMESPACE}">',
        "  <head>",
        "    <title>Feeds of monitor</title>",
        "  </head>",
        "  <body>",
        *(f"    <outline {_attributes(feed)}/>" for feed in feeds),
        "  </body>",
        "</opml>",
    ]
    return ("\n".join(lines) + "\n").encode()


def _attributes(feed: Outline) -> str:
    categories = ",".join(
        re.sub("[%,/]", lambda mark: quote(mark[0], safe=""), tag) for tag in sorted(feed.tags)
    )
    said = {
        "type": "rss",
        "text": feed.name,
        "xmlUrl": feed.url,
        "category": categories,
        "monitor:every": feed.every,
        "monitor:alertBacklog": feed.alert_backlog,
        "monitor:fullText": "true" if feed.full_text else None,
    }
    return " ".join(f"{key}={quoteattr(value)}" for key, value in said.items() if value)
