"""How a feed fares, when a person should hear of it, and what can be done. Pure.

A feed is never given up: what failures weigh decides about telling, not about polling. Each trouble is told
once, and so is its end.

failing        failures since the last good poll that weigh 2 or more together
moved          the same permanent redirect at three polls in a row: from then on the feed is asked there
silent         nothing new for twice as long as of late at most, and four days at least
undated        no item of a document has a date
churn          at least half of a document's items came back under other guids
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from monitor.checkup import written_age
from monitor.records import (
    Changes,
    FailureKind,
    Feed,
    FeedHealth,
    Fetched,
    FetchFailed,
    FetchOutcome,
    NotModified,
    Trouble,
    TroubleKind,
    Trust,
)

HARD, SOFT, TEMPORARY = 1.0, 0.5, 0.25
"""What one failure weighs: it will not pass by itself; it may; it usually does."""
WEIGHTS: Mapping[FailureKind, float] = {
    "address": HARD,
    "challenge": SOFT,
    "connect": TEMPORARY,
    "empty": SOFT,
    "fault": HARD,
    "gone": HARD,
    "hang": HARD,
    "html": SOFT,
    "http": SOFT,
    "login": HARD,
    "parse": HARD,
    "redirect": HARD,
    "size": HARD,
    "timeout": TEMPORARY,
    "tls": HARD,
}
TOLD_FROM = 2.0
"""The weight from which failing is told: two hard failures, four soft ones, eight temporary ones."""
FEWEST = 3
"""Items; fewer tell nothing about all the items of a feed."""
MOVES = 3
SILENT_GAPS = 2
"""Times the longest gap between two arrivals of late: some feeds publish once a week, all at once."""
GAP_HALF_LIFE = timedelta(days=28)
LEAST_SILENCE = timedelta(days=4)
"""A long weekend."""
PATIENCE = timedelta(days=30)
"""What is granted to a feed whose rhythm nobody knows."""
STEADY = 5
"""Documents without another change of guids, after which they can be relied on again."""
VERIFIED_EVERY = timedelta(days=1)
FORGIVEN_AFTER = timedelta(days=30)

REMEDIES: Mapping[TroubleKind, str] = {
    "address": "If the feed is meant to live in a private network, add that network to fetch.allow_private.",
    "blackout": "Look at this machine's network, DNS, clock, proxy. All feeds are polled once one answers.",
    "channel": "Nothing is lost: what waits for it is sent within five minutes after that.",
    "churn": "Nothing to do: known items are recognised by address and headline, and told no second time.",
    "connect": "If the site opens in a browser here, look at this machine's DNS and firewall; else wait.",
    "empty": "Nothing to do at first: servers with trouble of their own often answer like this.",
    "fault": "This is a defect of monitor's own: please report it, with what the log says.",
    "hang": "The document takes longer to read than any feed should. Tell the publisher, or remove it.",
    "moved": "Put the new address into feeds.yaml. Until then the feed is asked there anyway.",
    "parse": "Tell the publisher that the document is broken; `monitor feeds check URL` shows more.",
    "redirect": "Put the address into feeds.yaml that the site's own page names.",
    "silent": "Look at the site: the feed may have been left behind for another one.",
    "size": "No feed should be so large. Look for the feed of one section.",
    "timeout": "Nothing to do if it passes; a server that stays slow may be refusing us quietly.",
    "tls": "The site must mend its certificate; nothing it says can be trusted until then.",
    "undated": "Nothing to do: how old its items are is judged by when they were first seen.",
}
"""What a person can do, by kind of trouble; where a server turned us away, the cause says that already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """A feed's health after a poll, and which troubles that begins, ends, or replaces by others."""

    health: FeedHealth
    begun: tuple[Trouble, ...] = ()
    ended: frozenset[TroubleKind] = frozenset()
    replaced: frozenset[TroubleKind] = frozenset()


def looks_elsewhere(feed: Feed, outcome: FetchOutcome) -> bool:
    """Say whether a feed that has moved is to be asked at its old address too: the new one fails for long."""
    failing = isinstance(outcome, FetchFailed) and feed.health.failures >= MOVES
    return failing and feed.health.address is not None


def trust(feed: Feed, now: datetime) -> Trust:
    """Say how far the feed's server is believed when it says that nothing has changed."""
    health = feed.health
    if health.mistrusted_at is not None and now - health.mistrusted_at < FORGIVEN_AFTER:
        return "none"
    verified = health.whole_at is not None and now - health.whole_at < VERIFIED_EVERY
    return "full" if verified else "verify"


