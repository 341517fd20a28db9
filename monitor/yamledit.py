"""Adds entries to the end of a list in a YAML text, and leaves everything else as people wrote it. Pure.

Text is inserted, nothing is written anew: comments, order, quotes and line breaks stay. New entries look
like the last one: the same indentation, and one line in braces where that one has it.
"""

import json
import re
from collections.abc import Mapping, Sequence

from monitor.yamlfile import Document, parse_yaml

__all__ = ["append_entries"]

Entry = Mapping[str, str | bool | Sequence[str]]
Spot = tuple[int, str, bool]
"""The number of lines before the new ones, their indentation, and whether they are written in braces."""

# Beyond these, quotes are safer than knowing what YAML makes of a text.
_PLAIN = re.compile(r"[^\W\d_][\w./-]*(?: [\w./()&-]+)*|[0-9]+[smhdw]")
_PLAIN_URL = re.compile(r"https?://[:\w./?=&%+~@;!-]*[\w/]", re.ASCII)
_RESERVED = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def append_entries(text: str, document: Document, key: str, entries: Sequence[Entry]) -> str | None:
    """Return the text with entries behind the last one of the list under a top-level key.

    ``document`` is what the text was read as. None if the text is laid out in a way that has no place for
    them, such as a list in brackets.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = re.split(r"(?<=\n)(?!\Z)", text) if text else []
    if document.content is None:
        lines.append(f"{key}:{newline}")
        spot: Spot | None = len(lines), "  ", False
    elif document.at((key,)) is None and (key,) in document.keys:
        spot = document.keys[(key,)][0], "  ", False
    else:
        spot = _behind_last(lines, document, key)
    if spot is None:
        return None
    before, indent, braces = spot
    if not lines[before - 1].endswith("\n"):
        lines[before - 1] += newline
    lines[before:before] = [line + newline for entry in entries for line in _lines(entry, indent, braces)]
    edited = "".join(lines)
    old = document.at((key,))
    wanted = [*(old if isinstance(old, list) else []), *map(_plain_data, entries)]
    content = document.content if isinstance(document.content, dict) else {}
    return edited if parse_yaml(edited, document.path).content == {**content, key: wanted} else None


def _behind_last(lines: Sequence[str], document: Document, key: str) -> Spot | None:
    count = document.count((key,))
    if count == 0:
        return None
    line, column = document.values[(key, count - 1)]
    dash = re.match(r"( *)- +", lines[line - 1])
    if dash is None or len(dash[0]) != column - 1:
        return None
    end = line
    for number, following in enumerate(lines[line:], start=line + 1):
        depth = len(following) - len(following.lstrip(" "))
        if following.strip() and depth <= len(dash[1]):
            break
        if following.strip():
            end = number
    return end, dash[1], lines[line - 1].startswith("{", column - 1)


def _lines(entry: Entry, indent: str, braces: bool) -> list[str]:
    pairs = [f"{key}: {_written(value, braces)}" for key, value in entry.items()]
    if braces:
        return [f"{indent}- {{{', '.join(pairs)}}}"]
    return [f"{indent}{'  ' if number else '- '}{pair}" for number, pair in enumerate(pairs)]


def _written(value: str | bool | Sequence[str], braces: bool) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            plain = _PLAIN.fullmatch(value) or (not braces and _PLAIN_URL.fullmatch(value))
            reserved = value.lower() in _RESERVED
            return value if plain and not reserved else json.dumps(value, ensure_ascii=False)
        case _:
            return f"[{', '.join(_written(part, True) for part in value)}]"


def _plain_data(entry: Entry) -> dict[str, object]:
    return {key: value if isinstance(value, str | bool) else list(value) for key, value in entry.items()}
