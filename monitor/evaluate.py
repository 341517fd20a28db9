"""Measures relevance on a labelled stream: every item in time order, through the service's own stages.

stream ──► rehearsal ──► judgements ──► (a simulated person's votes) ──► decisions file, figures, plots
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from monitor.errors import MonitorError
from monitor.labelled import Label, StreamItem
from monitor.metrics import Judged, Quality, calibration_error, macro, measure
from monitor.plots import reliability_diagram, score_distribution
from monitor.records import Judgement, Topic
from monitor.rehearsal import moments, open_rehearsal
from monitor.scoring import Encoder
from monitor.settings import AlertSettings
from monitor.voter import Voter

__all__ = [
    "HEADERS",
    "Evaluation",
    "as_json",
    "evaluate",
    "rows",
    "summary",
    "write_decisions",
    "write_json",
    "write_plots",
]

Labels = Mapping[str, Mapping[str, Label]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What became of a labelled stream: pairs of item and topic with a score worth keeping, in time order.

    ``voted`` are the pairs of topic and item that were voted on.
    """

    topics: tuple[Topic, ...]
    labels: Labels
    judged: Mapping[str, Sequence[Judgement]]
    order: Sequence[Judgement]
    voted: frozenset[tuple[str, str]]
    items: int

    @property
    def labelled(self) -> list[Topic]:
        """The topics that can be measured."""
        return [topic for topic in self.topics if topic.id in self.labels]

    def of(self, topic_id: str) -> "tuple[list[Judged], list[Judged]]":
        """Return a topic's items after the last vote: those with a score worth keeping, labelled others."""
        labels, kept = self.labels[topic_id], self.judged.get(topic_id, ())
        last = max((n for n, row in enumerate(kept, 1) if (topic_id, row.guid) in self.voted), default=0)
        known = {row.guid for row in kept}
        missed = [
            Judged(item=item, score=0.0, matched=False, alerted=False, grade=label.grade)
            for item, label in labels.items()
            if item not in known
        ]
        return [_judged(row, labels.get(row.guid or "")) for row in kept[last:]], missed

    def qualities(self) -> dict[str, Quality]:
        """Return the figures per topic, of the items after the last vote."""
        votes = defaultdict[str, int](int)
        for topic_id, _item in self.voted:
            votes[topic_id] += 1
        return {topic.id: measure(*self.of(topic.id), votes[topic.id]) for topic in self.labelled}


async def evaluate(
    topics: Sequence[Topic],
    stream: Iterable[StreamItem],
    labels: Labels,
    *,
    load: Callable[[], Encoder],
    alerts: AlertSettings,
    votes: int = 0,
    on_items: Callable[[int], None] = lambda _count: None,
) -> Evaluation:
    """Replay a stream, in the order of first_seen, and return what became of it; MonitorError if it can't."""
    ordered = sorted(stream, key=lambda item: item.first_seen)
    _refuse(topics, ordered, labels)
    by_id = {item.id: item for item in ordered}
    voted = set[tuple[str, str]]()
    voter = Voter({topic.id: labels.get(topic.id, {}) for topic in topics}, votes)
    order, judged = list[Judgement](), defaultdict[str, list[Judgement]](list)
    async with open_rehearsal(topics, load, alerts) as rehearsal:
        await rehearsal.begin((item.feed for item in ordered), ordered[0].first_seen)
        for moment in moments(ordered):
            found = await rehearsal.play(moment)
            order += found
            for row in found:
                judged[row.score.topic_id].append(row)
            for ballot in voter.asked(found, moment[-1].first_seen.date()):
                voted.add((ballot.topic_id, ballot.item))
                await rehearsal.vote(ballot.topic_id, by_id[ballot.item], up=ballot.up)
            on_items(len(moment))
    return Evaluation(
        topics=tuple(topics),
        labels=labels,
        judged=judged,
        order=order,
        voted=frozenset(voted),
        items=len(ordered),
    )


def _refuse(topics: Sequence[Topic], stream: Sequence[StreamItem], labels: Labels) -> None:
    if not stream:
        raise MonitorError("there is no item in this stream")
    if len({item.id for item in stream}) < len(stream):
        raise MonitorError("two items of this stream have the same id")
    if not any(topic.id in labels for topic in topics):
        known = ", ".join(sorted(labels)) or "none"
        raise MonitorError(f"no topic of this watchlist has labels; the labels are of: {known}")


