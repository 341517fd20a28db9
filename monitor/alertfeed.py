"""What a watchlist's topics were told, as an Atom feed and as a JSON Feed for other tools. Pure.

One entry per story. Its id stays the same while the story grows; its ``updated`` follows the story.
"""

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

from monitor.records import Item, ToldStory, Topic
from monitor.sources import names, origins
from monitor.text import clean

__all__ = ["ATOM", "JSON", "AlertFeed", "Entry", "alert_feed", "as_atom", "as_json_feed", "slugs"]

ATOM, JSON = "alerts.atom", "alerts.json"
"""What the two feeds of a watchlist are called, behind its slug."""

_TAG = "tag:news-monitor.invalid,2026:"
"""What all ids begin with: the same whatever address the service is reached at."""
_NAMESPACE = "http://www.w3.org/2005/Atom"
_LONGEST_SLUG = 60
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A story as feeds tell it, every text plain, with the item that it was told with.

    ``facts`` is what is known of the story, ``text`` the item's own, if it has one; ``score`` is the highest
    of the story's items, and ``tags`` are those of their feeds.
    """

    id: str
    story_id: int | None
    topic: Topic
    title: str
    url: str | None
    source: str
    told_at: datetime
    updated: datetime
    facts: str
    text: str
    score: float
    sources: tuple[str, ...]
    items: int
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFeed:
    """The feed of a watchlist, below ``address``; ``updated`` is when anything in it last changed."""

    name: str
    slug: str
    address: str
    updated: datetime
    entries: tuple[Entry, ...]


def slugs(watchlists: Iterable[str]) -> dict[str, str]:
    """Return the names of watchlists by what stands for each in an address; the order does not matter."""
    plain = {name: _slug(name) for name in watchlists}
    taken = Counter(plain.values())
    # Two that come out alike are both told apart, for neither may take over the other's address.
    return {
        slug if slug and taken[slug] == 1 else f"{slug or 'watchlist'}-{_short_hash(name)}": name
        for name, slug in plain.items()
    }


def _slug(name: str) -> str:
    ascii_ = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_)[:_LONGEST_SLUG].strip("-")


def _short_hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:6]


def alert_feed(
    name: str,
    slug: str,
    address: str,
    told: Sequence[ToldStory],
    topics: Mapping[str, Topic],
    regrouped_at: datetime | None,
) -> AlertFeed:
    """Return the feed of these stories, in their order; ``topics`` has the topic of each by its id."""
    entries = tuple(_entry(story, topics[story.topic_id]) for story in told)
    changes = [regrouped_at or _NEVER, *(entry.updated for entry in entries)]
    return AlertFeed(name=clean(name), slug=slug, address=address, updated=max(changes), entries=entries)


def _entry(story: ToldStory, topic: Topic) -> Entry:
    items = [match.item for match in story.matches]
    item, sources = story.first.item, names(origins(items))
    score = max(match.score.score for match in story.matches)
    facts = clean(_facts(story, topic, score, sources))
    kind, number = ("item", item.id) if story.id is None else ("story", story.id)
    return Entry(
        id=f"{_TAG}{topic.id}/{kind}/{number}",
        story_id=story.id,
        topic=topic,
        title=clean(item.title) or "(no title)",
        url=item.url and clean(item.url),
        source=clean(item.feed_name),
        told_at=story.told_at,
        updated=max(story.told_at, *map(_changed_at, items)),
        facts=facts,
        text=clean(item.summary) or facts,
        score=score,
        sources=sources,
        items=len(items),
        tags=tuple(sorted({clean(tag) for of in items for tag in of.feed_tags})),
    )


def _changed_at(item: Item) -> datetime:
    return item.edited_at or item.first_seen


def _facts(story: ToldStory, topic: Topic, score: float, sources: Sequence[str]) -> str:
    counted = "1 source" if len(sources) == 1 else f"{len(sources)} independent sources"
    items = "1 item" if len(story.matches) == 1 else f"{len(story.matches)} items"
    facts = f"{topic.name}: score {score:.0f}, {items} from {counted} ({', '.join(sources)})."
    return f"{facts} Close to “{story.first.score.evidence.sentence}”."


def as_atom(feed: AlertFeed) -> bytes:
    """Return the feed as an Atom document."""
    root = ElementTree.Element("feed", xmlns=_NAMESPACE)
    _child(root, "id", f"{_TAG}{feed.slug}")
    _child(root, "title", f"{feed.name}: alerts")
    _child(root, "updated", _written(feed.updated))
    _child(root, "link", rel="self", type="application/atom+xml", href=f"{feed.address}/{ATOM}")
    _child(ElementTree.SubElement(root, "author"), "name", "monitor")
    for entry in feed.entries:
        _atom_entry(ElementTree.SubElement(root, "entry"), entry)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _atom_entry(element: ElementTree.Element, entry: Entry) -> None:
    _child(element, "id", entry.id)
    _child(element, "title", entry.title)
    if entry.url:
        _child(element, "link", rel="alternate", href=entry.url)
    _child(element, "published", _written(entry.told_at))
    _child(element, "updated", _written(entry.updated))
    _child(ElementTree.SubElement(element, "author"), "name", entry.source)
    _child(element, "category", term=entry.topic.id, label=clean(entry.topic.name))
    for tag in entry.tags:
        _child(element, "category", term=tag)
    _child(element, "summary", entry.facts)
    _child(element, "content", entry.text)


def _child(parent: ElementTree.Element, name: str, text: str = "", **attributes: str) -> None:
    ElementTree.SubElement(parent, name, attributes).text = text


def as_json_feed(feed: AlertFeed) -> bytes:
    """Return the feed as a JSON Feed 1.1; ``_monitor`` holds what a program would otherwise have to parse."""
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": f"{feed.name}: alerts",
        "feed_url": f"{feed.address}/{JSON}",
        "authors": [{"name": "monitor"}],
        "items": [_json_item(entry) for entry in feed.entries],
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def _json_item(entry: Entry) -> dict[str, Any]:
    address = {"url": entry.url} if entry.url else {}
    return {
        "id": entry.id,
        **address,
        "title": entry.title,
        "summary": entry.facts,
        "content_text": entry.text,
        "date_published": _written(entry.told_at),
        "date_modified": _written(entry.updated),
        "authors": [{"name": entry.source}],
        "tags": [entry.topic.id, *entry.tags],
        "_monitor": {
            "topic": entry.topic.id,
            "story": entry.story_id,
            "score": round(entry.score, 1),
            "sources": entry.sources,
            "items": entry.items,
        },
    }


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
