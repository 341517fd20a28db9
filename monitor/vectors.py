"""Vectors of text: unit length, so that a dot product is a cosine. Pure."""

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""One vector (d,) or several (n, d), float32, each of length 1."""

Array = NDArray[np.float64]
"""What is calculated with, of any shape."""

PieceIds = NDArray[np.int64]
"""Numbers of word pieces in a model's vocabulary, in the order of a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenVectors:
    """A text's word pieces and their vectors (n, d), in this text or each by itself; n may be 0.

    ``ids`` (n,) are the pieces' numbers in the model's vocabulary, ``words`` the whole words that they are
    of.
    """

    ids: PieceIds
    words: tuple[str, ...]
    vectors: Vectors


def packed_numbers(numbers: Array) -> bytes:
    """Return numbers as bytes: float64, little-endian; they come back bit by bit."""
    return numbers.astype("<f8").tobytes()


def unpacked_numbers(blob: bytes) -> Array:
    """Return the numbers that ``packed_numbers`` made bytes of."""
    return np.frombuffer(blob, dtype="<f8").astype(np.float64)


def text_hash(text: str) -> str:
    """Return the key under which a text's vector is stored."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def packed(vector: Vectors) -> bytes:
    """Return a vector as bytes: float16, little-endian; half the size, and cosines keep three digits."""
    return vector.astype("<f2").tobytes()


def unpacked(blob: bytes) -> Vectors:
    """Return the vector that ``packed`` made bytes of."""
    return np.frombuffer(blob, dtype="<f2").astype(np.float32)


def unit(vectors: NDArray[np.floating]) -> Array:
    """Return vectors (…, d) scaled to length 1; those of no length stay."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: Array = np.asarray(vectors, np.float64) / np.maximum(1e-9, lengths)
    return scaled


def logistic(logits: Array) -> Array:
    """Return the probabilities (0–1) that logits stand for."""
    probabilities: Array = 1.0 / (1.0 + np.exp(-np.clip(logits, -50.0, 50.0)))
    return probabilities


def points(logit: float) -> float:
    """Return the score (0–100) that a logit stands for."""
    return 100.0 / (1.0 + math.exp(-min(max(logit, -50.0), 50.0)))


def logit(probability: float) -> float:
    """Return the logit that stands for a probability between 0 and 1."""
    return math.log(probability / (1.0 - probability))
