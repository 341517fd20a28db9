"""How relevant an item is to a topic, 0–100, and why. Pure.

closeness = ½ · cosine with the closest ``about`` sentence
          + ½ · mean cosine with all ``about`` sentences and the topic's name
          −     how much closer a ``not_about`` sentence is than the closest ``about`` sentence, if it is
score     = 100 · logistic(25 · (closeness − 0.44))

``must_mention`` and ``never_mention`` are gates: an item that they keep out scores 0. The two numbers are
those at which one cut for all topics gave the best F1 on twelve labelled topics over 76,000 items
(``docs/design.md`` has the figures); they hold for the bundled model.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitor.records import Evidence, Item, Score, Topic
from monitor.vectors import Vectors

_MIDDLE = 0.44
_STEEPNESS = 25.0
_LONGEST_TEXT = 2000
"""Characters; the bundled model reads 256 word pieces, which is less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicVectors:
    """A topic with the vectors of its sentences: ``about`` (n, d), ``not_about`` (m, d), ``name`` (1, d)."""

    topic: Topic
    about: Vectors
    not_about: Vectors
    name: Vectors


def item_text(title: str, summary: str) -> str:
    """Return the text of an item that is compared with topics."""
    return (f"{title}. {summary}" if title and summary else title or summary)[:_LONGEST_TEXT]


def judge(topic: TopicVectors, item: Item, vector: Vectors) -> Score:
    """Return the score of an item, whose text's vector is ``vector`` (d,), for a topic."""
    text = item_text(item.title, item.summary)
    cosines = topic.about @ vector
    best = int(np.argmax(cosines))
    near = float(cosines[best])
    mean = float((cosines.sum() + (topic.name @ vector).sum()) / (len(cosines) + len(topic.name)))
    close = (near + mean) / 2
    nearest_not = float((topic.not_about @ vector).max()) if len(topic.not_about) else -1.0
    pushed = max(0.0, nearest_not - near)
    unpushed = _points(close)
    gate = word_gate(topic.topic, text)
    score = 0.0 if gate else round(_points(close - pushed), 2)
    parts = {"closeness": round(unpushed, 1)}
    if pushed:
        parts["not_about"] = round(_points(close - pushed) - unpushed, 1)
    evidence = Evidence(
        sentence=topic.topic.about[best], text=item.title or text[:200], parts=parts, gate=gate
    )
    return Score(
        item_id=item.id,
        topic_id=topic.topic.id,
        score=score,
        matched=gate is None and score >= topic.topic.cut,
        evidence=evidence,
    )


def word_gate(topic: Topic, text: str) -> str | None:
    """Return why the topic's words keep the text out, or None if they let it pass.

    Words and phrases are whole words, in any case: ``Jolo`` is not in ``Jolokia``.
    """
    if topic.must_mention and not _mentioned(topic.must_mention, text):
        return f"mentions none of {', '.join(topic.must_mention)}"
    unwanted = _mentioned(topic.never_mention, text)
    return f"mentions {unwanted}" if unwanted else None


def _mentioned(phrases: Sequence[str], text: str) -> str | None:
    for phrase in phrases:
        words = r"\s+".join(re.escape(word) for word in phrase.split())
        if re.search(rf"(?<!\w){words}(?!\w)", text, re.IGNORECASE):
            return phrase
    return None


def _points(closeness: float) -> float:
    return 100.0 / (1.0 + math.exp(-_STEEPNESS * (closeness - _MIDDLE)))
