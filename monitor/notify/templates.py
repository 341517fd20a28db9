"""Layouts of one's own: ``templates/*.json.j2`` beside the configuration, filled in by jinja2 in a sandbox.

    a message's fields ──► template ──► JSON ──► blocks, all of them checked ──► Slack

A layout cannot hang or swell. Its language is output, ``if`` and ``for`` over lists, two deep; there are no
calls, no assignments and no multiplication, so that the work is bounded by its own length. Lists and texts
are cut before, and what it puts out stops at a limit. Every ``{{ … }}`` becomes a whole JSON value, so that
no text can end its own string.
"""

import json
import logging
import re
import traceback
from bisect import bisect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, Undefined, nodes
from jinja2.filters import FILTERS
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

import monitor.notify.wording as wording
from monitor.notify.allowed import MOST_BLOCKS, block_faults, characters
from monitor.notify.literal import Block, mention_leaf
from monitor.notify.samples import SAMPLES
from monitor.records import Content, Digest, Entry, Listing, Message, Problem, Reminder, TopicCount, Update

__all__ = ["Templates", "read_templates"]
logger = logging.getLogger(__name__)

_KINDS: dict[str, type[Content]] = {
    "story": Message,
    "update": Update,
    "listing": Listing,
    "digest": Digest,
    "reminder": Reminder,
}
_SUFFIX = ".json.j2"
_MAX_FILE = 50_000
_MAX_OUTPUT = 100_000
_MAX_CHARACTERS = 11_000
"""Of all blocks; Slack has refused messages from about there on."""
_MAX_TEXT = wording.MAX_URL + 1
"""So that what is longer than an address may be is none."""
_MAX_ROWS = 100
_DEPTH = 2
_ALLOWED = (
    *(nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Template),
    *(nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Tuple, nodes.List),
    *(nodes.Filter, nodes.Test, nodes.Keyword, nodes.Compare, nodes.Operand, nodes.CondExpr, nodes.Concat),
    *(nodes.And, nodes.Or, nodes.Not, nodes.Add, nodes.Sub, nodes.Neg),
)
# Two characters that text in Unicode never has, around the number of a template's line.
_MARK = "\ufdd0{}\ufdd1"
_ROWS = "rows"
_MARKS = re.compile("\ufdd0(\\d{1,6})\ufdd1")


class Templates:
    """Layouts of one's own, and which messages have one."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._layouts = {kind: _Layout(source, kind) for kind, source in sources.items()}
        self._failed = set[str]()

    def blocks(self, message: Content) -> list[Block] | None:
        """Return a message in the layout for its kind, None where there is none or it fails."""
        kind = next((name for name, of in _KINDS.items() if isinstance(message, of)), "")
        layout = self._layouts.get(kind)
        if layout is None:
            return None
        try:
            return layout.blocks(message)
        except _FaultError as fault:
            if kind not in self._failed:
                logger.warning("template_failed", extra={"template": kind, "reason": str(fault)})
                self._failed.add(kind)
            return None


def read_templates(folder: Path) -> tuple[Mapping[str, str], tuple[Problem, ...]]:
    """Return a folder's layouts by the kind of message they are for, and what is wrong with the others.

    Each is tried on sample messages.
    """
    sources: dict[str, str] = {}
    problems: list[Problem] = []
    for path in sorted(folder.glob("[!.]*")):
        kind = path.name.removesuffix(_SUFFIX)
        if kind not in _KINDS or kind == path.name:
            names = ", ".join(f"{name}{_SUFFIX}" for name in _KINDS)
            problems.append(_problem(path, 1, "", f"no layout is called so; there are {names}"))
            continue
        source, faults = _tried(path, kind)
        problems += faults
        if not faults:
            sources[kind] = source
    return sources, tuple(problems)


def _tried(path: Path, kind: str) -> tuple[str, list[Problem]]:
    try:
        with path.open("rb") as file:
            source = file.read(_MAX_FILE + 1).decode("utf-8-sig")
    except OSError as error:
        return "", [_problem(path, 1, "", f"cannot read this file: {(error.strerror or 'trouble').lower()}")]
    except UnicodeDecodeError:
        return "", [_problem(path, 1, "", "this file is not UTF-8; save it as UTF-8")]
    if len(source) > _MAX_FILE:
        return "", [_problem(path, 1, "", f"a layout has {_MAX_FILE:,} characters at most")]
    try:
        layout = _Layout(source, kind)
    except _FaultError as fault:
        return source, [_problem(path, fault.line, source, str(fault))]
    found: dict[tuple[int, str], Problem] = {}
    for sample in SAMPLES[kind]:
        try:
            layout.blocks(sample)
        except _FaultError as fault:
            found.setdefault((fault.line, str(fault)), _problem(path, fault.line, source, str(fault)))
    return source, list(found.values())


def _problem(path: Path, line: int, source: str, message: str) -> Problem:
    """The template engine knows lines, not columns: a problem is put where its line begins."""
    lines = source.splitlines()
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    return Problem(path=path, line=line, column=len(text) - len(text.lstrip()) + 1, message=message)


class _FaultError(Exception):
    """What is wrong with a layout or with what it puts out, and in which line of it; never leaves here."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


