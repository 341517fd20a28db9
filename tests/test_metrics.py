"""The figures, against the plainest way to count them."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.metrics import Judged, average_precision, calibration_error, macro, measure


def row(n: int = 0, score: float = 60.0, grade: int | None = 2, **changes: object) -> Judged:
    fields = {"matched": score >= 50, "alerted": score >= 50, "story": "s"} | changes
    return Judged(item=f"i{n}", score=score, grade=grade, **fields)  # type: ignore[arg-type]


ROWS = st.lists(
    st.builds(
        row,
        n=st.integers(0, 99),
        score=st.floats(5, 100),
        grade=st.sampled_from([0, 1, 2, None]),
        alerted=st.booleans(),
        story=st.sampled_from(["", "a", "b"]),
    ),
    max_size=40,
)


@given(judged=ROWS, missed=ROWS)
def test_precision_recall_and_f1_are_counted(judged: Sequence[Judged], missed: Sequence[Judged]) -> None:
    quality = measure(judged, missed)
    counted = [of for of in judged if of.grade != 1]
    hits = sum(of.matched and of.grade == 2 for of in counted)
    wrong = sum(of.matched and of.grade != 2 for of in counted)
    overlooked = sum(of.grade == 2 and not of.matched for of in counted)
    overlooked += sum(of.grade == 2 for of in missed)
    assert quality.alerted == hits + wrong
    assert quality.relevant == hits + overlooked
    assert quality.f1 == pytest.approx(2 * hits / (2 * hits + wrong + overlooked) if hits else 0.0)
    assert quality.stories_alerted <= quality.stories <= hits


@given(judged=ROWS)
def test_what_is_either_way_changes_no_figure(judged: Sequence[Judged]) -> None:
    assert measure(judged, []) == measure([of for of in judged if of.grade != 1], [])


@given(judged=ROWS)
def test_average_precision_is_that_of_the_ranking(judged: Sequence[Judged]) -> None:
    ranked = sorted(judged, key=lambda of: -of.score)
    relevant = sum(of.grade == 2 for of in judged)
    precisions = [
        sum(other.grade == 2 for other in ranked[: n + 1]) / (n + 1)
        for n, of in enumerate(ranked)
        if of.grade == 2
    ]
    expected = sum(precisions) / relevant if relevant else 0.0
    assert average_precision(judged, relevant) == pytest.approx(expected)


def test_a_perfect_ranking_has_1_and_each_item_never_reached_costs_its_share() -> None:
    best = [row(1, 90), row(2, 80), row(3, 70, grade=0)]
    assert average_precision(best, 2) == 1.0
    assert average_precision(best, 4) == 0.5
    assert measure(best, [row(9, 0.0), row(8, 0.0)]).average_precision == 0.5


def test_honest_scores_have_no_calibration_error() -> None:
    honest = [row(n, 75.0, grade=2 if n % 4 else 0) for n in range(40)]
    error, table = calibration_error([*honest, row(99, 75.0, grade=None), row(98, 75.0, grade=1)])
    assert error == pytest.approx(0.0)
    ((count, score, share),) = table
    assert count == 40
    assert (score, share) == pytest.approx((0.75, 0.75))


def test_boasting_scores_have_one() -> None:
    assert calibration_error([row(n, 100.0, grade=0) for n in range(3)])[0] == 1.0
    assert calibration_error([])[0] == 0.0


def test_brier_counts_what_was_missed() -> None:
    assert measure([row(1, 100.0)], []).brier == 0.0
    assert measure([row(1, 100.0)], [row(2, 0.0)]).brier == 0.5
    assert measure([row(1, 50.0, grade=0), row(2, 50.0, grade=1)], []).brier == 0.25


def test_stories_count_once_and_their_messages_each() -> None:
    told = [row(1, story="a"), row(2, story="a", alerted=False), row(3, story="b"), row(4, story="b")]
    quality = measure([*told, row(5, grade=None)], [])
    assert (quality.stories, quality.stories_alerted, quality.alerts) == (2, 2, 3)
    assert quality.alerts_per_story == 1.5


def test_macro_is_the_mean_over_topics_and_the_sum_over_stories() -> None:
    one = measure([row(1, story="a"), row(2, story="b")], [])
    other = measure([row(3, story="c"), row(4, 20.0)], [])
    mean = macro([one, other])
    assert mean["recall"] == 0.75
    assert mean["alerts_per_story"] == 1.0
    assert macro([])["f1"] == 0.0
