"""Owns YAML: one file as plain data, with the place of every key and value. Only importer of ruamel.yaml.

    bytes ──► text ──► secrets blanked ──► events ──► content + places

It reads a small YAML on purpose: one document, no anchors, no tags, no key twice, text that stays text
(``no`` and ``2026-11-22`` are texts). Settings need no more, and attacks are made of the rest.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)
from ruamel.yaml.reader import ReaderError

from monitor.records import Problem, Severity

__all__ = ["Document", "Trail", "mask_secrets", "parse_yaml", "quoted", "read_yaml"]

MAX_BYTES = 5_000_000
MAX_NODES = 250_000
MAX_DEPTH = 20

Trail = tuple[str | int, ...]
"""The keys and indexes that lead from a document's root to a value."""

Place = tuple[int, int]

SECRET = re.compile(
    r"(?<![A-Za-z0-9])(?:xox[a-z](?:\.xox[a-z])?-|xoxe\.|xapp-)\w[\w.%/+=-]*"
    r"|(?i:hooks\.slack(?:-gov)?\.com/)[^\s\"'\]},]*"
)
REFUSED = (
    "a Slack token or webhook address may not stand here; take it out, revoke it, and put the new one "
    "in the environment variable SLACK_BOT_TOKEN, or in the file that SLACK_BOT_TOKEN_FILE names"
)
SWALLOWED = re.compile(r"[ \t]*:?[ \t]+(#[^\s#]\S*)")
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?")
WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One YAML text as plain data: dicts, lists, str, int, float, bool and None.

    ``content`` is None when the text cannot be read; ``values`` and ``keys`` say where each part stands
    (line and column from 1); ``refused`` holds the values that ``problems`` already speaks of.
    """

    path: Path
    content: object = None
    values: Mapping[Trail, Place] = field(default_factory=dict)
    keys: Mapping[Trail, Place] = field(default_factory=dict)
    refused: frozenset[Trail] = frozenset()
    problems: tuple[Problem, ...] = ()

    def problem(
        self, trail: Trail, message: str, *, at_key: bool = False, severity: Severity = "error"
    ) -> Problem:
        """Say what is wrong with the value at a trail, or with its key."""
        line, column = (self.keys if at_key else self.values).get(trail, (1, 1))
        return Problem(path=self.path, line=line, column=column, message=message, severity=severity)

    def at(self, trail: Trail) -> object:
        """Return the value at a trail, or None where there is none."""
        value = self.content
        for step in trail:
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def count(self, trail: Trail) -> int:
        """Return how many entries the list at a trail has, 0 if there is no list."""
        value = self.at(trail)
        return len(value) if isinstance(value, list) else 0

    def texts(self, trail: Trail) -> list[tuple[str, Trail]]:
        """Return the text at a trail, or the texts of the list there, each with its trail; skip the rest."""
        value = self.at(trail)
        if isinstance(value, str):
            return [(value.strip(), trail)]
        entries = value if isinstance(value, list) else []
        return [(entry.strip(), (*trail, n)) for n, entry in enumerate(entries) if isinstance(entry, str)]


def read_yaml(path: Path) -> Document:
    """Read one YAML file; whatever is wrong with it is in the document's ``problems``."""
    try:
        # One byte more than allowed tells a file that is too long, without reading all of it.
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as e:
        reason = (e.strerror or "unknown trouble").lower()
        return _unreadable(path, (1, 1), f"cannot read this file: {reason}")
    if len(data) > MAX_BYTES:
        return _unreadable(path, (1, 1), f"this file is larger than {MAX_BYTES // 1_000_000} MB; split it")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        before = data[: e.start].decode("utf-8-sig", errors="replace")
        message = f"this byte (0x{data[e.start]:02x}) is not UTF-8; save the file as UTF-8"
        return _unreadable(path, _place_of(before, len(before)), message)
    return parse_yaml(text, path)


