"""What a topic looks for: each of its sentences, together with those akin to it. Pure.

A topic may be of one kind of event or of several. The mean of all its sentences describes the first well, and
the second not at all: nothing is close to the middle between a coup and an earthquake. So an item is compared
with every sentence's aspect, the mean of the sentences that resemble it, and the best aspect counts. Where
all sentences are akin, all aspects are the same.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from monitor.vectors import Array

__all__ = ["Aspects"]

_STRANGERS, _KIN = 0.1, 0.4
"""Cosines of centred sentences: none of a pair's kinship, and all of it. Sentences of one labelled topic are
between 0.2 and 0.8, most above 0.45; of two topics, nine in ten are below 0.25."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aspects:
    """The sentences of a topic (k, d), centred and of length 1, and how akin they are (k, k), 0–1."""

    phrases: Array
    kinship: Array

    @classmethod
    def of(cls, phrases: Array) -> Self:
        """Return the aspects of centred sentences (k, d)."""
        cosines = phrases @ phrases.T
        kinship = np.clip((cosines - _STRANGERS) / (_KIN - _STRANGERS), 0.0, 1.0)
        np.fill_diagonal(kinship, 1.0)
        return cls(phrases=phrases, kinship=kinship)

    @property
    def mixture(self) -> Array:
        """The share of each sentence in each aspect (k, k); rows add up to 1."""
        mixture: Array = self.kinship / self.kinship.sum(axis=1, keepdims=True)
        return mixture

    @property
    def directions(self) -> Array:
        """The mean of each aspect's sentences (k, d): the shorter, the less they agree."""
        return self.mixture @ self.phrases

    @property
    def sizes(self) -> Array:
        """How many sentences each aspect is made of (k,), counted by their shares."""
        sizes: Array = 1.0 / (self.mixture**2).sum(axis=1)
        return sizes

    def words(self, shares: Array) -> Array:
        """Return for each aspect (k,) half the best of the sentences' shares of matched words (k,), half
        their mean."""
        words: Array = ((self.kinship * shares).max(axis=1) + self.mixture @ shares) / 2.0
        return words

    def nearest(self, centred: Array) -> NDArray[np.intp]:
        """Return the sentence that each of some items (n, d) is closest to, (n,)."""
        nearest: NDArray[np.intp] = (centred @ self.phrases.T).argmax(axis=1)
        return nearest
