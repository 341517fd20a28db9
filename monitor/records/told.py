"""What people ask afterwards."""

from dataclasses import dataclass
from datetime import datetime

from monitor.records.items import Item
from monitor.records.judged import Match, Score, Verdict
from monitor.records.sent import Content, DeliveryKind, DeliveryState, Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryStatus:
    """Where a delivery stands."""

    channel: str
    kind: DeliveryKind
    state: DeliveryState
    attempt: int
    last_error: str | None
    receipt: Receipt | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsentDelivery:
    """A delivery that is not in its channel, or not for certain; ``not_before`` None: it may go."""

    id: str
    message: Content
    status: DeliveryStatus
    created_at: datetime
    not_before: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryPlace:
    """An item's place in a story of so many ``items``, which the item with ``headline`` opened.

    ``reason`` is one of grouping's; ``like`` is the headline of the item that it is most like, of this story
    or of one that it was kept apart from, and ``score`` (0–100) how sure that is.
    """

    story_id: int
    items: int
    headline: str
    reason: str
    score: float
    like: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicHistory:
    """What one topic made of an item: its score, the decision (None while waiting), its story, and the
    deliveries that tell the story."""

    score: Score
    verdict: Verdict | None
    decided_at: datetime | None
    story: StoryPlace | None
    deliveries: tuple[DeliveryStatus, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What happened to one item."""

    item: Item
    scored_at: datetime | None
    topics: tuple[TopicHistory, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What was made of an item for a topic; ``guid`` is its feed's. Undecided, the last two are None."""

    guid: str | None
    score: Score
    verdict: Verdict | None
    story_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryItem:
    """An item of a story, and why it is there (one of grouping's reasons), with how sure that is (0–100).

    ``like`` is the id of the item that it is most like, of this story or of one that it was kept apart from.
    """

    match: Match
    reason: str
    certainty: float
    like: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryHistory:
    """A story with its items, the first seen first, and the channels that have a post of it."""

    id: int
    topic_id: str
    opened_at: datetime
    touched_at: datetime
    items: tuple[StoryItem, ...]
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldStory:
    """A story that a topic's subscribers were told of: its matches, the first seen first.

    It was told with the match ``first``, at ``told_at``. Without an id it is one item that was told before
    there were stories.
    """

    id: int | None
    topic_id: str
    told_at: datetime
    first: Match
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStory:
    """A story as a channel was told of it: how many items tell it by now, and the highest of their scores."""

    id: int
    topic_id: str
    told_at: datetime
    items: int
    score: float
