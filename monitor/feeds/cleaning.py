"""What the fields of an item may hold, whatever its format: plain text, web addresses, moments. Pure."""

import hashlib
import re
import urllib.parse
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from monitor.text import clean, without_markup

TITLE_LIMIT = 500
SUMMARY_LIMIT = 5_000
AUTHOR_LIMIT = 200
_GUID_LIMIT = 1_000
_URL_LIMIT = 4_096
# Cleaning looks no further than this; a summary's first 5,000 characters lie well inside.
_MARKUP_LIMIT = 100_000
_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_URL_SAFE = "%/:;?@!$&'()*+,=~[]"
_NO_HOST = re.compile(r"[\s<>\"\\^`{|}]")


def plain(value: object, limit: int, kind: str = "text/plain") -> str:
    """Return the text of a value of a media type, at most ``limit`` characters; empty if it is no text."""
    if not isinstance(value, str):
        return ""
    if kind in _HTML_TYPES or kind.endswith("xml"):
        value = without_markup(value[:_MARKUP_LIMIT])
    elif not kind.startswith("text/"):
        return ""
    return clean(value, limit)


def bounded_guid(identifier: object) -> str | None:
    """Return a guid on one line, a hash in the place of a very long one; None if there is none."""
    if not isinstance(identifier, str):
        return None
    guid = clean(identifier)
    if len(guid) > _GUID_LIMIT:
        guid = f"sha256:{hashlib.sha256(guid.encode()).hexdigest()}"
    return guid or None


def absolute(link: object, base: str) -> str | None:
    """Return the web address a link names, as ASCII but for its host; None if it names none."""
    if not isinstance(link, str) or not link.strip():
        return None
    try:
        # Line breaks and tabs inside an address are the feed's own wrapping, as browsers know.
        parts = urllib.parse.urlsplit(urllib.parse.urljoin(base, re.sub(r"[\t\r\n]+", "", link.strip())))
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or _NO_HOST.search(clean(parts.netloc))
        ):
            return None
        path, query, fragment = (urllib.parse.quote(part, safe=_URL_SAFE) for part in parts[2:])
        address = urllib.parse.urlunsplit((parts.scheme, clean(parts.netloc), path, query, fragment))
    except ValueError:
        return None
    return address if len(address) <= _URL_LIMIT else None


def moment(written: object) -> datetime | None:
    """Read a date as ISO 8601 or as mail programs write it, UTC where it names no zone; None if neither."""
    if not isinstance(written, str):
        return None
    for reader in (datetime.fromisoformat, parsedate_to_datetime):
        with suppress(ValueError, TypeError, OverflowError):
            read = reader(written.strip())
            return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    return None
