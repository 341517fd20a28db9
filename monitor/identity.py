"""Which item is the same one: canonical addresses, and an item's key within its feed. Pure.

    guid, if there is one  ──►  else canonical address  ──►  else title and summary

A key must not change while an item stays in its feed, whatever the publisher edits and whichever items
come and go beside it: a changed key is told as news, a shared one hides an item.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import idna

from monitor.records import ParsedItem

# Parameters that say how a reader came, not what is read.
_TRACKING = re.compile(
    r"(?:utm|at|mc|ns|pk|piwik|mtm|matomo|hsa|vero|oly)_\w+"
    r"|fbclid|gclid|gclsrc|dclid|gbraid|wbraid|msclkid|twclid|ttclid|yclid|igshid|igsh|_ga|_gl|_hsenc|_hsmi"
    r"|mkt_tok|ocid|cmp|cmpid|icid|ito|ncid|sr_share|smid|smtyp|ftag|xtor|wt_mc|__twitter_impression|taid",
    re.IGNORECASE,
)
# These name content on some sites, so they go only with a value that cannot.
_TRACKING_PAIR = re.compile(
    r"(?:ref|source|src|from|via|mod|intcmp|partner|rss|feed|format)"
    r"=(?:1|rss|rss_?feed|feedburner|feedly|twitter|facebook|social)",
    re.IGNORECASE,
)
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?")
# One scan, so that what it wrote is not read again: triplets, stray percent signs, all that needs encoding.
_ESCAPABLE = re.compile(r"%[0-9A-Fa-f]{2}|[^A-Za-z0-9._~!$&'()*+,;=:@/?-]", re.DOTALL)
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
# The BBC counts an article's revisions in the fragment of its guid.
_REVISION = re.compile(r"[0-9]{1,3}")
_LAST = datetime.max.replace(tzinfo=UTC)


def canonical_url(url: str) -> str | None:
    """Return the one spelling of a web address, without what only tracks readers; None if it is not one.

    It says https even where the address says http: sites move, and their pages stay the same.
    """
    try:
        parts = urlsplit(url.strip())
        port, host = parts.port, _host(parts.hostname or "")
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not host:
        return None
    authority = host if port in (None, *_PORTS.values()) else f"{host}:{port}"
    # A fragment is a place on the page; only "#!" once stood for the page itself.
    fragment = _normal(parts.fragment) if parts.fragment.startswith("!") else ""
    return urlunsplit(("https", authority, _normal(parts.path) or "/", _telling(parts.query), fragment))


def item_key(guid: str | None, url: str | None, title: str, summary: str) -> str:
    """Return an item's key within its feed, 32 hexadecimal characters."""
    return _hashed(*_identity(guid, url, title, summary))


def item_keys(items: Sequence[ParsedItem]) -> list[str]:
    """Return the keys of one document's items, in order; items that tell the same thing share a key.

    Some feeds give one guid (or address) to different items. The plain key then belongs to the oldest, and
    the others' keys have their address and text added. Oldest, because an item that stood alone yesterday
    is the oldest today: it keeps its key, and whatever arrives gets one never seen before, so it is found.
    When the oldest leaves, the next inherits its key and looks like an edit of it: told no second time.
    """
    plain = [item_key(item.guid, item.url, item.title, item.summary) for item in items]
    owners: dict[str, ParsedItem] = {}
    # Feeds run newest first, so of undated items the last is the oldest.
    for n in sorted(range(len(items)), key=lambda n: (items[n].published or _LAST, -n)):
        owners.setdefault(plain[n], items[n])
    return [
        key if _same(item, owners[key]) else _hashed("also", key, _page(item.url) or "", _told(item))
        for key, item in zip(plain, items, strict=True)
    ]


def _identity(guid: str | None, url: str | None, title: str, summary: str) -> tuple[str, ...]:
    page = _page(url)
    if guid and guid.strip():
        return "guid", _stable(guid.strip(), page)
    return ("text", title, summary) if page is None else ("url", page)


def _stable(guid: str, page: str | None) -> str:
    """Return a guid without what changes while it means the same: tracking, http or https, a revision."""
    address = _page(guid)
    if address is None:
        return guid
    fragment = urlsplit(guid).fragment
    revision = address == page and _REVISION.fullmatch(fragment)
    return address if revision else f"{address}#{fragment}"


def _same(item: ParsedItem, owner: ParsedItem) -> bool:
    if _told(item) == _told(owner):
        return True
    # Under one guid an address confirms it; without a guid the address is all they have in common.
    return item.guid is not None and _page(item.url) is not None and _page(item.url) == _page(owner.url)


def _told(item: ParsedItem) -> str:
    return item.title or item.summary


def _page(url: str | None) -> str | None:
    return canonical_url(url) if url else None


def _hashed(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()[:32]


def _host(host: str) -> str | None:
    """Return a host in the form that goes into a URL, or None if it cannot be one."""
    if ":" in host:
        return f"[{host}]"
    if not host.isascii():
        host = idna.encode(host, uts46=True).decode()
    host = host.rstrip(".")
    return host if _HOST.fullmatch(host) else None


def _telling(query: str) -> str:
    pairs = [pair for pair in query.split("&") if pair]
    return "&".join(_normal(pair) for pair in pairs if not _tracks(pair))


def _tracks(pair: str) -> bool:
    return bool(_TRACKING.fullmatch(pair.partition("=")[0]) or _TRACKING_PAIR.fullmatch(pair))


def _normal(part: str) -> str:
    return _ESCAPABLE.sub(_escaped, part)


def _escaped(found: re.Match[str]) -> str:
    text = found[0]
    if len(text) == 3:
        character = chr(int(text[1:], 16))
        return character if _UNRESERVED.fullmatch(character) else text.upper()
    return "".join(f"%{byte:02X}" for byte in text.encode(errors="replace"))
