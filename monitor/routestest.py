"""Tries the routes on an item: which channels would be told, how, and what keeps each route from it.

FILE ──► sample ──► score per topic, told or the model's ──► destinations and quiet hours of those that match
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from monitor.configuration import Configuration
from monitor.errors import ConfigurationError
from monitor.fields import did_you_mean, written_duration
from monitor.passages import passages
from monitor.poll import recognised
from monitor.quiethours import held_until
from monitor.records import Destination, Item, ParsedItem, Problem, Topic
from monitor.rehearsal import as_stored, open_scratch
from monitor.relevance import judge
from monitor.routing import Facts, destinations, why
from monitor.score import in_scope
from monitor.scoring import Encoder
from monitor.text import clean

__all__ = ["Sample", "Scored", "Trial", "as_json", "lines", "read_sample", "score_sample", "try_routes"]

KEYS = ("title", "summary", "url", "feed", "tags", "scores", "sources", "time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An item to try the routes on. ``scores`` by topic id, None to ask the model.

    ``tags`` are its feed's and those told; without any, and without ``feed``, every topic listens to it.
    ``sources`` counts the independent ones of its story; ``at`` is when it is told, None for now.
    """

    item: ParsedItem
    feed: str | None
    tags: frozenset[str]
    scores: Mapping[str, float] | None
    sources: int
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A topic's score of the sample, and the rule of words that keeps it out, if any."""

    topic: Topic
    score: float
    gate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A channel that would be told; ``held_until`` (UTC) is the end of quiet hours that hold it."""

    destination: Destination
    held_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """A topic that matches, where it sends the sample, and why not by the other routes (name, reason)."""

    scored: Scored
    sendings: tuple[Sending, ...]
    not_by: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What would become of a sample; ``nearest`` is the topic that came closest if none matches."""

    matched: tuple[Matched, ...]
    nearest: Scored | None


# --- the sample ------------------------------------------------------------------------------------


def read_sample(path: Path, config: Configuration) -> Sample:
    """Read the item in a JSON file; ConfigurationError, with the place, if it cannot be used."""
    try:
        return _sample(json.loads(path.read_text(encoding="utf-8")), config)
    except OSError as e:
        raise _refused(path, f"cannot read this file: {(e.strerror or 'unknown trouble').lower()}") from None
    except json.JSONDecodeError as e:
        raise _refused(path, f"this is not JSON: {e.msg.lower()}", e.lineno, e.colno) from None
    except (ValueError, RecursionError) as e:
        raise _refused(path, str(e)) from None


def _refused(path: Path, message: str, line: int = 1, column: int = 1) -> ConfigurationError:
    return ConfigurationError([Problem(path=path, line=line, column=column, message=message)])


def _sample(told: object, config: Configuration) -> Sample:
    if not isinstance(told, dict):
        raise ValueError('an object is needed here, such as {"title": "…", "feed": "…"}')
    for key in told:
        _expect("key", key, KEYS)
    title, summary = (clean(_text(told, key) or "") for key in ("title", "summary"))
    if not title and not summary:
        raise ValueError("an item needs a title or a summary")
    feed = _text(told, "feed")
    if feed is not None:
        _expect("feed", feed, [known.name for known in config.feeds])
    of_feed = next((known.tags for known in config.feeds if known.name == feed), frozenset())
    return Sample(
        item=ParsedItem(guid=None, url=_text(told, "url"), title=title, summary=summary),
        feed=feed,
        tags=of_feed | _tags(told.get("tags")),
        scores=_scores(told.get("scores"), config.topics),
        sources=_sources(told.get("sources")),
        at=_time(_text(told, "time")),
    )


def _expect(what: str, word: str, known: Sequence[str]) -> None:
    if word not in known:
        raise ValueError(f"there is no {what} {word!r}; {did_you_mean(word, known)}")


def _text(told: Mapping[str, object], key: str) -> str | None:
    value = told.get(key)
    if value is None or isinstance(value, str):
        return value
    raise ValueError(f"{key!r} needs a text")


def _tags(told: object) -> frozenset[str]:
    if told is None:
        return frozenset()
    if isinstance(told, list) and all(isinstance(tag, str) for tag in told):
        return frozenset(told)
    raise ValueError("'tags' needs a list of texts")


def _scores(told: object, topics: Sequence[Topic]) -> Mapping[str, float] | None:
    if told is None:
        return None
    if not isinstance(told, dict):
        raise ValueError("'scores' needs an object: a score from 0 to 100 by topic id")
    for topic_id, score in told.items():
        _expect("topic", topic_id, [topic.id for topic in topics])
        if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 100:
            raise ValueError(f"the score of {topic_id!r} must be a number from 0 to 100")
    return told


def _sources(told: object) -> int:
    if told is None:
        return 1
    if isinstance(told, int) and not isinstance(told, bool) and told >= 1:
        return told
    raise ValueError("'sources' needs a number, 1 or more")


def _time(told: str | None) -> datetime | None:
    if told is None:
        return None
    try:
        moment = datetime.fromisoformat(told)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError("'time' needs a date and time such as 2026-11-20T23:30+01:00") from None


# --- the trial -------------------------------------------------------------------------------------


