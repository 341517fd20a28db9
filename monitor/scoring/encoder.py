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
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from monitor.caches import cache_folder
from monitor.errors import ModelError
from monitor.scoring.models import ModelFolder
from monitor.scoring.vocabulary import Vocabulary
from monitor.vectors import PieceIds, TokenVectors, Vectors

_BATCH = 32


class SentenceEncoder:
    """A sentence-transformers model, and what tells its vectors from another model's."""

    def __init__(self, folder: ModelFolder, transformer: SentenceTransformer) -> None:
        self.model = folder.identity
        self.query_prompt = folder.query_prompt
        self.passage_prompt = folder.passage_prompt
        self._transformer = transformer
        marked, own = self._pieces("a")
        ids, real = marked.tolist(), np.flatnonzero(own)
        self._vocabulary = Vocabulary(
            cache_folder() / "models" / f"{folder.weights}.words",
            len(transformer.tokenizer),
            before=ids[: real[0]],
            after=ids[real[-1] + 1 :],
            run=self._states,
        )

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

    def tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Return each text's word pieces, each as it is by itself."""
        ids = self.piece_ids(texts)
        return [self._told(*told) for told in zip(ids, self._vocabulary.vectors(ids), strict=True)]

    def tokens_in_context(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Return each text's word pieces as the model reads them in it."""
        states = self._transformer.encode(
            list(texts), batch_size=_BATCH, output_value="token_embeddings", show_progress_bar=False
        )
        found = []
        for text, of_text in zip(texts, states, strict=True):
            ids, real = self._pieces(text)
            vectors = of_text.float().numpy()[: len(ids)][real]
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            found.append(self._told(ids[real], vectors))
        return found

    def piece_vectors(self, ids: PieceIds) -> Vectors:
        """Return word pieces (n,) as they are by themselves, shape (n, d)."""
        return self._vocabulary.vectors([ids])[0]

    def piece_ids(self, texts: Sequence[str]) -> list[PieceIds]:
        """Return the numbers of each text's word pieces, those of ``tokens``."""
        return [ids[real] for ids, real in map(self._pieces, texts)]

    def _pieces(self, text: str) -> tuple[PieceIds, NDArray[np.bool_]]:
        """Return the numbers of a text's word pieces with the model's own marks, and which are not marks."""
        told = self._transformer.tokenizer(
            text,
            truncation=True,
            max_length=self._transformer.max_seq_length,
            return_special_tokens_mask=True,
        )
        return np.array(told["input_ids"], np.int64), np.array(told["special_tokens_mask"], np.int64) == 0

    def _states(self, ids: PieceIds) -> NDArray[np.float32]:
        asked = torch.from_numpy(ids)
        with torch.no_grad():
            read = self._transformer[0]({"input_ids": asked, "attention_mask": torch.ones_like(asked)})
        return np.asarray(read["token_embeddings"].float().numpy(), np.float32)

    def _told(self, ids: PieceIds, vectors: Vectors) -> TokenVectors:
        pieces = self._transformer.tokenizer.convert_ids_to_tokens(ids.tolist())
        # A piece that is not the first of its word is shown as it is: slow tokenizers tell no more.
        words = tuple(piece.removeprefix("##").strip("\u2581\u0120") for piece in pieces)
        return TokenVectors(ids=ids, words=words, vectors=vectors)


def _cpu_has_bf16() -> bool:
    """Twice as fast where the processor has it, at a cosine of 0.9999 with full precision."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
