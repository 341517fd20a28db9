"""The nouns: what travels between the stages, and nothing else.

Frozen, keyword-only, aware UTC datetimes. No clock, no configuration, no I/O.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

Decision = Literal["alert", "quiet"]
Severity = Literal["error", "warning"]
DeliveryState = Literal["pending", "sending", "in_doubt", "sent", "failed"]


# --- what people asked for -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in a configuration file; line and column count from 1."""

    path: Path
    line: int
    column: int
    message: str
    severity: Severity = "error"

    def __str__(self) -> str:
        mark = "warning: " if self.severity == "warning" else ""
        return f"{self.path}:{self.line}:{self.column}: {mark}{self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSpec:
    """A feed as ``feeds.yaml`` asks for it; ``every`` already has its default filled in.

    ``paced`` is true when ``feeds.yaml`` itself names the interval, which then is kept to.
    """

    url: str
    name: str
    tags: frozenset[str]
    every: timedelta
    alert_backlog: timedelta
    full_text: bool = False
    paced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What someone asked for, with its defaults filled in from its watchlist.

    ``feeds`` holds feed tags and names, empty for all; ``cut`` is the score (0–100) from which an item
    matches; ``mention`` is ``here``, ``channel``, a user id, a group id or None.
    """

    id: str
    name: str
    watchlist: str
    about: tuple[str, ...]
    not_about: tuple[str, ...] = ()
    must_mention: tuple[str, ...] = ()
    never_mention: tuple[str, ...] = ()
    feeds: frozenset[str] = frozenset()
    cut: float
    channel: str
    mention: str | None = None
    relevant: tuple[str, ...] = ()
    irrelevant: tuple[str, ...] = ()


# --- poll ------------------------------------------------------------------------------------------


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
    items. ``last_item_at`` is when something new last appeared, ``expected_by`` when something should have
    at the latest; ``steady`` counts the documents since its guids were last seen to change.
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
    expected_by: datetime | None = None
    steady: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something about a feed that a person should know, and its cause in plain words."""

    kind: "TroubleKind"
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownTrouble:
    """A trouble on record, of one feed or (without name and address) of all at once."""

    id: int
    trouble: Trouble
    feed_name: str | None
    feed_url: str | None
    address: str | None
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

    ``push`` is how the feed's subscription stands at that moment, if there is one.
    """

    new: "tuple[KeyedItem, ...]" = ()
    edited: int = 0
    rekeyed: int = 0
    push: Push | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PollPlan:
    """What follows from a poll: when the next one is due, and what has been learned.

    ``begun`` are troubles that a person has to hear of, ``ended`` the kinds of those that are over. ``push``
    is what is thought of the feed's hub from now on, None for no change.
    """

    next_poll_at: datetime
    rhythm: Rhythm | None
    health: FeedHealth
    begun: tuple[Trouble, ...] = ()
    ended: "frozenset[TroubleKind]" = frozenset()
    push: Push | None = None


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
]
TroubleKind = FailureKind | Literal["moved", "silent", "undated", "churn", "blackout"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchFailed:
    """A poll that brought no document. ``message`` tells a person what happened, and the remedy if known."""

    kind: FailureKind
    message: str
    status: int | None = None
    retry_after: timedelta | None = None


FetchOutcome = Fetched | NotModified | FetchFailed


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


# --- score -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why an item got its score: the sentence of the topic that came closest, and the text it met.

    ``text`` is the headline, or the beginning of the passage that won over it.
    ``parts`` are the score's parts by name, in points; ``gate`` says why a rule of words kept the item out.
    """

    sentence: str
    text: str
    parts: Mapping[str, float]
    gate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How sure we are (0–100) that a subscriber of the topic wants the item."""

    item_id: int
    topic_id: str
    score: float
    matched: bool
    evidence: Evidence


# --- alert -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """An item that scored above a topic's cut, and waits for a decision."""

    item: Item
    score: Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """To tell or not to tell, and why; ``duplicate_of`` is the item that already told the story."""

    decision: Decision
    reason: str
    duplicate_of: int | None = None


# --- deliver ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Where a message landed: Slack's channel id and message timestamp."""

    channel: str
    ts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a person is told, before any channel's own markup; every field is plain text.

    ``also_in`` names the other feeds that showed the same item; ``mention`` is the topic's.
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
    also_in: tuple[str, ...] = ()


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


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A message for a channel; ``id`` is derived from what is told to whom, so it can exist only once."""

    id: str
    channel: str
    message: Message | Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message for one channel; ``attempt`` counts the tries that have begun."""

    id: str
    channel: str
    message: Message | Notice
    attempt: int
    first_try_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """The channel has the message."""

    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPosted:
    """The channel has not got the message, for certain.

    ``retry_after`` is how long the channel asked to be left alone. ``hopeless`` means that this very
    message will never be taken; anything else is worth another try.
    """

    reason: str
    retry_after: timedelta | None = None
    hopeless: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InDoubt:
    """Nobody can say whether the channel has got the message; only looking there can.

    ``retry_after`` is how long the channel asked to be left alone when it was looked at.
    """

    reason: str
    retry_after: timedelta | None = None


PostOutcome = Posted | NotPosted | InDoubt


# --- retention ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """How many old items there are to remove, and how much belongs to them."""

    items: int
    versions: int
    scores: int
    alerts: int
    deliveries: int


# --- subscribe -------------------------------------------------------------------------------------


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


# --- what people ask afterwards ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryStatus:
    """Where a delivery stands."""

    channel: str
    state: DeliveryState
    attempt: int
    last_error: str | None
    receipt: Receipt | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicHistory:
    """What one topic made of an item: its score, the decision (None while waiting) and the deliveries."""

    score: Score
    verdict: Verdict | None
    decided_at: datetime | None
    deliveries: tuple[DeliveryStatus, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What happened to one item."""

    item: Item
    scored_at: datetime | None
    topics: tuple[TopicHistory, ...]
