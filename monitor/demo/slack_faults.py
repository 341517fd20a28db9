"""Slack's bad days on demand: which fault, if any, meets the next request."""

import random
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal, get_args

__all__ = ["STATE_CHANGES", "Fault", "FaultMenu", "Kind"]

Kind = Literal[
    "drop_before",  # the connection closes, and nothing was stored
    "drop_after",  # stored, and then the connection closes without an answer
    "error_500_before",  # HTTP 500, and nothing was stored
    "error_500_after",  # stored, and then HTTP 500
    "internal_error_after",  # stored, and then ok:false internal_error
    "slow",  # works `seconds` late, even for a client that gave up meanwhile
    "garbage",  # HTTP 200 with a body that is not JSON, called `content_type`; nothing was stored
    "rate_limit",  # HTTP 429 with `retry_after` seconds
    "error",  # ok:false with the name in `error`
    "down",  # every method's connection closes without an answer, until cleared
    "token_revoked",  # until cleared
    "archived",  # the channel (every channel without one) is archived, until cleared
    "kicked",  # the bot is no member of the channel (of any without one), until cleared
]
STATE_CHANGES: tuple[Kind, ...] = ("token_revoked", "archived", "kicked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong, for which requests and how often.

    ``method`` may be ``*`` for all, or ``upload`` for the bytes of a file; ``channel`` is a name or an id;
    ``times`` None means until cleared; ``probability`` (0–1) decides afresh for every request that fits.
    ValueError for a fault that cannot be.
    """

    kind: Kind
    times: int | None = 1
    method: str = "chat.postMessage"
    channel: str | None = None
    probability: float = 1.0
    seconds: float = 1.0
    retry_after: int = 1
    error: str = "fatal_error"
    content_type: str = "text/html"

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"unknown kind of fault {self.kind!r}; known: {', '.join(get_args(Kind))}")
        if not 0 <= self.probability <= 1:
            raise ValueError("probability must be between 0 and 1")

    def fits(self, method: str, channel: Collection[str]) -> bool:
        """Whether this fault is meant for a call of ``method`` on a channel known by these names and ids."""
        if self.kind == "down":
            return True
        if self.method not in ("*", method):
            return False
        return self.channel is None or self.channel.removeprefix("#") in channel


class FaultMenu:
    """The faults still to come, in the order in which they were asked for; the dice are seeded."""

    def __init__(self) -> None:
        self.pending: tuple[Fault, ...] = ()
        self._dice = random.Random(0)  # noqa: S311 - chance that must repeat, not a secret

    def add(self, fault: Fault) -> None:
        """Put a fault last in line."""
        self.pending += (fault,)

    def clear(self) -> None:
        """Forget every fault."""
        self.pending = ()

    def take(self, method: str, channel: Collection[str]) -> Fault | None:
        """The fault that meets this request, used up by one; None when the request may go well."""
        for place, fault in enumerate(self.pending):
            if fault.fits(method, channel) and self._dice.random() < fault.probability:
                self._use_up(place, fault)
                return fault
        return None

    def _use_up(self, place: int, fault: Fault) -> None:
        if fault.kind == "down" or fault.times is None:
            return
        left = (replace(fault, times=fault.times - 1),) if fault.times > 1 else ()
        self.pending = self.pending[:place] + left + self.pending[place + 1 :]
