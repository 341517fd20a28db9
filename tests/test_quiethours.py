"""Quiet hours: across midnight, on the days on which they begin, and when the clock itself jumps."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from monitor.quiethours import held_until, quiet_until
from monitor.records import QuietHours

LONDON = "Europe/London"
MON, TUE, SAT, SUN = 0, 1, 5, 6


def hours(
    begin: str, end: str, *days: int, time_zone: str = LONDON, urgent_passes: bool = True
) -> QuietHours:
    return QuietHours(
        begin=time.fromisoformat(begin),
        end=time.fromisoformat(end),
        time_zone=time_zone,
        days=frozenset(days or range(7)),
        urgent_passes=urgent_passes,
    )


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NIGHT = hours("22:00", "07:00")
LUNCH = hours("12:00", "13:00")
WEEKEND = hours("00:00", "00:00", SAT, SUN)


# 20 November 2026 is a Friday.
@pytest.mark.parametrize(
    ("quiet", "now", "until"),
    [
        (NIGHT, "2026-11-20 21:59", None),
        (NIGHT, "2026-11-20 22:00", "2026-11-21 07:00"),
        (NIGHT, "2026-11-21 06:59", "2026-11-21 07:00"),
        (NIGHT, "2026-11-21 07:00", None),
        (LUNCH, "2026-11-20 12:30", "2026-11-20 13:00"),
        (LUNCH, "2026-11-20 13:00", None),
        # The night of a Monday ends on Tuesday, and that of a Sunday is nobody's.
        (hours("22:00", "07:00", MON), "2026-11-23 06:00", None),
        (hours("22:00", "07:00", MON), "2026-11-24 06:00", "2026-11-24 07:00"),
        (hours("22:00", "07:00", MON, TUE), "2026-11-24 23:00", "2026-11-25 07:00"),
        # Whole days are one when they follow on each other.
        (WEEKEND, "2026-11-20 23:59", None),
        (WEEKEND, "2026-11-21 00:00", "2026-11-23 00:00"),
        (WEEKEND, "2026-11-22 23:59", "2026-11-23 00:00"),
        # The channel's clock, not ours: it is 22:30 in Tokyo, and 07:30 in New York.
        (hours("22:00", "07:00", time_zone="Asia/Tokyo"), "2026-11-20 13:30", "2026-11-20 22:00"),
        (hours("22:00", "07:00", time_zone="America/New_York"), "2026-11-20 12:30", None),
        # In summer London is an hour ahead.
        (NIGHT, "2026-07-01 21:30", "2026-07-02 06:00"),
        # The night of 28 March 2026 is an hour shorter, that of 24 October an hour longer.
        (NIGHT, "2026-03-28 22:00", "2026-03-29 06:00"),
        (NIGHT, "2026-10-24 21:00", "2026-10-25 07:00"),
        # 01:30 does not exist on 29 March: quiet until the later reading, or from the earlier one.
        (hours("00:00", "01:30"), "2026-03-29 00:30", "2026-03-29 01:30"),
        (hours("01:30", "07:00"), "2026-03-29 00:30", "2026-03-29 06:00"),
        (hours("01:30", "07:00"), "2026-03-29 00:29", None),
        # 01:30 comes twice on 25 October: quiet until the second, or from the first.
        (hours("00:00", "01:30"), "2026-10-25 00:45", "2026-10-25 01:30"),
        (hours("01:30", "07:00"), "2026-10-25 00:30", "2026-10-25 07:00"),
        (hours("01:30", "07:00"), "2026-10-25 01:10", "2026-10-25 07:00"),
    ],
)
def test_quiet_until(quiet: QuietHours, now: str, until: str | None) -> None:
    assert quiet_until(quiet, utc(now)) == (utc(until) if until else None)


@pytest.mark.parametrize(
    ("urgent_passes", "level", "held"),
    [(True, "routine", True), (True, "urgent", False), (False, "routine", True), (False, "urgent", True)],
)
def test_urgent_stories_pass_unless_told_otherwise(urgent_passes: bool, level: str, held: bool) -> None:
    quiet, midnight = hours("22:00", "07:00", urgent_passes=urgent_passes), utc("2026-11-20 00:00")
    until = held_until(quiet, "urgent" if level == "urgent" else "routine", midnight)
    assert until == (utc("2026-11-20 07:00") if held else None)
    assert held_until(None, "routine", midnight) is None


# --- properties --------------------------------------------------------------------------------------

ZONES = (
    LONDON,
    "UTC",
    "America/New_York",
    "America/St_Johns",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "Pacific/Chatham",
    "Australia/Lord_Howe",  # half an hour of daylight saving
)
QUIET = st.builds(
    QuietHours,
    begin=st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    end=st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    time_zone=st.sampled_from(ZONES),
    days=st.frozensets(st.integers(0, 6), min_size=1),
).filter(lambda quiet: quiet.begin != quiet.end or len(quiet.days) < 7)
# Most of it near the jumps of 2026, in both halves of the world.
DAYS = [
    utc(day) for day in ("2026-02-10", "2026-03-05", "2026-03-25", "2026-09-28", "2026-10-20", "2026-10-28")
]
NOW = st.builds(
    lambda day, minutes: day + timedelta(minutes=minutes),
    st.sampled_from(DAYS),
    st.integers(0, 10 * 24 * 60),
)


def said_by_the_clock(quiet: QuietHours, now: datetime) -> bool:
    """What somebody says who reads the channel's clock and calendar, and knows nothing of time zones."""
    local = now.astimezone(ZoneInfo(quiet.time_zone)).replace(tzinfo=None)
    yesterday = local.date() - timedelta(days=1)
    if quiet.begin < quiet.end:
        return local.weekday() in quiet.days and quiet.begin <= local.time() < quiet.end
    began_today = local.weekday() in quiet.days and local.time() >= quiet.begin
    return began_today or (yesterday.weekday() in quiet.days and local.time() < quiet.end)


@given(QUIET, NOW)
@example(hours("00:00", "01:30"), utc("2026-03-29 00:59"))
@example(hours("02:15", "02:10", time_zone="Australia/Lord_Howe"), utc("2026-10-03 15:40"))
def test_never_shorter_than_the_clock_says(quiet: QuietHours, now: datetime) -> None:
    until = quiet_until(quiet, now)
    assert until is not None or not said_by_the_clock(quiet, now)
    assert until is None or until.tzinfo is UTC


@given(QUIET, NOW)
def test_away_from_jumps_exactly_what_the_clock_says(quiet: QuietHours, now: datetime) -> None:
    zone = ZoneInfo(quiet.time_zone)
    around = [now + timedelta(days=days) for days in (-2, 0, 2)]
    assume(len({moment.astimezone(zone).utcoffset() for moment in around}) == 1)
    assert (quiet_until(quiet, now) is not None) == said_by_the_clock(quiet, now)


@given(QUIET, NOW, st.floats(0, 0.99))
@example(hours("02:30", "01:45"), utc("2026-03-28 12:00"), 0.9)
def test_quiet_holds_to_its_end_and_then_is_over(quiet: QuietHours, now: datetime, share: float) -> None:
    until = quiet_until(quiet, now)
    if until is None:
        return
    assert until > now
    assert quiet_until(quiet, now + share * (until - now)) == until
    assert quiet_until(quiet, until) is None


@given(NOW, st.sampled_from(ZONES), st.times())
def test_hours_without_an_end_still_name_a_moment(now: datetime, zone: str, at: time) -> None:
    always = QuietHours(begin=at, end=at, time_zone=zone)
    until = quiet_until(always, now)
    assert until is not None
    assert until > now
