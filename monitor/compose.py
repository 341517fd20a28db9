"""What a channel is told of a story, put together from what is known of it. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from monitor.policy import REASONS
from monitor.records import Destination, Entry, Listing, ListingWhy, Match, Message, ScoredItem, Topic, Update

__all__ = ["counted", "entry_for", "grown", "joined", "listed", "message_for", "update_for"]

_ENTRIES = 20
"""Of one reply."""


def entry_for(told: ScoredItem, topic_name: str, sources: int = 1) -> Entry:
    """Return an item as one line of a message."""
    item = told.item
    return Entry(
        topic_name=topic_name,
        title=item.title,
        url=item.url,
        source=item.feed_name,
        published=item.published,
        first_seen=item.first_seen,
        score=told.score,
        sources=sources,
    )


def message_for(match: Match, topic: Topic, destination: Destination) -> Message:
    """Return what a channel is told of a story when this match is what opens it there."""
    item, score = match.item, match.score
    return Message(
        topic_name=topic.name,
        watchlist=topic.watchlist,
        title=item.title,
        url=item.url,
        source=item.feed_name,
        author=item.author,
        published=item.published,
        first_seen=item.first_seen,
        score=score.score,
        cut=topic.cut,
        summary=item.summary,
        sentence=score.evidence.sentence,
        mention=destination.mention,
        level=destination.level,
    )


def grown(
    message: Message, items: Sequence[ScoredItem], count: int, sources: Sequence[str], acked_by: str | None
) -> Message:
    """Return a story's message with what is known by now.

    ``items`` are in order of appearance; ``count`` is the number of all, ``sources`` the independent ones.
    """
    last = items[-1]
    latest = None
    if count > 1 and (last.item.title, last.item.url) != (message.title, message.url):
        latest = entry_for(last, message.topic_name)
    return replace(
        message,
        score=max(told.score for told in items),
        sources=tuple(sources),
        items=count,
        first_seen=min(told.item.first_seen for told in items),
        latest=latest,
        acknowledged_by=acked_by,
    )


def update_for(
    match: Match, topic: Topic, title: str, reason: str, sources: int, destination: Destination
) -> Update:
    """Return a reply for the thread of the story called ``title``; ``reason`` is one of policy's."""
    score = match.score.score
    return Update(
        topic_name=topic.name,
        title=title,
        reason=reason,
        entries=(entry_for(ScoredItem(item=match.item, score=score), topic.name),),
        sources=sources,
        score=score,
        level=destination.level,
        mention=destination.mention if reason == "escalated" else None,
    )


def joined(waiting: Update, new: Update) -> Update | None:
    """Return a reply that says both, None where that is too much for one."""
    if len(waiting.entries) >= _ENTRIES:
        return None
    weightiest = min(waiting, new, key=lambda one: list(REASONS).index(one.reason))
    return replace(
        new,
        reason=weightiest.reason,
        entries=(*waiting.entries, *new.entries),
        score=max(waiting.score, new.score),
        mention=waiting.mention or new.mention,
    )


def listed(
    why: ListingWhy,
    entry: Entry,
    now: datetime,
    *,
    page: int = 0,
    total: int = 1,
    alone: Message | None = None,
) -> Listing:
    """Return a list, or a page of one, that begins with this story."""
    return Listing(
        why=why,
        stories=(entry,),
        total=total,
        since=now,
        until=now,
        page=page,
        counts=() if page else ((entry.topic_name, 1),),
        alone=alone,
    )


def counted(listing: Listing, entry: Entry, now: datetime) -> Listing:
    """Return the first page of a list that another story has joined, on whichever page."""
    counts = dict(listing.counts)
    counts[entry.topic_name] = counts.get(entry.topic_name, 0) + 1
    return replace(listing, total=listing.total + 1, until=now, counts=tuple(counts.items()))