# --- one layout --------------------------------------------------------------------------------------


class _Layout:
    """One template, ready to be filled in; ``_FaultError`` where it says what a layout must not."""

    def __init__(self, source: str, kind: str) -> None:
        self._name = f"<layout {kind}>"
        environment = _environment()
        try:
            tree = environment.parse(source)
            _check(tree, {field.name for field in fields(_KINDS[kind])})
            code = environment.compile(_prepared(tree), filename=self._name)
        except TemplateSyntaxError as error:
            raise _FaultError(error.lineno, str(error.message)) from None
        except (RecursionError, MemoryError, SyntaxError):
            # Of Python, which a template is compiled to.
            raise _FaultError(1, "this is nested too deeply") from None
        self._template = Template.from_code(environment, code, {})

    def blocks(self, message: Content) -> list[Block]:
        """Fill the template in with a message's fields, and check what comes out."""
        text, lines = self._put_out(message)
        blocks = list[Block]()
        for start, block in _decoded(text, lines):
            for fault in block_faults(block, getattr(message, "mention", None)):
                raise _FaultError(lines.at(start), f"block {len(blocks) + 1}: {fault}")
            blocks.append(block)
        if not 0 < len(blocks) <= MOST_BLOCKS:
            raise _FaultError(1, f"a layout has 1 to {MOST_BLOCKS} blocks; here are {len(blocks)}")
        if (total := characters(blocks)) > _MAX_CHARACTERS:
            raise _FaultError(
                1, f"all blocks have {_MAX_CHARACTERS:,} characters at most; here are {total:,}"
            )
        return blocks

    def _put_out(self, message: Content) -> tuple[str, "_Lines"]:
        shown = {field.name: _short(getattr(message, field.name)) for field in fields(message)}
        text = ""
        try:
            for piece in self._template.generate(shown):
                text += piece
                if len(text) > _MAX_OUTPUT:
                    raise _FaultError(1, f"a layout puts out {_MAX_OUTPUT:,} characters at most")
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            raise _FaultError(self._line_of(error), str(error) or type(error).__name__) from None
        return _without_marks(text)

    def _line_of(self, error: Exception) -> int:
        frames = traceback.extract_tb(error.__traceback__)
        return next((frame.lineno or 1 for frame in reversed(frames) if frame.filename == self._name), 1)


def _short(value: Any) -> Any:
    """Return a field's value with its texts cut."""
    match value:
        case str():
            return wording.cut(value, _MAX_TEXT)
        case tuple():
            return tuple(map(_short, value))
        case Entry() | TopicCount():
            return replace(value, **{of.name: _short(getattr(value, of.name)) for of in fields(value)})
    return value


# --- the language ------------------------------------------------------------------------------------


class _Json(str):
    """What is JSON already."""

    __slots__ = ()


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, finalize=_as_json, autoescape=False, cache_size=0
    )
    environment.globals.clear()
    kept = ("first", "int", "last", "length", "lower", "upper")
    environment.filters = {name: FILTERS[name] for name in kept} | _FILTERS
    return environment


def _as_json(value: object) -> str:
    if isinstance(value, Undefined):
        return str(value)  # raises, and says what is undefined
    if isinstance(value, _Json):
        return str(value)
    if value is None or isinstance(value, str | int | float):
        return json.dumps(value)
    raise TypeError(f"this is no text and no number but {_called(value)}; take a part of it, or a filter")


def _called(value: object) -> str:
    match value:
        case datetime():
            return "a time (try the filter time)"
        case list() | tuple():
            return "a list (try {% for %} or the filter join)"
        case _:
            return "an entry with fields of its own"


def _json_of(value: object) -> _Json:
    return _Json(json.dumps(value))


def _rows(value: object) -> Sequence[object]:
    if isinstance(value, Undefined):
        str(value)
    if not isinstance(value, list | tuple):
        raise TypeError("a list is needed here, and this is none")
    return value[:_MAX_ROWS]


def _joined(value: object, between: str = "") -> str:
    """Jinja's own takes a text's letters one by one, and so swells a text by its square."""
    texts = [str(text) for text in _rows(value)]
    if sum(map(len, texts)) + len(texts) * len(between) > _MAX_OUTPUT:
        raise ValueError(f"join puts together {_MAX_OUTPUT:,} characters at most")
    return between.join(texts)


def _rounded(number: float, digits: int = 0) -> float:
    # As a whole number it would be compared with a power of ten, however high.
    return round(float(number), digits)


def _timed(moment: object) -> str:
    if not isinstance(moment, datetime):
        raise TypeError("time is for a time, and this is none; ask {% if … %} before")
    return wording.shown_time(moment)


