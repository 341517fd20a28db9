"""Owns ``routes.yaml``: which stories go where beside their topic's channel, how loudly, and which channels
want quiet hours or digests."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, PlainValidator

from monitor.fields import (
    Channel,
    Duration,
    Interval,
    Mention,
    Section,
    Text,
    did_you_mean,
    repeats,
    text_of,
    validate,
)
from monitor.records import ChannelPlan, DigestPlan, Level, Period, Problem, QuietHours, Route
from monitor.yamlfile import Document, Trail, quoted, read_yaml

__all__ = ["WEEKDAYS", "Known", "Routes", "read_routes"]

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""What days are called in the file, in the order of their numbers."""
_WHOLE_DAY = (time(0), time(0))


# --- values ----------------------------------------------------------------------------------------


def _level(value: object) -> Level:
    match text_of(value):
        case "routine" | "urgent" as level:
            return level
        case other:
            raise ValueError(f"{quoted(other)} is no level; write routine or urgent")


def _scores(value: object) -> tuple[float, float]:
    found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]+)?)(?: *[-–] *([0-9]{1,3}(?:\.[0-9]+)?))?", str(value))
    if found:
        least, most = float(found[1]), float(found[2] or 100)
        if least < most <= 100 or (least == 100 and not found[2]):
            return least, most
    raise ValueError(
        f"{quoted(value)} is neither a score nor a band of scores; "
        "write from which score on, such as 80, or from where up to where, such as 50-80"
    )


def _sources(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise ValueError(f"{quoted(value)} is not a number of sources; write 1 or more, without quotes")


def _time_zone(value: object) -> str:
    name = text_of(value)
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):
        zones = available_timezones()
    city = name.lower().replace(" ", "_")
    meant = sorted(zone for zone in zones if zone.lower().split("/")[-1] == city)
    hint = f"did you mean {quoted(meant[0])}?" if meant else did_you_mean(name, zones)
    raise ValueError(f"{quoted(name)} is not a time zone such as Europe/London; {hint}")


def _clock(written: str) -> time | None:
    found = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", written)
    return time(int(found[1]), int(found[2])) if found else None


def _hours(value: object) -> tuple[time, time]:
    written = text_of(value)
    first, _, last = written.replace("–", "-").partition("-")
    begin, end = _clock(first.strip()), _clock(last.strip())
    if last.strip() == "24:00":
        end = time(0)
    elif begin is not None and begin == end:
        raise ValueError(f"{quoted(written)} are no hours at all; a whole day is 00:00-24:00")
    if begin is None or end is None:
        raise ValueError(f"{quoted(written)} are no hours; write from when to when, such as 22:00-07:00")
    return begin, end


def _weekday(value: object) -> int:
    written = text_of(value)
    if written in WEEKDAYS:
        return WEEKDAYS.index(written)
    raise ValueError(f"{quoted(written)} is not a day; write {', '.join(WEEKDAYS)}")


def _digest(value: object) -> tuple[Period, int, time]:
    written = text_of(value)
    match written.split():
        case ["daily", clock] if at := _clock(clock):
            return "daily", 0, at
        case ["weekly", day, clock] if day in WEEKDAYS and (at := _clock(clock)):
            return "weekly", WEEKDAYS.index(day), at
    raise ValueError(f"{quoted(written)} is no time of a digest; write daily 08:00, or weekly mon 08:00")


# An empty list says "none", and an absent one "all": too close to let pass.
Names = Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]
Channels = Annotated[tuple[Channel, ...], Field(strict=False, min_length=1)]
Days = Annotated[tuple[Annotated[int, PlainValidator(_weekday)], ...], Field(strict=False, min_length=1)]
Digests = Annotated[
    tuple[Annotated[tuple[Period, int, time], PlainValidator(_digest)], ...], Field(strict=False)
]


# --- entries ---------------------------------------------------------------------------------------


class RoutesFile(Section):
    """The file as a whole; each entry is read by itself, so that one bad route hides no other's problems."""

    routes: Annotated[tuple[Any, ...], Field(strict=False)] = ()
    channels: dict[Channel, Any] = Field(default_factory=dict)


class RouteEntry(Section):
    """One route as people write it down."""

    name: Text
    topics: Names = ()
    watchlists: Names = ()
    tags: Names = ()
    score: Annotated[tuple[float, float], PlainValidator(_scores)] = (0.0, 100.0)
    sources: Annotated[int, PlainValidator(_sources)] = 1
    to: Channels
    level: Annotated[Level, PlainValidator(_level)] = "routine"
    mention: Mention = None
    wait_before_first: Duration | None = None
    update_every: Interval | None = None
    remind_after: Interval | None = None
    instead: bool = False


class ChannelEntry(Section):
    """What people write down for one channel; its hours are of its time zone."""

    time_zone: Annotated[str, PlainValidator(_time_zone)]
    quiet_hours: Annotated[tuple[time, time], PlainValidator(_hours)] | None = None
    quiet_days: Days = tuple(range(7))
    urgent_passes: bool = True
    digests: Digests = ()


