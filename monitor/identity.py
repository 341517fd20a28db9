"""Which item is the same one: canonical addresses, and an item's key within its feed. Pure.

    guid, if there is one  ──►  else canonical address  ──►  else title and summary

A key must not change while an item stays in its feed, whatever the publisher edits and whichever items
come and go beside it: a changed key is told as news, a shared one hides an item. Where a publisher's guids
keep neither promise, ``is_edit`` and ``is_rekeyed`` compare what two items tell.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

import idna

from monitor.records import KeyedItem, ParsedItem

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
LONGER = "+"
"""What parts a plain key from the text that tells apart the items which share it."""
_REWRITTEN = timedelta(days=2)
"""How far apart the dates of an article's versions may lie, if little else stays the same."""


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
    When the oldest leaves, the next is shown under its key, and found again by its ``other_key``.
    """
    plain = [item_key(item.guid, item.url, item.title, item.summary) for item in items]
    owners: dict[str, ParsedItem] = {}
    # Feeds run newest first, so of undated items the last is the oldest.
    for n in sorted(range(len(items)), key=lambda n: (items[n].published or _LAST, -n)):
        owners.setdefault(plain[n], items[n])
    return [
        key if _same(item, owners[key]) else longer_key(key, item)
        for key, item in zip(plain, items, strict=True)
    ]


def longer_key(key: str, item: ParsedItem) -> str:
    """Return the key of an item whose plain key belongs to another: it begins with that and ``LONGER``."""
    return f"{key}{LONGER}{_hashed('also', key, _page(item.url) or '', _told(item))[:16]}"


def other_key(key: str, item: ParsedItem) -> str:
    """Return the other key that an item may have been stored under: the longer of a plain one, or back."""
    plain, longer, _ = key.partition(LONGER)
    return plain if longer else longer_key(plain, item)


def same_text(before: ParsedItem, after: ParsedItem) -> bool:
    """Say whether two items tell the same to the letter, white space aside."""
    pairs = ((before.title, after.title), (before.summary, after.summary))
    return all(old == new or old.split() == new.split() for old, new in pairs)


def is_edit(before: ParsedItem, after: ParsedItem, *, shared: bool) -> bool:
    """Say whether what a key tells now is an edit of what it told ``before``, and not another item.

    ``shared`` means that different items have stood under the key side by side, so that it proves little.
    """
    if _same(after, before):
        return True
    if shared:
        return False
    page = _page(after.url)
    if page is not None and page == _page(before.url):
        return True
    return _close(before, after)


def headline(keyed: KeyedItem) -> str:
    """Return what an item and itself under another key have in common at the least."""
    return keyed.headline_key or _told(keyed.item).casefold()


def is_rekeyed(known: KeyedItem, shown: KeyedItem) -> bool:
    """Say whether an item under a new key is the one ``known`` under another, which is shown no more.

    ===========  ==============================================================================
    addresses    the headlines are the same, and so …
    ===========  ==============================================================================
    the same     is something else: the date, the summary, or five words or more of headline
    none         is the summary; if the headline is shorter and both dates are known, they too
    others       is the date, which both know; if the headline is shorter, the summary too
    ===========  ==============================================================================

    Short headlines recur ("Morning briefing", "Storm warning"), and what recurs is news. So do long ones
    ("Level 4: do not travel"): whatever the table says, either the dates lie no more than two days apart, as
    far as they are known, or there is a summary, and it is the same.
    """
    if headline(known) != headline(shown):
        return False
    telling = shown.headline_key is not None
    before, after = known.item, shown.item
    summary = before.summary.split() == after.summary.split()
    if not (_close(before, after) or (summary and before.summary)):
        return False
    date = before.published is not None and before.published == after.published
    if known.canonical_url is None and shown.canonical_url is None:
        return summary and (telling or date or None in (before.published, after.published))
    if known.canonical_url == shown.canonical_url:
        return telling or summary or date
    return date and (telling or summary)


def mark(url: str | None, title: str, summary: str, published: datetime | None) -> str:
    """Return what an item that has been removed is remembered by, 20 hexadecimal characters.

    No guid is part of it: a guid that comes back may mean another item, and an item may come back under
    another guid. The date is, where page and summary alone would also be those of a recurring headline.
    """
    page = _page(url)
    date = "" if published is None or (page and summary) else published.isoformat()
    return _hashed("mark", page or "", " ".join(title.split()), " ".join(summary.split()), date)[:20]


def _close(before: ParsedItem, after: ParsedItem) -> bool:
    if before.published is None or after.published is None:
        return True
    return abs(after.published - before.published) <= _REWRITTEN


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


def delivery_id(*told: str) -> str:
    """Return the id of a delivery, 26 letters and digits: the same for the same that is told to the same."""
    digest = hashlib.sha256("\0".join(told).encode()).digest()
    return base64.b32encode(digest).decode().lower()[:26]


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
