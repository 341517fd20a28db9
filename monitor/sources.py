"""Who really reported a story: how many independent sources its items come from. Pure.

    copies of one another ──► one origin: the agency that signed any of them, else the earliest's owner

An outlet is the registrable domain of an address (in Google News the source that the headline ends with), and
outlets of one owner count once. ``owners.toml`` has the owners and the agencies; what is not in it stands
for itself.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from tld import get_fld

from monitor.copies import Triples, shared, triples
from monitor.passages import item_text
from monitor.records import Item

__all__ = ["Origin", "independent", "names", "origins", "outlet"]

_COPY = 0.5
"""Looser than for grouping: the story is the same already."""
_BEGINNING, _END = 120, 80
"""Characters at both ends of a text in which a signature is looked for."""
_GOOGLE_NEWS = "news.google.com"
_FILE = Path(__file__).with_name("owners.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an item's report comes from: an agency, an owner, or an outlet that stands for itself.

    ``reason`` is ``agency``, ``owner`` or ``outlet``. ``copy_of`` is the earliest item with its text, None if
    it is that itself.
    """

    item_id: int
    name: str
    reason: str
    copy_of: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """Owners by domain, agencies by domain and by signature; how texts and bylines are signed."""

    owners: Mapping[str, str]
    agencies: Mapping[str, str]
    signatures: Mapping[str, str]
    signed: re.Pattern[str]
    byline: re.Pattern[str]


def outlet(item: Item) -> str:
    """Return who published an item: a domain, in Google News a name; the host where it has no domain."""
    host = _host(item.url) or _host(item.feed_url)
    if host == _GOOGLE_NEWS:
        _, dash, source = item.title.rpartition(" - ")
        return source.strip().casefold() if dash and source.strip() else host
    domain = get_fld(f"https://{host}", fail_silently=True) if host else None
    return domain or host


def origins(items: Sequence[Item]) -> tuple[Origin, ...]:
    """Return the origins of a story's items, in the order in which they were first seen."""
    groups = _groups(sorted(items, key=lambda item: (item.first_seen, item.id)))
    found = []
    for group in groups:
        name, reason = _origin(group)
        for item in group:
            copied = None if item is group[0] else group[0].id
            found.append((item, Origin(item_id=item.id, name=name, reason=reason, copy_of=copied)))
    found.sort(key=lambda pair: (pair[0].first_seen, pair[0].id))
    return tuple(origin for _, origin in found)


def independent(found: Sequence[Origin]) -> int:
    """Return the number of independent sources among origins."""
    return len(names(found))


def names(found: Sequence[Origin]) -> tuple[str, ...]:
    """Return the independent sources among origins, in the order of their first appearance."""
    return tuple(dict.fromkeys(of.name for of in found))


def _groups(items: Sequence[Item]) -> list[list[Item]]:
    """Return items with their copies, each group led by its earliest."""
    groups = list[tuple[Triples, list[Item]]]()
    for item in items:
        text = triples(item_text(item.title, item.summary))
        for first, group in groups:
            same_headline = item.headline_key is not None and item.headline_key == group[0].headline_key
            if same_headline or shared(text, first) >= _COPY:
                group.append(item)
                break
        else:
            groups.append((text, [item]))
    return [group for _, group in groups]


def _origin(group: Sequence[Item]) -> tuple[str, str]:
    """Return whose report these copies are, and how that is known."""
    agency = next(filter(None, map(_agency, group)), None)
    if agency is not None:
        return agency, "agency"
    name = outlet(group[0]) or group[0].feed_name
    owner = _table().owners.get(name)
    return (name, "outlet") if owner is None else (owner, "owner")


def _agency(item: Item) -> str | None:
    """Return the agency whose item this is, or that it is signed with."""
    table = _table()
    own = table.agencies.get(outlet(item))
    if own is not None:
        return own
    signed = table.byline.search(item.author or "")
    for text in (item.title, item.summary, item.full_text or ""):
        signed = signed or table.signed.search(_ends(text))
    return table.signatures[signed["name"].casefold()] if signed else None


def _ends(text: str) -> str:
    return text if len(text) <= _BEGINNING + _END else f"{text[:_BEGINNING]}\n{text[-_END:]}"


@cache
def _table() -> _Table:
    told = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    agencies = told["agencies"].items()
    signatures = {sign.casefold(): name for name, of in agencies for sign in of["signed"]}
    names = "|".join(re.escape(sign) for _, of in agencies for sign in of["signed"])
    return _Table(
        owners={domain: name for name, domains in told["owners"].items() for domain in domains},
        agencies={domain: name for name, of in agencies for domain in of["domains"]},
        signatures=signatures,
        # Only what signs a text: a report that quotes an agency is still the outlet's own.
        signed=re.compile(rf"(?:\((?=(?:{names})\))|[-–—|/] (?=(?:{names})\W*$))(?P<name>{names})"),
        byline=re.compile(rf"\b(?P<name>{names})\b"),
    )


def _host(url: str | None) -> str:
    try:
        return (urlsplit(url or "").hostname or "").rstrip(".")
    except ValueError:
        return ""