def _mentioned(mention: object) -> _Json:
    if not isinstance(mention, str):
        raise TypeError("nobody is mentioned here; ask {% if mention %} before")
    return _json_of(mention_leaf(mention))


_FILTERS: dict[str, Callable[..., Any]] = {
    "cut": wording.cut,
    "dots": wording.dots,
    "host": wording.host,
    "join": _joined,
    "round": _rounded,
    _ROWS: _rows,
    "mention": _mentioned,
    "time": _timed,
    "tojson": _json_of,
}


def _check(tree: nodes.Template, known: set[str]) -> None:
    """Refuse what could run without end, and names that no message of the kind has."""
    for node, depth in _walk(tree, 0):
        if not isinstance(node, _ALLOWED):
            raise _FaultError(node.lineno, f"a layout has no {_spoken(node)}")
        if isinstance(node, nodes.For) and (depth > _DEPTH or node.recursive):
            raise _FaultError(node.lineno, "loops may stand two deep at most, and not call themselves")
    unknown = find_undeclared_variables(tree) - known
    for name in tree.find_all(nodes.Name):
        if name.name in unknown:
            raise _FaultError(name.lineno, f"there is no {name.name!r}; there are {', '.join(sorted(known))}")


def _walk(node: nodes.Node, depth: int) -> Iterator[tuple[nodes.Node, int]]:
    depth += isinstance(node, nodes.For)
    yield node, depth
    for child in node.iter_child_nodes():
        yield from _walk(child, depth)


def _spoken(node: nodes.Node) -> str:
    match node:
        case nodes.Call():
            return "calls; there are filters"
        case nodes.Assign() | nodes.AssignBlock():
            return "'set'"
        case _:
            return f"{type(node).__name__.lower()} here"


# --- from what it puts out back to its lines ---------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lines:
    """In which line of the template each stretch of its output begins."""

    text: str
    starts: tuple[int, ...]
    lines: tuple[int, ...]

    def at(self, position: int) -> int:
        """Return the line that put out the character at a position."""
        place = bisect(self.starts, position) - 1
        if place < 0:
            return 1
        return self.lines[place] + self.text.count("\n", self.starts[place], position)


def _prepared(tree: nodes.Template) -> nodes.Template:
    """Have every loop go through a list, and every output say its line."""
    for loop in tree.find_all(nodes.For):
        loop.iter = nodes.Filter(loop.iter, _ROWS, [], [], None, None, lineno=loop.lineno)
    for output in tree.find_all(nodes.Output):
        output.nodes = [
            part
            for node in output.nodes
            for part in (nodes.TemplateData(_MARK.format(node.lineno), lineno=node.lineno), node)
        ]
    return tree


def _without_marks(marked: str) -> tuple[str, _Lines]:
    parts = _MARKS.split(marked)
    text, starts, lines = parts[0], [], []
    for line, piece in zip(parts[1::2], parts[2::2], strict=True):
        starts.append(len(text))
        lines.append(int(line))
        text += piece
    return text, _Lines(text=text, starts=tuple(starts), lines=tuple(lines))


def _decoded(text: str, lines: _Lines) -> Iterator[tuple[int, Any]]:
    """Yield the values of a JSON list, each with the position where it begins."""
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    place = _after_space(text, 0)
    if text[place : place + 1] != "[":
        raise _FaultError(lines.at(place), "this must put out a JSON list of blocks, which begins with [")
    place = _after_space(text, place + 1)
    while text[place : place + 1] != "]":
        try:
            value, end = decoder.raw_decode(text, place)
        except json.JSONDecodeError as error:
            hint = "; a {{ … }} has quotes of its own" if text[error.pos - 1] == '"' else ""
            said = f"what this puts out is no JSON: {error.msg.lower()}, at {_near(text, error.pos)}{hint}"
            raise _FaultError(lines.at(error.pos), said) from None
        except (RecursionError, ValueError):
            raise _FaultError(lines.at(place), "what this puts out is no JSON") from None
        yield place, value
        place = _after_space(text, end)
        following = _after_space(text, place + 1)
        if text[place : place + 1] == "," and text[following : following + 1] != "]":
            place = following
        elif text[place : place + 1] != "]":
            said = f"what this puts out is no JSON: one comma or the ] must stand at {_near(text, place)}"
            raise _FaultError(lines.at(place), said)
    if rest := text[place + 1 :].strip():
        raise _FaultError(lines.at(place + 1), f"what this puts out goes on after its list: {rest[:30]!r}")


def _after_space(text: str, place: int) -> int:
    return place + len(text[place:]) - len(text[place:].lstrip(" \t\r\n"))


def _near(text: str, place: int) -> str:
    return repr(text[place : place + 30]) if place < len(text) else "its end"


def _no_constant(name: str) -> None:
    raise ValueError(name)
