"""Owns the shipped reference statistics: what broad news looks like to the bundled model, as aggregates only.

A file per model, by the model's identity: ``mean`` (d,) and the covariance's upper triangle in float16,
and the share of documents per word piece as a byte, −12 times its logarithm.
"""

from pathlib import Path

import numpy as np

from monitor.background import Reference

__all__ = ["shipped"]


def shipped(model: str) -> Reference | None:
    """Return the reference of a model, or None if none comes with the product."""
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
