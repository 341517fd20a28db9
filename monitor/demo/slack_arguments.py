"""The arguments of a call to the Slack stand-in, and how Slack reads them."""

import json
import re
from collections.abc import Mapping
from typing import Any

from monitor.demo.slack_state import SlackError

__all__ = ["Arguments"]

_PAGE = 100
_BIGGEST_PAGE = 999


class Arguments:
    """A call's arguments, whichever way they came: query and form bring strings, JSON brings types."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = {key: value for key, value in values.items() if value is not None}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str, default: str = "") -> str:
        """A string; numbers are taken for their digits, as a form would carry them."""
        value = self._values.get(name, default)
        if isinstance(value, bool | dict | list):
            raise SlackError("invalid_arguments", response_metadata={"messages": [f"[ERROR] bad {name}"]})
        return str(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A truth value: true, 1 or their strings."""
        value = self._values.get(name, default)
        return value if isinstance(value, bool) else str(value).lower() in ("1", "true")

    def ts(self, name: str, error: str) -> str | None:
        """A message timestamp, None when absent; ``error`` when it is none."""
        value = self.text(name)
        if value and not re.fullmatch(r"\d+(\.\d+)?", value):
            raise SlackError(error)
        return value or None

    def page_size(self) -> int:
        """``limit``, 1–999."""
        value = self.text("limit", str(_PAGE))
        if not value.isdecimal():
            raise SlackError("invalid_limit")
        return min(int(value), _BIGGEST_PAGE) or _PAGE

    def refuse(self, *names: str) -> None:
        """Refuse arguments that Slack takes and the stand-in does not know."""
        for name in names:
            if name in self:
                complaint = f"[ERROR] the stand-in knows no {name}"
                raise SlackError("invalid_arguments", response_metadata={"messages": [complaint]})

    def structure(self, name: str, error: str) -> Any:
        """A list or mapping, which a form carries as JSON text; None when absent."""
        value = self._values.get(name)
        if isinstance(value, str):
            try:
                return json.loads(value)
            except ValueError:
                raise SlackError(error) from None
        return value
