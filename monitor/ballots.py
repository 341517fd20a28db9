"""Votes by hand: on whether a topic's subscribers want items like one that a feed has shown."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from monitor.configuration import Configuration
from monitor.errors import MonitorError
from monitor.identity import canonical_url
from monitor.passages import item_text
from monitor.records import Pull, Vote
from monitor.storage import Storage, open_storage

__all__ = ["add_vote", "standing", "undo_vote", "vote_lines", "vote_rows", "weights", "weights_lines"]

_SHOWN = 100


def add_vote(config: Configuration, topic_id: str, url: str, *, up: bool, by: str, now: datetime) -> Vote:
    """Vote on the item with this address; MonitorError if there is no such topic or item."""
    _expect_topic(config, topic_id)
    with _opened(config) as storage:
        found = storage.ledger.history(frozenset({url, canonical_url(url) or url}))
        if not found:
            raise MonitorError(f"{url}: no feed has shown this address")
        item = found[-1].item
        text = item_text(item.title, item.summary)
        vote_id = storage.votes.add(topic_id, text, up=up, by=by, now=now, url=url)
    return Vote(id=vote_id, topic_id=topic_id, text=text, url=url, up=up, by=by, at=now)


def undo_vote(config: Configuration, vote_id: int | None, now: datetime) -> Vote:
    """Take back a vote, the last one if none is named; MonitorError if there is none that stands."""
    with _opened(config) as storage:
        known = storage.votes.votes()
        chosen = [vote for vote in known if vote.id == vote_id] if vote_id is not None else known[-1:]
        if not chosen:
            raise MonitorError("there is no such vote" if vote_id is not None else "there is no vote to undo")
        storage.votes.undo(chosen[0].id, now)
        return chosen[0]


def standing(config: Configuration, topic_id: str | None) -> list[Vote]:
    """Return the votes that stand, of one topic or of all, the oldest first."""
    if topic_id is not None:
        _expect_topic(config, topic_id)
    with _opened(config, read_only=True) as storage:
        return storage.votes.votes(topic_id)


def weights(config: Configuration, topic_id: str) -> tuple[float, list[Pull]]:
    """Return a topic's shift in logits and what its examples and votes pull, the strongest first."""
    _expect_topic(config, topic_id)
    with _opened(config, read_only=True) as storage:
        found = storage.votes.pulls(topic_id)
    if found is None:
        return 0.0, []
    return found[0], sorted(found[1], key=lambda pull: -abs(pull.logits))


def vote_lines(votes: Sequence[Vote]) -> list[str]:
    """Return votes as text, a line each."""
    return [
        f"{vote.id:>5}  {'up  ' if vote.up else 'down'}  {vote.topic_id}  {vote.text[:_SHOWN]}  "
        f"({vote.by}, {vote.at:%Y-%m-%d %H:%M} UTC)"
        for vote in votes
    ] or ["no votes"]


def weights_lines(shift: float, pulls: Sequence[Pull]) -> list[str]:
    """Return what votes make of a topic as text."""
    lines = [
        f"shift {shift:+.2f}: what every item near the topic gets, in logits (1 is 25 points at the middle)"
    ]
    lines += [
        f"{pull.logits:+.2f}  {'up  ' if pull.up else 'down'}  {pull.text[:_SHOWN]}  ({pull.by or 'example'})"
        for pull in pulls
    ]
    return lines if pulls else ["neither examples nor votes have been counted yet"]


def vote_rows(votes: Sequence[Vote]) -> list[Mapping[str, Any]]:
    """Return votes as plain JSON values."""
    return [
        {
            "id": vote.id,
            "topic": vote.topic_id,
            "up": vote.up,
            "text": vote.text,
            "url": vote.url,
            "by": vote.by,
            "at": vote.at.isoformat(),
        }
        for vote in votes
    ]


def _expect_topic(config: Configuration, topic_id: str) -> None:
    known = sorted(topic.id for topic in config.topics)
    if topic_id not in known:
        raise MonitorError(f"there is no topic {topic_id}; there are {', '.join(known)}")


@contextmanager
def _opened(config: Configuration, *, read_only: bool = False) -> Iterator[Storage]:
    # A service that is running need not be stopped for a vote: it looks for new ones before each batch.
    storage = open_storage(config.settings.storage.url, read_only=read_only, guest=not read_only)
    try:
        yield storage
    finally:
        storage.close()