def parse_yaml(text: str, path: Path) -> Document:
    """Read one YAML text; ``path`` is what its problems are reported under."""
    reading = _Reading(path=path, text=mask_secrets(text), secrets=[m.start() for m in SECRET.finditer(text)])
    content: object = None
    try:
        content = reading.document()
    except _Stop as e:
        reading.report(e.place, e.message)
    except ReaderError as e:
        reading.report(_place_of(text, e.position), _control_refused(chr(e.character)))
    except MarkedYAMLError as e:
        reading.report(*_explain(e, text, reading.last))
    except (YAMLError, ValueError, OverflowError, AssertionError):
        # ruamel.yaml itself trips over some malformed directives and escapes, and does not say where.
        reading.report((1, 1), OTHERWISE)
    for position in reading.secrets:
        reading.report(_place_of(text, position), REFUSED)
    return Document(
        path=path,
        content=content,
        values=reading.values,
        keys=reading.keys,
        refused=frozenset(reading.refused),
        problems=tuple(reading.problems),
    )


def mask_secrets(text: str) -> str:
    """Blank every Slack token and webhook address in a text, keeping its length."""
    return SECRET.sub(lambda found: re.sub(r"\S", "x", found[0]), text)


def quoted(value: object) -> str:
    """Show a value in a message: on one line, short, and unable to steer a terminal."""
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    shown = ascii(value) if CONTROL.search(str(value)) else repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}…{shown[0]}"


class _Stop(Exception):  # noqa: N818 - never leaves this module
    """The text cannot be read further than here."""

    def __init__(self, event: Event, message: str) -> None:
        self.place = (event.start_mark.line + 1, event.start_mark.column + 1)
        self.message = message


@dataclass(slots=True, kw_only=True)
class _Reading:
    """One walk over the events of a text. ``secrets`` are positions that no value has answered for yet."""

    path: Path
    text: str
    secrets: list[int]
    values: dict[Trail, Place] = field(default_factory=dict)
    keys: dict[Trail, Place] = field(default_factory=dict)
    refused: set[Trail] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    nodes: int = 0
    last: ScalarEvent | None = None

    def report(self, place: Place, message: str) -> None:
        self.problems.append(Problem(path=self.path, line=place[0], column=place[1], message=message))

    def document(self) -> object:
        events: Iterator[Event] = YAML(typ="safe", pure=True).parse(self.text)
        content: object = None
        started = False
        for event in events:
            if isinstance(event, StreamStartEvent | DocumentEndEvent | StreamEndEvent):
                continue
            if not isinstance(event, DocumentStartEvent):
                content = self.value(event, events, (), event.start_mark)
            elif started:
                raise _Stop(event, "a second document starts here; a file holds one, so take out the '---'")
            started = True
        if content is None and not self.problems:
            empty = "there are only comments here" if self.text.strip() else "this is empty"
            self.report((1, 1), empty)
        return content

    def value(self, event: Event, events: Iterator[Event], trail: Trail, gap: StreamMark) -> object:
        """Read the value that starts with an event; ``gap`` is where it is missing if it is empty."""
        self.admit(event, trail)
        self.values[trail] = _place(event)
        if isinstance(event, MappingStartEvent):
            return self.mapping(events, trail)
        if isinstance(event, ScalarEvent):
            return self.scalar(event, trail, gap)
        entries: list[object] = []
        while not isinstance(event := next(events), SequenceEndEvent):
            entries.append(self.value(event, events, (*trail, len(entries)), event.start_mark))
        return entries

    def admit(self, event: Event, trail: Trail) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _Stop(event, f"this file holds more than {MAX_NODES:,} values; split it")
        if len(trail) > MAX_DEPTH:
            raise _Stop(event, f"this is nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor is not None):
            raise _Stop(event, "anchors (&) and aliases (*) are not allowed; write it out, or quote the text")
        if isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent) and event.ctag is not None:
            raise _Stop(event, "tags (!name) are not allowed; take it out, or quote the text")

    def mapping(self, events: Iterator[Event], trail: Trail) -> dict[str, object]:
        content: dict[str, object] = {}
        while not isinstance(event := next(events), MappingEndEvent):
            self.admit(event, trail)
            if not isinstance(event, ScalarEvent):
                raise _Stop(event, "a key must be plain text; if this is a value, put it in quotes")
            key: str = event.value
            here = (*trail, key)
            if key in content:
                first = self.keys[here][0]
                self.report(_place(event), f"the key {quoted(key)} is already on line {first}; keep one")
                # Read under a trail of its own, or it would move the places of the first.
                self.value(next(events), events, (*here, -1), event.end_mark)
                continue
            self.keys[here] = _place(event)
            content[key] = self.value(next(events), events, here, event.end_mark)
        return content

    def scalar(self, event: ScalarEvent, trail: Trail, gap: StreamMark) -> object:
        text: str = event.value
        self.last = event
        start, end = event.start_mark.index, event.end_mark.index
        if any(start <= secret < end for secret in self.secrets):
            self.secrets = [secret for secret in self.secrets if not start <= secret < end]
            self.refuse(_place(event), REFUSED, trail)
        if control := CONTROL.search(text):
            self.refuse(_place(event), _control_refused(control[0]), trail)
        if event.style:
            return text
        if not text:
            # The library puts an empty value where the next thing starts, be that lines away.
            self.values[trail] = (gap.line + 1, gap.column + 1)
            if swallowed := SWALLOWED.match(self.text, gap.index):
                message = f'to YAML an unquoted # starts a comment; quote it: "{swallowed[1]}"'
                self.refuse(_place_of(self.text, swallowed.start(1)), message, trail)
        return _plain(text)

    def refuse(self, place: Place, message: str, trail: Trail) -> None:
        self.report(place, message)
        self.refused.add(trail)


