"""Made-up messages of every kind, to try a layout on: with everything, with hardly anything, and grown."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from monitor.records import (
    STORIES_PER_PAGE,
    Content,
    Digest,
    Entry,
    Listing,
    Message,
    Reminder,
    TopicCount,
    Update,
)

__all__ = ["SAMPLES"]

_NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
_FLOODS = "Floods on the lower Amra"
_BLACKOUTS = "Blackouts"
_ENTRY = Entry(
    topic_name=_FLOODS,
    title='Dyke at Tirana Bend gives way; "we had ten minutes", says the mayor',
    url="https://www.amra-courier.example/news/dyke?from=rss&edition=2",
    source="Amra Courier",
    published=_NOON - timedelta(minutes=25),
    first_seen=_NOON - timedelta(minutes=4),
    score=91.0,
    sources=4,
)
_NAMELESS = Entry(
    topic_name="", title="", url=None, source="", published=None, first_seen=_NOON, score=50.0, sources=1
)
_NEW = Message(
    topic_name=_FLOODS,
    watchlist="River desk",
    title="Thousands leave their homes as the Amra rises a metre overnight",
    url="https://wire.example/2026/11/20/amra",
    source="Wire",
    published=_NOON - timedelta(hours=2),
    first_seen=_NOON - timedelta(hours=1, minutes=52),
    score=83.4,
    cut=50.0,
    summary="Boats took families from roofs in three villages. More rain is forecast for the night.",
    sentence="A river bursts its banks and people are moved to safety",
)
_GROWN = replace(
    _NEW,
    author="R. Eporter",
    score=91.0,
    sources=("Wire", "amra-courier.example", "Public radio", "delta-post.example"),
    items=9,
    latest=_ENTRY,
)
_URGENT = replace(_GROWN, level="urgent", mention="here")
_BARE = Message(
    topic_name="",
    watchlist="",
    title="",
    url=None,
    source="",
    published=None,
    first_seen=_NOON,
    score=0.0,
    cut=0.0,
    summary="",
    sentence="",
)
_UPDATE = Update(
    topic_name=_FLOODS,
    title=_NEW.title,
    reason="more_sources",
    entries=(_ENTRY,),
    sources=4,
    score=91.0,
)
_LISTING = Listing(
    why="burst",
    stories=tuple(
        replace(_ENTRY, topic_name=(_FLOODS, _BLACKOUTS)[n % 3 // 2], sources=1 + n % 4)
        for n in range(STORIES_PER_PAGE)
    ),
    total=47,
    since=_NOON - timedelta(minutes=7),
    until=_NOON,
    counts=((_FLOODS, 31), (_BLACKOUTS, 16)),
)
_DIGEST = Digest(
    period="weekly",
    since=_NOON - timedelta(days=7),
    until=_NOON,
    time_zone="UTC",
    topics=(
        TopicCount(topic_name=_FLOODS, stories=14, items=121, per_day=(0, 1, 0, 2, 2, 5, 4)),
        TopicCount(topic_name=_BLACKOUTS, stories=0, items=0, per_day=(0,) * 7),
    ),
    top=(_ENTRY, replace(_ENTRY, topic_name=_BLACKOUTS, url=None)),
    near_misses=(replace(_ENTRY, score=46.0, sources=1),),
)
_REMINDER = Reminder(topic_name=_FLOODS, title=_NEW.title, told_at=_NOON - timedelta(hours=1), count=2)

SAMPLES: dict[str, tuple[Content, ...]] = {
    "story": (_NEW, _GROWN, _URGENT, replace(_URGENT, acknowledged_by="Ana"), _BARE),
    "update": (
        _UPDATE,
        replace(_UPDATE, reason="follow_up", entries=(_ENTRY, _NAMELESS)),
        replace(_UPDATE, reason="escalated", level="urgent", mention="U012ABC"),
        replace(_UPDATE, topic_name="", title="", reason="higher_score", entries=(_NAMELESS,)),
        replace(_UPDATE, reason="development"),
    ),
    "listing": (
        _LISTING,
        replace(_LISTING, why="late", page=2, stories=_LISTING.stories[:7], counts=()),
        replace(_LISTING, why="held", stories=(_NAMELESS,), total=1, counts=()),
    ),
    "digest": (
        _DIGEST,
        replace(_DIGEST, period="daily", topics=(), top=(), near_misses=()),
    ),
    "reminder": (_REMINDER, replace(_REMINDER, mention="S012ABC", count=1)),
}
"""By the name of the layout that each is for."""
