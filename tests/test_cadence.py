from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from math import sqrt

import pytest
from builders import HOUR, NOW, feed, fetched
from hypothesis import given
from hypothesis import strategies as st

from monitor.cadence import (
    HALF_LIFE,
    HOURS,
    demand,
    hourly,
    news_wait,
    next_poll,
    observe,
    pushed_wait,
    wait_worth,
)
from monitor.records import FetchFailed, FetchOutcome, NotModified, Rhythm

DAY = timedelta(days=1)
MIDDLE = 0.5
FAILED = FetchFailed(kind="parse", message="not a feed")
EVERY = st.timedeltas(timedelta(seconds=1), timedelta(days=400))
CHANCE = st.floats(0, 1, exclude_max=True)
MINUTE = timedelta(minutes=1)
TEN = timedelta(minutes=10)
FAILURES = st.integers(0, 100_000)


def asked_to_wait(wait: timedelta) -> FetchFailed:
    return FetchFailed(kind="http", message="HTTP 429", status=429, retry_after=wait)


@pytest.mark.parametrize("outcome", [fetched(), NotModified(etag=None, last_modified=None)])
def test_a_good_poll_is_followed_by_the_next_after_the_interval(outcome: FetchOutcome) -> None:
    assert next_poll(feed(every=HOUR, failures=7), outcome, NOW, MIDDLE) == NOW + HOUR


@pytest.mark.parametrize(
    ("failures", "wait"),
    [
        (0, timedelta(minutes=10)),
        (1, timedelta(minutes=20)),
        (4, timedelta(minutes=160)),
        (7, timedelta(minutes=1280)),
        (8, DAY),
        (10**6, DAY),
    ],
)
def test_each_failure_doubles_the_interval_up_to_a_day(failures: int, wait: timedelta) -> None:
    assert next_poll(feed(failures=failures), FAILED, NOW, MIDDLE) == NOW + wait


@pytest.mark.parametrize(
    ("failed", "wait"),
    [
        (FetchFailed(kind="connect", message="no network"), HOUR),
        (FetchFailed(kind="timeout", message="no answer"), HOUR),
        (FetchFailed(kind="empty", message="nothing"), HOUR),
        (FetchFailed(kind="http", message="HTTP 503", status=503), HOUR),
        (FetchFailed(kind="http", message="HTTP 404", status=404), DAY),
        (FetchFailed(kind="tls", message="expired"), DAY),
    ],
)
def test_what_passes_is_asked_again_within_the_hour(failed: FetchFailed, wait: timedelta) -> None:
    assert next_poll(feed(failures=20), failed, NOW, MIDDLE) == NOW + wait
    assert next_poll(feed(every=2 * DAY, failures=20), failed, NOW, MIDDLE) == NOW + 2 * DAY


@pytest.mark.parametrize("every", [timedelta(seconds=1), timedelta(weeks=8)])
def test_years_of_failures_are_no_reason_to_give_up(every: timedelta) -> None:
    longest = max(every, DAY)
    assert next_poll(feed(every=every, failures=5000), FAILED, NOW, MIDDLE) == NOW + longest


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        (timedelta(0), timedelta(minutes=10)),
        (timedelta(minutes=9), timedelta(minutes=10)),
        (timedelta(minutes=11), timedelta(minutes=11)),
        (DAY, DAY),
        (timedelta(days=30), DAY),
    ],
)
def test_a_server_that_asks_for_time_gets_it_within_a_day(asked: timedelta, wait: timedelta) -> None:
    assert next_poll(feed(), asked_to_wait(asked), NOW, MIDDLE) == NOW + wait


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 54), (0.5, 60), (0.75, 63)])
def test_chance_spreads_the_polls_by_a_tenth(chance: float, wait: int) -> None:
    due = next_poll(feed(every=HOUR), fetched(), NOW, chance)
    assert due == NOW + timedelta(minutes=wait)


@given(EVERY, FAILURES, st.none() | st.timedeltas(timedelta(0), timedelta(days=10_000)), CHANCE)
def test_the_next_poll_is_ahead_and_within_reach(
    every: timedelta, failures: int, asked: timedelta | None, chance: float
) -> None:
    outcome = FAILED if asked is None else asked_to_wait(asked)
    due = next_poll(feed(every=every, failures=failures), outcome, NOW, chance)
    assert NOW < due <= NOW + 1.1 * max(DAY, every)


@given(EVERY, FAILURES, FAILURES, CHANCE)
def test_more_failures_never_bring_the_next_poll_forward(
    every: timedelta, few: int, more: int, chance: float
) -> None:
    few, more = sorted((few, more))
    first, second = (
        next_poll(feed(every=every, failures=failures), FAILED, NOW, chance) for failures in (few, more)
    )
    assert first <= second


