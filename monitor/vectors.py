"""Vectors of text: unit length, so that a dot product is a cosine. Pure."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""One vector (d,) or several (n, d), float32, each of length 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenVectors:
    """A text's word pieces, and their vectors (n, d) in it; n may be 0."""

    pieces: tuple[str, ...]
    vectors: Vectors


def text_hash(text: str) -> str:
    """Return the key under which a text's vector is stored."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def packed(vector: Vectors) -> bytes:
    """Return a vector as bytes: float16, little-endian; half the size, and cosines keep three digits."""
    return vector.astype("<f2").tobytes()


def unpacked(blob: bytes) -> Vectors:
    """Return the vector that ``packed`` made bytes of."""
    return np.frombuffer(blob, dtype="<f2").astype(np.float32)
