"""The reference texts, and what is made of them; models here are made of numbers."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import monitor.reference
from monitor.background import Reference
from monitor.reference import reference_statistics, reference_texts
from monitor.vectors import TokenVectors, Vectors, unit

KINDS, EACH, WIDTH = 60, 4, 48
NUMBERS = [kind for kind in range(KINDS) for _ in range(EACH)]
Numbers = NDArray[np.float64]


def test_the_texts_are_many_of_every_kind_and_always_the_same() -> None:
    kinds = reference_texts()
    texts = [text for kind in kinds for text in kind]
    assert len(texts) == len(set(texts)) > 1400
    assert len(kinds) > 400
    assert reference_texts() == kinds
    assert not [text for text in texts if set("{}|") & set(text) or text != text.strip()]
    assert not [text for text in texts if len(text) < 12]
    everything = "".join(texts)
    assert all(letter in everything for letter in "иا国の국ह")


def test_the_texts_stay_small() -> None:
    folder = Path(monitor.reference.__file__).parent
    assert sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) < 150_000


def world() -> tuple[Numbers, list[Numbers]]:
    """Texts of a kind lie together; each has three word pieces of its own."""
    draw = np.random.default_rng(1)
    kinds = unit(draw.normal(size=(KINDS, WIDTH)))
    texts = unit(np.repeat(kinds, EACH, axis=0) + 0.1 * draw.normal(size=(KINDS * EACH, WIDTH)))
    return texts, [unit(text + 0.1 * draw.normal(size=(3, WIDTH))) for text in texts]


def seen(vectors: Numbers, change: Numbers, offset: float) -> Vectors:
    """The world's vectors, turned or stretched, and moved."""
    return unit(vectors @ change + offset / np.sqrt(change.shape[1])).astype(np.float32)


def measured(change: Numbers, offset: float = 0.0) -> Reference:
    texts, words = world()
    tokens = [
        TokenVectors(
            ids=np.array([1, 2, 10 + number]),
            words=("a", "b", "c"),
            vectors=seen(of_text, change, offset),
        )
        for number, of_text in enumerate(words)
    ]
    return reference_statistics(seen(texts, change, offset), tokens, tokens, NUMBERS)


PLAIN = np.eye(WIDTH)
STRETCH = np.diag(np.linspace(0.2, 2.0, WIDTH))


def test_how_often_word_pieces_occur_is_counted_by_text() -> None:
    shares = measured(PLAIN).shares
    assert shares[[1, 2]].tolist() == [1, 1]
    assert shares[10] == pytest.approx(1 / len(NUMBERS))
    assert shares[0] == 0


def test_a_model_that_is_another_one_turned_has_the_same_scale() -> None:
    plain = measured(PLAIN)
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(WIDTH, WIDTH)))[0]
    turned = measured(turn)
    assert turned.closeness == pytest.approx(plain.closeness, abs=1e-4)
    assert turned.same_word == pytest.approx(plain.same_word, abs=1e-4)
    assert turned.covariance == pytest.approx(turn.T @ plain.covariance @ turn, abs=1e-4)


def test_cosines_that_are_all_high_raise_the_bar_for_words_and_nothing_else() -> None:
    plain, high = measured(PLAIN), measured(PLAIN, offset=1.5)
    assert high.same_word > plain.same_word + 0.3
    assert high.closeness == pytest.approx(plain.closeness, rel=0.1)


@pytest.mark.parametrize(
    ("change", "offset"), [(PLAIN, 0.0), (STRETCH, 0.0), (PLAIN[:, :24], 0.0), (STRETCH, 1.5)]
)
def test_the_spread_of_a_typical_direction_is_in_one_unit_for_all_models(
    change: Numbers, offset: float
) -> None:
    reference = measured(change, offset)
    directions = unit(seen(world()[0], change, offset) - reference.mean)
    spreads = np.sqrt(((directions @ reference.covariance) * directions).sum(axis=1))
    assert float(np.median(spreads)) == pytest.approx(0.0888, rel=0.05)
