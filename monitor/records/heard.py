"""What people say back, and how a conversation with a channel ends."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

FeedbackKind = Literal["ack", "vote_up", "vote_down"]
FeedbackOutcome = Literal["recorded", "known", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What a person says of a message, by a button or a reaction.

    ``by`` is the person's id, ``by_name`` what the channel calls them, if it says so. The message stands
    where ``channel_id`` and ``ts`` say; a button also carries its ``delivery_id``. ``at`` is when the person
    did it, and the same each time that the channel sends it; ``envelope_id`` is of one sending.
    """

    kind: FeedbackKind
    by: str
    by_name: str | None
    channel_id: str
    ts: str
    delivery_id: str | None
    at: datetime
    envelope_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HungUp:
    """A connection that people were heard over has ended, or none came about.

    ``retry_after`` is how long the channel asked to be left alone.
    """

    reason: str
    retry_after: timedelta | None = None
