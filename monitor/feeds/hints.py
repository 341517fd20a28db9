"""How long a feed asks to be left alone between polls: its headers' and its document's own hints. Pure.

Hints are written by programs that nobody checks ("dayly", a frequency of 0.1), so each is taken only as
far as it makes sense, and none for more than a day.
"""

import re
from collections.abc import Mapping
from datetime import timedelta

from monitor.feeds.headers import until
from monitor.records import PollHints

_LONGEST = timedelta(days=1)
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?([0-9]{1,12})", re.IGNORECASE)
_NUMBER = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*")
# By their beginnings, for they are often misspelt.
_PERIODS = {
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "m": timedelta(days=30),
    "y": timedelta(days=365),
}


def header_hints(headers: Mapping[str, str]) -> PollHints | None:
    """Read ``Cache-Control: max-age`` (less the ``Age`` it has already) and ``Expires``."""
    fresh = _MAX_AGE.search(headers.get("Cache-Control", ""))
    age = _number(headers.get("Age")) or 0
    return longest(
        _hints(int(fresh[1]) - age if fresh else None, "Cache-Control: max-age"),
        _hints(_seconds(until(headers.get("Expires", ""), headers)), "Expires"),
    )


def document_hints(ttl: object, period: object, frequency: object) -> PollHints | None:
    """Read RSS's ``ttl``, in minutes, and ``sy:updatePeriod`` over ``sy:updateFrequency``."""
    minutes = _number(ttl)
    length = _PERIODS.get(period.strip()[:1].lower()) if isinstance(period, str) else None
    times = _number(frequency) or 1
    return longest(
        _hints(minutes * 60 if minutes else None, "ttl"),
        _hints(length.total_seconds() / times if length else None, "sy:updatePeriod"),
    )


def longest(*hints: PollHints | None) -> PollHints | None:
    """Return the hint that asks for the longest wait, or None if there is none."""
    return max(filter(None, hints), key=lambda hint: hint.min_interval, default=None)


def _hints(seconds: float | None, source: str) -> PollHints | None:
    if seconds is None or seconds <= 0:
        return None
    wait = min(seconds, _LONGEST.total_seconds())
    return PollHints(min_interval=timedelta(seconds=wait), source=source)


def _seconds(wait: timedelta | None) -> float | None:
    return None if wait is None else wait.total_seconds()


def _number(written: object) -> float | None:
    found = _NUMBER.fullmatch(written) if isinstance(written, str) else None
    return float(found[1]) if found else None
