"""Silences by hand: made, listed and ended beside a running service."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from monitor.configuration import Configuration
from monitor.errors import MonitorError
from monitor.records import Silence
from monitor.silencing import is_active, silenced_by
from monitor.storage import Storage, open_storage

__all__ = [
    "LOOK_BACK",
    "Muted",
    "add_silence",
    "end_silence",
    "known_silences",
    "moment",
    "silence_lines",
    "silence_row",
]

LOOK_BACK = timedelta(days=7)
"""How far back it is looked what a new silence would have muted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Muted:
    """A new silence, and how many of the last week's ``matches`` it would have ``muted``."""

    silence: Silence
    muted: int
    matches: int


def add_silence(
    config: Configuration,
    *,
    topic_id: str | None,
    feed: str | None,
    term: str | None,
    until: datetime,
    author: str,
    reason: str,
    now: datetime,
) -> Muted:
    """Store a silence; StorageError if there is no database yet."""
    with _opened(config) as storage:
        silence = storage.silences.add(
            topic_id=topic_id, feed=feed, term=term, until=until, author=author, reason=reason, now=now
        )
    # Without a hold on the service's writing: this may take a moment.
    with _opened(config, read_only=True) as storage:
        covered = [
            silenced_by(match.item, match.score.topic_id, [silence], now) is not None
            for match in storage.review.matches(now - LOOK_BACK)
        ]
    return Muted(silence=silence, muted=sum(covered), matches=len(covered))


def end_silence(config: Configuration, silence_id: int, now: datetime) -> Silence:
    """End a silence before its time; MonitorError if there is none that is active."""
    with _opened(config) as storage:
        ended = storage.silences.end(silence_id, now)
    if ended is None:
        raise MonitorError(f"there is no active silence {silence_id}; `monitor silence list` shows them")
    return ended


def known_silences(config: Configuration, now: datetime, *, past: bool) -> list[Silence]:
    """Return the silences that hold, or with ``past`` all there have been, the oldest first."""
    with _opened(config, read_only=True) as storage:
        return storage.silences.silences() if past else storage.silences.active(now)


def moment(written: str, now: datetime) -> datetime:
    """Read a time to come, UTC where it names no zone; ValueError if it is none."""
    try:
        read = datetime.fromisoformat(written.strip())
        until = (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{written} is not a time; write it as 2026-12-01T08:00 or 2026-12-01T08:00+01:00"
        ) from None
    if until <= now:
        raise ValueError(f"{written} is in the past")
    return until


def silence_lines(silences: Sequence[Silence], now: datetime) -> list[str]:
    """Return silences as text, a line each."""
    return [
        f"{silence.id:>5}  {_state(silence, now)}  {_conditions(silence)}  "
        f"({silence.author}: {silence.reason})"
        for silence in silences
    ] or ["no silences"]


def silence_row(silence: Silence, now: datetime) -> Mapping[str, Any]:
    """Return a silence as plain JSON values."""
    row = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(silence).items()
    }
    row["topic"] = row.pop("topic_id")
    return row | {"active": is_active(silence, now)}


def _state(silence: Silence, now: datetime) -> str:
    if silence.ended_at is not None:
        return f"ended {silence.ended_at:%Y-%m-%d %H:%M} UTC"
    return f"{'until' if is_active(silence, now) else 'over since'} {silence.until:%Y-%m-%d %H:%M} UTC"


def _conditions(silence: Silence) -> str:
    named = {"topic": silence.topic_id, "feed": silence.feed, "term": silence.term and f"“{silence.term}”"}
    return ", ".join(f"{name} {value}" for name, value in named.items() if value)


@contextmanager
def _opened(config: Configuration, *, read_only: bool = False) -> Iterator[Storage]:
    # A service that is running need not be stopped: it asks for the silences that hold before it decides.
    storage = open_storage(config.settings.storage.url, read_only=read_only, guest=not read_only)
    try:
        yield storage
    finally:
        storage.close()
