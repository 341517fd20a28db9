"""What examples and votes say beyond the topic's sentences: a correction in logits, fitted anew from all
of them. Pure.

A Gaussian process on top of the zero-label score, written out as its coefficients: a shift, a direction
among the centred vectors, and a weight per rare word piece. Its prior is "no correction", so that few
votes change little. What a vector tells of the topic itself is left out of it, or a handful of votes would
turn into one large shift.

Recent items well below the cut, on which nobody has voted, count as weak noes: otherwise some votes about one
story lift everything from the same place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.background import Background
from monitor.vectors import Array, PieceIds, logistic, unit

__all__ = ["ANCHORS", "Ballot", "Residual", "fit"]

ANCHORS = 150
"""How many recent items count as weak noes."""
_ANCHOR_WEIGHT = 0.3
_SHIFT_SD, _DIRECTION_SD, _WORDS_SD = 0.3, 3.0, 3.0
"""In logits: how large a correction is expected before anybody has voted."""
_SENTENCE = 2.0
"""The logit, for or against, at which a topic's own sentences count as known."""
_LEAST_COMMON = 50
"""Ballots from which what they have in common is believed in full; one alone has everything in common."""
_LEAST_IDF = 1.5
_STEPS, _LONGEST_STEP, _CONVERGED = 40, 2.0, 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """A text as a vote sees it: centred vector (d,), word pieces, zero-label logit, wanted or not, and
    weight."""

    centred: Array
    pieces: PieceIds
    logit: float
    up: bool
    weight: float = 1.0

    @classmethod
    def anchor(cls, centred: Array, pieces: PieceIds, logit: float) -> "Ballot":
        """Return the weak no that an item counts for on which nobody has voted."""
        return cls(centred=centred, pieces=pieces, logit=logit, up=False, weight=_ANCHOR_WEIGHT)

    @classmethod
    def sentence(cls, centred: Array, *, up: bool) -> "Ballot":
        """Return what a sentence of the topic counts for: ``about``, or ``not_about`` if not ``up``."""
        nothing = np.zeros(0, np.int64)
        return cls(centred=centred, pieces=nothing, logit=_SENTENCE if up else -_SENTENCE, up=up)


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual:
    """The fitted correction: ``shift``, ``direction`` (d,), weight by word piece; all in logits."""

    shift: float
    direction: Array
    words: Mapping[int, float]

    def correction(self, centred: Array, pieces: PieceIds, topic: Array, background: Background) -> float:
        """Return what votes add to the logit of a passage; ``topic`` (d,) is the topic's own direction."""
        ids, values = _rare(pieces, background)
        weights = [self.words.get(int(piece), 0.0) for piece in ids]
        along = _beside(centred, topic) @ self.direction
        return float(self.shift + along + np.dot(weights, values))


def fit(ballots: Sequence[Ballot], topic: Array, background: Background) -> tuple[Residual, Array]:
    """Return the correction that ballots call for, and by how many logits each pulls, shape (n,)."""
    every = np.stack([_beside(ballot.centred, topic) for ballot in ballots])
    common = every.sum(axis=0) / max(len(ballots), _LEAST_COMMON)
    beside = every - common
    pieces, words = _matrix([_rare(ballot.pieces, background) for ballot in ballots])
    kernel = _SHIFT_SD**2 + _DIRECTION_SD**2 * (beside @ beside.T) + _WORDS_SD**2 * (words @ words.T)
    pulls = _posterior(kernel, ballots)
    direction = _DIRECTION_SD**2 * (beside.T @ pulls)
    residual = Residual(
        shift=float(_SHIFT_SD**2 * pulls.sum() - common @ direction),
        direction=direction,
        words=dict(zip(pieces.tolist(), (_WORDS_SD**2 * (words.T @ pulls)).tolist(), strict=True)),
    )
    return residual, pulls


def _posterior(kernel: Array, ballots: Sequence[Ballot]) -> Array:
    """Return the weight of each ballot at the most likely correction: Newton's method, damped; convex."""
    prior = np.array([ballot.logit for ballot in ballots])
    up = np.array([float(ballot.up) for ballot in ballots])
    weight = np.array([ballot.weight for ballot in ballots])
    correction: Array = np.zeros(len(ballots))
    pulls: Array = np.zeros(len(ballots))
    for _ in range(_STEPS):
        likely = logistic(prior + correction)
        curve = weight * np.maximum(likely * (1.0 - likely), 1e-6)
        pulls = np.asarray(
            np.linalg.solve(
                np.eye(len(ballots)) + curve[:, None] * kernel, curve * correction + weight * (up - likely)
            ),
            np.float64,
        )
        step = kernel @ pulls - correction
        longest = float(np.abs(step).max())
        correction = correction + step * min(1.0, _LONGEST_STEP / max(longest, 1e-9))
        if longest < _CONVERGED:
            break
    return pulls


def _beside(centred: Array, topic: Array) -> Array:
    """Return what of a vector (d,) does not point along the topic, at length 1."""
    return unit(centred - (centred @ topic) * topic)


def _rare(pieces: PieceIds, background: Background) -> tuple[PieceIds, Array]:
    """Return a text's rare word pieces, each once, with their weights, at length 1 in all."""
    ids = np.unique(pieces)
    rareness = np.maximum(background.idf(ids) - _LEAST_IDF, 0.0)
    rare = rareness > 0.0
    return ids[rare], unit(rareness[rare])


def _matrix(rare: Sequence[tuple[PieceIds, Array]]) -> tuple[PieceIds, Array]:
    """Return all word pieces (p,), and the weights of each text (n, p)."""
    pieces = np.unique(np.concatenate([ids for ids, _ in rare]))
    weights = np.zeros((len(rare), len(pieces)))
    for row, (ids, values) in zip(weights, rare, strict=True):
        row[np.searchsorted(pieces, ids)] = values
    return pieces, weights
