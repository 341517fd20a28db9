"""Statistics of the reference texts under a model: what its scores are measured against. Pure.

mean, shares   the zero point, and how rare word pieces are
covariance     for ``spread``: half as it is, half the same in every direction, since some 1,500 texts say
               little of so many directions; in the bundled model's unit
closeness,     what makes cosines of this model mean what they mean for the bundled one, whose figures on the
same_word      same texts are the constants below
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from monitor.background import Reference
from monitor.vectors import Array, TokenVectors, Vectors, unit

__all__ = ["reference_statistics"]

_RELATED, _WORD = 0.7597, 0.2504
"""Mean centred cosine of neighbours of one kind; mean of the best cosines that the word pieces of a text find
in an unrelated one."""
_SPREAD = 0.0888
"""Median spread of the texts' directions, 0.0965, brought to what topics have by the shipped reference."""
_SAME_WORD = 0.2
_WEIGHT = 3000.0
"""Items that this reference counts for: less than a shipped one, which is of news."""


def reference_statistics(
    vectors: Vectors, read: Sequence[TokenVectors], alone: Sequence[TokenVectors], kinds: Sequence[int]
) -> Reference:
    """Return the reference of a model by its vectors (n, d) and word pieces of the ``reference_texts``.

    Those are wanted both as ``read`` in the text and each ``alone``.

    ``kinds`` (n,) are the numbers of the lists that the texts come from.
    """
    x = vectors.astype(np.float64)
    mean, covariance = x.mean(axis=0), np.cov(x, rowvar=False, bias=True)
    centred = unit(x - mean)
    spread = float(np.median(np.sqrt(((centred @ covariance) * centred).sum(axis=1))))
    even = np.eye(len(mean)) * spread**2
    return Reference(
        mean=mean,
        covariance=(covariance + even) / 2.0 * (_SPREAD / spread) ** 2,
        shares=_shares(alone),
        weight=_WEIGHT,
        closeness=_RELATED / _related(centred, kinds),
        same_word=1.0 - (1.0 - _SAME_WORD) * (1.0 - _word_match(read, alone, kinds)) / (1.0 - _WORD),
    )


def _shares(tokens: Sequence[TokenVectors]) -> Array:
    found = [np.unique(of_text.ids) for of_text in tokens]
    return np.bincount(np.concatenate(found)) / len(tokens)


def _related(centred: Array, kinds: Sequence[int]) -> float:
    alike = [n for n, (kind, other) in enumerate(pairwise(kinds)) if kind == other]
    return float((centred[alike] * centred[np.array(alike) + 1]).sum(axis=1).mean())


def _word_match(read: Sequence[TokenVectors], alone: Sequence[TokenVectors], kinds: Sequence[int]) -> float:
    best = [
        (read[n].vectors @ alone[n + 1].vectors.T).max(axis=1)
        for n, (kind, other) in enumerate(pairwise(kinds))
        if kind != other and len(read[n].ids) and len(alone[n + 1].ids)
    ]
    return float(np.concatenate(best).mean())
