"""Statistics of the reference texts under a model: what the score is measured against. Pure.

mean, covariance, documents   as of ordinary news: the prior that a stream's own statistics start from
scale                         what makes closeness, spread and word matches of this model mean what they mean
                              for the bundled one, whose figures on the same texts are the constants below
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from monitor.vectors import TokenVectors, Vectors

__all__ = ["Reference", "Scale", "reference_statistics"]

_RELATED = 0.0
"""Mean centred cosine of neighbours of one kind."""
_SPREAD = 0.0
"""Median spread of the texts' directions."""
_WORD = 0.0
"""Mean of the best cosines that the word pieces of a text find in an unrelated one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Factors for a model's centred cosines and spreads, and the cosine from which word pieces are alike.

    For the bundled model: 1, 1, and the floor that was given.
    """

    closeness: float
    spread: float
    token_floor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Of the reference texts: mean (d,), covariance (d, d), share of texts with a word piece, scale."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    documents: Mapping[str, float]
    scale: Scale


def reference_statistics(
    vectors: Vectors, tokens: Sequence[TokenVectors], groups: Sequence[int], token_floor: float
) -> Reference:
    """Return the statistics of the flattened ``reference_texts``: vectors (n, d), tokens, list numbers (n).

    ``token_floor`` is the bundled model's.
    """
    x = vectors.astype(np.float64)
    mean = x.mean(axis=0)
    covariance = np.cov(x, rowvar=False, bias=True)
    centred = x - mean
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    counts = Counter(piece for of_text in tokens for piece in set(of_text.pieces))
    return Reference(
        mean=mean,
        covariance=covariance,
        documents={piece: count / len(tokens) for piece, count in sorted(counts.items())},
        scale=Scale(
            closeness=_RELATED / _related(centred, groups),
            spread=_SPREAD / _median_spread(centred, covariance),
            token_floor=1.0 - (1.0 - token_floor) * (1.0 - _word_match(tokens, groups)) / (1.0 - _WORD),
        ),
    )


def _related(centred: NDArray[np.float64], groups: Sequence[int]) -> float:
    cosines = [
        float(centred[n] @ centred[m]) for n, m in pairwise(range(len(groups))) if groups[n] == groups[m]
    ]
    return float(np.mean(cosines))


def _median_spread(centred: NDArray[np.float64], covariance: NDArray[np.float64]) -> float:
    return float(np.median(np.sqrt(np.einsum("nd,nd->n", centred @ covariance, centred))))


def _word_match(tokens: Sequence[TokenVectors], groups: Sequence[int]) -> float:
    """Return the mean best cosine of word pieces with those of the next text that is of another kind."""
    best = [
        (tokens[n].vectors @ tokens[m].vectors.T).max(axis=1)
        for n, m in pairwise(range(len(groups)))
        if groups[n] != groups[m] and len(tokens[n].pieces) and len(tokens[m].pieces)
    ]
    return float(np.concatenate(best).mean())