def assess(feed: Feed, outcome: FetchOutcome, changes: Changes, now: datetime) -> Assessment:
    """Judge a feed after one more poll."""
    if isinstance(outcome, FetchFailed):
        return _failed(feed, outcome)
    health = replace(feed.health, failures=0, weight=0.0, failure=None, last_error=None)
    health = _located(health, outcome)
    if isinstance(outcome, Fetched) or outcome.whole:
        health = replace(health, whole_at=now)
    if isinstance(outcome, Fetched):
        if outcome.denied and changes.new:
            health = replace(health, mistrusted_at=now)
        health = replace(health, steady=0 if _churned(outcome, changes) else health.steady + 1)
    health = _expecting(feed, health, changes, now)
    signs = dict(_signs(feed, health, outcome, changes, now))
    begun = tuple(
        Trouble(kind=kind, cause=cause)
        for kind, cause in signs.items()
        if cause and kind not in feed.troubles
    )
    over = {kind for kind in feed.troubles if kind in WEIGHTS or signs.get(kind, "?") is None}
    return Assessment(health=health, begun=begun, ended=frozenset(over))


def _failed(feed: Feed, outcome: FetchFailed) -> Assessment:
    health = replace(
        feed.health,
        failures=feed.health.failures + 1,
        weight=feed.health.weight + WEIGHTS[outcome.kind],
        failure=outcome.kind,
        last_error=outcome.message,
    )
    told = frozenset(kind for kind in feed.troubles if kind in WEIGHTS)
    # What began as something that may pass has become something that will not.
    worse = WEIGHTS[outcome.kind] == HARD and feed.health.failure == outcome.kind and outcome.kind not in told
    if health.weight < TOLD_FROM or (told and not worse):
        return Assessment(health=health)
    return Assessment(
        health=health, begun=(Trouble(kind=outcome.kind, cause=outcome.message),), replaced=told
    )


def _located(health: FeedHealth, outcome: Fetched | NotModified) -> FeedHealth:
    """Return where the feed lives, by what the way to it told."""
    if outcome.moved_to is None:
        return replace(health, moved_to=None, moved_times=0)
    times = health.moved_times + 1 if outcome.moved_to == health.moved_to else 1
    if times < MOVES:
        return replace(health, moved_to=outcome.moved_to, moved_times=times)
    return replace(health, address=outcome.moved_to, moved_to=None, moved_times=0)


def _expecting(feed: Feed, health: FeedHealth, changes: Changes, now: datetime) -> FeedHealth:
    """Return by when something new should appear, if something has appeared now, or never was expected."""
    if changes.new and feed.first_polled_at is not None and health.last_item_at is not None:
        gap = (now - health.last_item_at).total_seconds()
        fade = 0.5 ** (gap / GAP_HALF_LIFE.total_seconds())
        longest = max(gap, (health.longest_gap or 0.0) * fade)
        wait = max(SILENT_GAPS * timedelta(seconds=longest), LEAST_SILENCE)
        return replace(health, last_item_at=now, longest_gap=longest, expected_by=now + wait)
    if health.expected_by is not None:
        return health
    # A feed that has just been met may have fallen silent long ago.
    dates = sorted(keyed.item.published for keyed in changes.new if keyed.item.published)
    past = [date for date in dates if date <= now] or [now]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(past)]
    wait = max(SILENT_GAPS * timedelta(seconds=max(gaps, default=0.0)), PATIENCE)
    return replace(
        health, last_item_at=past[-1], longest_gap=max(gaps, default=None), expected_by=past[-1] + wait
    )


def _churned(outcome: Fetched, changes: Changes) -> bool:
    return changes.rekeyed >= max(FEWEST, len(outcome.items) / 2)


def _signs(
    feed: Feed, health: FeedHealth, outcome: Fetched | NotModified, changes: Changes, now: datetime
) -> Iterator[tuple[TroubleKind, str | None]]:
    """Yield the troubles that this good poll tells something about: the cause, or None if there is none."""
    if health.address is None:
        yield "moved", None
    elif not _only_secured(feed.spec.url, health.address):
        yield "moved", f"It has moved for good to {health.address}"
    if health.expected_by is not None and health.last_item_at is not None:
        silence = written_age(now - health.last_item_at)
        cause = f"It answers, but nothing new has appeared for {silence}; that is far longer than usual."
        yield "silent", cause if now > health.expected_by else None
    if not isinstance(outcome, Fetched):
        return
    if any(item.published for item in outcome.items):
        yield "undated", None
    elif len(outcome.items) >= FEWEST:
        yield "undated", f"None of its {len(outcome.items)} items has a date."
    if _churned(outcome, changes):
        shown = len(outcome.items)
        yield "churn", f"{changes.rekeyed} of its {shown} items came back under other guids."
    elif health.steady >= STEADY:
        yield "churn", None


def _only_secured(before: str, after: str) -> bool:
    """Say whether an address has merely changed from http to https, which needs nobody's attention."""
    return after.partition("://")[2] == before.partition("://")[2]
