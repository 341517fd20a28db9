"""Owns the files of reference statistics: what broad news looks like to a model, as aggregates only.

Shipped, a file per model: ``mean`` (d,) and the covariance's upper triangle in float16, and the share of
documents per word piece as a byte, −12 times its logarithm. Measured, in the user's cache: all as it is.
"""

import hashlib
import logging
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import numpy as np

from monitor.background import Reference
from monitor.caches import cache_folder
from monitor.reference import reference_texts

__all__ = ["keep", "kept", "shipped"]

logger = logging.getLogger(__name__)


def shipped(model: str) -> Reference | None:
    """Return the reference that comes with the product for a model, or None."""
    path = Path(__file__).with_name(f"{model}.npz")
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as stored:
        mean = stored["mean"].astype(np.float64)
        covariance = np.zeros((len(mean), len(mean)))
        covariance[np.triu_indices(len(mean))] = stored["cov"]
        covariance += np.triu(covariance, 1).T
        shares = np.exp(stored["df"].astype(np.float64) / -12.0)
    return Reference(mean=mean, covariance=covariance, shares=shares)


def kept(model: str) -> Reference | None:
    """Return the reference that was measured for a model before, or None if there is none to be read."""
    try:
        with _place(model).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            weight, closeness, same_word = stored["scale"].tolist()
            return Reference(
                mean=stored["mean"],
                covariance=stored["covariance"],
                shares=stored["shares"],
                weight=weight,
                closeness=closeness,
                same_word=same_word,
            )
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def keep(model: str, reference: Reference) -> None:
    """Put a measured reference where ``kept`` finds it; where that cannot be, it is measured again."""
    place = _place(model)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=place.parent, suffix=".npz", delete=False) as made:
            np.savez(
                made,
                mean=reference.mean,
                covariance=reference.covariance,
                shares=reference.shares,
                scale=np.array([reference.weight, reference.closeness, reference.same_word]),
            )
        Path(made.name).replace(place)
    except OSError as error:
        told = {"folder": str(place.parent), "reason": error.strerror}
        logger.warning("no_model_cache", extra=told)


def _place(model: str) -> Path:
    return cache_folder() / "references" / f"{model}-{_texts_key()}.npz"


@cache
def _texts_key() -> str:
    told = "\n".join(text for kind in reference_texts() for text in kind)
    return hashlib.sha256(told.encode()).hexdigest()[:8]
