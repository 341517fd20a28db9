"""Texts to vectors and word pieces, asking the encoder only for what nobody has asked before."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitor.records import Topic
from monitor.relevance import TopicVectors
from monitor.scoring import Encoder, open_encoder
from monitor.settings import EncoderSettings
from monitor.storage import ScoreStore
from monitor.threads import OwnThread
from monitor.vectors import PieceIds, TokenVectors, Vectors, text_hash

__all__ = ["Vectoriser", "load_encoder", "topic_vectors"]


def load_encoder(chosen: EncoderSettings) -> Encoder:
    """Load the model that the settings name; raise ModelError if it cannot be loaded."""
    return open_encoder(
        chosen.model,
        query_prompt=chosen.query_prompt,
        passage_prompt=chosen.passage_prompt,
        max_tokens=chosen.max_tokens,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """Vectors by the key of their text, and how many of them nobody had asked for before."""

    vectors: dict[str, Vectors]
    fresh: int


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
        """Return one vector per item's text, shape (n, d); new ones are stored before they are returned."""
        # By the text alone, as retention looks for them: the model's name stands for the prompt.
        return await self._vectors([text_hash(text) for text in texts], texts, self._encoder.passage_prompt)

    async def queries(self, sentences: Sequence[str]) -> Vectors:
        """Return one vector per sentence that describes a topic, shape (n, d); new ones are stored first."""
        prompt = self._encoder.query_prompt
        if prompt == self._encoder.passage_prompt:
            return await self.vectors(sentences)
        hashes = [text_hash(f"{prompt}\0{sentence}") for sentence in sentences]
        return await self._vectors(hashes, sentences, prompt)

    async def complete(self, texts: Sequence[str]) -> int:
        """See to it that items' texts have their vectors; return how many had none."""
        hashes = [text_hash(text) for text in texts]
        return (await self._known(hashes, texts, self._encoder.passage_prompt)).fresh

    async def _vectors(self, hashes: Sequence[str], texts: Sequence[str], prompt: str) -> Vectors:
        known = (await self._known(hashes, texts, prompt)).vectors
        return np.stack([known[key] for key in hashes]) if hashes else np.empty((0, 0), np.float32)

    async def _known(self, hashes: Sequence[str], texts: Sequence[str], prompt: str) -> _Known:
        model = self._encoder.model
        known = await self._database(self._store.vectors, model, set(hashes))
        missing = {key: prompt + text for key, text in zip(hashes, texts, strict=True) if key not in known}
        if missing:
            encoded = await self._encoding(self._encoder.encode, list(missing.values()))
            fresh = dict(zip(missing, encoded, strict=True))
            await self._database(self._store.record_vectors, model, fresh)
            # Read back, so that a score never depends on whether its vector was fresh or stored.
            known |= await self._database(self._store.vectors, model, fresh)
        return _Known(vectors=known, fresh=len(missing))

    @property
    def model(self) -> str:
        """The identity of the model."""
        return self._encoder.model

    async def tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Return the word pieces of each text, each as it is by itself."""
        return await self._encoding(self._encoder.tokens, texts) if texts else []

    async def tokens_in_context(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Return the word pieces of each text as the model reads them in it."""
        return await self._encoding(self._encoder.tokens_in_context, texts)

    async def pieces(self, texts: Sequence[str]) -> list[PieceIds]:
        """Return the numbers of each text's word pieces."""
        return await self._encoding(self._encoder.piece_ids, texts)


async def topic_vectors(topics: Sequence[Topic], vectors: Vectoriser) -> list[TopicVectors]:
    """Return the topics with the vectors of their sentences, and the word pieces of what they are about."""
    return [
        TopicVectors(
            topic=topic,
            about=await vectors.queries(topic.about),
            not_about=await vectors.queries(topic.not_about),
            name=await vectors.queries([topic.name]),
            phrases=tuple(await vectors.tokens_in_context([*topic.about, topic.name])),
        )
        for topic in topics
    ]
