"""Remembers vectors between runs, in the user's cache folder: what has been encoded once is looked up."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from monitor.caches import cache_folder
from monitor.errors import StorageError
from monitor.scoring import Encoder
from monitor.storage import ScoreStore, open_storage
from monitor.vectors import PieceIds, TokenVectors, Vectors, text_hash

__all__ = ["remembering"]

logger = logging.getLogger(__name__)


class RememberingEncoder:
    """An encoder that looks first whether a text's vector is on record."""

    def __init__(self, encoder: Encoder, store: ScoreStore) -> None:
        self.model = encoder.model
        self.query_prompt, self.passage_prompt = encoder.query_prompt, encoder.passage_prompt
        self._encoder = encoder
        self._store = store

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one unit-length vector per text, shape (n, d); new ones are put on record."""
        hashes = [text_hash(text) for text in texts]
        known = self._store.vectors(self.model, set(hashes))
        missing = {key: text for key, text in zip(hashes, texts, strict=True) if key not in known}
        if missing:
            fresh = dict(zip(missing, self._encoder.encode(list(missing.values())), strict=True))
            self._store.record_vectors(self.model, fresh)
            known |= fresh
        return np.stack([known[key] for key in hashes])

    def piece_vectors(self, ids: PieceIds) -> Vectors:
        """Return word pieces (n,) as they are by themselves, shape (n, d)."""
        return self._encoder.piece_vectors(ids)

    def piece_ids(self, texts: Sequence[str]) -> list[PieceIds]:
        """Return the numbers of each text's word pieces."""
        return self._encoder.piece_ids(texts)

    def tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Return each text's word pieces, each as it is by itself."""
        return self._encoder.tokens(texts)

    def tokens_in_context(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Return each text's word pieces as the model reads them in it."""
        return self._encoder.tokens_in_context(texts)


@contextmanager
def remembering(encoder: Encoder, folder: Path | None = None) -> Iterator[Encoder]:
    """Give the encoder a memory in ``folder``, the user's cache unless told; without, if it cannot be had.

    Must be entered and used in one thread.
    """
    path = (folder or cache_folder()) / "vectors.db"
    try:
        storage = open_storage(f"sqlite:///{path}")
    except StorageError as error:
        logger.warning("no_vector_cache", extra={"reason": str(error)})
        yield encoder
        return
    try:
        yield RememberingEncoder(encoder, storage.scores)
    finally:
        storage.close()
