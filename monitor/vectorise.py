"""Texts to vectors and word pieces, asking the encoder only for what nobody has asked before."""

from collections.abc import Sequence

import numpy as np

from monitor.records import Topic
from monitor.relevance import TopicVectors
from monitor.scoring import Encoder
from monitor.storage import ScoreStore
from monitor.threads import OwnThread
from monitor.vectors import PieceIds, TokenVectors, Vectors, text_hash

__all__ = ["Vectoriser", "topic_vectors"]


class Vectoriser:
    """Texts to vectors, encoding only what no one has encoded before."""

    def __init__(
        self, *, store: ScoreStore, database: OwnThread, encoder: Encoder, encoding: OwnThread
    ) -> None:
        self._store = store
        self._database = database
        self._encoder = encoder
        self._encoding = encoding

    async def vectors(self, texts: Sequence[str]) -> Vectors:
        """Return one vector per text, shape (n, d); new ones are stored before they are returned."""
        model = self._encoder.model
        hashes = [text_hash(text) for text in texts]
        known = await self._database(self._store.vectors, model, set(hashes))
        missing = {key: text for key, text in zip(hashes, texts, strict=True) if key not in known}
        if missing:
            encoded = await self._encoding(self._encoder.encode, list(missing.values()))
            fresh = dict(zip(missing, encoded, strict=True))
            await self._database(self._store.record_vectors, model, fresh)
            # Read back, so that a score never depends on whether its vector was fresh or stored.
            known |= await self._database(self._store.vectors, model, fresh)
        return np.stack([known[key] for key in hashes]) if hashes else np.empty((0, 0), np.float32)

    @property
    def model(self) -> str:
        """The identity of the model."""
        return self._encoder.model

    async def tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Return the word pieces of each text, with their vectors, which are stored nowhere."""
        return await self._encoding(self._encoder.encode_tokens, texts) if texts else []

    async def pieces(self, texts: Sequence[str]) -> list[PieceIds]:
        """Return the numbers of each text's word pieces."""
        return await self._encoding(self._encoder.piece_ids, texts)


async def topic_vectors(topics: Sequence[Topic], vectors: Vectoriser) -> list[TopicVectors]:
    """Return the topics with the vectors of their sentences, and the word pieces of what they are about."""
    return [
        TopicVectors(
            topic=topic,
            about=await vectors.vectors(topic.about),
            not_about=await vectors.vectors(topic.not_about),
            name=await vectors.vectors([topic.name]),
            phrases=tuple(await vectors.tokens([*topic.about, topic.name])),
        )
        for topic in topics
    ]
