"""Texts that read like news of every kind, in several languages, made from the files beside this module.

They stand for ordinary news where a model is met for the first time. Each line of ``news.txt`` is filled in
several times, always in the same way.
"""

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

__all__ = ["reference_texts"]

_FOLDER = Path(__file__).parent
_FILLINGS = 5
_SLOT = re.compile(r"\{([^{}]+)\}")


def reference_texts() -> list[list[str]]:
    """Return some 1,500 texts, each a headline and a sentence, the same at every call.

    Texts of one list tell of the same kind of event; no two texts are alike.
    """
    lists, frames = _read(_FOLDER / "news.txt")
    groups = [[_filled(frame, lists, filling) for filling in range(_FILLINGS)] for frame in frames]
    groups += [[text] for text in _read(_FOLDER / "languages.txt")[1]]
    return [list(dict.fromkeys(group)) for group in groups]


def _read(path: Path) -> tuple[dict[str, list[str]], list[str]]:
    """Return a file's lists by name, and its texts: headline, full stop, sentence, as an item's are put."""
    lists: dict[str, list[str]] = {}
    texts = []
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    remaining: Iterator[str] = iter(lines)
    for line in remaining:
        if line.startswith("= "):
            lists[line[2:]] = next(remaining).split(", ")
        else:
            texts.append(line.replace(" | ", ". "))
    return lists, texts


def _filled(frame: str, lists: Mapping[str, Sequence[str]], filling: int) -> str:
    return _SLOT.sub(partial(_choice, lists, f"{filling} {frame}"), frame)


def _choice(lists: Mapping[str, Sequence[str]], of: str, slot: re.Match[str]) -> str:
    choices = lists.get(slot[1]) or slot[1].split("/")
    return choices[zlib.crc32(f"{slot.start()} {of}".encode()) % len(choices)]
