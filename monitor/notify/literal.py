"""Pieces of Block Kit in which Slack takes text as it is: nothing in it formats, links or mentions. Pure.

These are ``plain_text`` objects, and the ``text`` and ``link`` elements of ``rich_text``. Text from a feed
goes nowhere else.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from monitor.notify.wording import MAX_LINE, MAX_NAME, MAX_TEXT, cut, headline, host
from monitor.records import Entry

Block = dict[str, Any]

_ADDRESSES = 5_000
"""Characters of a message for the addresses of its lines."""


def context(text: str) -> Block:
    """A line in small grey letters."""
    return {"type": "context", "elements": [plain(text)]}


def paragraph(text: str) -> Block:
    """A paragraph."""
    return {"type": "section", "text": plain(text)}


def header(text: str) -> Block:
    """A line in large letters."""
    return {"type": "header", "text": plain(cut(text, 150))}


def plain(text: str) -> Block:
    """A text object."""
    return {"type": "plain_text", "text": cut(text, MAX_TEXT) or " ", "emoji": False}


def rich(*elements: Block) -> Block:
    """A block of rich text from its sections and lists."""
    return {"type": "rich_text", "elements": list(elements)}


def section(*leaves: Block) -> Block:
    """A line of rich text."""
    return {"type": "rich_text_section", "elements": list(leaves)}


def bullets(lines: Iterable[Sequence[Block]], style: str = "bullet") -> Block:
    """A list of lines of rich text, ``bullet`` or ``ordered``."""
    return {"type": "rich_text_list", "style": style, "elements": [section(*line) for line in lines]}


def said(text: str) -> Block:
    """Words of rich text; not empty."""
    return {"type": "text", "text": text}


def bold(text: str) -> Block:
    """Words of rich text in bold; not empty."""
    return {"type": "text", "text": text, "style": {"bold": True}}


def pill(text: str) -> Block:
    """Words of rich text that stand out in red; not empty."""
    return {"type": "text", "text": text, "style": {"bold": True, "code": True}}


def link(url: str, text: str) -> Block:
    """A link; ``url`` is a web address that ``wording.host`` knows a host of."""
    scheme, colon, rest = url.partition(":")
    # Slack knows a web address by how it begins, and only in small letters.
    return {"type": "link", "url": scheme.lower() + colon + rest, "text": text}


def linked(title: str, url: str | None) -> list[Block]:
    """A headline as a link, and in plain sight the host that it leads to, whatever the headline says."""
    name = host(url)
    if url and name:
        return [link(url, headline(title)) | {"style": {"bold": True}}, said(f"  {name}")]
    return [bold(headline(title))]


def mentioned(mention: str | None) -> list[Block]:
    """The one who is called, if anybody: ``here``, ``channel``, a user's id or a group's."""
    return [mention_leaf(mention), said(" ")] if mention else []


def mention_leaf(mention: str) -> Block:
    """The element of rich text that calls somebody."""
    if mention in ("here", "channel", "everyone"):
        return {"type": "broadcast", "range": mention}
    if mention.startswith("S"):
        return {"type": "usergroup", "usergroup_id": mention}
    return {"type": "user", "user_id": mention}


def entry_line(entry: Entry, *, with_address: bool) -> list[Block]:
    """An entry as a line of a list: its headline and whence it comes."""
    title, name = headline(entry.title, MAX_LINE), host(entry.url)
    place = (name and _tail(name)) or cut(entry.source, MAX_NAME)
    shown = link(entry.url, title) if with_address and entry.url and name else said(title)
    return [shown, said(f"  {place}")] if place else [shown]


def addressed(urls: Iterable[str | None]) -> set[str]:
    """Return those of the web addresses that a message has room for, the shortest first."""
    room, found = _ADDRESSES, set[str]()
    for url in sorted((url for url in urls if url and host(url)), key=len):
        room -= len(url)
        if room < 0:
            break
        found.add(url)
    return found


def _tail(name: str) -> str:
    # Who owns a host is said at its end.
    return name if len(name) <= MAX_NAME else "…" + name[1 - MAX_NAME :]
