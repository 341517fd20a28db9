"""What ordinary news looks like to a model that no statistics were shipped for. Pure.

texts ── news-like texts of every kind ──► (somebody encodes them) ──► statistics, and the model's own scale
"""

from monitor.reference.statistics import reference_statistics
from monitor.reference.texts import reference_texts

__all__ = ["reference_statistics", "reference_texts"]
