"""Which items tell the same thing. Pure.

So far only what is the same beyond doubt: one address, or one headline of some length. Grouping different
words about one event is a later step.
"""

import re

from monitor.records import Item

_WORD = re.compile(r"\w+")
FEWEST_WORDS = 5
"""Shorter headlines ("Live updates", "Man arrested in Mosul") are shared by different events."""


def headline_key(title: str) -> str | None:
    """Return what copies of one headline share, or None where the headline is too short to tell."""
    words = _WORD.findall(title.casefold())
    return " ".join(words) if len(words) >= FEWEST_WORDS else None


def first_told(told_before: list[Item]) -> Item | None:
    """Return the item that told the story first, out of those that share its address or headline."""
    return min(told_before, key=lambda item: (item.first_seen, item.id), default=None)
