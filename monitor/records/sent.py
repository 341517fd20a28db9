"""Messages, and what became of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

DeliveryState = Literal["pending", "sending", "in_doubt", "sent", "failed"]


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
