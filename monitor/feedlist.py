"""Owns ``feeds.yaml``: which feeds are polled, what they are called, and how often."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from monitor.fields import (
    Duration,
    Interval,
    Section,
    Text,
    Texts,
    WebUrl,
    repeats,
    short_interval_warning,
    split_url,
    validate,
)
from monitor.records import FeedSpec, Problem
from monitor.yamlfile import Document, Trail, read_yaml

__all__ = ["FeedList", "read_feedlist"]

DEFAULT_PORTS = {"http": 80, "https": 443}


class FeedFile(Section):
    """The file as a whole; each entry is read by itself, so that one bad feed hides no other's problems."""

    feeds: Annotated[tuple[Any, ...], Field(strict=False, min_length=1)]


class FeedEntry(Section):
    """One feed as people write it down."""

    url: WebUrl
    name: Text | None = None
    tags: Texts = ()
    every: Interval | None = None
    full_text: bool = False
    alert_backlog: Duration = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedList:
    """The feeds that can be polled, what is wrong with the others, and what topics may call them all.

    ``labels`` holds every name and tag, those of bad feeds included; it is empty only if no feed can be read.
    """

    feeds: tuple[FeedSpec, ...]
    labels: frozenset[str]
    problems: tuple[Problem, ...]


def read_feedlist(path: Path, every: timedelta) -> FeedList:
    """Read the feeds; ``every`` is the polling interval of those that name none."""
    document = read_yaml(path)
    problems = list(document.problems)
    if document.content is not None:
        problems += validate(FeedFile, document)[1]
    feeds: list[FeedSpec] = []
    labels: set[str] = set()
    for number in range(document.count(("feeds",))):
        entry, found = validate(FeedEntry, document, ("feeds", number))
        problems += found
        labels.update(_labels(document, number))
        if entry is None:
            continue
        feeds.append(_spec(entry, every))
        if entry.every and (warning := short_interval_warning(entry.every)):
            problems.append(document.problem(("feeds", number, "every"), warning, severity="warning"))
    problems += repeats(_texts(document, "url", _address), "feed URL")
    problems += repeats(_texts(document, "name", str), "feed name")
    return FeedList(feeds=tuple(feeds), labels=frozenset(labels), problems=tuple(problems))


def _spec(entry: FeedEntry, every: timedelta) -> FeedSpec:
    return FeedSpec(
        url=entry.url,
        name=entry.name or split_url(entry.url).hostname or entry.url,
        tags=frozenset(entry.tags),
        every=entry.every or every,
        alert_backlog=entry.alert_backlog,
        full_text=entry.full_text,
        paced=entry.every is not None,
    )


def _labels(document: Document, number: int) -> Iterator[str]:
    for key in ("name", "tags"):
        yield from (label for label, _ in document.texts(("feeds", number, key)))
    # A feed without a name is called by its host.
    if document.at(("feeds", number, "name")) is None:
        yield from (_host(url) for url, _ in document.texts(("feeds", number, "url")))


def _host(url: str) -> str:
    try:
        return split_url(url).hostname or ""
    except ValueError:
        return ""


def _texts(
    document: Document, key: str, alike: Callable[[str], str]
) -> Iterator[tuple[str, Document, Trail]]:
    for number in range(document.count(("feeds",))):
        for text, trail in document.texts(("feeds", number, key)):
            yield alike(text), document, trail


def _address(url: str) -> str:
    """Write alike what every server takes for the same address."""
    try:
        parts = split_url(url)
    except ValueError:
        return url
    scheme, host = parts.scheme.lower(), parts.hostname or ""
    port = "" if parts.port in {None, DEFAULT_PORTS.get(scheme)} else f":{parts.port}"
    return f"{scheme}://{host}{port}{parts.path or '/'}?{parts.query}"