async def score_sample(
    sample: Sample, topics: Sequence[Topic], *, now: datetime, load: Callable[[], Encoder]
) -> list[Scored]:
    """Score the sample for every topic that listens to its feed: as told, else by the model and the topics'
    own examples; ModelError if there is no model."""
    item = replace(
        as_stored(recognised(sample.item, key=""), number=0, feed=sample.feed or "", first_seen=now),
        feed_tags=sample.tags,
    )
    anywhere = sample.feed is None and not sample.tags
    listening = [topic for topic in topics if anywhere or in_scope(topic, item)]
    if sample.scores is not None:
        told = sample.scores
        return [Scored(topic=topic, score=told[topic.id]) for topic in listening if topic.id in told]
    return await _by_model(item, listening, load) if listening else []


async def _by_model(item: Item, topics: Sequence[Topic], load: Callable[[], Encoder]) -> list[Scored]:
    async with open_scratch(load) as scratch:
        view, _ = await (await scratch.learning(topics)).follow()
        texts, vectors = passages(item), scratch.vectoriser
        near = view.near(await vectors.vectors(texts), np.ones((len(texts), len(topics)), bool))
        tokens = dict(enumerate(await vectors.tokens(texts)))
        by_id = {topic.id: topic for topic in topics}
        return [
            Scored(topic=by_id[score.topic_id], score=score.score, gate=score.evidence.gate)
            for score in judge(view, item, near, range(len(texts)), tokens)
        ]


def try_routes(config: Configuration, sample: Sample, scored: Sequence[Scored], now: datetime) -> Trial:
    """Return where the sample would go at ``now`` by these scores."""
    matching = [one for one in scored if one.gate is None and one.score >= one.topic.cut]
    return Trial(
        matched=tuple(_matched(config, sample, one, now) for one in matching),
        nearest=None if matching else max(scored, key=lambda one: one.score, default=None),
    )


def _matched(config: Configuration, sample: Sample, scored: Scored, now: datetime) -> Matched:
    facts = Facts(topic=scored.topic, tags=sample.tags, score=scored.score, sources=sample.sources)
    sendings = []
    for to in destinations(facts, config.routes, config.timing):
        plan = config.channels.get(to.channel)
        held = held_until(plan.quiet_hours, to.level, now) if plan else None
        sendings.append(Sending(destination=to, held_until=held))
    reasons = ((route.name, why(facts, route)) for route in config.routes)
    return Matched(
        scored=scored,
        sendings=tuple(sendings),
        not_by=tuple((name, reason) for name, reason in reasons if reason is not None),
    )


# --- what comes of it ------------------------------------------------------------------------------


def lines(config: Configuration, trial: Trial) -> list[str]:
    """Return the trial as text."""
    text = []
    for matched in trial.matched:
        topic = matched.scored.topic
        text.append(f"{topic.name} ({topic.id}): score {matched.scored.score:g}, cut {topic.cut:g}")
        for sending in matched.sendings:
            text += _sending_lines(config, sending)
        text += [f"  not by route {name!r}: {reason}" for name, reason in matched.not_by]
    return text or [_nowhere(trial.nearest)]


def _sending_lines(config: Configuration, sending: Sending) -> list[str]:
    to = sending.destination
    mention = f", mentions {to.mention}" if to.mention else ""
    by = f"by route {to.route!r}" if to.route else "the topic's own channel"
    wait = f"after {written_duration(to.wait_before_first)}" if to.wait_before_first else "at once"
    remind = f", reminds after {written_duration(to.remind_after)}" if to.remind_after else ""
    text = [
        f"  {to.channel}: {to.level}{mention}, {by}",
        f"      {wait}, updates every {written_duration(to.update_every)}{remind}",
    ]
    quiet = config.channels[to.channel].quiet_hours if sending.held_until else None
    if quiet and sending.held_until:
        until = sending.held_until.astimezone(ZoneInfo(quiet.time_zone))
        text.append(f"      quiet hours hold it until {until:%a %Y-%m-%d %H:%M} ({quiet.time_zone})")
    return text


def _nowhere(nearest: Scored | None) -> str:
    if nearest is None:
        return "no topic matches it, and none comes near"
    topic = nearest.topic
    kept = f"; kept out: {nearest.gate}" if nearest.gate else ""
    return (
        "no topic matches it; the nearest is "
        f"{topic.name} ({topic.id}): score {nearest.score:g}, cut {topic.cut:g}{kept}"
    )


def as_json(trial: Trial) -> dict[str, Any]:
    """Return the trial as plain values; durations are written as in the files."""
    nearest = trial.nearest
    return {
        "topics": [
            {
                "topic": matched.scored.topic.id,
                "score": matched.scored.score,
                "cut": matched.scored.topic.cut,
                "to": [_sending_json(sending) for sending in matched.sendings],
                "not_by": [{"route": name, "why": reason} for name, reason in matched.not_by],
            }
            for matched in trial.matched
        ],
        "nearest": nearest
        and {
            "topic": nearest.topic.id,
            "score": nearest.score,
            "cut": nearest.topic.cut,
            "kept_out": nearest.gate,
        },
    }


def _sending_json(sending: Sending) -> dict[str, Any]:
    to, held = sending.destination, sending.held_until
    return {
        "channel": to.channel,
        "level": to.level,
        "mention": to.mention,
        "route": to.route,
        "wait_before_first": written_duration(to.wait_before_first),
        "update_every": written_duration(to.update_every),
        "remind_after": written_duration(to.remind_after) if to.remind_after else None,
        "held_until": held.isoformat() if held else None,
    }
