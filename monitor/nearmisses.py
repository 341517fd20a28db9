"""Lists what nearly matched: the only practical way to see what one misses."""

import shlex
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from monitor.records import Match, Topic
from monitor.storage import open_storage

__all__ = ["as_json", "lines", "near_misses"]


def near_misses(url: str, topics: Sequence[Topic], since: datetime, limit: int) -> list[tuple[Topic, Match]]:
    """Return up to ``limit`` near misses of these topics since then, the closest to the cut first.

    ``url`` is the database's, which is only read; StorageError if there is none.
    """
    storage = open_storage(url, read_only=True)
    try:
        found = [
            (topic, match)
            for topic in topics
            for match in islice(storage.review.near_misses(topic.id, since), limit)
        ]
    finally:
        storage.close()
    return sorted(found, key=lambda pair: pair[0].cut - pair[1].score.score)[:limit]


def lines(found: Sequence[tuple[Topic, Match]]) -> list[str]:
    """Return near misses as text, with the command that votes for each."""
    text = []
    for topic, match in found:
        item, score = match.item, match.score
        text += [
            f"{score.score:3.0f} (cut {topic.cut:.0f})  {topic.name}: {item.title or '(no title)'}",
            f"    {item.feed_name}, seen {item.first_seen:%Y-%m-%d %H:%M} UTC, {item.url or 'no address'}",
        ]
        if score.evidence.gate:
            text.append(f"    kept out: {score.evidence.gate}")
        if command := vote_command(topic, match):
            text.append(f"    {command}")
    return text


def vote_command(topic: Topic, match: Match) -> str | None:
    """Return what to type to say that the topic should have matched, if the item can be named."""
    url = match.item.url
    return f"monitor votes add {topic.id} {shlex.quote(url)} up" if url else None


def as_json(found: Sequence[tuple[Topic, Match]]) -> list[dict[str, Any]]:
    """Return near misses as plain values."""
    return [
        {
            "topic": topic.id,
            "score": match.score.score,
            "cut": topic.cut,
            "title": match.item.title,
            "url": match.item.url,
            "feed": match.item.feed_name,
            "first_seen": match.item.first_seen.isoformat(),
            "closest": match.score.evidence.sentence,
            "kept_out": match.score.evidence.gate,
            "vote": vote_command(topic, match),
        }
        for topic, match in found
    ]
