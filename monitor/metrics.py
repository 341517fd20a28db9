"""How good decisions were, against labels. Pure.

Grades: 2 relevant, 1 either way (left out everywhere), 0 not; what has no label counts as not relevant.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Judged", "Quality", "calibration_error", "macro", "measure"]

BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One item for one topic: the score (0–100), whether it matched, what was decided, and what people say.

    ``grade`` is None without a label; ``story`` is the label's name of the event, empty without.
    """

    item: str
    score: float
    matched: bool
    alerted: bool
    grade: int | None
    story: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """One topic's figures. ``alerted`` counts the items above the cut, ``alerts`` the top-level messages.

    ``brier`` is the mean squared error of the scores as probabilities, over items with a label. Stories are
    those with a relevant item above the cut; ``alerts`` are those on relevant items.
    """

    relevant: int
    alerted: int
    precision: float
    recall: float
    f1: float
    average_precision: float
    brier: float
    stories: int
    stories_alerted: int
    alerts: int
    alerts_per_story: float
    votes: int = 0


def measure(judged: Sequence[Judged], missed: Sequence[Judged], votes: int = 0) -> Quality:
    """Return the figures of one topic.

    ``judged`` holds its items with a score worth keeping, in time order, ``missed`` labelled ones without.
    """
    counted = [row for row in judged if row.grade != 1]
    relevant = sum(row.grade == 2 for row in (*judged, *missed))
    matched = [row for row in counted if row.matched]
    hits = sum(row.grade == 2 for row in matched)
    precision = hits / len(matched) if matched else 0.0
    recall = hits / relevant if relevant else 0.0
    stories = {row.story for row in matched if row.grade == 2}
    told = [row for row in counted if row.alerted and row.grade == 2]
    return Quality(
        relevant=relevant,
        alerted=len(matched),
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if hits else 0.0,
        average_precision=average_precision(counted, relevant),
        brier=_brier((*judged, *missed)),
        stories=len(stories),
        stories_alerted=len({row.story for row in told} & stories),
        alerts=len(told),
        alerts_per_story=len(told) / len(stories) if stories else 0.0,
        votes=votes,
    )


def average_precision(judged: Sequence[Judged], relevant: int) -> float:
    """Return the mean, over all relevant items, of the precision down to each; 0 for those never reached."""
    found, total = 0, 0.0
    for rank, row in enumerate(sorted(judged, key=lambda row: -row.score), 1):
        if row.grade == 2:
            found += 1
            total += found / rank
    return total / relevant if relevant else 0.0


def calibration_error(judged: Iterable[Judged]) -> tuple[float, list[tuple[int, float, float]]]:
    """Return the calibration error over labelled items, and per tenth: count, mean score, share relevant.

    Shares and scores are from 0 to 1; a tenth without items is left out.
    """
    tenths = defaultdict[int, list[Judged]](list)
    for row in judged:
        if row.grade in (0, 2):
            tenths[min(int(row.score / 100 * BINS), BINS - 1)].append(row)
    table = []
    for tenth in sorted(tenths):
        rows = tenths[tenth]
        score = sum(row.score for row in rows) / len(rows) / 100
        table.append((len(rows), score, sum(row.grade == 2 for row in rows) / len(rows)))
    total = sum(count for count, _, _ in table)
    error = sum(count * abs(score - share) for count, score, share in table)
    return (error / total if total else 0.0), table


def macro(qualities: Iterable[Quality]) -> dict[str, float]:
    """Return the mean over topics of every figure; those of stories are of all topics' stories together."""
    rows = list(qualities)
    names = ("precision", "recall", "f1", "average_precision", "brier")
    means = {name: sum(getattr(row, name) for row in rows) / len(rows) if rows else 0.0 for name in names}
    stories = sum(row.stories for row in rows) or 1
    means["alerts_per_story"] = sum(row.alerts for row in rows) / stories
    means["stories_alerted"] = sum(row.stories_alerted for row in rows) / stories
    return means


def _brier(judged: Sequence[Judged]) -> float:
    rows = [row for row in judged if row.grade in (0, 2)]
    errors = [(row.score / 100 - (row.grade == 2)) ** 2 for row in rows]
    return sum(errors) / len(errors) if errors else 0.0
