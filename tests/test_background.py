import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.background import Background, Learned, Reference, no_reference
from monitor.vectors import PieceIds

PIECES = st.lists(st.integers(0, 12), max_size=8).map(lambda ids: np.array(ids, np.int64))
NOTHING = Learned(through=0, count=0, total=np.zeros(3), pieces=np.zeros(0, np.int64))


def reference(weight: float = 100.0) -> Reference:
    return Reference(
        mean=np.array([0.2, 0.0, 0.0]),
        covariance=np.diag([0.04, 0.01, 0.0]),
        shares=np.array([0.5, 0.01]),
        weight=weight,
    )


@given(st.lists(PIECES, min_size=2, max_size=9), st.data())
def test_a_block_teaches_the_same_in_one_piece_or_in_two(pieces: list[PieceIds], data: st.DataObject) -> None:
    vectors = np.arange(3 * len(pieces), dtype=np.float32).reshape(-1, 3)
    cut = data.draw(st.integers(0, len(pieces)))
    whole = NOTHING.after(9, vectors, pieces)
    parts = NOTHING.after(4, vectors[:cut], pieces[:cut]).after(9, vectors[cut:], pieces[cut:])
    assert (whole.through, whole.count) == (parts.through, parts.count) == (9, len(pieces))
    assert whole.total.tolist() == parts.total.tolist() == vectors.sum(axis=0).tolist()
    assert whole.pieces.tolist() == parts.pieces.tolist()
    for piece in range(len(whole.pieces)):
        assert whole.pieces[piece] == sum(piece in ids for ids in pieces)


def test_the_mean_follows_the_stream_slowly() -> None:
    learned = NOTHING.after(100, np.tile(np.array([0, 1, 0], np.float32), (100, 1)), [])
    assert Background(reference=reference(), learned=learned).mean.tolist() == [0.1, 0.5, 0.0]
    assert Background(reference=reference(), learned=NOTHING).mean == pytest.approx([0.2, 0, 0])


def test_without_a_reference_the_stream_is_all_there_is() -> None:
    alone = no_reference(3)
    assert Background(reference=alone, learned=NOTHING).mean.tolist() == [0, 0, 0]
    learned = NOTHING.after(2, np.array([[1, 0, 0], [0, 1, 0]], np.float32), [])
    assert Background(reference=alone, learned=learned).mean.tolist() == [0.5, 0.5, 0]


def test_rare_word_pieces_are_rare() -> None:
    learned = NOTHING.after(50, np.zeros((50, 3), np.float32), [np.array([7, 7])] * 50)
    often, seldom, never, new = Background(reference=reference(), learned=learned).idf(np.array([0, 1, 5, 7]))
    assert often < seldom < never
    assert never == pytest.approx(np.log(151 / 0.5))
    assert new == pytest.approx(np.log(151 / 50.5))


def test_spread_is_a_standard_deviation_of_the_reference() -> None:
    learned = NOTHING.after(250, np.full((250, 3), 9, np.float32), [])
    background = Background(reference=reference(), learned=learned)
    directions = np.array([[1.0, 0, 0], [0, 2, 0], [0, 0, 1]])
    assert background.spread(directions) == pytest.approx([0.2, 0.2, 0])
