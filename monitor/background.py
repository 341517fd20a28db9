"""What ordinary news looks like to a model: the zero point that closeness is measured from. Pure.

reference   of broad news, per model, shipped or measured once: mean vector, covariance, share of documents
            per word piece. Only aggregates, no text
learned     sums over the items of this stream, added to the reference in blocks of 250

The mean and the shares follow the stream slowly, since a drifting zero point spoils comparisons over
months; the covariance does not follow it at all, for a topic's ``spread`` is a figure against *broad* news.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from monitor.vectors import Array, PieceIds, Vectors, unit

__all__ = ["BLOCK", "Background", "Learned", "Reference", "no_reference"]

BLOCK = 250
"""Items. What has been learned changes only every so many, so that the size of a batch changes no score."""
WEIGHT = 20_000.0
"""Items that a reference counts for."""
_UNKNOWN_SPREAD = 0.07
"""In the middle of what topics have, for a model without a reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Broad news: ``mean`` (d,), ``covariance`` (d, d), ``shares`` (pieces,) of documents that hold a piece.

    ``weight`` is the number of items that it counts for. ``closeness`` is what the model's cosines are to be
    multiplied by to mean what the bundled one's do, and ``same_word`` the cosine from which a word piece as
    read in a sentence and another by itself begin to be alike.
    """

    mean: Array
    covariance: Array
    shares: Array
    weight: float = WEIGHT
    closeness: float = 1.0
    same_word: float = 0.2

    def share(self, ids: PieceIds) -> Array:
        """Return the share of documents that hold each word piece, shape (n,); 0 for what it never met."""
        return _at(self.shares, ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """Sums over the first ``through`` items scored: ``total`` (d,) of their vectors, ``pieces`` (n,) of
    how many hold a word piece. ``count`` says how many items that are, those before the model was changed
    left out.
    """

    through: int
    count: int
    total: Array
    pieces: PieceIds

    def after(self, through: int, vectors: Vectors, pieces: Sequence[PieceIds]) -> "Learned":
        """Return what is known after a block of items: their vectors (n, d), the word pieces of each."""
        known = np.unique(np.concatenate([self.pieces[:0], *pieces]))
        size = max(len(self.pieces), int(known[-1]) + 1 if len(known) else 0)
        counts = np.pad(self.pieces, (0, size - len(self.pieces)))
        for ids in pieces:
            counts[np.unique(ids)] += 1
        return replace(
            self,
            through=through,
            count=self.count + len(vectors),
            total=self.total + vectors.astype(np.float64).sum(axis=0),
            pieces=counts,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """A reference, and what has been learned since."""

    reference: Reference
    learned: Learned

    @property
    def mean(self) -> Array:
        """The mean vector (d,) of news; zero before anything is known."""
        reference, learned = self.reference, self.learned
        total = reference.mean * reference.weight + learned.total
        mean: Array = total / max(1.0, reference.weight + learned.count)
        return mean

    def centred(self, vectors: Vectors) -> Array:
        """Return vectors (n, d) relative to ordinary news, at length 1."""
        return unit(vectors.astype(np.float64) - self.mean)

    def idf(self, ids: PieceIds) -> Array:
        """Return how rare word pieces are: the logarithm of one item in how many holds each, shape (n,)."""
        reference, learned = self.reference, self.learned
        documents = reference.share(ids) * reference.weight + _at(learned.pieces, ids)
        rareness: Array = np.log((reference.weight + learned.count + 1.0) / (documents + 0.5))
        return rareness

    def spread(self, directions: Array) -> Array:
        """Return by how much ordinary news varies along ``directions`` (n, d): standard deviations (n,)."""
        variances = ((directions @ self.reference.covariance) * directions).sum(axis=1)
        spread: Array = np.sqrt(np.maximum(0.0, variances))
        return spread


def no_reference(dimensions: int) -> Reference:
    """Return what stands in for a model's reference if there is none; the stream's own mean comes with
    time."""
    return Reference(
        mean=np.zeros(dimensions),
        covariance=np.eye(dimensions) * _UNKNOWN_SPREAD**2,
        shares=np.zeros(0),
        weight=0.0,
    )


def _at(values: Array | PieceIds, ids: PieceIds) -> Array:
    """Return ``values`` at ``ids``, zero beyond their end."""
    if not len(values):
        return np.zeros(len(ids))
    found: Array = np.where(ids < len(values), values[np.minimum(ids, len(values) - 1)], 0.0)
    return found
