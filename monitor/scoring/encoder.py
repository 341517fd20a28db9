"""Runs any sentence-transformers model as it is: slower than a converted one, and with PyTorch."""

import os
from collections.abc import Sequence
from typing import Self

# Progress bars of the libraries below would write over our output.
os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Threads that wait for each other by spinning take the processor from the parser, and double a batch's time.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from monitor.errors import ModelError
from monitor.scoring.models import ModelFolder
from monitor.vectors import PieceIds, TokenVectors, Vectors

_BATCH = 32


class SentenceEncoder:
    """A sentence-transformers model, and what tells its vectors from another model's."""

    def __init__(self, folder: ModelFolder, transformer: SentenceTransformer) -> None:
        self.model = folder.identity
        self.query_prompt = folder.query_prompt
        self.passage_prompt = folder.passage_prompt
        self._transformer = transformer

    @classmethod
    def load(cls, folder: ModelFolder) -> Self:
        """Load a model; raise ModelError if that fails."""
        try:
            transformer = SentenceTransformer(
                str(folder.path), trust_remote_code=False, model_kwargs={"use_safetensors": True}
            )
        except Exception as error:
            raise ModelError(f"{folder.path}: cannot be loaded: {error}") from error
        transformer.default_prompt_name = None  # ours are there already
        if folder.max_tokens is not None:
            transformer.max_seq_length = folder.max_tokens
        return cls(folder, transformer)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one unit-length vector per text, shape (n, d), float32."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=_cpu_has_bf16()):
            vectors = self._transformer.encode(
                list(texts), batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False
            )
        return np.asarray(vectors, dtype=np.float32)

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Return the vectors of each text's word pieces, without the model's own marks."""
        states = self._transformer.encode(
            list(texts), batch_size=_BATCH, output_value="token_embeddings", show_progress_bar=False
        )
        found = []
        for text, of_text in zip(texts, states, strict=True):
            ids, real = self._pieces(text)
            vectors = of_text[real].float().numpy()
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            pieces = tuple(self._transformer.tokenizer.convert_ids_to_tokens(ids.tolist()))
            # A piece that is not the first of its word is shown as it is: slow tokenizers tell no more.
            words = tuple(piece.removeprefix("##").strip("\u2581\u0120") for piece in pieces)
            found.append(TokenVectors(pieces=pieces, ids=ids, words=words, vectors=vectors))
        return found

    def piece_ids(self, texts: Sequence[str]) -> list[PieceIds]:
        """Return the numbers of each text's word pieces, those of ``encode_tokens``; cheap."""
        return [self._pieces(text)[0] for text in texts]

    def _pieces(self, text: str) -> tuple[PieceIds, list[int]]:
        """Return the numbers of a text's word pieces, and their places among the model's own marks."""
        told = self._transformer.tokenizer(
            text,
            truncation=True,
            max_length=self._transformer.max_seq_length,
            return_special_tokens_mask=True,
        )
        real = [n for n, mark in enumerate(told["special_tokens_mask"]) if not mark]
        return np.array([told["input_ids"][n] for n in real], np.int64), real


def _cpu_has_bf16() -> bool:
    """Twice as fast where the processor has it, at a cosine of 0.9999 with full precision."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
