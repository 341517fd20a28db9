from hypothesis import given
from hypothesis import strategies as st

from monitor.pacing import Bucket

INTERVAL, BURST = 0.25, 4


def waits(*asked_at: float) -> list[float]:
    bucket = Bucket(interval=INTERVAL, burst=BURST)
    return [bucket.take(now) for now in asked_at]


def test_a_few_go_at_once_and_the_others_one_by_one() -> None:
    assert waits(*[7.0] * 7) == [0, 0, 0, 0, 0.25, 0.5, 0.75]


def test_after_a_rest_a_few_go_at_once_again() -> None:
    assert waits(*[0.0] * 6, *[9.0] * 6) == 2 * [0, 0, 0, 0, 0.25, 0.5]


def test_a_short_rest_saves_a_part() -> None:
    assert waits(*[0.0] * 4, *[0.5] * 3) == [0, 0, 0, 0, 0, 0, 0.25]


def test_without_an_interval_nobody_waits() -> None:
    bucket = Bucket(interval=0.0, burst=BURST)
    assert not any(bucket.take(1.0) for _ in range(1_000))


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60))
def test_no_second_has_more_turns_than_are_allowed_and_nobody_is_overtaken(pauses: list[int]) -> None:
    bucket, now, turns = Bucket(interval=INTERVAL, burst=BURST), 0.0, list[float]()
    for pause in pauses:
        now += pause / 32
        turns.append(now + bucket.take(now))
    assert turns == sorted(turns)
    for first, turn in enumerate(turns):
        within = sum(later < turn + 1 for later in turns[first:])
        assert within <= BURST + 1 / INTERVAL
