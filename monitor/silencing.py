"""Which silence mutes an item, if any does. Pure."""

from collections.abc import Sequence
from datetime import datetime

from monitor.passages import mentioned
from monitor.records import Item, Silence

__all__ = ["is_active", "silenced_by"]


def silenced_by(item: Item, topic_id: str, silences: Sequence[Silence], now: datetime) -> Silence | None:
    """Return the first of some silences that mutes an item of a topic, None if it may be told."""
    return next((of for of in silences if is_active(of, now) and _covers(of, item, topic_id)), None)


def is_active(silence: Silence, now: datetime) -> bool:
    """Say whether a silence still holds: nobody has ended it, and its time is not over."""
    return silence.ended_at is None and now < silence.until


def _covers(silence: Silence, item: Item, topic_id: str) -> bool:
    return (
        silence.topic_id in (None, topic_id)
        and (silence.feed in (None, item.feed_name) or silence.feed in item.feed_tags)
        and (silence.term is None or _tells(silence.term, item))
    )


def _tells(term: str, item: Item) -> bool:
    # Each by itself: a phrase does not run on from the headline into the summary.
    return any(mentioned([term], text) for text in (item.title, item.summary))
