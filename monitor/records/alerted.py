"""What a decision does: which story an item is in, and what each channel is told of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.records.items import Item
from monitor.records.judged import Verdict
from monitor.records.sent import Content, DeliveryKind, Level, NewDelivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """An item's place in a story; ``story_id`` is None for a new one.

    ``reason`` is one of grouping's; ``like_id`` is the item that it is most like, of this story or of one
    that it was kept apart from, and ``score`` (0–100) how sure that is.
    """

    story_id: int | None
    reason: str
    score: float
    like_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredItem:
    """An item of a story, with its score for the topic."""

    item: Item
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A story in a channel: the delivery that it is told in, and what was known when it was last loud.

    Loud is what the channel itself shows: the post, and broadcasts from its thread. ``remind_at`` is when
    readers are reminded, every ``remind_after``, until somebody acknowledges it.
    """

    channel: str
    delivery_id: str
    level: Level
    told_at: datetime
    loud_at: datetime
    loud_sources: int
    loud_score: float
    loud_toll: int
    remind_at: datetime | None = None
    remind_after: timedelta | None = None
    reminders: int = 0
    acked_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A delivery in the outbox as the alert stage may see it again; ``untried``: it can be rewritten."""

    id: str
    kind: DeliveryKind
    message: Content
    broadcast: bool
    not_before: datetime | None
    created_at: datetime
    untried: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """What an untried delivery says instead, and when it goes."""

    delivery_id: str
    message: Content
    broadcast: bool
    not_before: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All that follows from a match; recorded at once, or not at all."""

    verdict: Verdict
    membership: Membership | None = None
    deliveries: tuple[NewDelivery, ...] = ()
    rewrites: tuple[Rewrite, ...] = ()
    posts: tuple[Post, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A decision on record; ``story_id`` is that of the match's story, None if it has none."""

    story_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueReminder:
    """A post whose readers are to be reminded now."""

    story_id: int
    topic_id: str
    post: Post
