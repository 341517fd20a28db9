"""Opens the database: a trustworthy SQLite, one writer, durable commits, the schema up to date.

For a writer, in this order: place ──► hold ──► check, if it was left open ──► copy, if its schema is old
──► open ──► migrate.
"""

import glob
import logging
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import alembic.command
import alembic.config
import alembic.util
import pysqlite3
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from monitor.errors import StorageError
from monitor.storage.backups import copy_database, damage, expect_database
from monitor.storage.place import Hold, database_path, expect_writable, refuse_network

logger = logging.getLogger(__name__)

# SQLite 3.7.0–3.51.2 can lose commits when two connections write in WAL mode; see "WAL-reset bug" in
# SQLite's documentation. 3.44.6 and 3.50.7 carry the correction too.
_SOUND_SINCE = (3, 51, 3)
_SOUND_BACKPORTS = {(3, 44): 6, (3, 50): 7}

PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # an acknowledged commit survives a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 10000",
    "PRAGMA journal_size_limit = 67108864",
)
HURRIED = (
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA synchronous = OFF",
    "PRAGMA wal_autocheckpoint = 100000",
)
GUEST = "PRAGMA wal_autocheckpoint = 0"
READER_PRAGMAS = (
    "PRAGMA query_only = ON",
    "PRAGMA busy_timeout = 10000",
    "PRAGMA table_list",  # reads the schema, and so finds out whether there is one
)
_REMEDY = "put a backup in its place, or move it away and start anew (docs/operations.md)"
KEPT = 2
"""Copies from before an upgrade that stay."""


def sqlite_is_sound(version: tuple[int, int, int]) -> bool:
    """Say whether a SQLite of this version may be trusted with write-ahead logging."""
    patch = _SOUND_BACKPORTS.get(version[:2])
    return version >= _SOUND_SINCE or (patch is not None and version[2] >= patch)


def sqlite_version() -> str:
    """Return the version of the SQLite in use."""
    return str(pysqlite3.sqlite_version)


def open_engine(
    url: str, *, read_only: bool = False, guest: bool = False, durable: bool = True
) -> tuple[sa.Engine, Callable[[], None]]:
    """Open the database at ``url`` and return its engine, and what closes it and gives up its hold.

    A writer brings the schema up to date first, and keeps a copy of what was there; one that is not
    ``durable`` is fast, and may lose everything in a power cut. A ``guest`` writes a row or two beside
    whoever has the database. Raises StorageError when the URL is not one we can serve, SQLite is not sound,
    another writer holds the database, it is damaged or lies on a network, or a reader or a guest finds none.
    """
    path = trusted_path(url)
    if not read_only:
        expect_writable(path)
    if read_only or guest:
        expect_database(path)
        engine = _sqlite_engine(path, read_only=read_only, guest=guest)
        _expect_current(engine, path)
        return engine, engine.dispose
    with ExitStack() as opened:
        hold = Hold(path)
        opened.callback(hold.release)
        if hold.left_open and path.exists():
            logger.warning("checking_database", extra={"file": str(path), "bytes": path.stat().st_size})
            expect_undamaged(path)
        opened.callback(hold.closed)
        try:
            _copy_before_upgrade(path)
            engine = _sqlite_engine(path, durable=durable)
            opened.callback(engine.dispose)
            migrate(engine)
        except alembic.util.CommandError as error:
            raise StorageError(f"{path}: a newer monitor has used this database: {error}") from error
        except sa.exc.DatabaseError as error:
            raise _unusable(path, error.orig) from error
        return engine, opened.pop_all().close


def trusted_path(url: str) -> Path:
    """Return the file that a URL names; StorageError if it, or this SQLite, cannot be trusted."""
    path = database_path(url)
    version = pysqlite3.sqlite_version_info
    if not sqlite_is_sound(version):
        raise StorageError(
            f"SQLite {pysqlite3.sqlite_version} can lose commits; "
            "3.51.3 or newer is needed: pip install -U pysqlite3"
        )
    refuse_network(path)
    return path


def schema_of(path: Path) -> tuple[str | None, str]:
    """Return the version of a database's schema, None if it has none yet, and this monitor's own."""
    engine = _sqlite_engine(path, read_only=True)
    try:
        with engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except sa.exc.DatabaseError as error:
        raise _unusable(path, error.orig) from error
    finally:
        engine.dispose()
    return found, _newest()


def expect_undamaged(path: Path) -> None:
    """Read a database's whole file; StorageError if anything is wrong with it."""
    try:
        finding = damage(path)
    except pysqlite3.OperationalError as error:
        raise _unusable(path, error) from error
    if finding:
        raise StorageError(f"{path}: not a usable database: {finding}; {_REMEDY}")


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_alembic())


def _newest() -> str:
    newest = _scripts().get_current_head()
    assert newest is not None
    return newest


def _expect_current(engine: sa.Engine, path: Path) -> None:
    """Refuse here, not at the first question, what is no database of ours at this version."""
    try:
        with engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_revision()
    except sa.exc.DatabaseError as error:
        raise _unusable(path, error.orig) from error
    if found != _newest():
        raise StorageError(
            f"{path}: not a database of this version; `monitor migrate` (or `run`) brings one up to date"
        )


def _unusable(path: Path, error: BaseException | None) -> StorageError:
    # Operational: a lock, a full disk, permissions. The file itself may be fine.
    if isinstance(error, pysqlite3.OperationalError):
        return StorageError(f"{path}: cannot be used now: {error}")
    return StorageError(f"{path}: not a usable database: {error}; {_REMEDY}")


def _copy_before_upgrade(path: Path) -> None:
    """Keep what an older monitor has left as a file beside it, and the newest such copies only."""
    if not path.exists():
        return
    found, newest = schema_of(path)
    if found is None or found == newest:
        return
    _scripts().get_revision(found)  # or there is no way from there to here
    target = path.with_name(f"{path.name}.before-{newest}")
    logger.info("upgrading_database", extra={"from": found, "to": newest, "copy": str(target)})
    copy_database(path, target)
    for old in sorted(path.parent.glob(f"{glob.escape(path.name)}.before-????"))[:-KEPT]:
        old.unlink()


def migrate(engine: sa.Engine) -> None:
    """Bring the schema up to date, in one transaction."""
    config = _alembic()
    # A table that is made anew is dropped for a moment, with rows that refer to it.
    _set_foreign_keys(engine, "OFF")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "head")
    _set_foreign_keys(engine, "ON")


def _set_foreign_keys(engine: sa.Engine, state: str) -> None:
    # Between transactions, or SQLite takes no notice.
    connection = engine.raw_connection()
    connection.cursor().execute(f"PRAGMA foreign_keys = {state}")
    connection.close()


def _alembic() -> alembic.config.Config:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _sqlite_engine(
    path: Path, *, read_only: bool = False, guest: bool = False, durable: bool = True
) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        module=pysqlite3,
        poolclass=sa.pool.StaticPool,  # one connection: whose database it is, and who alone checkpoints
        connect_args={"check_same_thread": False},
    )

    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions behind our back
        try:
            for pragma in (
                *(READER_PRAGMAS if read_only else PRAGMAS),
                *(() if durable else HURRIED),
                *((GUEST,) if guest else ()),
            ):
                connection.execute(pragma)
        except pysqlite3.DatabaseError as error:
            raise _unusable(path, error) from error

    def begin(connection: sa.Connection) -> None:
        # A writer that only finds out later that it must wait may find its reading out of date.
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    sa.event.listen(engine, "connect", connected)
    sa.event.listen(engine, "begin", begin)
    return engine
