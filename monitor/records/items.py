"""Published pieces, as feeds show them and as they are stored."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedItem:
    """One published piece as a feed showed it, cleaned to plain text; ``published`` may be unknown."""

    guid: str | None
    url: str | None
    title: str
    summary: str
    author: str | None = None
    published: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """The text of an item's own page, paragraphs parted by line breaks, without what surrounds them."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoArticle:
    """An item's page that gave no text: why, for a person, and whether another try may fare better."""

    reason: str
    temporary: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedItem:
    """A parsed item with what makes it the same one: within its feed (``key``) and across feeds."""

    item: ParsedItem
    key: str
    canonical_url: str | None
    headline_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A stored item. ``key`` identifies it within its feed; ``backlog`` marks the feed's first poll.

    ``full_text`` is what was read of its page; ``full_text_missing`` says why nothing was, if it was wanted.
    ``edited_at`` is when its publisher's last edit was seen, if there was one.
    """

    id: int
    feed_id: int
    feed_url: str
    feed_name: str
    feed_tags: frozenset[str]
    key: str
    guid: str | None
    url: str | None
    canonical_url: str | None
    headline_key: str | None
    title: str
    summary: str
    author: str | None
    published: datetime | None
    first_seen: datetime
    backlog: bool
    alert_backlog: timedelta
    full_text: str | None = None
    full_text_missing: str | None = None
    edited_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """How many old items there are to remove, and how much belongs to them."""

    items: int
    versions: int
    scores: int
    alerts: int
    deliveries: int
