import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.aspects import Aspects
from monitor.vectors import Array, unit

EAST, NORTH = np.eye(2)


def between(share: float) -> Array:
    """A direction with this cosine with EAST."""
    return np.array([share, np.sqrt(1 - share**2)])


@pytest.mark.parametrize(("cosine", "kinship"), [(1.0, 1), (0.4, 1), (0.25, 0.5), (0.1, 0), (-0.5, 0)])
def test_kinship_grows_with_the_cosine(cosine: float, kinship: float) -> None:
    aspects = Aspects.of(np.stack([EAST, between(cosine)]))
    assert aspects.kinship == pytest.approx(np.array([[1, kinship], [kinship, 1]]), abs=1e-9)


def test_sentences_that_are_akin_make_one_aspect() -> None:
    aspects = Aspects.of(np.stack([EAST, between(0.9), between(0.8)]))
    assert aspects.directions == pytest.approx(np.tile(aspects.phrases.mean(axis=0), (3, 1)))
    assert aspects.sizes == pytest.approx([3, 3, 3])
    assert aspects.words(np.array([0.3, 0.6, 0.0])) == pytest.approx([(0.6 + 0.3) / 2] * 3)


def test_strangers_are_aspects_of_their_own() -> None:
    aspects = Aspects.of(np.stack([EAST, NORTH]))
    assert aspects.directions == pytest.approx(np.stack([EAST, NORTH]))
    assert aspects.sizes == pytest.approx([1, 1])
    assert aspects.words(np.array([0.3, 0.6])) == pytest.approx([0.3, 0.6])
    assert aspects.nearest(np.stack([between(0.9), between(0.1)])).tolist() == [0, 1]


PHRASES = st.lists(st.floats(0, 6.28), min_size=1, max_size=6).map(
    lambda angles: unit(np.stack([np.cos(angles), np.sin(angles)], axis=1))
)


@given(PHRASES)
def test_every_sentence_belongs_to_its_aspect_and_shares_add_up(phrases: Array) -> None:
    aspects = Aspects.of(phrases)
    assert np.diag(aspects.kinship) == pytest.approx(1)
    assert aspects.mixture.sum(axis=1) == pytest.approx(1)
    assert (aspects.sizes >= 1 - 1e-9).all()
    assert (aspects.sizes <= len(phrases) + 1e-9).all()


@given(PHRASES)
def test_the_order_of_sentences_is_of_no_account(phrases: Array) -> None:
    forth, back = Aspects.of(phrases), Aspects.of(phrases[::-1])
    assert forth.directions == pytest.approx(back.directions[::-1])


@given(PHRASES)
def test_a_stranger_changes_nothing_for_the_others(phrases: Array) -> None:
    flat = np.hstack([phrases, np.zeros((len(phrases), 1))])
    with_stranger = Aspects.of(np.vstack([flat, [0, 0, 1]]))
    assert with_stranger.directions[:-1] == pytest.approx(Aspects.of(flat).directions)
