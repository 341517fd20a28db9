"""The door of scoring: text to vectors.

models ── what a model's folder says of it
compiled ── runs converted models (OpenVINO); convert ── makes them, in a process of its own
encoder ── runs any model as it is (PyTorch)
references ── what broad news looks like to the bundled model
"""

import logging
import sys
from collections.abc import Sequence
from typing import Protocol

from monitor.background import Reference
from monitor.errors import ModelError
from monitor.vectors import PieceIds, TokenVectors, Vectors

__all__ = ["Encoder", "open_encoder", "open_reference"]

# Nothing here tells anybody anything; without the module, the library has nobody to tell it through.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)


class Encoder(Protocol):
    """Turns texts into vectors; the same text and model always give the same vector."""

    @property
    def model(self) -> str:
        """The model's name and the fingerprint of its weights: vectors of two models never mix."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one unit-length vector per text, shape (n, d)."""

    def encode_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Return the vectors of each text's word pieces, without the model's own marks."""

    def piece_ids(self, texts: Sequence[str]) -> list[PieceIds]:
        """Return the numbers of each text's word pieces, those of ``encode_tokens``; cheap."""


def open_encoder(model: str) -> Encoder:
    """Load a model by name or folder; raise ModelError if it is missing, altered or not loadable."""
    from monitor.scoring.models import open_folder

    folder = open_folder(model)
    if folder.pooling is not None and (folder.path / "tokenizer.json").exists():
        try:
            from monitor.scoring.compiled import CompiledEncoder

            return CompiledEncoder.load(folder)
        except (ModelError, ImportError) as error:
            logger.warning("model_not_converted", extra={"model": folder.identity, "reason": str(error)})
    from monitor.scoring.encoder import SentenceEncoder

    return SentenceEncoder.load(folder)


def open_reference(model: str) -> Reference | None:
    """Return what broad news looks like to a model, by its identity; None if that is not known."""
    from monitor.scoring.references import shipped

    return shipped(model)
