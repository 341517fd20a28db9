"""Owns ``watchlists/*.yaml``: the topics people ask for, in plain sentences, with their own examples."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PlainValidator

from monitor.fields import (
    Channel,
    Mention,
    Section,
    Sentences,
    Text,
    Texts,
    TopicId,
    did_you_mean,
    repeats,
    validate,
)
from monitor.records import Problem, Topic
from monitor.yamlfile import Document, Trail, quoted, read_yaml

__all__ = ["Watchlists", "read_watchlists"]

SENSITIVITIES = {"strict": 65.0, "balanced": 50.0, "broad": 20.0}
"""The score from which an item matches, by the watchlist's word for it."""


def _cut(value: object) -> float:
    if isinstance(value, str) and value in SENSITIVITIES:
        return SENSITIVITIES[value]
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100:
        return float(value)
    words = ", ".join(SENSITIVITIES)
    raise ValueError(f"{quoted(value)} is not a sensitivity; write {words}, or a score from 0 to 100")


class WatchlistFile(Section):
    """The file as a whole; each topic is read by itself, so that one bad topic hides no other's problems."""

    watchlist: Text
    channel: Channel | None = None
    topics: Annotated[tuple[Any, ...], Field(strict=False, min_length=1)]


class Examples(Section):
    """A topic's own tests: items it must and must not match."""

    relevant: Texts = ()
    irrelevant: Texts = ()


class TopicEntry(Section):
    """One topic as people write it down."""

    id: TopicId
    name: Text
    about: Sentences
    not_about: Texts = ()
    must_mention: Texts = ()
    never_mention: Texts = ()
    feeds: Texts = ()
    sensitivity: Annotated[float, PlainValidator(_cut)] = SENSITIVITIES["balanced"]
    channel: Channel | None = None
    mention: Mention = None
    examples: Examples = Examples()


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchlists:
    """The topics of all files that can be watched for, and what is wrong with the others.

    ``ids`` of topics and ``names`` of watchlists include those of bad ones; empty if a file cannot be read.
    """

    topics: tuple[Topic, ...]
    problems: tuple[Problem, ...]
    ids: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()


def read_watchlists(folder: Path, labels: frozenset[str], channel: str) -> Watchlists:
    """Read every watchlist in a folder, or a single one.

    ``labels`` are the feed names and tags that a topic may ask for, empty if they are not known;
    ``channel`` is where topics go that, like their watchlist, name none.
    """
    paths = _files(folder)
    if isinstance(paths, Problem):
        return Watchlists(topics=(), problems=(paths,))
    documents = [read_yaml(path) for path in paths if path.suffix == ".yaml"]
    topics: list[Topic] = []
    problems = [_misnamed(path) for path in paths if path.suffix != ".yaml"]
    for document in documents:
        problems += document.problems
        if document.content is None:
            continue
        file, found = validate(WatchlistFile, document)
        problems += found
        for number in range(document.count(("topics",))):
            trail = ("topics", number)
            entry, found = validate(TopicEntry, document, trail)
            problems += (*found, *_contradictions(document, trail), *_unreachable(document, trail, labels))
            if file and entry:
                topics.append(_topic(entry, file, channel))
    names, ids = list(_named(documents, ("watchlist",))), list(_ids(documents))
    problems += (*repeats(names, "watchlist name"), *repeats(ids, "topic id"))
    known = all(document.content is not None for document in documents)
    return Watchlists(
        topics=tuple(topics),
        problems=tuple(problems),
        ids=frozenset(id_ for id_, _, _ in ids if known),
        names=frozenset(name for name, _, _ in names if known),
    )


def _files(folder: Path) -> list[Path] | Problem:
    if folder.is_file():
        return [folder]
    try:
        found = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as e:
        message = f"cannot read this folder of watchlists: {(e.strerror or 'unknown trouble').lower()}"
        return Problem(path=folder, line=1, column=1, message=message)
    if files := [path for path in found if path.suffix in {".yaml", ".yml"}]:
        return files
    message = "there is no watchlist here; write at least one file that ends in .yaml"
    return Problem(path=folder, line=1, column=1, message=message)


def _misnamed(path: Path) -> Problem:
    message = "this file is not read; give it a name that ends in .yaml"
    return Problem(path=path, line=1, column=1, message=message, severity="warning")


def _topic(entry: TopicEntry, file: WatchlistFile, channel: str) -> Topic:
    return Topic(
        id=entry.id,
        name=entry.name,
        watchlist=file.watchlist,
        about=entry.about,
        not_about=entry.not_about,
        must_mention=entry.must_mention,
        never_mention=entry.never_mention,
        feeds=frozenset(entry.feeds),
        cut=entry.sensitivity,
        channel=entry.channel or file.channel or channel,
        mention=entry.mention,
        relevant=entry.examples.relevant,
        irrelevant=entry.examples.irrelevant,
    )


def _contradictions(document: Document, trail: Trail) -> Iterator[Problem]:
    about = document.texts((*trail, "about"))
    yield from repeats(((_alike(text), document, at) for text, at in about), "sentence")
    relevant = {_alike(text): at for text, at in document.texts((*trail, "examples", "relevant"))}
    for text, at in document.texts((*trail, "examples", "irrelevant")):
        if first := relevant.get(_alike(text)):
            line = document.values[first][0]
            yield document.problem(
                at, f"this example is already a relevant one on line {line}; it cannot be both"
            )


def _unreachable(document: Document, trail: Trail, labels: frozenset[str]) -> Iterator[Problem]:
    for label, at in document.texts((*trail, "feeds")):
        if labels and label not in labels:
            yield document.problem(
                at, f"no feed has the tag or name {quoted(label)}; {did_you_mean(label, labels)}"
            )


def _ids(documents: list[Document]) -> Iterator[tuple[str, Document, Trail]]:
    for document in documents:
        for number in range(document.count(("topics",))):
            yield from _named([document], ("topics", number, "id"))


def _named(documents: list[Document], trail: Trail) -> Iterator[tuple[str, Document, Trail]]:
    for document in documents:
        yield from ((text, document, at) for text, at in document.texts(trail))


def _alike(text: str) -> str:
    return " ".join(text.casefold().split())