@pytest.mark.parametrize(
    ("learned", "hint", "wait"),
    [
        (timedelta(minutes=3), None, timedelta(minutes=3)),
        (timedelta(minutes=3), timedelta(minutes=15), timedelta(minutes=15)),
        (timedelta(minutes=20), timedelta(minutes=15), timedelta(minutes=20)),
        (timedelta(minutes=3), DAY, HOUR),
        (None, timedelta(minutes=15), timedelta(minutes=15)),
    ],
)
def test_a_learned_wait_heeds_the_server_for_an_hour_at_most(
    learned: timedelta | None, hint: timedelta | None, wait: timedelta
) -> None:
    assert next_poll(feed(), fetched(), NOW, MIDDLE, learned=learned, hint=hint) == NOW + wait


def test_a_failing_feed_backs_off_from_its_interval_not_from_its_rhythm() -> None:
    assert next_poll(feed(failures=1), FAILED, NOW, MIDDLE, learned=MINUTE) == NOW + 2 * TEN


# --- what is learned ---------------------------------------------------------------------------------

WATCHED = Rhythm(counts=(0.0,) * HOURS, days=7.0, seen_to=NOW - HOUR)


def even(items_an_hour: float) -> Rhythm:
    """A feed so long known that nothing but its rate counts."""
    return Rhythm(counts=(items_an_hour * 1e6,) * HOURS, days=1e6, seen_to=NOW)


def hour_of_the_new(rhythm: Rhythm | None) -> list[int]:
    assert rhythm is not None
    return [hour for hour, count in enumerate(rhythm.counts) if count > 0]


@pytest.mark.parametrize("new", [[], [None, None], [NOW + HOUR]])
def test_a_feed_without_usable_dates_is_not_learned_from_its_first_poll(new: list[datetime | None]) -> None:
    assert observe(None, new, NOW) is None


def test_the_first_poll_learns_the_rate_from_what_the_feed_shows() -> None:
    shown = [NOW - n * TEN for n in range(24)]
    rhythm = observe(None, shown, NOW)
    assert rhythm is not None
    assert sum(rhythm.counts) == 24
    assert rhythm.days == pytest.approx(23 * TEN / DAY)
    assert rhythm.seen_to == NOW


def test_a_first_poll_of_old_items_shows_a_quiet_feed_two_days_long() -> None:
    rhythm = observe(None, [NOW - 9 * DAY, NOW - 30 * DAY], NOW)
    assert rhythm is not None
    assert sum(rhythm.counts) == 0
    assert rhythm.days == pytest.approx(2)


@pytest.mark.parametrize(
    ("published", "hour"),
    [
        (NOW - 10 * MINUTE, 11),
        (NOW, 12),
        ((NOW - 10 * MINUTE).astimezone(timezone(timedelta(hours=8))), 11),
        (NOW - 13 * HOUR, 11),  # dated before the last poll: shown late, or only its day is stated
        (NOW + 5 * HOUR, 11),
        (None, 11),
    ],
)
def test_a_new_item_counts_where_it_can_have_appeared(published: datetime | None, hour: int) -> None:
    assert hour_of_the_new(observe(WATCHED, [published], NOW)) == [hour]


def test_a_feed_that_shows_its_archive_anew_has_not_become_faster() -> None:
    assert hour_of_the_new(observe(WATCHED, [NOW - 3 * DAY] * 40, NOW)) == []


def test_what_was_seen_fades_to_half_and_time_without_items_counts() -> None:
    before = Rhythm(counts=(4.0,) * HOURS, days=10.0, seen_to=NOW - HALF_LIFE)
    after = observe(before, [], NOW)
    assert after is not None
    assert after.counts == pytest.approx((2.0,) * HOURS)
    # An absence of two weeks counts as two days: the feed cannot show what came and went before.
    assert after.days == pytest.approx(5 + 2)


def test_many_small_steps_fade_as_much_as_one() -> None:
    start = replace(even(3.0), days=10.0, seen_to=NOW)
    once = observe(start, [], NOW + DAY)
    often: Rhythm | None = start
    for step in range(1, 145):
        often = observe(often, [], NOW + step * TEN)
    assert once is not None
    assert often is not None
    assert often.counts == pytest.approx(once.counts)
    assert often.days == pytest.approx(once.days, rel=0.01)


def test_a_clock_set_back_does_no_harm() -> None:
    after = observe(WATCHED, [None], WATCHED.seen_to - DAY)
    assert after is not None
    assert after.days == WATCHED.days
    assert after.seen_to == WATCHED.seen_to


