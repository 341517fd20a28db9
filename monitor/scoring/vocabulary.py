"""What a model makes of each word piece by itself: looked up, once it has been asked.

Words are compared by these, so a text's words cost no run of the model: some ten thousand pieces make up the
news of a language.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from monitor.vectors import PieceIds, Vectors

__all__ = ["Vocabulary"]

_BATCH = 64
"""Pieces; always so many, since the last bits of a result depend on how many are run at once."""


class Vocabulary:
    """The vectors of word pieces that stand alone, of length 1."""

    def __init__(
        self,
        size: int,
        *,
        before: Sequence[int],
        after: Sequence[int],
        run: Callable[[PieceIds], NDArray[np.float32]],
    ) -> None:
        """``before`` and ``after`` are the model's marks; ``run`` takes ids (n, t) to vectors (n, t, d)."""
        self._before, self._after = list(before), list(after)
        self._run = run
        self._met = np.zeros(size, bool)
        self._vectors: NDArray[np.float16] | None = None

    def vectors(self, texts: Sequence[PieceIds]) -> list[Vectors]:
        """Return for each text, given as its word pieces (n,), their vectors (n, d)."""
        known = self._known(np.unique(np.concatenate(texts)))
        return [known[ids].astype(np.float32) for ids in texts]

    def _known(self, ids: PieceIds) -> NDArray[np.float16]:
        new = ids[~self._met[ids]]
        for start in range(0, len(new), _BATCH):
            self._meet(new[start : start + _BATCH])
        return np.zeros((0, 0), np.float16) if self._vectors is None else self._vectors

    def _meet(self, ids: PieceIds) -> None:
        texts = [[*self._before, int(piece), *self._after] for piece in np.resize(ids, _BATCH)]
        states = self._run(np.array(texts, np.int64))[: len(ids), len(self._before)]
        if self._vectors is None:
            # Pages that nobody writes to take no memory, and most of a multilingual vocabulary is never met.
            self._vectors = np.zeros((len(self._met), states.shape[1]), np.float16)
        lengths = np.maximum(1e-9, np.linalg.norm(states, axis=1, keepdims=True))
        self._vectors[ids] = states / lengths
        self._met[ids] = True
