"""An encoder that anybody can check in their head: a text is the bag of its words."""

import zlib
from collections.abc import Sequence

import numpy as np

from monitor.vectors import TokenVectors, Vectors

_DIMENSIONS = 256


class WordEncoder:
    """Texts with the same words have the same vector; ``encoded`` remembers what it was asked for."""

    def __init__(self, model: str = "words@1", *, query_prompt: str = "", passage_prompt: str = "") -> None:
        self.model = model
        self.query_prompt = query_prompt
        self.passage_prompt = passage_prompt
        self.encoded: list[list[str]] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector per text, shape (n, 256)."""
        self.encoded.append(list(texts))
        vectors = np.zeros((len(texts), _DIMENSIONS), np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            for word in text.casefold().replace(".", " ").split() or [""]:
                vector[zlib.crc32(word.encode()) % _DIMENSIONS] += 1
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Return one unit vector per word."""
        words = [text.casefold().replace(".", " ").split() for text in texts]
        return [TokenVectors(pieces=tuple(of), vectors=self.encode(of)) for of in words]
