"""The door of scoring: text to vectors."""

from collections.abc import Sequence
from typing import Protocol

from monitor.vectors import Vectors

__all__ = ["Encoder", "open_encoder"]


class Encoder(Protocol):
    """Turns texts into vectors; the same text and model always give the same vector."""

    @property
    def model(self) -> str:
        """The model's name and the fingerprint of its weights: vectors of two models never mix."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one unit-length vector per text, shape (n, d)."""


def open_encoder(model: str) -> Encoder:
    """Load a model by name or folder; raise ModelError if it is missing, altered or not loadable."""
    from monitor.scoring.encoder import SentenceEncoder

    return SentenceEncoder.load(model)