def _plain(text: str) -> object:
    # Not the library's resolver: that is half of the loading time, and turns dates into dates.
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text):
        return int(text)
    return float(text) if FLOAT.fullmatch(text) else text


def _place(event: Event) -> Place:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _place_of(text: str, position: int) -> Place:
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


def _unreadable(path: Path, place: Place, message: str) -> Document:
    line, column = place
    return Document(path=path, problems=(Problem(path=path, line=line, column=column, message=message),))


def _control_refused(character: str) -> str:
    return f"the invisible control character U+{ord(character):04X} is not allowed; take it out"


# What the library says, and what we say. It names what it found (at its problem mark) and what it was reading
# at the time (at its context mark); True takes the second place, where the mistake was made.
EXPLANATIONS = (
    ("unexpected end of stream", "this quote is never closed", True),
    ("unexpected document separator", "this quote is not closed before the '---'", True),
    ("mapping values are not", "a ': ' cannot stand here; quote the text or mend the indentation", False),
    ("could not find expected ':'", "a key needs ': ' and a value after it", True),
    ("sequence entries are not", "a list entry cannot stand here; give it a line of its own", False),
    ("expected <block end>", "this does not fit the lines above; mend the indentation or the quotes", False),
    ("expected ',' or", "a ',' or the closing bracket is missing before this", False),
    ("expected the node content", "a value is missing before this", False),
    ("unknown escape character", "in double quotes \\ starts a code; use single quotes", False),
    ("hexdecimal numbers", "this code in double quotes is not complete", False),
    ("that cannot start any token", "text that starts with this character must be quoted", False),
    ("undefined tag handle", "tags (!name) are not allowed; take it out, or quote the text", False),
)
OTHERWISE = "this is not valid YAML; if it is text, quote it"


def _explain(error: MarkedYAMLError, text: str, last: ScalarEvent | None) -> tuple[Place, str]:
    found = error.problem_mark or error.context_mark
    reading = error.context_mark or found
    if found is None:
        return (1, 1), OTHERWISE
    if tab := _tab_indentation(text, reading.line, found.line):
        return tab, "tabs cannot indent in YAML; use spaces"
    if last and last.style in {"'", '"'} and last.start_mark.line < last.end_mark.line == found.line:
        return _place(last), f"this quote is closed only on line {found.line + 1}; is one missing before?"
    for words, message, at_context in EXPLANATIONS:
        if words in str(error.problem):
            # A bracket left open is noticed only where the next line makes no sense, or there is none.
            on_the_next = reading.line != found.line or "stream end" in str(error.problem)
            unclosed = words.startswith("expected ','") and on_the_next
            mark = reading if at_context or unclosed else found
            return (mark.line + 1, mark.column + 1), "this bracket is never closed" if unclosed else message
    return (found.line + 1, found.column + 1), OTHERWISE


def _tab_indentation(text: str, first: int, last: int) -> Place | None:
    lines = text.split("\n")
    for number in range(first, min(last + 1, len(lines))):
        if indentation := re.match(r" *(?=\t\s*\S)", lines[number]):
            return number + 1, indentation.end() + 1
    return None
