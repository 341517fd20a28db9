"""How relevant an item is to a topic, 0–100, and why. Pure.

closeness of a passage
          = ½ · cosine with the closest ``about`` sentence
          + ½ · mean cosine with all ``about`` sentences and the topic's name
          −     how much closer a ``not_about`` sentence is than the closest ``about`` sentence, if it is
          −     0.03, if the passage is not the headline and summary but a part of the article
score     = 100 · logistic(25 · (closeness − 0.44)), of the best passage

``must_mention`` and ``never_mention`` are gates on headline, summary and the passage: what they keep out
scores 0. The two numbers of the logistic are those at which one cut for all topics gave the best F1 on twelve
labelled topics over 76,000 items (``docs/design.md`` has the figures); they hold for the bundled model.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.records import Evidence, Item, Score, Topic
from monitor.vectors import Vectors

_MIDDLE = 0.44
_STEEPNESS = 25.0
_LONGEST_TEXT = 2000
"""Characters; the bundled model reads 256 word pieces, which is less."""
_FEWEST_WORDS, _MOST_WORDS, _SHORT_REST = 100, 150, 40
"""Of a passage; a rest that is shorter stays with the passage before it."""
_MOST_PASSAGES = 12
_HANDICAP = 0.03
"""Of closeness: an article has many passages, and so many chances to come close to something by accident."""

_SHOWN = 200
_SENTENCE_END = re.compile(r"(?<=[.!?…。！？।؟])\s+")


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


def passages(item: Item) -> list[str]:
    """Return the texts of an item that are compared with topics: headline and summary, then its article's.

    The article is cut at paragraphs, long paragraphs at sentences, into up to 12 texts of 100 to 150 words.
    """
    first = item_text(item.title, item.summary)
    return [first, *_cut(item.full_text)[:_MOST_PASSAGES]] if item.full_text else [first]


def _cut(text: str) -> list[str]:
    found, words = [], list[str]()
    for unit in _units(text):
        if words and len(words) + len(unit) > _MOST_WORDS:
            found.append(words)
            words = []
        words = words + unit
        if len(words) >= _FEWEST_WORDS:
            found.append(words)
            words = []
    if found and len(words) < _SHORT_REST:
        found[-1] = found[-1] + words
    elif words:
        found.append(words)
    return [" ".join(words) for words in found]


def _units(text: str) -> Iterator[list[str]]:
    """Yield the words of each paragraph, or of each sentence of one that is too long for a passage."""
    for paragraph in text.split("\n"):
        long = len(paragraph.split()) > _MOST_WORDS
        yield from (unit.split() for unit in (_SENTENCE_END.split(paragraph) if long else [paragraph]))


def judge(topic: TopicVectors, item: Item, vectors: Vectors) -> Score:
    """Return the score of an item for a topic; ``vectors`` (n, d) are those of its ``passages``.

    The best passage counts. The first, headline and summary, is not handicapped, so that an article can
    raise a score and never lower it.
    """
    first, *rest = passages(item)
    scores = [_judge(topic, item, first, vectors[0], shown=item.title or first[:_SHOWN], handicap=0.0)]
    for text, vector in zip(rest, vectors[1:], strict=True):
        scores.append(
            _judge(topic, item, f"{first}\n{text}", vector, shown=text[:_SHOWN], handicap=_HANDICAP)
        )
    return max(scores, key=lambda score: score.score)


def _judge(
    topic: TopicVectors, item: Item, text: str, vector: Vectors, *, shown: str, handicap: float
) -> Score:
    cosines = topic.about @ vector
    best = int(np.argmax(cosines))
    near = float(cosines[best])
    mean = float((cosines.sum() + (topic.name @ vector).sum()) / (len(cosines) + len(topic.name)))
    close = (near + mean) / 2
    nearest_not = float((topic.not_about @ vector).max()) if len(topic.not_about) else -1.0
    pushed = max(0.0, nearest_not - near)
    unpushed = _points(close)
    gate = word_gate(topic.topic, text)
    score = 0.0 if gate else round(_points(close - pushed - handicap), 2)
    parts = {"closeness": round(unpushed, 1)}
    if pushed:
        parts["not_about"] = round(_points(close - pushed) - unpushed, 1)
    if handicap:
        parts["passage"] = round(_points(close - pushed - handicap) - _points(close - pushed), 1)
    evidence = Evidence(sentence=topic.topic.about[best], text=shown, parts=parts, gate=gate)
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
