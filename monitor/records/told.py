"""What people ask afterwards."""

from dataclasses import dataclass
from datetime import datetime

from monitor.records.items import Item
from monitor.records.judged import Score, Verdict
from monitor.records.sent import DeliveryState, Receipt


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What was made of an item for a topic; ``guid`` is its feed's. Undecided, ``verdict`` is None.

    ``duplicate_of`` is the guid of the item that told the story before.
    """

    guid: str | None
    score: Score
    verdict: Verdict | None
    duplicate_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldStory:
    """A story as a channel was told of it: how many items tell it by now, and the highest of their scores."""

    id: int
    topic_id: str
    told_at: datetime
    items: int
    score: float
