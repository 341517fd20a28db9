"""What the headers of an answer say, none of it trusted: links, validators, how long to stay away. Pure."""

import re
from collections.abc import Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime

from monitor.feeds.cleaning import absolute

_MAX_RETRY_AFTER = timedelta(days=7)
_LINK = re.compile(r"<([^<>]{1,4096})>((?:\s*;[^,;\"<]{0,200}(?:\"[^\"]{0,1000}\")?){0,20})")
_PARAMETER = re.compile(r";\s*([\w*-]+)\s*=\s*(?:\"([^\"]*)\"|([^\s;\"]*))")


def links(written: str, base: str) -> dict[str, str]:
    """Read ``Link`` headers, joined by commas: the first web address of each relation, in lower case."""
    found: dict[str, str] = {}
    for target, parameters in _LINK.findall(written[:65_536]):
        named = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(parameters)}
        if address := absolute(target, base):
            for relation in named.get("rel", "").lower().split():
                found.setdefault(relation, address)
    return found


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Read ``Retry-After``, seconds or a date; a date is measured against the answer's own clock."""
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return min(timedelta(seconds=int(value)), _MAX_RETRY_AFTER)
    wait = until(value, headers)
    return None if wait is None else min(max(wait, timedelta()), _MAX_RETRY_AFTER)


def until(date: str, headers: Mapping[str, str]) -> timedelta | None:
    """Return the time from the answer's own ``Date`` to another date, or None if either cannot be read."""
    try:
        return parsedate_to_datetime(date) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError, OverflowError):
        return None


def validator(value: str | None) -> str | None:
    """Return a validator that can be stored and sent back, or None."""
    return value if value and value.isascii() and value.isprintable() else None
