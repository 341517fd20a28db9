"""Opens the database: a trustworthy SQLite, one writer, durable commits, the schema up to date."""

import fcntl
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import alembic.command
import alembic.config
import alembic.util
import pysqlite3
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from monitor.errors import DatabaseInUseError, NoDatabaseError, StorageError

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


def sqlite_is_sound(version: tuple[int, int, int]) -> bool:
    """Say whether a SQLite of this version may be trusted with write-ahead logging."""
    patch = _SOUND_BACKPORTS.get(version[:2])
    return version >= _SOUND_SINCE or (patch is not None and version[2] >= patch)


def open_engine(
    url: str, *, read_only: bool = False, guest: bool = False, durable: bool = True
) -> tuple[sa.Engine, Callable[[], None]]:
    """Open the database at ``url`` and return its engine, and what closes it and gives up its lock.

    A writer brings the schema up to date first; one that is not ``durable`` is fast, and may lose everything
    in a power cut. A ``guest`` writes a row or two beside whoever has the database. Raises StorageError when
    the URL is not one we can serve, SQLite is not sound, another writer holds the database, or a reader or a
    guest finds none.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise StorageError(
            f"storage.url {parsed.render_as_string()}: this version stores in SQLite files only; "
            "write sqlite:///PATH"
        )
    version = pysqlite3.sqlite_version_info
    if not sqlite_is_sound(version):
        raise StorageError(
            f"SQLite {pysqlite3.sqlite_version} can lose commits; "
            "3.51.3 or newer is needed: pip install -U pysqlite3"
        )
    path = Path(parsed.database)
    if read_only or guest:
        if not path.exists():
            raise NoDatabaseError(
                f"{path}: there is no database yet; `monitor run` or `monitor once` makes it"
            )
        engine = _sqlite_engine(path, read_only=read_only, guest=guest)
        _expect_current(engine, path)
        return engine, engine.dispose
    with ExitStack() as opened:
        opened.enter_context(_lock(path))
        engine = _sqlite_engine(path, durable=durable)
        opened.callback(engine.dispose)
        try:
            migrate(engine)
        except alembic.util.CommandError as error:
            raise StorageError(f"{path}: a newer monitor has used this database: {error}") from error
        except sa.exc.DatabaseError as error:
            raise StorageError(f"{path}: not a usable database: {error.orig}") from error
        return engine, opened.pop_all().close


def _expect_current(engine: sa.Engine, path: Path) -> None:
    """Refuse here, not at the first question, what is no database of ours at this version."""
    try:
        with engine.connect() as connection:
            found = MigrationContext.configure(connection).get_current_heads()
    except sa.exc.DatabaseError as error:
        raise StorageError(f"{path}: not a usable database: {error.orig}") from error
    if set(found) != set(ScriptDirectory.from_config(_alembic()).get_heads()):
        raise StorageError(
            f"{path}: not a database of this version; `monitor run` or `monitor once` brings one up to date"
        )


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


def _lock(path: Path) -> IO[str]:
    """Hold the database for this process; the kernel lets go of it when the process ends, however it ends."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Opened for appending: a process that does not get the lock must not wipe who has it.
        lock = path.with_name(path.name + ".lock").open("a+")
    except OSError as error:
        raise StorageError(f"{path}: cannot write there: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise DatabaseInUseError(
            f"{path}: another monitor (process {holder}) is using this database"
        ) from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


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
            raise StorageError(f"{path}: not a usable database: {error}") from error

    def begin(connection: sa.Connection) -> None:
        # A writer that only finds out later that it must wait may find its reading out of date.
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    sa.event.listen(engine, "connect", connected)
    sa.event.listen(engine, "begin", begin)
    return engine
