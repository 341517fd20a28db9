"""The texts of an item that are compared with topics, and the words that a topic insists on. Pure."""

import re
from collections.abc import Iterator, Sequence

from monitor.records import Item, Topic

__all__ = ["item_text", "mentioned", "passages", "word_gate"]

_LONGEST_TEXT = 2000
"""Characters; the bundled model reads 256 word pieces, which is less."""
_FEWEST_WORDS, _MOST_WORDS, _SHORT_REST = 100, 150, 40
"""Of a passage; a rest that is shorter stays with the passage before it."""
_MOST_PASSAGES = 12

_SENTENCE_END = re.compile(r"(?<=[.!?…。！？।؟])\s+")


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


def word_gate(topic: Topic, text: str) -> str | None:
    """Return why the topic's words keep the text out, or None if they let it pass."""
    if topic.must_mention and not mentioned(topic.must_mention, text):
        return f"mentions none of {', '.join(topic.must_mention)}"
    unwanted = mentioned(topic.never_mention, text)
    return f"mentions {unwanted}" if unwanted else None


def mentioned(phrases: Sequence[str], text: str) -> str | None:
    """Return the first of some words and phrases that stands in a text, if any does.

    They are whole words, in any case: ``Jolo`` is not in ``Jolokia``.
    """
    for phrase in phrases:
        words = r"\s+".join(re.escape(word) for word in phrase.split())
        if re.search(rf"(?<!\w){words}(?!\w)", text, re.IGNORECASE):
            return phrase
    return None
