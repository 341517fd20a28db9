"""Owns what a model makes of each word piece by itself: looked up, once it has been asked.

Words are compared by these, so a text's words cost no run of the model: some ten thousand pieces make up the
news of a language. They are kept in a file beside the model, which processes share; rows that nobody asked
for are holes and take no room.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monitor.vectors import PieceIds, Vectors

__all__ = ["Vocabulary"]

logger = logging.getLogger(__name__)

_BATCH = 64
"""Pieces; always so many, since the last bits of a result depend on how many are run at once."""
Table = NDArray[np.float16]


class Vocabulary:
    """The vectors of word pieces that stand alone, of length 1."""

    def __init__(
        self,
        path: Path,
        size: int,
        *,
        before: Sequence[int],
        after: Sequence[int],
        run: Callable[[PieceIds], NDArray[np.float32]],
    ) -> None:
        """``before`` and ``after`` are the model's marks; ``run`` takes ids (n, t) to vectors (n, t, d)."""
        self._before, self._after = list(before), list(after)
        self._run = run
        dimensions = run(np.array([[*before, *after]], np.int64)).shape[-1]
        self._table = _opened(path, (size, dimensions))

    def vectors(self, texts: Sequence[PieceIds]) -> list[Vectors]:
        """Return for each text, given as its word pieces (n,), their vectors (n, d)."""
        asked = np.unique(np.concatenate([*texts, np.zeros(0, np.int64)]))
        new = asked[~self._table[asked].any(axis=1)]
        for start in range(0, len(new), _BATCH):
            self._ask(new[start : start + _BATCH])
        return [self._table[ids].astype(np.float32) for ids in texts]

    def _ask(self, ids: PieceIds) -> None:
        texts = [[*self._before, int(piece), *self._after] for piece in np.resize(ids, _BATCH)]
        states = self._run(np.array(texts, np.int64))[: len(ids), len(self._before)]
        self._table[ids] = states / np.maximum(1e-9, np.linalg.norm(states, axis=1, keepdims=True))


def _opened(path: Path, shape: tuple[int, int]) -> Table:
    """Return the table that is kept at ``path``, a new one if there is none; in memory if it can't be."""
    try:
        return _mapped(path, shape)
    except (OSError, ValueError) as error:
        logger.warning("no_model_cache", extra={"folder": str(path.parent), "reason": str(error)})
        return np.zeros(shape, np.float16)


def _mapped(path: Path, shape: tuple[int, int]) -> Table:
    path.parent.mkdir(parents=True, exist_ok=True)
    length = shape[0] * shape[1] * np.dtype(np.float16).itemsize
    with path.open("ab") as file:
        if file.tell() != length:
            file.truncate(length)
    return np.memmap(path, np.float16, "r+", shape=shape)
