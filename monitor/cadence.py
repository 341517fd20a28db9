"""When to poll a feed next, learned from when it publishes. Pure.

new items' dates ──► Rhythm (items an hour, by hour of the day) ──► when the news expected since the last
poll will have waited, all items together, for as long as one request is worth (``wait_worth``)

Minimising the items' total wait at a given number of requests makes every feed share that one threshold:
polls come at a density in proportion to the square root of the rate, over feeds and over the day alike
(Sia and Cho, "Efficient Monitoring Algorithm for Fast News Alerts").
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from math import sqrt

from monitor.records import Feed, FetchFailed, FetchOutcome, Rhythm

LONGEST_BACK_OFF = timedelta(days=1)
LONGEST_HINT = timedelta(hours=1)
"""How long a feed's own word on caching may hold it back: many state a day and publish hourly."""
LONGEST_PASSING = timedelta(hours=1)
"""The back-off from what passes, such as a network that is down: perhaps our own, and then of all feeds."""
LONGEST_OUTAGE_WAIT = timedelta(minutes=2)
"""While our own network is down: the sooner one feed answers, the sooner all are caught up with."""
_PASSING = {"connect", "timeout", "empty"}
JITTER = 0.1
"""The share of an interval by which a poll may come sooner or later, so that feeds spread out."""
SHORTEST = timedelta(minutes=1)
LONGEST_FACTOR = 6
"""How many default intervals a learned wait may last: the price of a surprise from a quiet feed."""
HALF_LIFE = timedelta(days=14)
"""How fast what was seen stops to count, so that a feed's new habits win."""
REACH = timedelta(days=2)
"""Items older than this tell nothing when first seen, and a longer absence counts as no more."""
PRIOR_DAYS = 2.0
"""For how many days a feed counts as even around the clock, before its own hours speak."""

HOUR = timedelta(hours=1)
HOURS = 24


def hourly(rhythm: Rhythm) -> tuple[float, ...]:
    """Return the items expected in each UTC hour of the day, all above zero."""
    # Half an item more than seen, in a day more than watched: a silent feed is slow, not dead.
    mean = (sum(rhythm.counts) + 0.5) / (HOURS * (rhythm.days + 1))
    return tuple((count + PRIOR_DAYS * mean) / (rhythm.days + PRIOR_DAYS) for count in rhythm.counts)


def demand(rhythm: Rhythm) -> float:
    """Return a feed's claim on requests: the mean over the day of the root of its hourly rate."""
    return sum(map(sqrt, hourly(rhythm))) / HOURS


def observe(rhythm: Rhythm | None, new: Iterable[datetime | None], now: datetime) -> Rhythm | None:
    """Return the rhythm after a good poll at ``now`` that brought items published at ``new``.

    The first poll learns from the dates of what the feed shows, and stays None if there are none.
    """
    dates = [None if date is None else date.astimezone(UTC) for date in new]
    earliest = now - REACH
    if rhythm is None:
        dates = [date for date in dates if date is not None and date <= now]
        if not dates:
            return None
        oldest = max(min(date for date in dates if date is not None), earliest)
        rhythm = Rhythm(counts=(0.0,) * HOURS, days=0.0, seen_to=oldest - timedelta(microseconds=1))
    since = max(rhythm.seen_to, earliest)
    fade = 0.5 ** (max(now - rhythm.seen_to, timedelta(0)) / HALF_LIFE)
    counts = [count * fade for count in rhythm.counts]
    for date in dates:
        if date is None or date > earliest:
            counts[_appeared(date, since, now).hour] += 1
    days = rhythm.days * fade + max(now - since, timedelta(0)) / timedelta(days=1)
    return Rhythm(counts=tuple(counts), days=days, seen_to=max(now, rhythm.seen_to))


