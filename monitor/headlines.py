"""Which headlines are one and the same, beyond doubt. Pure.

``grouping`` finds what tells one event in other words.
"""

import re
from urllib.parse import urlsplit

_WORD = re.compile(r"\w+")
FEWEST_WORDS = 5
"""Shorter headlines ("Live updates", "Man arrested in Mosul") are shared by different events."""

_GOOGLE_NEWS = "news.google.com"
"""Its links hide the article's own address, and its titles end in " - " and the source."""


def headline_key(title: str, url: str | None = None) -> str | None:
    """Return what copies of one headline share, or None where the headline is too short to tell.

    Headlines in Google News are compared without their source; short ones together with it.
    """
    headline, source = _parted(title) if url and _host(url) == _GOOGLE_NEWS else (title, "")
    words, outlet = _words(headline), _words(source)
    if len(words) >= FEWEST_WORDS:
        return " ".join(words)
    return " ".join((*words, "/", *outlet)) if words and outlet else None


def _parted(title: str) -> tuple[str, str]:
    headline, dash, source = title.rpartition(" - ")
    return (headline, source) if dash else (title, "")


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
