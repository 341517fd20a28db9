"""Is it the feeds, or is it us? Pure.

When most feeds fail at once, in the ways in which a dead network fails, it is our own network. Then no feed
is blamed: failures do not count, and once a feed answers that had failed, all are due at once.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from monitor.records import Feed, FetchFailed, FetchOutcome

NETWORK_FAILURES = frozenset({"connect", "timeout", "tls"})
RECENT = 20
"""Feeds; the latest poll of each of so many, the last ones polled, tells how things stand."""
SHARE = 0.8
FEWEST_HOSTS = 4
"""So many hosts must fail; fewer may well fail by chance."""

Turn = Literal["begins", "ends"]


@dataclass(slots=True)
class Blackout:
    """Watches the outcomes of all polls; ``since`` is when a blackout began, or None without one."""

    since: datetime | None = None
    _recent: dict[int, tuple[datetime, str | None]] = field(default_factory=dict)
    """By feed: when it was polled, and the host if that could not be reached; the latest last."""
    _failed: set[int] = field(default_factory=set)

    def note(self, feed: Feed, outcome: FetchOutcome, now: datetime) -> Turn | None:
        """Take in one poll; say whether with it a blackout begins or ends."""
        unreachable = self.hides(outcome)
        self._recent.pop(feed.id, None)
        self._recent[feed.id] = (now, urlsplit(feed.spec.url).hostname if unreachable else None)
        while len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]
        if self.since is None:
            return self._beginning()
        if unreachable:
            self._failed.add(feed.id)
            return None
        # A feed in our own network may have answered all along. After a restart nobody knows which did.
        if self._failed and feed.id not in self._failed:
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
        failed = sum(host is not None for _, host in self._recent.values())
        return f"Of the last {len(self._recent)} feeds polled, {failed} could not be reached."

    def _beginning(self) -> Turn | None:
        failed = {feed: (at, host) for feed, (at, host) in self._recent.items() if host is not None}
        hosts = {host for _, host in failed.values()}
        if len(hosts) < FEWEST_HOSTS or len(failed) < SHARE * len(self._recent):
            return None
        self.since = min(at for at, _ in failed.values())
        self._failed = set(failed)
        return "begins"
