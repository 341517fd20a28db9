"""What polling knows of feeds: how they fare, what came, and what follows."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from monitor.records.configured import FeedSpec
from monitor.records.items import KeyedItem, ParsedItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A feed as the database knows it: what was asked for, and how polling it has gone.

    ``first_polled_at`` is the first *successful* poll; until then the feed's items are its backlog.
    ``troubles`` are the kinds of those that have not ended.
    """

    id: int
    spec: FeedSpec
    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None
    next_poll_at: datetime
    first_polled_at: datetime | None = None
    last_polled_at: datetime | None = None
    last_success_at: datetime | None = None
    rhythm: "Rhythm | None" = None
    health: "FeedHealth" = field(default_factory=lambda: FeedHealth())
    troubles: frozenset["TroubleKind"] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """When a feed publishes: items by UTC hour of the day over ``days`` watched until ``seen_to``."""

    counts: tuple[float, ...]
    days: float
    seen_to: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHealth:
    """How polling a feed has gone of late.

    ``failures`` counts those since the last good poll, and ``weight`` is how heavy they are together;
    ``failure`` and ``last_error`` are kind and message of the last one. ``address`` is where the feed is
    asked since it has moved, if not at its own; ``moved_to`` is where it has pointed ``moved_times`` in a
    row. ``whole_at`` is when a whole document last came, and ``mistrusted_at`` when a 304 was caught hiding
    items. ``last_item_at`` is when something new last appeared, ``longest_gap`` the seconds that this has
    taken at most of late, ``expected_by`` when something should appear at the latest; ``steady`` counts the
    documents since its guids were last seen to change.
    """

    failures: int = 0
    weight: float = 0.0
    failure: "FailureKind | None" = None
    last_error: str | None = None
    address: str | None = None
    moved_to: str | None = None
    moved_times: int = 0
    whole_at: datetime | None = None
    mistrusted_at: datetime | None = None
    last_item_at: datetime | None = None
    longest_gap: float | None = None
    expected_by: datetime | None = None
    steady: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something about a feed or channel that a person should know, and its cause in plain words."""

    kind: "TroubleKind"
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTrouble:
    """A trouble on record: of one feed, of one channel, or (without either) of all feeds at once."""

    id: int
    trouble: Trouble
    feed_name: str | None
    feed_url: str | None
    channel: str | None
    began_at: datetime
    told_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """How far a feed's hub can be relied on to say when there is news.

    It has promised to until ``lease_until``; None: it has not, or takes that back. ``pinged_at`` is when it
    last did, if no poll has answered that yet. ``trusted`` means that a ping has led to news, and that since
    then no poll has found news that it had kept quiet about.
    """

    lease_until: datetime | None = None
    pinged_at: datetime | None = None
    trusted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a document changed: the items never shown before, and how many were edited or re-keyed.

    ``put_off`` counts edits that are not followed yet, so that the document has to come again. ``push`` is
    how the feed's subscription stands at that moment, if there is one.
    """

    new: "tuple[KeyedItem, ...]" = ()
    edited: int = 0
    rekeyed: int = 0
    put_off: int = 0
    push: Push | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PollPlan:
    """What follows from a poll: when the next one is due, and what has been learned.

    ``begun`` are troubles that a person has to hear of, ``ended`` the kinds of those that are over, and
    ``replaced`` of those whose end is not worth telling. ``push`` is what is thought of the feed's hub from
    now on, None for no change.
    """

    next_poll_at: datetime
    rhythm: Rhythm | None
    health: FeedHealth
    begun: tuple[Trouble, ...] = ()
    ended: "frozenset[TroubleKind]" = frozenset()
    replaced: "frozenset[TroubleKind]" = frozenset()
    push: Push | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PollHints:
    """How long a feed asks to be left alone between polls, a day at most, and which of its hints said so."""

    min_interval: timedelta
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A poll that brought a readable document, with or without items.

    ``format`` is the parser's word for it (``rss20``, ``atom10``, …), ``title`` the feed's own name, empty if
    it tells none; ``body_hash`` is the SHA-256 of the decompressed body, hexadecimal. ``moved_to`` is where
    permanent redirects have led; ``hub`` and ``self_url`` are the WebSub hub and the address it knows the
    feed by. ``denied`` means that a moment before, asked whether anything had changed, the server said no.
    """

    items: tuple[ParsedItem, ...]
    format: str
    title: str = ""
    etag: str | None
    last_modified: str | None
    body_hash: str
    hints: PollHints | None = None
    moved_to: str | None = None
    hub: str | None = None
    self_url: str | None = None
    denied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NotModified:
    """A poll that brought nothing new: HTTP 304, or the very body of last time.

    ``hints`` are those of the headers alone; what the document said holds on from when it was read.
    ``whole`` means that the body itself came.
    """

    etag: str | None
    last_modified: str | None
    hints: PollHints | None = None
    moved_to: str | None = None
    whole: bool = False


Trust = Literal["full", "verify", "none"]
"""How far a server is believed that nothing has changed: as it is, if its document agrees, not at all."""


FailureKind = Literal[
    "address",
    "connect",
    "timeout",
    "tls",
    "redirect",
    "http",
    "gone",
    "challenge",
    "login",
    "size",
    "empty",
    "html",
    "parse",
    "hang",
    "fault",
]


TroubleKind = FailureKind | Literal["moved", "silent", "undated", "churn", "blackout", "channel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchFailed:
    """A poll that brought no document. ``message`` tells a person what happened, and the remedy if known."""

    kind: FailureKind
    message: str
    status: int | None = None
    retry_after: timedelta | None = None


FetchOutcome = Fetched | NotModified | FetchFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A feed's subscription to its ``topic`` at its WebSub hub; not ``wanted``: one on its way out.

    ``callback`` is our address that only this hub knows, ``secret`` what it signs pings with. ``asks`` counts
    the requests since it last verified anything, ``forged`` the pings ignored because their signature was
    wrong or absent; ``last_error`` is why the hub did not take the last request.
    """

    id: int
    feed_name: str
    feed_url: str
    hub: str
    topic: str
    callback: str = field(repr=False)
    secret: str = field(repr=False)
    wanted: bool
    asks: int
    forged: int
    last_error: str | None
    push: Push
