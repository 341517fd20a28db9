"""Digests: when a channel's is due, which time it covers, and what it says. Pure.

    plan, now ──► the last moment that was due ──► the day or week before it
    stories told, items, near misses ──► Digest

A day begins at the plan's time of day, in its time zone, and lasts 23 or 25 hours when the clocks change.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, islice
from zoneinfo import ZoneInfo

from monitor.records import ChannelStory, Digest, DigestPlan, Entry, Item, Match, Topic, TopicCount
from monitor.sources import independent, origins

__all__ = ["NEAR", "SHOWN", "Span", "composed", "ending", "last_due", "leading"]

SHOWN = 5
"""Stories, and near misses, that a digest names."""
NEAR = 0.5
"""Of a topic's cut: what scored no more was not near."""
_DAYS = 7
"""Days that a chart shows: one alone would say nothing, so a daily digest has those before it too."""
_CANDIDATES = 50
"""Stories whose sources are counted: a story has no more of them than items, and these have most items."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What a digest covers, from ``since`` up to, not including, ``until``.

    ``days`` are the moments at which the seven days up to its end begin, oldest first. All moments are UTC.
    """

    since: datetime
    until: datetime
    days: tuple[datetime, ...]


def last_due(plan: DigestPlan, now: datetime) -> Span:
    """Return the span of the last digest that was due by ``now``, whether or not it was made."""
    until, since = islice(_dues(plan, now), 2)
    begins = islice(_dues(replace(plan, period="daily"), until), 1, _DAYS + 1)
    return Span(since=since, until=until, days=tuple(begins)[::-1])


def ending(plan: DigestPlan, now: datetime) -> DigestPlan:
    """Return the plan that is due right now, for those who cannot wait."""
    local = now.astimezone(ZoneInfo(plan.time_zone))
    return replace(plan, at=local.time(), weekday=local.weekday())


def leading(told: Sequence[ChannelStory], span: Span) -> tuple[ChannelStory, ...]:
    """Return the stories of the span that may be its top ones, once their sources are counted."""
    within = [story for story in told if span.since <= story.told_at < span.until]
    within.sort(key=lambda story: (-story.items, -story.score, story.id))
    return tuple(within[:_CANDIDATES])


def composed(
    plan: DigestPlan,
    span: Span,
    topics: Sequence[Topic],
    told: Sequence[ChannelStory],
    items: Mapping[int, Sequence[Item]],
    missed: Sequence[Match],
    items_read: int,
) -> Digest:
    """Return the digest of a channel that subscribes to ``topics``.

    ``told`` are its stories of the seven days, ``items`` those of the ``leading`` ones by story, ``missed``
    the near misses. A story of a topic that is not among them goes by the topic's id.
    """
    zone = ZoneInfo(plan.time_zone)
    names = {topic.id: topic.name for topic in topics}
    for story in told:
        names.setdefault(story.topic_id, story.topic_id)
    counts = [
        _count(name, [story for story in told if story.topic_id == id_], span) for id_, name in names.items()
    ]
    return Digest(
        period=plan.period,
        since=span.since.astimezone(zone),
        until=span.until.astimezone(zone),
        time_zone=plan.time_zone,
        topics=tuple(sorted(counts, key=lambda count: -count.stories)),
        top=_top(names, leading(told, span), items),
        near_misses=_nearest({topic.id: topic for topic in topics}, missed),
        items_read=items_read,
    )


def _dues(plan: DigestPlan, now: datetime) -> Iterator[datetime]:
    """Yield the moments up to ``now`` at which the plan was due, the last one first."""
    day = now.astimezone(ZoneInfo(plan.time_zone)).date()
    moments = (_moment(plan, day - n * _DAY) for n in range(day.toordinal()) if _fits(plan, day - n * _DAY))
    # A date that a zone left out, to change sides of the date line, has the moment of the next.
    return (moment for moment, _ in groupby(moments) if moment <= now)


def _fits(plan: DigestPlan, day: date) -> bool:
    return plan.period == "daily" or day.weekday() == plan.weekday


def _moment(plan: DigestPlan, day: date) -> datetime:
    """Return when it is the plan's time on a date; an hour that the clocks leave out comes an hour later."""
    return datetime.combine(day, plan.at, ZoneInfo(plan.time_zone)).astimezone(UTC)


def _count(name: str, told: Sequence[ChannelStory], span: Span) -> TopicCount:
    per_day = [0] * len(span.days)
    for story in told:
        per_day[bisect_right(span.days, story.told_at) - 1] += 1
    within = [story for story in told if span.since <= story.told_at < span.until]
    return TopicCount(
        topic_name=name,
        stories=len(within),
        items=sum(story.items for story in within),
        per_day=tuple(per_day),
    )


def _top(
    names: Mapping[str, str], told: Sequence[ChannelStory], items: Mapping[int, Sequence[Item]]
) -> tuple[Entry, ...]:
    sources = {story.id: independent(origins(items[story.id])) for story in told}
    best = sorted(told, key=lambda story: (-sources[story.id], -story.items, -story.score, story.id))
    return tuple(
        _entry(_first(items[story.id]), names[story.topic_id], story.score, sources[story.id])
        for story in best[:SHOWN]
    )


def _first(items: Sequence[Item]) -> Item:
    return min(items, key=lambda item: (item.first_seen, item.id))


def _nearest(topics: Mapping[str, Topic], missed: Sequence[Match]) -> tuple[Entry, ...]:
    best = sorted(missed, key=lambda match: topics[match.score.topic_id].cut - match.score.score)
    return tuple(
        _entry(match.item, topics[match.score.topic_id].name, match.score.score) for match in best[:SHOWN]
    )


def _entry(item: Item, topic_name: str, score: float, sources: int = 1) -> Entry:
    return Entry(
        topic_name=topic_name,
        title=item.title,
        url=item.url,
        source=item.feed_name,
        published=item.published,
        first_seen=item.first_seen,
        score=score,
        sources=sources,
    )
