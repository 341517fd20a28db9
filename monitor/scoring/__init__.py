"""The door of scoring: text to vectors.

models ── what a model's folder says of it
compiled ── runs converted models (OpenVINO); convert ── makes them, in a process of its own
encoder ── runs any model as it is (PyTorch)
vocabulary ── what a model makes of each word piece by itself
references ── what broad news looks like to a model
"""

import logging
import sys
from collections.abc import Sequence
from typing import Protocol

from monitor.background import Reference
from monitor.errors import ModelError
from monitor.records import Check
from monitor.vectors import PieceIds, TokenVectors, Vectors

__all__ = ["Encoder", "check_model", "open_encoder", "open_reference"]

# Nothing here tells anybody anything; without the module, the library has nobody to tell it through.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)


class Encoder(Protocol):
    """Turns texts into vectors; the same text and model always give the same vector."""

    @property
    def model(self) -> str:
        """The model's name and what else its vectors depend on: those of two models never mix."""

    @property
    def query_prompt(self) -> str:
        """What the model wants in front of a sentence that describes a topic; may be empty."""

    @property
    def passage_prompt(self) -> str:
        """What the model wants in front of an item's text; may be empty."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one unit-length vector per text, shape (n, d)."""

    def tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Return each text's word pieces, each as it is by itself, without the model's own marks; cheap."""

    def tokens_in_context(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Return each text's word pieces as the model reads them in it; as dear as ``encode``."""

    def piece_vectors(self, ids: PieceIds) -> Vectors:
        """Return word pieces (n,) as they are by themselves, shape (n, d)."""

    def piece_ids(self, texts: Sequence[str]) -> list[PieceIds]:
        """Return the numbers of each text's word pieces, those of ``tokens``; cheaper."""


def open_encoder(
    model: str,
    *,
    query_prompt: str | None = None,
    passage_prompt: str | None = None,
    max_tokens: int | None = None,
) -> Encoder:
    """Load a model by name or folder; raise ModelError if it is missing, altered or not loadable.

    Its own prompts and length hold unless others are given.
    """
    from monitor.scoring.models import open_folder

    folder = open_folder(
        model, query_prompt=query_prompt, passage_prompt=passage_prompt, max_tokens=max_tokens
    )
    if folder.pooling is not None and (folder.path / "tokenizer.json").exists():
        try:
            from monitor.scoring.compiled import CompiledEncoder

            return CompiledEncoder.load(folder)
        except (ModelError, ImportError) as error:
            logger.warning("model_not_converted", extra={"model": folder.identity, "reason": str(error)})
    from monitor.scoring.encoder import SentenceEncoder

    return SentenceEncoder.load(folder)


def check_model(
    model: str,
    *,
    query_prompt: str | None = None,
    passage_prompt: str | None = None,
    max_tokens: int | None = None,
) -> Check:
    """Say whether a model's files are on this machine, and what their weights' SHA-256 is; loads nothing."""
    from monitor.scoring.models import BUNDLED, open_folder

    try:
        folder = open_folder(
            model,
            query_prompt=query_prompt,
            passage_prompt=passage_prompt,
            max_tokens=max_tokens,
            at_hand=True,
        )
    except ModelError as error:
        remedy = "the next start asks the model hub; or give encoder.model a folder, or leave it out"
        return Check(
            subject="model", state="failed", text=str(error), remedy=None if model == BUNDLED else remedy
        )
    published = ", as published" if model == BUNDLED else ""
    return Check(subject="model", state="ok", text=f"{folder.path}: {folder.weights} (SHA-256{published})")


def open_reference(encoder: Encoder) -> Reference:
    """Return what broad news looks like to a model: as shipped, as measured before, or measured now.

    Measuring encodes some 1,500 short texts; the result is kept in the user's cache.
    """
    from monitor.scoring.references import keep, kept, shipped

    known = shipped(encoder.model) or kept(encoder.model)
    if known is not None:
        return known
    from monitor.reference import reference_statistics, reference_texts

    logger.info("measuring_model", extra={"model": encoder.model})
    kinds = reference_texts()
    texts = [text for kind in kinds for text in kind]
    reference = reference_statistics(
        encoder.encode([encoder.passage_prompt + text for text in texts]),
        encoder.tokens_in_context(texts),
        encoder.tokens(texts),
        [number for number, kind in enumerate(kinds) for _ in kind],
    )
    keep(encoder.model, reference)
    return reference