def test_the_learned_wait_follows_the_hours_of_the_feed() -> None:
    busy = replace(even(0.01), counts=tuple(9e6 if hour == 6 else 1e4 for hour in range(HOURS)))
    at = {hour: news_wait(busy, 0.5, TEN, NOW.replace(hour=hour)) for hour in (2, 6)}
    assert at[6] == pytest.approx(
        timedelta(minutes=20), abs=MINUTE / 60
    )  # half an item-hour at nine items an hour
    assert at[2] == HOUR  # the longest wait, six intervals


def test_the_wait_looks_across_the_turn_of_the_hour() -> None:
    rises = replace(even(0.0), counts=tuple(8e6 if hour == 13 else 0.0 for hour in range(HOURS)))
    late = NOW.replace(minute=50)
    # Nothing until one o'clock, then 8 x² / 2 reaches 0.01 after a twentieth of an hour.
    assert news_wait(rises, 0.01, TEN, late) == pytest.approx(timedelta(minutes=10 + 3), abs=MINUTE / 60)


# --- what is spent -----------------------------------------------------------------------------------

COUNTS = st.lists(st.floats(0, 1e4), min_size=HOURS, max_size=HOURS).map(tuple)
RHYTHMS = st.builds(Rhythm, counts=COUNTS, days=st.floats(0, 25), seen_to=st.just(NOW))
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
INTERVALS = st.timedeltas(timedelta(seconds=1), DAY)


@given(st.integers(1, 50), st.floats(1e-3, 1e3), INTERVALS)
def test_equal_feeds_are_all_polled_at_the_default_interval(n: int, rate: float, every: timedelta) -> None:
    rhythm = even(rate)
    worth = wait_worth([demand(rhythm)] * n, every)
    assert news_wait(rhythm, worth, every, NOW) / every == pytest.approx(1, rel=1e-3)


def test_four_times_the_news_gets_twice_the_polls() -> None:
    slow, fast = even(1.0), even(4.0)
    worth = wait_worth([demand(slow), demand(fast)], HOUR)
    waits = [news_wait(rhythm, worth, HOUR, NOW) for rhythm in (slow, fast)]
    assert waits[0] / waits[1] == pytest.approx(2, rel=0.01)
    assert sum(HOUR / wait for wait in waits) == pytest.approx(2, rel=0.01)


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=30), INTERVALS)
def test_the_budget_is_spent_and_not_more(rates: list[float], every: timedelta) -> None:
    rhythms = [even(rate) for rate in rates]
    worth = wait_worth([demand(rhythm) for rhythm in rhythms], every)
    # To the microsecond of a timedelta, which is a few per cent of nothing here.
    requests = sum(every / news_wait(rhythm, worth, every, NOW) for rhythm in rhythms)
    assert requests == pytest.approx(len(rates), rel=1e-3)


def test_no_feeds_need_no_budget() -> None:
    assert wait_worth([], HOUR) > 0


@given(RHYTHMS, st.floats(1e-9, 1e6), INTERVALS, MOMENTS)
def test_a_learned_wait_keeps_its_bounds(
    rhythm: Rhythm, worth: float, every: timedelta, now: datetime
) -> None:
    wait = news_wait(rhythm, worth, every, now)
    assert min(MINUTE, every) <= wait <= min(6 * every, DAY)


@given(RHYTHMS, st.floats(1e-3, 1e3), st.floats(1, 10), MOMENTS)
def test_a_dearer_request_never_comes_sooner(
    rhythm: Rhythm, worth: float, factor: float, now: datetime
) -> None:
    assert news_wait(rhythm, worth, HOUR, now) <= news_wait(rhythm, worth * factor, HOUR, now)


@given(RHYTHMS, st.lists(st.none() | MOMENTS, max_size=5), MOMENTS)
def test_a_rhythm_stays_usable_whatever_is_observed(
    rhythm: Rhythm, new: list[datetime | None], now: datetime
) -> None:
    after = observe(rhythm, new, now)
    assert after is not None
    assert all(rate > 0 for rate in hourly(after))
    assert sum(after.counts) <= sum(rhythm.counts) + len(new) + 1e-6
    assert demand(after) <= sqrt(sum(hourly(after)) / HOURS) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("wait", "relied_on", "expected"),
    [
        (TEN, timedelta(), TEN),
        (TEN, DAY, HOUR),
        (TEN, timedelta(minutes=30), timedelta(minutes=30)),
        (timedelta(minutes=2), timedelta(seconds=1), timedelta(minutes=2)),
        (HOUR, DAY, HOUR),
    ],
)
def test_a_feed_whose_hub_is_relied_on_is_polled_as_rarely_as_any(
    wait: timedelta, relied_on: timedelta, expected: timedelta
) -> None:
    assert pushed_wait(wait, TEN, relied_on) == expected
