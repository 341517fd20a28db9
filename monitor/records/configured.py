"""What people asked for."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in a configuration file; line and column count from 1."""

    path: Path
    line: int
    column: int
    message: str
    severity: Severity = "error"

    def __str__(self) -> str:
        mark = "warning: " if self.severity == "warning" else ""
        return f"{self.path}:{self.line}:{self.column}: {mark}{self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSpec:
    """A feed as ``feeds.yaml`` asks for it; ``every`` already has its default filled in.

    ``paced`` is true when ``feeds.yaml`` itself names the interval, which then is kept to.
    """

    url: str
    name: str
    tags: frozenset[str]
    every: timedelta
    alert_backlog: timedelta
    full_text: bool = False
    paced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What someone asked for, with its defaults filled in from its watchlist.

    ``feeds`` holds feed tags and names, empty for all; ``cut`` is the score (0–100) from which an item
    matches; ``mention`` is ``here``, ``channel``, a user id, a group id or None.
    """

    id: str
    name: str
    watchlist: str
    about: tuple[str, ...]
    not_about: tuple[str, ...] = ()
    must_mention: tuple[str, ...] = ()
    never_mention: tuple[str, ...] = ()
    feeds: frozenset[str] = frozenset()
    cut: float
    channel: str
    mention: str | None = None
    relevant: tuple[str, ...] = ()
    irrelevant: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AppriseTarget:
    """Where the messages of an ``apprise://`` channel go; its URLs hold secrets."""

    channel: str
    urls: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTarget:
    """Where the messages of a ``webhook://`` channel go, and what they are signed with."""

    channel: str
    url: str = field(repr=False)
    secret: str = field(repr=False)


Target = AppriseTarget | WebhookTarget
