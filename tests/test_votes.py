from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from monitor.background import Background, Learned, no_reference
from monitor.vectors import Array, unit
from monitor.votes import Ballot, fit

DIMENSIONS = 5
TOPIC, *OTHERS = np.eye(DIMENSIONS)
COUNTS = np.array([50, 3, 3, 3, 3, 3], np.int64)
BACKGROUND = Background(
    reference=no_reference(DIMENSIONS),
    learned=Learned(through=100, count=100, total=np.zeros(DIMENSIONS), pieces=COUNTS),
)


def ballot(side: Array, *pieces: int, up: bool = True, logit: float = 0.0) -> Ballot:
    return Ballot(centred=unit(TOPIC + side), pieces=np.array(pieces, np.int64), logit=logit, up=up)


def correction(ballots: list[Ballot], of: Ballot) -> float:
    return fit(ballots, TOPIC, BACKGROUND)[0].correction(of.centred, of.pieces, TOPIC, BACKGROUND)


@pytest.mark.parametrize("up", [True, False])
def test_a_vote_moves_what_is_like_it_the_way_it_says(up: bool) -> None:
    voted = ballot(OTHERS[0], 1, 2, up=up)
    like, unlike = ballot(OTHERS[0], 2, 3), ballot(-OTHERS[0], 4)
    moved, other = correction([voted], like), correction([voted], unlike)
    assert moved > 0 if up else moved < 0
    assert abs(moved) > abs(other)


def test_what_was_known_already_changes_little() -> None:
    sure = abs(correction([ballot(OTHERS[0], logit=4.0)], ballot(OTHERS[0])))
    unsure = abs(correction([ballot(OTHERS[0])], ballot(OTHERS[0])))
    surprising = abs(correction([ballot(OTHERS[0], logit=-4.0)], ballot(OTHERS[0])))
    assert sure < unsure < surprising


def test_votes_that_agree_weigh_more_and_anchors_hold_them_back() -> None:
    voted = ballot(OTHERS[0])
    once, thrice = correction([voted], voted), correction([voted] * 3, voted)
    anchors = [Ballot.anchor(unit(TOPIC + OTHERS[0]), voted.pieces, -2.0)] * 20
    assert 0 < once < thrice
    assert correction([voted, *anchors], voted) < once


def test_a_rare_word_can_decide_and_a_common_one_cannot() -> None:
    votes = [ballot(OTHERS[0], 0, 1), ballot(OTHERS[0], 0, 2, up=False)]
    assert correction(votes, ballot(OTHERS[0], 0, 1)) > 0.3
    assert correction(votes, ballot(OTHERS[0], 0, 2)) < -0.3
    assert correction(votes, ballot(OTHERS[0], 0)) == pytest.approx(0, abs=0.1)


def test_what_all_candidates_have_in_common_is_no_reason_against_one_of_them() -> None:
    season, *kinds = OTHERS
    noes = [ballot(3 * season + kinds[0], 1, up=False)] * 20
    anchors = [Ballot.anchor(unit(TOPIC + 3 * season), np.array([2], np.int64), -2.0)] * 40
    alike, other = ballot(3 * season + kinds[0], 1), ballot(3 * season + kinds[1], 3)
    assert correction([*noes, *anchors], alike) < -1.5
    assert correction([*noes, *anchors], other) > -0.5


@pytest.mark.parametrize("up", [True, False])
def test_the_topics_own_sentences_hold_votes_back_and_say_little_by_themselves(up: bool) -> None:
    sentence = Ballot.sentence(unit(TOPIC + OTHERS[0]), up=up)
    votes = [ballot(OTHERS[0], up=not up)] * 5
    item = ballot(OTHERS[0])
    alone, held = correction([sentence], item), correction([*votes, *[sentence] * 3], item)
    assert 0 < (alone if up else -alone) < abs(correction(votes[:1], item)) / 2
    assert abs(held) < abs(correction(votes, item))


SIDES = arrays.arrays(np.float64, DIMENSIONS, elements=st.floats(-1, 1))
BALLOTS = st.lists(
    st.builds(
        lambda side, pieces, up, logit: ballot(side, *pieces, up=up, logit=logit),
        SIDES,
        st.lists(st.integers(0, 5), max_size=4),
        st.booleans(),
        st.floats(-8, 8),
    ),
    min_size=1,
    max_size=12,
)


@given(BALLOTS)
def test_any_votes_end_in_a_finite_correction_that_is_the_same_every_time(ballots: list[Ballot]) -> None:
    residual, pulls = fit(ballots, TOPIC, BACKGROUND)
    again, _ = fit(ballots, TOPIC, BACKGROUND)
    assert np.isfinite(residual.direction).all()
    assert abs(residual.shift) < 20
    assert residual.direction.tobytes() == again.direction.tobytes()
    assert all(
        (pull >= -1e-9) == voted.up or abs(pull) < 1e-6 for pull, voted in zip(pulls, ballots, strict=True)
    )


@given(BALLOTS, BALLOTS)
def test_no_weighs_what_yes_weighs(ballots: list[Ballot], asked: list[Ballot]) -> None:
    residual, pulls = fit(ballots, TOPIC, BACKGROUND)
    opposite = fit([replace(one, up=not one.up, logit=-one.logit) for one in ballots], TOPIC, BACKGROUND)
    assert opposite[1] == pytest.approx(-pulls, abs=1e-4)
    for of in asked:
        said = (of.centred, of.pieces, TOPIC, BACKGROUND)
        assert opposite[0].correction(*said) == pytest.approx(-residual.correction(*said), abs=1e-2)


@given(BALLOTS, st.data())
def test_the_order_of_votes_does_not_matter(ballots: list[Ballot], data: st.DataObject) -> None:
    mixed = data.draw(st.permutations(ballots))
    one, other = correction(ballots, ballots[0]), correction(mixed, ballots[0])
    assert one == pytest.approx(other, abs=1e-4)
