"""An encoder that anybody can check in their head: a text is the bag of its words."""

import zlib
from collections.abc import Sequence

import numpy as np

from monitor.vectors import PieceIds, TokenVectors, Vectors

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
            for word in _words(text) or [""]:
                vector[zlib.crc32(word.encode()) % _DIMENSIONS] += 1
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    def tokens_in_context(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Return the same as ``tokens``: to this encoder a word means the same everywhere."""
        return self.tokens(texts)

    def tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Return one unit vector per word; each word is one piece."""
        return [
            TokenVectors(
                ids=ids,
                words=tuple(words),
                vectors=np.eye(_DIMENSIONS, dtype=np.float32)[ids],
            )
            for words, ids in zip(map(_words, texts), self.piece_ids(texts), strict=True)
        ]

    def piece_vectors(self, ids: PieceIds) -> Vectors:
        """Return one unit vector per word piece, shape (n, 256)."""
        return np.eye(_DIMENSIONS, dtype=np.float32)[ids]

    def piece_ids(self, texts: Sequence[str]) -> list[PieceIds]:
        """Return each word's place in the vectors."""
        return [
            np.array([zlib.crc32(word.encode()) % _DIMENSIONS for word in _words(text)], np.int64)
            for text in texts
        ]


def _words(text: str) -> list[str]:
    return text.casefold().replace(".", " ").split()