def _judged(row: Judgement, label: Label | None) -> Judged:
    return Judged(
        item=row.guid or "",
        score=row.score.score,
        matched=row.score.matched,
        alerted=_decision(row) == "alert",
        grade=None if label is None else label.grade,
        story=label.story if label else "",
    )


def _decision(row: Judgement) -> str:
    if row.verdict is None:
        return ""
    quiet = row.verdict.decision == "quiet"
    return f"quiet:{row.verdict.reason}" if quiet else row.verdict.decision


# --- what comes of it --------------------------------------------------------------------------------


def write_decisions(evaluation: Evaluation, path: Path) -> None:
    """Write every pair with a score worth keeping, in time order, tabs between the columns."""
    lines = ["topic_id\titem_id\tscore\tmatched\tdecision\tstory_id\tvoted"]
    for row in evaluation.order:
        topic_id, guid = row.score.topic_id, row.guid or ""
        story = row.story_id if row.story_id is not None else ""
        voted = (topic_id, guid) in evaluation.voted
        cells = (topic_id, guid, row.score.score, int(row.score.matched), _decision(row), story, int(voted))
        lines.append("\t".join(map(str, cells)))
    _write(path, "\n".join(lines) + "\n")


def as_json(evaluation: Evaluation, seconds: float) -> dict[str, Any]:
    """Return the figures as plain values."""
    qualities = evaluation.qualities()
    error, table = calibration_error(_all(evaluation))
    return {
        "topics": {topic_id: asdict(quality) for topic_id, quality in qualities.items()},
        "macro": macro(qualities.values()) | {"calibration_error": error},
        "calibration": [
            {"items": count, "mean_score": 100 * score, "relevant": share} for count, score, share in table
        ],
        "items": evaluation.items,
        "seconds": round(seconds, 1),
    }


def write_json(evaluation: Evaluation, seconds: float, path: Path) -> None:
    """Write the figures as JSON."""
    _write(path, json.dumps(as_json(evaluation, seconds), indent=2, ensure_ascii=False) + "\n")


def summary(evaluation: Evaluation, seconds: float) -> str:
    """Return in a line what the table does not say."""
    error, table = calibration_error(_all(evaluation))
    return (
        f"{evaluation.items:,} items in {seconds:.0f} s; of the {sum(row[0] for row in table):,} labelled "
        f"pairs, scores and shares of relevant ones differ by {error:.3f} (expected calibration error)"
    )


HEADERS = (
    "topic",
    "relevant",
    "alerted",
    "precision",
    "recall",
    "F1",
    "AP",
    "Brier",
    "stories",
    "told",
    "votes",
)


def rows(evaluation: Evaluation) -> list[list[str]]:
    """Return the figures as the rows of a table with ``HEADERS``, the mean over topics last."""
    qualities = evaluation.qualities()
    table = []
    for topic_id, of in qualities.items():
        figures = (of.precision, of.recall, of.f1, of.average_precision, of.brier)
        counts = (of.stories, of.stories_alerted, of.votes)
        table.append([topic_id, str(of.relevant), str(of.alerted)])
        table[-1] += [f"{figure:.3f}" for figure in figures] + [str(count) for count in counts]
    mean = macro(qualities.values())
    names = ("precision", "recall", "f1", "average_precision", "brier")
    table.append(["mean of topics", "", "", *(f"{mean[name]:.3f}" for name in names), "", "", ""])
    return table


def write_plots(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Draw each topic's scores, and how far scores can be believed, as SVG; return the files."""
    plots = {"calibration": reliability_diagram(calibration_error(_all(evaluation))[1])}
    for topic in evaluation.labelled:
        plots[topic.id] = score_distribution(topic.name, topic.cut, evaluation.of(topic.id)[0])
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MonitorError(
            f"cannot write to {folder}: {(error.strerror or 'unknown trouble').lower()}"
        ) from error
    for name, plot in plots.items():
        _write(folder / f"{name}.svg", plot)
    return [folder / f"{name}.svg" for name in plots]


def _all(evaluation: Evaluation) -> list[Judged]:
    return [row for topic in evaluation.labelled for part in evaluation.of(topic.id) for row in part]


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MonitorError(f"cannot write {path}: {(error.strerror or 'unknown trouble').lower()}") from error
