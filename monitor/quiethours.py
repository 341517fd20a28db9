"""When a channel is left alone, and until when. Pure.

Hours are those of the channel's wall clock. Twice a year that clock skips or repeats an hour; quiet that
begins or ends inside it has two readings, and counts in the one that makes it longer.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from monitor.records import Level, QuietHours

__all__ = ["held_until", "quiet_until"]

_DAY = timedelta(days=1)
_AHEAD = 8
"""Days: a week of quiet days in a row is followed to its end, and hours without an end stop somewhere."""


def held_until(hours: QuietHours | None, level: Level, now: datetime) -> datetime | None:
    """Return until when (UTC) a story of this level has to wait for the end of quiet hours, None if not."""
    if hours is None or (level == "urgent" and hours.urgent_passes):
        return None
    return quiet_until(hours, now)


def quiet_until(hours: QuietHours, now: datetime) -> datetime | None:
    """Return the end (UTC) of the quiet that holds at ``now`` (aware), None if it is not quiet.

    Quiet that follows on quiet at once, as a Sunday on a Saturday, is one.
    """
    until = now
    for begin, end in _spells(hours, now):
        if begin <= until < end:
            until = end
    return until if until > now else None


def _spells(hours: QuietHours, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    zone = ZoneInfo(hours.time_zone)
    today = now.astimezone(zone).date()
    overnight = _DAY if hours.end <= hours.begin else timedelta(0)
    for ahead in range(-2, _AHEAD):
        day = today + ahead * _DAY
        if day.weekday() in hours.days:
            begin, end = _readings(day, hours.begin, zone), _readings(day + overnight, hours.end, zone)
            yield min(begin), max(end)


def _readings(day: date, at: time, zone: ZoneInfo) -> list[datetime]:
    """Return the moments that a wall clock's time may mean: two where it is repeated or skipped."""
    local = datetime.combine(day, at, zone)
    return [local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)]
