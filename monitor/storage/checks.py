"""Examines a database without changing it: the library, the disk, the schema, every page."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from monitor.errors import StorageError
from monitor.records import Check
from monitor.storage.engine import PRAGMAS, expect_undamaged, schema_of, sqlite_version, trusted_path

__all__ = ["check_room", "check_storage"]

_MIB = 2**20
TOO_LITTLE = 100 * _MIB
"""Bytes of free disk below which the service will soon not be able to store anything."""
SPARE = 900 * _MIB
"""Bytes that should be free beside what a copy of the database takes, as an upgrade makes one."""


def check_storage(url: str) -> Iterator[Check]:
    """Yield what is found about the database at ``url`` and where it lies; all of the file is read."""
    try:
        path = trusted_path(url)
    except StorageError as error:
        yield Check(subject="SQLite", state="failed", text=str(error))
        return
    options = ", ".join(pragma.removeprefix("PRAGMA ") for pragma in PRAGMAS)
    yield Check(subject="SQLite", state="ok", text=f"{sqlite_version()}: {options}")
    size = path.stat().st_size if path.exists() else 0
    yield check_room(size, shutil.disk_usage(_existing(path)).free)
    if not size:
        made = "`monitor run` or `monitor once` makes it"
        yield Check(subject="database", state="warning", text=f"{path}: there is none yet", remedy=made)
        return
    yield _schema(path)
    yield _pages(path, size)


def check_room(size: int, free: int) -> Check:
    """Judge the bytes that are free where a database of so many bytes lies."""
    text = f"{free // _MIB:,} MiB free, the database has {size // _MIB:,}"
    if free < TOO_LITTLE:
        remedy = "make room: what cannot be stored is neither read nor told until there is some"
        return Check(subject="disk", state="failed", text=text, remedy=remedy)
    if free < size + SPARE:
        remedy = "make room: an upgrade copies the database first; storage.keep bounds what it holds"
        return Check(subject="disk", state="warning", text=text, remedy=remedy)
    return Check(subject="disk", state="ok", text=text)


def _schema(path: Path) -> Check:
    try:
        found, newest = schema_of(path)
    except StorageError as error:
        return Check(subject="schema", state="failed", text=str(error))
    if found == newest:
        return Check(subject="schema", state="ok", text=f"{path}: version {found}")
    text = f"{path}: version {found or 'unknown'}, this monitor has {newest}"
    if found is None or found > newest:
        remedy = "it is a newer monitor's, or no monitor's at all: see storage.url, or install that version"
        return Check(subject="schema", state="failed", text=text, remedy=remedy)
    remedy = "`monitor migrate`, or the next start, brings it up to date, and keeps a copy"
    return Check(subject="schema", state="warning", text=text, remedy=remedy)


def _pages(path: Path, size: int) -> Check:
    try:
        expect_undamaged(path)
    except StorageError as error:
        return Check(subject="database", state="failed", text=str(error))
    return Check(subject="database", state="ok", text=f"{path}: undamaged, {size // _MIB:,} MiB read")


def _existing(path: Path) -> Path:
    """Return the path, or the first folder above it that there is."""
    return next(found for found in (path, *path.absolute().parents) if found.exists())
