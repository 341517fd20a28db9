"""When to poll a feed next. Pure."""

from datetime import datetime, timedelta

from monitor.records import Feed, FetchFailed, FetchOutcome

LONGEST_BACK_OFF = timedelta(days=1)
LONGEST_PASSING = timedelta(hours=1)
"""The back-off from what passes, such as a network that is down: perhaps our own, and then of all feeds."""
_PASSING = {"connect", "timeout", "empty"}
JITTER = 0.1
"""The share of an interval by which a poll may come sooner or later, so that feeds spread out."""


def next_poll(feed: Feed, outcome: FetchOutcome, now: datetime, chance: float) -> datetime:
    """Return when ``feed`` is due again after ``outcome``; ``chance`` is a random number in [0, 1).

    A failing feed is asked half as often after each failure, at least once a day (once an hour if the failure
    is of a passing kind), and never given up; a server that says how long to wait is obeyed within a day.
    """
    wait = feed.spec.every
    if isinstance(outcome, FetchFailed):
        # The exponent is capped: 2 ** 17 times the shortest interval, a second, is past a day already.
        passing = outcome.kind in _PASSING or (outcome.status or 0) >= 500
        longest = max(LONGEST_PASSING if passing else LONGEST_BACK_OFF, wait)
        wait = min(wait * 2 ** min(feed.failures, 17), longest)
        if outcome.retry_after is not None:
            wait = max(wait, min(outcome.retry_after, LONGEST_BACK_OFF))
    return now + wait * (1 + JITTER * (2 * chance - 1))
