"""Which channels a story goes to, how loudly, and with what timing. Pure.

A story goes to its topic's own channel, and to every channel of every route that fits; a route may ask for
its channels ``instead`` of the topic's own. There it is routine, unless the topic mentions somebody. No
channel is named twice: a route to the topic's own says how it is told there. Of several routes to one channel
the most urgent counts, of those the first; and the shortest of all their waits, so that one more route delays
nothing that another sends.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from monitor.records import Destination, Route, Topic

__all__ = ["Facts", "Timing", "destinations", "topics_of", "why"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What routes look at: ``tags`` are those of all feeds that brought an item of the story, ``score`` its
    highest (0–100), ``sources`` the number of independent ones."""

    topic: Topic
    tags: frozenset[str]
    score: float
    sources: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When stories are told where no route says otherwise; ``remind_after`` None reminds nobody."""

    wait_before_first: timedelta
    update_every: timedelta
    remind_after: timedelta | None


def destinations(facts: Facts, routes: Sequence[Route], timing: Timing) -> tuple[Destination, ...]:
    """Return where a story goes, each channel once: the topic's own first, then in the order of the routes.

    Only an urgent destination mentions anybody, the route's ``mention`` or else the topic's, and reminds.
    """
    fitting = [route for route in routes if why(facts, route) is None]
    asked: dict[str, list[Destination]] = {}
    if not any(route.instead for route in fitting):
        asked[facts.topic.channel] = []
    for route in fitting:
        for channel in route.channels:
            asked.setdefault(channel, []).append(_by_route(route, channel, facts.topic, timing))
    return tuple(_joined(several) if several else _own(facts.topic, timing) for several in asked.values())


def topics_of(channel: str, topics: Sequence[Topic], routes: Sequence[Route]) -> tuple[Topic, ...]:
    """Return the topics whose stories may come to a channel, their own or one that a route leads to."""
    led = [route for route in routes if channel in route.channels]
    return tuple(
        topic for topic in topics if topic.channel == channel or any(_is_for(route, topic) for route in led)
    )


def _is_for(route: Route, topic: Topic) -> bool:
    by_id = not route.topics or topic.id in route.topics
    return by_id and (not route.watchlists or topic.watchlist in route.watchlists)


def _own(topic: Topic, timing: Timing) -> Destination:
    urgent = topic.mention is not None
    return Destination(
        channel=topic.channel,
        level="urgent" if urgent else "routine",
        mention=topic.mention,
        wait_before_first=timing.wait_before_first,
        update_every=timing.update_every,
        remind_after=timing.remind_after if urgent else None,
    )


def _by_route(route: Route, channel: str, topic: Topic, timing: Timing) -> Destination:
    urgent = route.level == "urgent"
    wait, every, remind = route.wait_before_first, route.update_every, route.remind_after
    return Destination(
        channel=channel,
        level=route.level,
        mention=route.mention or topic.mention if urgent else None,
        wait_before_first=timing.wait_before_first if wait is None else wait,
        update_every=timing.update_every if every is None else every,
        remind_after=(timing.remind_after if remind is None else remind) if urgent else None,
        route=route.name,
    )


def _joined(several: Sequence[Destination]) -> Destination:
    """Return what routes to one channel, at least one, come to."""
    loudest = next((one for one in several if one.level == "urgent"), several[0])
    reminders = [one.remind_after for one in several if one.remind_after is not None]
    return replace(
        loudest,
        wait_before_first=min(one.wait_before_first for one in several),
        update_every=min(one.update_every for one in several),
        remind_after=min(reminders, default=None),
    )


def why(facts: Facts, route: Route) -> str | None:
    """Return the first condition of a route that a story does not meet, in plain words; None if it fits.

    A band of scores ends before ``most_score``, but for 100, so that bands can meet.
    """
    topic, score, sources = facts.topic, facts.score, facts.sources
    if route.topics and topic.id not in route.topics:
        return f"it is for {_listed(route.topics)}, not for {topic.id}"
    if route.watchlists and topic.watchlist not in route.watchlists:
        return f"it is for the topics of {_listed(route.watchlists)}, not of {topic.watchlist}"
    if route.tags and not route.tags & facts.tags:
        return f"no feed tagged {_listed(route.tags)} brought it"
    if score < route.least_score:
        return f"its score {score:g} is under {route.least_score:g}"
    if score >= route.most_score < 100:
        return f"its score {score:g} is not under {route.most_score:g}"
    if sources < route.least_sources:
        return f"only {sources} of {route.least_sources} independent sources tell it"
    return None


def _listed(names: frozenset[str]) -> str:
    return " or ".join(sorted(names))
