"""Whether to tell, where, and why or why not. Pure.

    an item ──► gate: may anybody be told of it? ──► per channel: step: a message, a place in a list, a reply?

``REASONS`` has every reason; ``docs/alerts.md`` has the same table, and a test compares the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from monitor.records import Decision, Destination, Item, Level, ListingWhy, Post, Topic, Verdict

__all__ = ["REASONS", "Facts", "Rules", "Step", "Traffic", "gate", "step", "told_since", "verdict"]

REASONS: dict[str, tuple[Decision, str]] = {
    "new": ("alert", "nobody has been told of the story yet"),
    "routed": ("alert", "the story has been told elsewhere, and now fits this channel's route"),
    "burst": ("alert", "new, and told in a list: the topic or the channel has had many stories just now"),
    "late": ("alert", "new, and told in a list: it was published longer ago than alerts.late_after"),
    "held": ("alert", "new, and told in a list when the channel's quiet hours are over"),
    "escalated": ("thread", "the story has become urgent; shown in the channel"),
    "development": ("thread", "it tells of many more people harmed or held; shown in the channel"),
    "more_sources": ("thread", "many more independent sources tell the story; shown in the channel"),
    "higher_score": ("thread", "it is far surer that the story is wanted; shown in the channel"),
    "follow_up": ("thread", "it tells a story that the channel knows"),
    "duplicate": ("quiet", "the channel knows the story, and has read this text or headline; it is counted"),
    "silenced": ("quiet", "a silence holds for it"),
    "backlog": ("quiet", "the feed's first poll showed it, and it is older than the feed's alert_backlog"),
    "too_old": ("quiet", "it is older than alerts.max_age"),
    "topic_gone": ("quiet", "its topic was removed from the watchlists"),
}
"""Each reason with the decision that it leads to, and what it means, for a person."""

LOUD = ("escalated", "development", "more_sources", "higher_score")
"""Reasons for showing a reply in the channel as well; what comes first weighs most."""
LISTED: dict[str, ListingWhy] = {"burst": "burst", "late": "late", "held": "held"}

_TIMES, _MORE = 3, 4
"""Independent sources since the channel was last told: so many times as many, and so many more."""
_SURER, _SURE = 20.0, 74.0
_HARM_TIMES, _HARM_LEAST, _HARM_NEW = 2, 5, 10
_URGENT_SHARE = 2
"""Urgent stories may be so many times as frequent before they are told in a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The settings that decide: see ``alerts`` in the configuration."""

    max_age: timedelta
    cooldown: timedelta
    late_after: timedelta
    most_per_topic: int
    most_per_channel: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a story now that an item has joined it.

    ``sources`` are independent, ``score`` is the highest, ``toll`` the highest number of people harmed or
    held. ``copied``: the item repeats the text, headline or address of another. ``told`` says whether any
    channel has been told.
    """

    sources: int
    score: float
    toll: int
    copied: bool
    told: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What a channel has been told just now: top-level messages, of the topic and of all."""

    of_topic: int
    of_channel: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a channel is told of an item; ``loud_at`` is when a reply may be shown in the channel too."""

    action: Literal["post", "list", "reply", "count"]
    reason: str
    loud_at: datetime | None = None


def told_since(max_age: timedelta, now: datetime) -> datetime:
    """Return since when what has been told counts as told.

    Twice the age limit covers every item that could still alert, and its late copies.
    """
    return now - 2 * max_age


def gate(item: Item, topic: Topic | None, *, silenced: bool, max_age: timedelta, now: datetime) -> str | None:
    """Return why nobody is told of an item that matched ``topic`` (None when it has been removed since).

    An undated item counts as new when a later poll brings it, and as old when the first poll does.
    """
    if topic is None:
        return "topic_gone"
    if silenced:
        return "silenced"
    published = item.published
    if item.backlog and (published is None or now - published > item.alert_backlog):
        return "backlog"
    return "too_old" if _age(item, now) > max_age else None


def step(
    item: Item,
    facts: Facts,
    destination: Destination,
    post: Post | None,
    traffic: Traffic,
    quiet_until: datetime | None,
    rules: Rules,
    now: datetime,
) -> Step:
    """Return what a channel is told of an item; ``post`` is how it knows the story, if it does."""
    if post is None:
        reason = _opening(item, facts, destination.level, traffic, quiet_until, rules, now)
        return Step(action="list" if reason in LISTED else "post", reason=reason)
    material = _material(facts, destination.level, post)
    # Nobody wants to see the same text again, but that the story is urgent now is said at once.
    if facts.copied and material != "escalated":
        return Step(action="count", reason="duplicate")
    if material is None:
        return Step(action="reply", reason="follow_up")
    calm = now if material == "escalated" else _calm(post, rules, now)
    return Step(action="reply", reason=material, loud_at=max(calm, quiet_until or calm))


def verdict(steps: Sequence[Step]) -> Verdict:
    """Return the decision on an item, out of what its channels are told: the loudest says it."""
    ranks = {"post": 0, "list": 0, "reply": 1, "count": 2}
    loudest = min(steps, key=lambda one: (ranks[one.action], list(REASONS).index(one.reason)))
    return Verdict(decision=REASONS[loudest.reason][0], reason=loudest.reason)


def _age(item: Item, now: datetime) -> timedelta:
    return now - (item.published or item.first_seen)


def _opening(
    item: Item,
    facts: Facts,
    level: Level,
    traffic: Traffic,
    quiet_until: datetime | None,
    rules: Rules,
    now: datetime,
) -> str:
    """Return why, and so how, a channel is told of a story that it does not know."""
    share = _URGENT_SHARE if level == "urgent" else 1
    if quiet_until is not None:
        return "held"
    if (
        traffic.of_topic >= rules.most_per_topic * share
        or traffic.of_channel >= rules.most_per_channel * share
    ):
        return "burst"
    if level == "routine" and _age(item, now) > rules.late_after:
        return "late"
    return "routed" if facts.told else "new"


def _calm(post: Post, rules: Rules, now: datetime) -> datetime:
    """Return when a story may be shown in a channel again: with what waits to be shown, if anything does."""
    return post.loud_at if post.loud_at > now else max(now, post.loud_at + rules.cooldown)


def _material(facts: Facts, level: Level, post: Post) -> str | None:
    """Return what has changed so much since the channel was last told that it is shown there again."""
    if level == "urgent" and post.level == "routine":
        return "escalated"
    if facts.toll >= max(_HARM_NEW, post.loud_toll + _HARM_LEAST, _HARM_TIMES * post.loud_toll):
        return "development"
    if facts.sources >= max(_TIMES * post.loud_sources, post.loud_sources + _MORE):
        return "more_sources"
    if facts.score >= max(_SURE, post.loud_score + _SURER):
        return "higher_score"
    return None
