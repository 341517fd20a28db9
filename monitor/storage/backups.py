"""Copies a database that is in use, and looks whether one is sound; through connections of its own."""

import os
import shutil
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pysqlite3

from monitor.errors import NoDatabaseError, StorageError

__all__ = ["copy_database", "damage", "expect_database"]

PAGES = 2_000
"""Copied at a time; after each the process may be interrupted."""
_OWN = ("", "-wal", "-shm", "-journal", ".lock")
THOROUGH = 2**30
"""Bytes from which on a copy's indexes are not compared with its tables, row by row."""


def expect_database(path: Path) -> None:
    """Raise NoDatabaseError if there is no such file."""
    if not path.exists():
        raise NoDatabaseError(f"{path}: there is no database yet; `monitor run` or `monitor once` makes it")


def copy_database(path: Path, target: Path) -> int:
    """Copy a database as it is at one moment, whoever writes to it meanwhile; return the copy's bytes.

    The copy is one file. It appears, in the place of any that was there, when it is whole, checked and on
    the disk; StorageError if it comes to nothing.
    """
    expect_database(path)
    database = path.resolve()
    if target.resolve() in (database.with_name(database.name + end) for end in _OWN):
        raise StorageError(f"{target}: this is the database itself; copy it to another file")
    try:
        number, name = tempfile.mkstemp(dir=target.parent, prefix=f"{target.name}.", suffix=".part")
        os.close(number)
    except OSError as error:
        raise StorageError(f"{target}: cannot write there: {error.strerror}") from error
    part = Path(name)
    try:
        _copy(path, part)
        size = part.stat().st_size
        if finding := damage(part, thorough=size < THOROUGH):
            raise StorageError(f"{path}: damaged, and so would be its copy: {finding}")
        shutil.copymode(path, part)
        _onto_disk(part)
        part.replace(target)
        _onto_disk(target.parent)
    except (pysqlite3.Error, OSError) as error:
        raise StorageError(f"{target}: not written: {error}") from error
    finally:
        for left in (part, Path(f"{part}-journal"), Path(f"{part}-wal"), Path(f"{part}-shm")):
            with suppress(FileNotFoundError):
                left.unlink()
    return size


def damage(path: Path, *, thorough: bool = False) -> str | None:
    """Return the first thing that is wrong with a database file, None if it is sound.

    That reads all of it; ``thorough`` compares indexes with tables too, which takes several times as long.
    """
    try:
        with closing(_opened(path)) as db:
            check = "integrity_check" if thorough else "quick_check"
            (found,) = db.execute(f"PRAGMA {check}(1)").fetchone()
    except pysqlite3.OperationalError:
        raise  # a disk or a lock that is in the way says nothing of the file
    except pysqlite3.DatabaseError as error:
        return str(error)
    return None if found == "ok" else str(found).splitlines()[-1]


def _copy(path: Path, part: Path) -> None:
    with closing(_opened(path)) as source, closing(pysqlite3.connect(str(part))) as copy:
        copy.execute("PRAGMA journal_mode = OFF")
        copy.execute("PRAGMA synchronous = OFF")
        # One reading from beginning to end: it sees one moment, and holds up nobody who writes to the WAL.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        source.backup(copy, pages=PAGES, progress=lambda *_: None)  # where Ctrl-C is noticed
    with closing(pysqlite3.connect(str(part))) as copy:
        # Without this a copy would need two more files beside it to be read.
        copy.execute("PRAGMA journal_mode = DELETE")


def _opened(path: Path) -> Any:
    db = pysqlite3.connect(str(path), isolation_level=None)
    db.execute("PRAGMA query_only = ON")
    db.execute("PRAGMA busy_timeout = 10000")
    return db


def _onto_disk(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
