"""Who is told where, and when they want to be left alone."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from monitor.records.sent import Level, Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A rule that sends stories to channels; every condition must hold, an absent one always does.

    ``topics`` are ids, ``watchlists`` names, ``tags`` those of feeds, of which one must have brought an item
    of the story. The story's highest score must lie from ``least_score`` to under ``most_score`` (100 counts
    as under 100), and it must have ``least_sources`` independent sources. ``instead`` of the topic's own
    channel, or besides it. None leaves the timing to the settings.
    """

    name: str
    channels: tuple[str, ...]
    topics: frozenset[str] = frozenset()
    watchlists: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    least_score: float = 0.0
    most_score: float = 100.0
    least_sources: int = 1
    level: Level = "routine"
    mention: str | None = None
    instead: bool = False
    wait_before_first: timedelta | None = None
    update_every: timedelta | None = None
    remind_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A channel that a story goes to. ``route`` names the rule, None for the topic's own channel.

    ``remind_after`` is None where nobody is reminded.
    """

    channel: str
    level: Level
    mention: str | None
    wait_before_first: timedelta
    update_every: timedelta
    remind_after: timedelta | None
    route: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """When a channel is left alone, on ``days`` (0 is Monday) on which they begin; may pass midnight.

    ``begin`` and ``end`` alike are a whole day. ``time_zone`` is an IANA name. ``urgent_passes``: urgent
    stories are told all the same.
    """

    begin: time
    end: time
    time_zone: str
    days: frozenset[int] = frozenset(range(7))
    urgent_passes: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestPlan:
    """When a channel gets its digest; ``weekday`` (0 is Monday) counts for weekly ones only."""

    period: Period
    at: time
    time_zone: str
    weekday: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPlan:
    """What a channel asks for beside its stories."""

    channel: str
    quiet_hours: QuietHours | None = None
    digests: tuple[DigestPlan, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A mute with an end, an author and a reason; every condition that is set must hold.

    ``feed`` is a feed's name or tag; ``term`` is a word or phrase in headline or summary.
    """

    id: int
    topic_id: str | None
    feed: str | None
    term: str | None
    until: datetime
    author: str
    reason: str
    created_at: datetime
    ended_at: datetime | None = None
