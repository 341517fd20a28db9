"""How much of one text stands in another: what wire copies have in common. Pure.

A text is taken as its word triples. Two texts of a few words share too much by accident, so short ones share
nothing.
"""

import re
import zlib

__all__ = ["Triples", "shared", "triples"]

Triples = frozenset[int]
"""The hashes of a text's word triples."""

_WORD = re.compile(r"\w+")
_LONGEST_TEXT = 800
"""Characters: summaries are cut at different lengths, and articles are not compared."""
_FEWEST = 8


def triples(text: str) -> Triples:
    """Return the word triples of the beginning of a text."""
    words = _WORD.findall(text[:_LONGEST_TEXT].casefold())
    joined = (" ".join(three) for three in zip(words, words[1:], words[2:], strict=False))
    return frozenset(zlib.crc32(three.encode(errors="replace")) for three in joined)


def shared(one: Triples, other: Triples) -> float:
    """Return the share (0–1) of the shorter text's triples that the other has; 0 where either is short."""
    least = min(len(one), len(other))
    return len(one & other) / least if least >= _FEWEST else 0.0
