"""What was made of items: scores, decisions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from monitor.records.items import Item

Decision = Literal["alert", "quiet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why an item got its score: the sentence of the topic that came closest, and the text it met.

    ``text`` is the headline, or the beginning of the passage that won over it.
    ``parts`` are the score's parts by name, in points; ``gate`` says why a rule of words kept the item out.
    """

    sentence: str
    text: str
    parts: Mapping[str, float]
    gate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How sure we are (0–100) that a subscriber of the topic wants the item."""

    item_id: int
    topic_id: str
    score: float
    matched: bool
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """An item that scored above a topic's cut, and waits for a decision."""

    item: Item
    score: Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """To tell or not to tell, and why; ``duplicate_of`` is the item that already told the story."""

    decision: Decision
    reason: str
    duplicate_of: int | None = None