# --- reading ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What routes may name: topics' ids, watchlists, tags of feeds; None where they cannot be read.

    ``channels`` are those of the topics.
    """

    topics: frozenset[str] | None
    watchlists: frozenset[str] | None
    tags: frozenset[str] | None
    channels: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """The routes that can be used, what channels ask for, and what is wrong with the others."""

    routes: tuple[Route, ...]
    channels: dict[str, ChannelPlan]
    problems: tuple[Problem, ...]


def read_routes(path: Path, known: Known) -> Routes:
    """Read the routes file."""
    document = read_yaml(path)
    problems = list(document.problems)
    if document.content is not None:
        problems += validate(RoutesFile, document)[1]
    routes: list[Route] = []
    for number in range(document.count(("routes",))):
        trail = ("routes", number)
        entry, found = validate(RouteEntry, document, trail)
        problems += (*found, *_unknown(document, trail, known), *_too_loud(document, trail, entry))
        problems += repeats(((to, document, at) for to, at in document.texts((*trail, "to"))), "channel")
        if entry:
            routes.append(_route(entry))
    problems += repeats(_names(document), "route's name")
    plans, refused = _plans(document)
    problems += (*refused, *_unused(document, known))
    return Routes(routes=tuple(routes), channels=plans, problems=tuple(problems))


def _route(entry: RouteEntry) -> Route:
    least, most = entry.score
    return Route(
        name=entry.name,
        channels=entry.to,
        topics=frozenset(entry.topics),
        watchlists=frozenset(entry.watchlists),
        tags=frozenset(entry.tags),
        least_score=least,
        most_score=most,
        least_sources=entry.sources,
        level=entry.level,
        mention=entry.mention,
        instead=entry.instead,
        wait_before_first=entry.wait_before_first,
        update_every=entry.update_every,
        remind_after=entry.remind_after,
    )


def _unknown(document: Document, trail: Trail, known: Known) -> Iterator[Problem]:
    kinds = (
        ("topics", "there is no topic", known.topics),
        ("watchlists", "there is no watchlist", known.watchlists),
        ("tags", "no feed has the tag", known.tags),
    )
    for key, complaint, names in kinds:
        for name, at in document.texts((*trail, key)):
            if names is not None and name not in names:
                hint = f"; {did_you_mean(name, names)}" if names else ""
                yield document.problem(at, f"{complaint} {quoted(name)}{hint}")


def _too_loud(document: Document, trail: Trail, entry: RouteEntry | None) -> Iterator[Problem]:
    if entry is None or entry.level == "urgent":
        return
    if entry.mention is not None:
        yield document.problem((*trail, "mention"), "only a route with 'level: urgent' may mention anybody")
    if entry.remind_after is not None:
        yield document.problem((*trail, "remind_after"), "only a route with 'level: urgent' reminds anybody")


def _names(document: Document) -> Iterator[tuple[str, Document, Trail]]:
    for number in range(document.count(("routes",))):
        yield from ((name, document, at) for name, at in document.texts(("routes", number, "name")))


def _asked(document: Document) -> list[str]:
    channels = document.at(("channels",))
    return list(channels) if isinstance(channels, dict) else []


def _plans(document: Document) -> tuple[dict[str, ChannelPlan], list[Problem]]:
    plans: dict[str, ChannelPlan] = {}
    problems: list[Problem] = []
    for written in _asked(document):
        trail = ("channels", written)
        entry, found = validate(ChannelEntry, document, trail)
        problems += (*found, *_quiet_misread(document, trail, entry))
        if entry:
            plans[written.strip()] = _plan(written.strip(), entry)
    return plans, problems


def _quiet_misread(document: Document, trail: Trail, entry: ChannelEntry | None) -> Iterator[Problem]:
    if document.at((*trail, "quiet_hours")) is None:
        for key in ("quiet_days", "urgent_passes"):
            if document.at((*trail, key)) is not None:
                yield document.problem(
                    (*trail, key), f"'{key}' says something only beside 'quiet_hours'", at_key=True
                )
    elif entry and entry.quiet_hours == _WHOLE_DAY and len(set(entry.quiet_days)) == len(WEEKDAYS):
        yield document.problem(
            (*trail, "quiet_hours"), "this quiet never ends; name its days in 'quiet_days'"
        )


def _plan(channel: str, entry: ChannelEntry) -> ChannelPlan:
    quiet = entry.quiet_hours and QuietHours(
        begin=entry.quiet_hours[0],
        end=entry.quiet_hours[1],
        time_zone=entry.time_zone,
        days=frozenset(entry.quiet_days),
        urgent_passes=entry.urgent_passes,
    )
    digests = tuple(
        DigestPlan(period=period, weekday=weekday, at=at, time_zone=entry.time_zone)
        for period, weekday, at in entry.digests
    )
    return ChannelPlan(channel=channel, quiet_hours=quiet, digests=digests)


def _unused(document: Document, known: Known) -> Iterator[Problem]:
    used = set(known.channels)
    for number in range(document.count(("routes",))):
        used.update(channel for channel, _ in document.texts(("routes", number, "to")))
    for written in _asked(document):
        if written.strip() not in used:
            warning = f"no topic and no route sends anything to {quoted(written)}"
            yield document.problem(("channels", written), warning, at_key=True, severity="warning")
