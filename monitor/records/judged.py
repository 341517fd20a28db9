"""What was made of items: scores, decisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from monitor.records.items import Item

Decision = Literal["alert", "thread", "quiet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why an item got its score: the sentence of the topic that came closest, and the text it met.

    ``text`` is the headline, or the beginning of the passage that won over it.
    ``parts`` are the score's parts by name, in points, and add up to it; ``gate`` says why a rule of words
    kept the item out. ``words`` are those of the topic that were found, ``not_about`` what was too close,
    if anything.
    """

    sentence: str
    text: str
    parts: Mapping[str, float]
    gate: str | None = None
    words: tuple[str, ...] = ()
    not_about: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How sure we are (0–100) that a subscriber of the topic wants the item.

    ``zero_label`` is that of headline and summary before votes and rules of words: what the topic learns
    from.
    """

    item_id: int
    topic_id: str
    score: float
    matched: bool
    evidence: Evidence
    zero_label: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """An item that scored above a topic's cut, and waits for a decision."""

    item: Item
    score: Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """To tell in a message of its own, in a thread, or not at all, and why (one of policy's reasons)."""

    decision: Decision
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A scored item as something to learn from: its words, and its zero-label scores (0–100) by topic.

    ``order`` says the how manieth it was to be scored.
    """

    order: int
    title: str
    summary: str
    zero_labels: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """A person's word on whether a topic's subscribers want items like this text."""

    id: int
    topic_id: str
    text: str
    url: str | None
    up: bool
    by: str
    at: datetime
    undone_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """By how many logits an example or a vote (``by`` a person, None for an example) pulls texts like its
    own."""

    text: str
    up: bool
    by: str | None
    logits: float
