from datetime import timedelta

import pytest
from builders import HOUR, NOW, feed, fetched
from hypothesis import given
from hypothesis import strategies as st

from monitor.cadence import next_poll
from monitor.records import FetchFailed, FetchOutcome, NotModified

DAY = timedelta(days=1)
MIDDLE = 0.5
FAILED = FetchFailed(kind="parse", message="not a feed")
EVERY = st.timedeltas(timedelta(seconds=1), timedelta(days=400))
CHANCE = st.floats(0, 1, exclude_max=True)
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
