"""What an examination finds."""

from dataclasses import dataclass
from typing import Literal

CheckState = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at, what was found, and what a person can do about it."""

    subject: str
    state: CheckState
    text: str
    remedy: str | None = None
