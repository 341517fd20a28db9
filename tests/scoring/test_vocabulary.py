"""What a model makes of word pieces, asked once and kept."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.scoring.vocabulary import Vocabulary
from monitor.vectors import PieceIds

SIZE, FIRST, LAST = 300, 298, 299


class Model:
    """A piece's state is its number and its place; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[list[int]]] = []

    def __call__(self, ids: PieceIds) -> NDArray[np.float32]:
        self.asked.append(ids.tolist())
        places = np.broadcast_to(np.arange(ids.shape[1]), ids.shape)
        return np.stack([ids + 1, places, np.ones_like(ids)], axis=-1).astype(np.float32)


def opened(path: Path, model: Model) -> Vocabulary:
    vocabulary = Vocabulary(path, SIZE, before=[FIRST], after=[LAST], run=model)
    model.asked.clear()  # that it asks once how long a vector is
    return vocabulary


def test_a_piece_stands_alone_between_the_marks_at_length_1(tmp_path: Path) -> None:
    model = Model()
    [vectors] = opened(tmp_path / "a.words", model).vectors([np.array([7, 3, 7])])
    seven, three = (np.array(state) / np.linalg.norm(state) for state in ([8, 1, 1], [4, 1, 1]))
    assert vectors == pytest.approx(np.stack([seven, three, seven]), abs=1e-3)
    [asked] = model.asked
    assert {tuple(text) for text in asked} == {(FIRST, 3, LAST), (FIRST, 7, LAST)}


def test_what_has_been_asked_is_not_asked_again_not_even_by_another_process(tmp_path: Path) -> None:
    model, path = Model(), tmp_path / "models" / "a.words"
    first = opened(path, model)
    before = first.vectors([np.arange(150)])[0]
    assert [len(asked) for asked in model.asked] == [64, 64, 64], "always so many at once"
    model.asked.clear()
    assert np.array_equal(first.vectors([np.arange(150)])[0], before)
    assert np.array_equal(opened(path, model).vectors([np.arange(150)])[0], before)
    assert model.asked == []


def test_no_text_and_no_piece_ask_nothing(tmp_path: Path) -> None:
    model = Model()
    vocabulary = opened(tmp_path / "a.words", model)
    assert vocabulary.vectors([]) == []
    assert [of_text.shape for of_text in vocabulary.vectors([np.zeros(0, np.int64)])] == [(0, 3)]
    assert model.asked == []


def test_where_nothing_can_be_kept_it_is_asked_again_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "models").write_text("a file, no folder")
    model = Model()
    path = tmp_path / "models" / "a.words"
    one, other = (opened(path, model).vectors([np.array([5])])[0] for _ in range(2))
    assert np.array_equal(one, other)
    assert [record.getMessage() for record in caplog.records] == ["no_model_cache"] * 2
