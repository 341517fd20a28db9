"""Messages, and what became of them.

A *post* stands in a channel by itself; a *reply* goes into its thread, and may be shown in the channel too
(``broadcast``); an *edit* replaces what it says.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

DeliveryState = Literal["pending", "sending", "in_doubt", "sent", "failed"]
DeliveryKind = Literal["post", "reply", "edit"]
Level = Literal["routine", "urgent"]
ListingWhy = Literal["burst", "late", "held"]
Period = Literal["daily", "weekly"]

STORIES_PER_PAGE = 20
"""Of a list: as many as fit into one message of Slack's with their addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Where a message landed: Slack's channel id and message timestamp."""

    channel: str
    ts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An item as one line of a message; every text is plain. ``sources`` counts those of its story."""

    topic_name: str
    title: str
    url: str | None
    source: str
    published: datetime | None
    first_seen: datetime
    score: float
    sources: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A story as a channel is told of it, before any channel's own markup; every text is plain.

    The item named is the first that told it. ``sources`` are the independent ones, in order of appearance;
    ``items`` counts all items; ``latest`` is the last one, None if it is the first; ``score`` is the
    highest. ``mention`` is the route's or the topic's.
    """

    topic_name: str
    watchlist: str
    title: str
    url: str | None
    source: str
    published: datetime | None
    first_seen: datetime
    score: float
    cut: float
    summary: str
    sentence: str
    author: str | None = None
    mention: str | None = None
    level: Level = "routine"
    sources: tuple[str, ...] = ()
    items: int = 1
    latest: Entry | None = None
    acknowledged_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What followed in a story, for its thread. ``reason`` is one of policy's, that of the weightiest entry.

    ``title`` is the story's headline; ``sources`` counts the independent ones by now.
    """

    topic_name: str
    title: str
    reason: str
    entries: tuple[Entry, ...]
    sources: int
    score: float
    level: Level = "routine"
    mention: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Many stories in one message, and why they are not told one by one.

    A long one goes on in its thread: ``page`` counts from 0, the message itself; ``total`` counts the
    stories of all pages, and ``counts`` those of each topic by its name (on page 0; where there is but one
    page, its stories say it). ``since`` is when the first was found, ``until`` when the last was.
    ``alone`` is the first story's own message, which is sent if no other joins it.
    """

    why: ListingWhy
    stories: tuple[Entry, ...]
    total: int
    since: datetime
    until: datetime
    page: int = 0
    counts: tuple[tuple[str, int], ...] = ()
    alone: Message | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicCount:
    """What a topic came to in a period: the stories that a channel was told, and the items that tell them.

    ``per_day`` counts its stories of the seven days up to the period's end, the oldest first.
    """

    topic_name: str
    stories: int
    items: int
    per_day: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What a channel's topics came to in a day or week: counts, top stories, and what just missed.

    ``since`` and ``until`` are in the channel's time zone, ``time_zone`` is its name. ``items_read`` counts
    what all feeds brought: where nothing matched, it says that somebody was looking.
    """

    period: Period
    since: datetime
    until: datetime
    time_zone: str
    topics: tuple[TopicCount, ...]
    top: tuple[Entry, ...]
    near_misses: tuple[Entry, ...]
    items_read: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """That nobody has acknowledged an urgent story yet; ``count`` is the how manieth time this is said."""

    topic_name: str
    title: str
    told_at: datetime
    count: int
    mention: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeEntry:
    """One thing that those who run the service are told; every field is plain text.

    ``over`` says that it is the end of what they were told before.
    """

    subject: str
    url: str | None
    over: bool
    text: str
    remedy: str | None
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What those who run the service are told, before any channel's own markup."""

    entries: tuple[NoticeEntry, ...]


Content = Message | Update | Listing | Digest | Reminder | Notice


def as_sent(message: Content) -> Content:
    """Return what is really sent: a list that has stayed with one story is that story's own message."""
    if isinstance(message, Listing) and message.total == 1 and message.alone is not None:
        return message.alone
    return message


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A message for a channel; ``id`` is derived from what is told to whom, so it can exist only once.

    ``parent_id`` is the delivery whose thread a reply goes into, or that an edit changes. ``not_before`` is
    when it may go, None for at once; ``broadcast`` has a reply shown in the channel too.
    """

    id: str
    channel: str
    message: Content
    kind: DeliveryKind = "post"
    parent_id: str | None = None
    broadcast: bool = False
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message for one channel; ``attempt`` counts the tries that have begun.

    ``parent`` is where the message landed that a reply goes under, or that an edit changes; None for a post.
    """

    id: str
    channel: str
    message: Content
    attempt: int
    first_try_at: datetime | None
    kind: DeliveryKind = "post"
    parent: Receipt | None = None
    broadcast: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resent:
    """A delivery that took several attempts, the copy of it that is known, and since when it is."""

    delivery: Delivery
    receipt: Receipt
    settled_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """The channel has the message."""

    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPosted:
    """The channel has not got the message, for certain.

    ``retry_after`` is how long the channel asked to be left alone. ``hopeless`` means that this very
    message will never be taken; anything else is worth another try. ``remedy`` is what a person has to do
    before the channel takes any message, None where waiting may help.
    """

    reason: str
    retry_after: timedelta | None = None
    hopeless: bool = False
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InDoubt:
    """Nobody can say whether the channel has got the message; only looking there can.

    ``retry_after`` is how long the channel asked to be left alone when it was looked at; ``remedy`` is what
    a person has to do before anybody can look.
    """

    reason: str
    retry_after: timedelta | None = None
    remedy: str | None = None


PostOutcome = Posted | NotPosted | InDoubt