def wait_worth(demands: Sequence[float], every: timedelta) -> float:
    """Return how many item-hours of waiting are worth one request, for feeds with these ``demands``.

    At that worth they use as many requests together as if each were polled ``every`` so often.
    """
    budget = len(demands) * (HOUR / every)
    slowest, fastest = _bounds(every)
    rarest, oftenest = HOUR / fastest, HOUR / slowest
    low, high = 0.0, max((rarest / demand for demand in demands), default=1.0)
    for _ in range(40):
        scale = (low + high) / 2
        if sum(min(max(scale * demand, oftenest), rarest) for demand in demands) < budget:
            low = scale
        else:
            high = scale
    return 0.5 / high**2


def news_wait(rhythm: Rhythm, worth: float, every: timedelta, now: datetime) -> timedelta:
    """Return how long after ``now`` the expected items will have waited ``worth`` item-hours in all."""
    longest, shortest = _bounds(every)
    rates = hourly(rhythm)
    at, horizon, pending, waited = now.astimezone(UTC), now + longest, 0.0, 0.0
    while at < horizon:
        rate = rates[at.hour]
        turn = at.replace(minute=0, second=0, microsecond=0) + HOUR
        span = (turn - at) / HOUR
        # waited + pending * x + rate * x² / 2 reaches the worth after x hours
        left = max(worth - waited, 0.0)
        needed = (sqrt(pending**2 + 2 * rate * left) - pending) / rate
        if needed <= span:
            return min(max(at + needed * HOUR - now, shortest), longest)
        waited += pending * span + rate * span**2 / 2
        pending += rate * span
        at = turn
    return longest


def pushed_wait(wait: timedelta, every: timedelta, relied_on_for: timedelta) -> timedelta:
    """Return the wait for a feed whose hub is relied on for so long: as long as any, but no shorter."""
    return max(wait, min(_bounds(every)[0], relied_on_for))


def next_poll(
    feed: Feed,
    outcome: FetchOutcome,
    now: datetime,
    chance: float,
    *,
    learned: timedelta | None = None,
    hint: timedelta | None = None,
) -> datetime:
    """Return when ``feed`` is due again after ``outcome``; ``chance`` is a random number in [0, 1).

    ``learned`` is the wait that its rhythm asks for and ``hint`` the least that its server asks for; both
    are None for a feed with an interval of its own. A failing feed is asked half as often after each
    failure, at least once a day (once an hour if the failure is of a passing kind), and never given up; a
    server that says how long to wait is obeyed within a day.
    """
    if isinstance(outcome, FetchFailed):
        wait = feed.spec.every
        # The exponent is capped: 2 ** 17 times the shortest interval, a second, is past a day already.
        passing = outcome.kind in _PASSING or (outcome.status or 0) >= 500
        longest = max(LONGEST_PASSING if passing else LONGEST_BACK_OFF, wait)
        wait = min(wait * 2 ** min(feed.health.failures, 17), longest)
        if outcome.retry_after is not None:
            wait = max(wait, min(outcome.retry_after, LONGEST_BACK_OFF))
    else:
        wait = feed.spec.every if learned is None else learned
        if hint is not None:
            wait = max(wait, min(hint, LONGEST_HINT))
    return now + wait * (1 + JITTER * (2 * chance - 1))


def next_try(feed: Feed, now: datetime, chance: float) -> datetime:
    """Return when a feed that our own network kept from us is tried again."""
    return now + min(feed.spec.every, LONGEST_OUTAGE_WAIT) * (1 + JITTER * (2 * chance - 1))


def _bounds(every: timedelta) -> tuple[timedelta, timedelta]:
    longest = min(LONGEST_FACTOR * every, max(LONGEST_BACK_OFF, every))
    return longest, min(SHORTEST, every)


def _appeared(published: datetime | None, since: datetime, now: datetime) -> datetime:
    # A new item came after the last poll, whatever its date says: some feeds state only the day, or
    # show an item long after it was written. Then the middle of the time between the polls stands in.
    if published is not None and since < published <= now:
        return published
    return (since + (now - since) / 2).astimezone(UTC)
