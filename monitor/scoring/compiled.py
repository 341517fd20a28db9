"""Runs a converted model with OpenVINO, without PyTorch: several times as fast, in a fraction of the memory.

Texts are sorted by length and batched by tokens, so that little is spent on padding and a batch stays in the
processor's cache. In bfloat16 where the processor has it: at a cosine of 0.9999 with full precision.
"""

import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")

import numpy as np
import openvino
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from monitor.caches import cache_folder
from monitor.errors import ModelError
from monitor.scoring.models import ModelFolder
from monitor.scoring.vocabulary import Vocabulary
from monitor.vectors import PieceIds, TokenVectors, Vectors

logger = logging.getLogger(__name__)

_BATCH_TOKENS = 1024
_ROUND = 8
"""Lengths are rounded up to a multiple of this: each new shape costs the library some preparation."""
_DEFAULT_MAX_TOKENS = 512
_LONGEST_CONVERSION = 600
"""Seconds."""


class CompiledEncoder:
    """A converted model, and what tells its vectors from another model's."""

    def __init__(self, folder: ModelFolder, tokenizer: Tokenizer, converted: Path) -> None:
        self.model = folder.identity
        self.query_prompt = folder.query_prompt
        self.passage_prompt = folder.passage_prompt
        self._pooling = folder.pooling
        self._tokenizer = tokenizer
        self._request = _compiled(converted).create_infer_request()
        before, after = _marks(tokenizer)
        self._vocabulary = Vocabulary(
            converted.with_suffix(".words"),
            tokenizer.get_vocab_size(),
            before=before,
            after=after,
            run=self._states,
        )

    @classmethod
    def load(cls, folder: ModelFolder) -> Self:
        """Load what has been converted before, or convert it now; raise ModelError if it cannot be."""
        tokenizer = Tokenizer.from_file(str(folder.path / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(folder.max_tokens or _DEFAULT_MAX_TOKENS)
        kept = cache_folder() / "models" / f"{folder.weights}-{openvino.__version__.partition('-')[0]}.xml"
        if kept.exists():
            return cls(folder, tokenizer, kept)
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            parent: Path | None = kept.parent
        except OSError as error:
            logger.warning("no_model_cache", extra={"folder": str(kept.parent), "reason": error.strerror})
            parent = None
        with tempfile.TemporaryDirectory(prefix="converting-", dir=parent) as scratch:
            made = Path(scratch) / kept.name
            _convert(folder, made)
            if parent is None:
                return cls(folder, tokenizer, made)
            # The weights first: who finds the description finds them too.
            made.with_suffix(".bin").replace(kept.with_suffix(".bin"))
            made.replace(kept)
        return cls(folder, tokenizer, kept)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one unit-length vector per text, shape (n, d), float32."""
        encodings = self._tokenizer.encode_batch_fast(list(texts))
        pooled: list[Vectors | None] = [None] * len(texts)
        for positions, mask, states in self._run(encodings):
            weights = mask if self._pooling == "mean" else np.eye(1, mask.shape[1], dtype=np.float32)
            vectors = np.einsum("ntd,nt->nd", states, np.broadcast_to(weights, mask.shape))
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            for position, vector in zip(positions, vectors, strict=True):
                pooled[position] = vector
        return np.array(pooled, dtype=np.float32)

    def tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Return each text's word pieces, each as it is by itself."""
        encodings = self._tokenizer.encode_batch(list(texts))
        vectors = self._vocabulary.vectors([_ids(encoding) for encoding in encodings])
        return [_told(*told) for told in zip(texts, encodings, vectors, strict=True)]

    def tokens_in_context(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Return each text's word pieces as the model reads them in it."""
        encodings = self._tokenizer.encode_batch(list(texts))
        found: list[TokenVectors | None] = [None] * len(texts)
        for positions, _, states in self._run(encodings):
            for position, of_text in zip(positions, states, strict=True):
                encoding = encodings[position]
                vectors = of_text[: len(encoding)][_real(encoding)]
                vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
                found[position] = _told(texts[position], encoding, vectors)
        return [tokens for tokens in found if tokens is not None]

    def piece_vectors(self, ids: PieceIds) -> Vectors:
        """Return word pieces (n,) as they are by themselves, shape (n, d)."""
        return self._vocabulary.vectors([ids])[0]

    def piece_ids(self, texts: Sequence[str]) -> list[PieceIds]:
        """Return the numbers of each text's word pieces, those of ``tokens``."""
        return [_ids(of_text) for of_text in self._tokenizer.encode_batch_fast(list(texts))]

    def _run(
        self, encodings: Sequence[Encoding]
    ) -> Iterator[tuple[list[int], NDArray[np.float32], NDArray[np.float32]]]:
        """Yield by batch: places in ``encodings``, mask (n, tokens) and token vectors (n, tokens, d)."""
        for positions, length in _batches([len(encoding) for encoding in encodings]):
            ids = np.zeros((len(positions), length), np.int64)
            mask = np.zeros_like(ids)
            for row, position in enumerate(positions):
                of_text = encodings[position].ids
                ids[row, : len(of_text)] = of_text
                mask[row, : len(of_text)] = 1
            states = self._request.infer([ids, mask], share_outputs=True)[0]
            yield positions, mask.astype(np.float32), states

    def _states(self, ids: PieceIds) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self._request.infer([ids, np.ones_like(ids)])[0]
        return found


def _marks(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Return the model's own marks in front of a text and behind it."""
    encoding = tokenizer.encode("a")
    real = np.flatnonzero(_real(encoding))
    return encoding.ids[: real[0]], encoding.ids[real[-1] + 1 :]


def _told(text: str, encoding: Encoding, vectors: Vectors) -> TokenVectors:
    return TokenVectors(ids=_ids(encoding), words=_words(text, encoding), vectors=vectors)


def _ids(encoding: Encoding) -> PieceIds:
    ids: PieceIds = np.array(encoding.ids, np.int64)
    return ids[_real(encoding)]


def _real(encoding: Encoding) -> NDArray[np.bool_]:
    """Return which word pieces are the text's own."""
    real: NDArray[np.bool_] = np.array(encoding.special_tokens_mask) == 0
    return real


def _words(text: str, encoding: Encoding) -> tuple[str, ...]:
    """Return the word of ``text`` that each piece is of."""
    pieces = list(zip(encoding.word_ids, encoding.offsets, encoding.special_tokens_mask, strict=True))
    spans = dict[int, tuple[int, int]]()
    for word, (start, end), _ in pieces:
        if word is not None:
            spans[word] = (spans.get(word, (start, end))[0], end)
    places = [span if word is None else spans[word] for word, span, special in pieces if not special]
    return tuple(text[start:end].strip() for start, end in places)


def _batches(lengths: Sequence[int]) -> Iterator[tuple[list[int], int]]:
    """Yield positions of texts of similar length, with the length that they are padded to."""
    order = sorted(range(len(lengths)), key=lambda n: lengths[n])
    batch: list[int] = []
    for position in order:
        padded = -(-lengths[position] // _ROUND) * _ROUND
        if batch and (len(batch) + 1) * padded > _BATCH_TOKENS:
            yield batch, -(-lengths[batch[-1]] // _ROUND) * _ROUND
            batch = []
        batch.append(position)
    if batch:
        yield batch, -(-lengths[batch[-1]] // _ROUND) * _ROUND


def _compiled(path: Path) -> openvino.CompiledModel:
    core = openvino.Core()
    precision = "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
    hints = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    try:
        return core.compile_model(path, "CPU", hints)
    except RuntimeError as error:
        raise ModelError(f"{path}: cannot be loaded; delete it to have it made again: {error}") from error


def _convert(folder: ModelFolder, target: Path) -> None:
    command = [sys.executable, "-m", "monitor.scoring.convert", str(folder.path), str(target)]
    logger.info("converting_model", extra={"model": folder.identity})
    try:
        done = subprocess.run(  # noqa: S603 - our own module, and a path
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LONGEST_CONVERSION,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelError(f"{folder.path}: took longer than {_LONGEST_CONVERSION} s to convert") from None
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ModelError(f"{folder.path}: cannot be converted: {reason}")
