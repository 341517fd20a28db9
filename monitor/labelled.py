"""Reads labelled streams: items as JSON lines, plain or compressed with xz, labels parted by tabs."""

import json
import lzma
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from monitor.errors import MonitorError
from monitor.records import ParsedItem
from monitor.text import clean

__all__ = ["Label", "StreamItem", "read_items", "read_labels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamItem:
    """An item of a captured stream: its id there, the name of its feed, and when it was first seen."""

    id: str
    feed: str
    first_seen: datetime
    item: ParsedItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a person says of an item for a topic: 2 relevant, 1 either way, 0 not; and its event's name."""

    grade: int
    story: str


def read_items(path: Path) -> Iterator[StreamItem]:
    """Yield the items of a file in its order; MonitorError, with the line, if it cannot be read."""
    opened = lzma.open if path.suffix == ".xz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    yield _item(json.loads(line))
                except (ValueError, KeyError, TypeError, AttributeError) as error:
                    raise MonitorError(f"{path}:{number}:1: this is no item: {error}") from error
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise MonitorError(f"{path}: cannot be read: {error}") from error


def _item(told: Mapping[str, Any]) -> StreamItem:
    first_seen = _moment(told.get("first_seen") or told.get("published"))
    if first_seen is None:
        raise ValueError("neither first_seen nor published says when it was seen")
    item = ParsedItem(
        guid=str(told["id"]),
        url=told.get("url") or None,
        title=clean(str(told.get("title") or "")),
        summary=clean(str(told.get("summary") or "")),
        published=_moment(told.get("published")),
    )
    return StreamItem(
        id=str(told["id"]), feed=str(told.get("feed") or "stream"), first_seen=first_seen, item=item
    )


def _moment(told: str | None) -> datetime | None:
    """Read a date as feeds (RFC 822) or programs (ISO 8601) write it; without a zone it is taken for UTC."""
    if not told:
        return None
    try:
        moment = datetime.fromisoformat(told)
    except ValueError:
        moment = parsedate_to_datetime(told)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_labels(path: Path) -> dict[str, dict[str, Label]]:
    """Return the labels by topic and item; MonitorError, with the line, if they cannot be read."""
    found = defaultdict[str, dict[str, Label]](dict)
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip() or line.startswith("topic_id\t"):
                    continue
                try:
                    topic, item, grade, *story = line.rstrip("\r\n").split("\t")
                    label = Label(grade=int(grade), story=story[0] if story else "")
                except ValueError:
                    raise MonitorError(
                        f"{path}:{number}:1: this is no label; write topic, item, grade (0, 1, 2) and story, "
                        "tabs between them"
                    ) from None
                if label.grade not in (0, 1, 2):
                    raise MonitorError(f"{path}:{number}:1: the grade {grade} is none of 0, 1 and 2")
                found[topic][item] = label
    except (OSError, UnicodeDecodeError) as error:
        raise MonitorError(f"{path}: cannot be read: {error}") from error
    return dict(found)
