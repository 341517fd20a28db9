"""Owns ``feeds.yaml``: which feeds are polled, what they are called, and how often.

It is a file of people: what is added goes to its end, and the rest is not touched.
"""

import codecs
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, Any

from pydantic import Field

from monitor.errors import ConfigurationError, MonitorError
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
    written_duration,
)
from monitor.records import FeedSpec, Problem
from monitor.yamledit import append_entries
from monitor.yamlfile import Document, Trail, parse_yaml, read_yaml

__all__ = ["FeedList", "NewFeed", "add_feeds", "alike", "read_feedlist"]

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
class NewFeed:
    """A feed to be written down; None, and a name that is empty, leave a key out for its default."""

    url: str
    name: str = ""
    tags: frozenset[str] = frozenset()
    every: timedelta | None = None
    alert_backlog: timedelta = timedelta(0)
    full_text: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedList:
    """The feeds that can be polled, what is wrong with the others, and what topics may call them all.

    ``labels`` holds every name and tag, those of bad feeds included; it is empty only if no feed can be read.
    ``tags`` are the tags among them.
    """

    feeds: tuple[FeedSpec, ...]
    labels: frozenset[str]
    tags: frozenset[str]
    problems: tuple[Problem, ...]


def read_feedlist(path: Path, every: timedelta) -> FeedList:
    """Read the feeds; ``every`` is the polling interval of those that name none."""
    return _feedlist(read_yaml(path), every)


def add_feeds(path: Path, feeds: Sequence[NewFeed]) -> None:
    """Add feeds to the end of a feed list in one step, which a crash cannot halve; a missing file is made.

    ConfigurationError if the file would be wrong afterwards, MonitorError if it is laid out in a way that
    has no place for them or cannot be written; the file is then as it was.
    """
    try:
        data = path.read_bytes() if path.exists() else b""
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(read_yaml(path).problems) from None
    edited = append_entries(text, parse_yaml(text, path), "feeds", [_written(feed) for feed in feeds])
    if edited is None:
        raise MonitorError(f"{path}: new feeds have no place here; write them under 'feeds:', after a '- '")
    problems = _feedlist(parse_yaml(edited, path), timedelta(days=1)).problems
    if any(problem.severity == "error" for problem in problems):
        raise ConfigurationError(problems)
    bom = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    try:
        _replace(path.resolve(), bom + edited.encode())
    except OSError as e:
        raise MonitorError(f"cannot write {path}: {(e.strerror or 'unknown trouble').lower()}") from e


def _replace(path: Path, data: bytes) -> None:
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _written(feed: NewFeed) -> dict[str, str | bool | list[str]]:
    keys: dict[str, str | bool | list[str]] = {
        "url": feed.url,
        "name": feed.name,
        "tags": sorted(feed.tags),
        "every": written_duration(feed.every) if feed.every else "",
        "alert_backlog": written_duration(feed.alert_backlog) if feed.alert_backlog else "",
        "full_text": feed.full_text,
    }
    return {key: value for key, value in keys.items() if value}


def _feedlist(document: Document, every: timedelta) -> FeedList:
    problems = list(document.problems)
    if document.content is not None:
        problems += validate(FeedFile, document)[1]
    feeds: list[FeedSpec] = []
    labels: set[str] = set()
    tags: set[str] = set()
    for number in range(document.count(("feeds",))):
        entry, found = validate(FeedEntry, document, ("feeds", number))
        problems += found
        labels.update(_labels(document, number))
        tags.update(tag for tag, _ in document.texts(("feeds", number, "tags")))
        if entry is None:
            continue
        feeds.append(_spec(entry, every))
        if entry.every and (warning := short_interval_warning(entry.every)):
            problems.append(document.problem(("feeds", number, "every"), warning, severity="warning"))
    problems += repeats(_texts(document, "url", alike), "feed URL")
    problems += repeats(_texts(document, "name", str), "feed name")
    return FeedList(
        feeds=tuple(feeds), labels=frozenset(labels), tags=frozenset(tags), problems=tuple(problems)
    )


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
    document: Document, key: str, normal: Callable[[str], str]
) -> Iterator[tuple[str, Document, Trail]]:
    for number in range(document.count(("feeds",))):
        for text, trail in document.texts(("feeds", number, key)):
            yield normal(text), document, trail


def alike(url: str) -> str:
    """Write alike what every server takes for the same address: two feeds may not have it in common."""
    try:
        parts = split_url(url)
    except ValueError:
        return url
    scheme, host = parts.scheme.lower(), parts.hostname or ""
    port = "" if parts.port in {None, DEFAULT_PORTS.get(scheme)} else f":{parts.port}"
    return f"{scheme}://{host}{port}{parts.path or '/'}?{parts.query}"
