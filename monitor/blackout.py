"""Is it the feeds, or is it us? Pure.

When most feeds that were well fail at once, in the ways in which a dead network fails, it is our own network.
Then no feed is blamed: failures do not count, and once a feed answers that had failed, all are due at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from monitor.records import Feed, FetchFailed, FetchOutcome

NETWORK_FAILURES = frozenset({"connect", "timeout", "tls"})
RECENT = 50
"""Feeds; the latest poll of each of so many, those whose polls began last, tells how things stand."""
SHARE = 0.8
FEWEST_HOSTS = 4
"""So many hosts must fail; fewer may well fail by chance."""

Turn = Literal["begins", "ends"]


@dataclass(slots=True)
class Blackout:
    """Watches the outcomes of all polls; ``since`` is when a blackout began, or None without one."""

    since: datetime | None = None
    _recent: dict[int, tuple[datetime, str | None]] = field(default_factory=dict)
    """By feed: when its last poll began, and the host if that could not be reached."""
    _failed: set[int] = field(default_factory=set)

    @classmethod
    def resumed(cls, since: datetime | None, feeds: Iterable[Feed]) -> "Blackout":
        """Take up where another process left off, which may have polled only some of the feeds."""
        blackout = cls(since=since)
        for feed in feeds:
            first_failure = feed.health.failures == 1 and feed.health.failure in NETWORK_FAILURES
            if feed.last_polled_at is not None and (first_failure or not feed.health.failures):
                host = urlsplit(feed.spec.url).hostname if first_failure else None
                blackout._recent[feed.id] = (feed.last_polled_at, host)
        blackout._forget()
        return blackout

    def note(self, feed: Feed, outcome: FetchOutcome, began: datetime) -> Turn | None:
        """Take in one poll; say whether with it a blackout begins or ends."""
        unreachable = self.hides(outcome)
        if unreachable and feed.health.failures and feed.id not in self._failed:
            # It was in trouble before, so it tells nothing about us.
            self._recent.pop(feed.id, None)
        else:
            self._recent[feed.id] = (began, urlsplit(feed.spec.url).hostname if unreachable else None)
        self._forget()
        if self.since is None:
            return self._beginning()
        if unreachable:
            self._failed.add(feed.id)
            return None
        # A feed in our own network may have answered all along. After a restart nobody knows which did.
        if self._failed and feed.id not in self._failed and self._share() >= SHARE / 2:
            return None
        self.since = None
        self._failed.clear()
        return "ends"

    def hides(self, outcome: FetchOutcome) -> bool:
        """Say whether an outcome may be our own network's fault."""
        return isinstance(outcome, FetchFailed) and outcome.kind in NETWORK_FAILURES

    @property
    def cause(self) -> str:
        """What has happened, for a person."""
        return f"Of the last {len(self._recent)} feeds polled, {self._unreachable()} could not be reached."

    def _forget(self) -> None:
        # Time-outs come in last, so the order is that in which polls began.
        while len(self._recent) > RECENT:
            del self._recent[min(self._recent, key=lambda feed: self._recent[feed][0])]

    def _share(self) -> float:
        return self._unreachable() / len(self._recent) if self._recent else 0.0

    def _unreachable(self) -> int:
        return sum(host is not None for _, host in self._recent.values())

    def _beginning(self) -> Turn | None:
        failed = {feed: (at, host) for feed, (at, host) in self._recent.items() if host is not None}
        hosts = {host for _, host in failed.values()}
        if len(hosts) < FEWEST_HOSTS or self._share() < SHARE:
            return None
        self.since = min(at for at, _ in failed.values())
        self._failed = set(failed)
        return "begins"
