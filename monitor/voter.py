"""A simulated person: votes, from labels, on the first items of each topic that the service shows. Pure.

Shown are alerts, as they come, and at the end of each day the two best near misses of that day. What a label
calls either way is not voted on.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from monitor.labelled import Label
from monitor.records import Judgement

__all__ = ["Ballot", "Voter"]

NEAR_MISSES = 2
"""A day and topic; more would ask a person mostly about what nobody wants."""
NEAR = 10.0
"""The score from which a near miss is worth a look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """A vote on an item for a topic."""

    topic_id: str
    item: str
    up: bool


class Voter:
    """Casts up to ``votes`` votes per topic."""

    def __init__(self, labels: Mapping[str, Mapping[str, Label]], votes: int) -> None:
        self._labels = labels
        self._left = dict.fromkeys(labels, votes)
        self._missed = defaultdict[str, list[Judgement]](list)
        self._day: date | None = None

    def asked(self, judged: Sequence[Judgement], day: date) -> list[Ballot]:
        """Return the votes on what the service has shown in a moment of a day."""
        shown = self._near_misses() if day != self._day else []
        self._day = day
        for row in judged:
            if row.verdict is not None and row.verdict.decision == "alert":
                shown.append(row)
            elif not row.score.matched and row.score.score >= NEAR:
                self._missed[row.score.topic_id].append(row)
        ballots = (self._ballot(row) for row in shown)
        return [ballot for ballot in ballots if ballot is not None]

    def _near_misses(self) -> list[Judgement]:
        """Return what the day that ends here has nearly matched."""
        missed, self._missed = self._missed, defaultdict(list)
        return [
            row
            for rows in missed.values()
            for row in sorted(rows, key=lambda row: -row.score.score)[:NEAR_MISSES]
        ]

    def _ballot(self, row: Judgement) -> Ballot | None:
        topic, item = row.score.topic_id, row.guid or ""
        label = self._labels.get(topic, {}).get(item)
        if not self._left.get(topic) or (label is not None and label.grade == 1):
            return None
        self._left[topic] -= 1
        return Ballot(topic_id=topic, item=item, up=label is not None and label.grade == 2)
