"""Copies of a database: while it is written to, before an upgrade; and whether a database is sound."""

import logging
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pysqlite3
import pytest
import sqlalchemy as sa
from builders import NOW, fetched, keyed, next_at, opened, spec, stored_items
from earlier import of_version, versions

from monitor.errors import NoDatabaseError, StorageError
from monitor.storage import open_storage
from monitor.storage.backups import copy_database, damage
from monitor.storage.engine import open_engine, schema_of
from monitor.storage.ledger import SqlLedger
from monitor.storage.place import Hold
from monitor.storage.polls import SqlPollStore

WRITE = """
import sys
from datetime import UTC, datetime, timedelta
from monitor.records import FeedSpec
from monitor.storage import open_storage
storage = open_storage(sys.argv[1])
specs = []
for n in range(1_000_000):
    specs.append(
        FeedSpec(
            url=f"https://wire.example/{n}", name=f"{n:07}", tags=frozenset(),
            every=timedelta(hours=1), alert_backlog=timedelta(0),
        )
    )
    storage.polls.sync_feeds(specs, datetime.now(UTC))
    print(n + 1, flush=True)
"""


@contextmanager
def writing(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that commits one feed after the other, and says so after each."""
    command = [sys.executable, "-c", WRITE, f"sqlite:///{path}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        try:
            yield writer
        finally:
            writer.kill()


def commits(writer: subprocess.Popen[str], count: int) -> int:
    assert writer.stdout is not None
    return [int(writer.stdout.readline()) for _ in range(count)][-1]


def beside(path: Path) -> list[str]:
    return sorted(found.name for found in path.parent.iterdir() if found != path)


def feeds_of(path: Path) -> list[str]:
    with opened(path) as storage:
        return [feed.spec.name for feed in storage.ledger.feeds()]


def test_a_copy_is_one_sound_file_with_everything_committed(tmp_path: Path, database_file: Path) -> None:
    target = tmp_path / "copies" / "monitor.db"
    target.parent.mkdir()
    with opened(database_file) as storage:
        stored_items(storage, *(keyed(n) for n in range(50)))
        size = copy_database(database_file, target)
        storage.polls.sync_feeds([], NOW)  # later than the copy
    assert beside(target) == []
    assert size == target.stat().st_size > 0
    assert target.read_bytes()[18:20] == b"\x01\x01", "it is read without a WAL beside it"
    assert damage(target, thorough=True) is None
    assert target.stat().st_mode == database_file.stat().st_mode
    with opened(target) as copy:
        assert len(copy.scores.unscored(99)) == 50
        assert [feed.spec for feed in copy.ledger.feeds()] == [spec()]


def test_a_copy_made_beside_a_writer_that_is_killed_has_every_commit_up_to_a_moment(
    tmp_path: Path, database_file: Path
) -> None:
    target = tmp_path / "copy.db"
    with writing(database_file) as writer:
        before = commits(writer, 20)
        copy_database(database_file, target)
        after = commits(writer, 1)
        writer.send_signal(signal.SIGKILL)
    copied = feeds_of(target)
    assert copied == [f"{n:07}" for n in range(len(copied))]
    # One more may have been committed and not been told yet.
    assert before <= len(copied) <= after + 1

    # Restoring: nothing runs; the copy takes the place of the file and of what belongs to it.
    for name in ("monitor.db", "monitor.db-wal", "monitor.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    shutil.copy(target, database_file)
    assert feeds_of(database_file) == copied


def test_a_copy_takes_the_place_of_what_was_there_only_when_it_is_whole(
    tmp_path: Path, database_file: Path
) -> None:
    target = tmp_path / "copy.db"
    target.write_text("the last one")
    with opened(database_file) as storage:
        stored_items(storage, *(keyed(n, summary="x" * 4000) for n in range(100)))
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
        try:
            with pytest.raises(StorageError, match=r"copy\.db: not written: "):
                copy_database(database_file, target)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert target.read_text() == "the last one"
        assert not [name for name in beside(target) if ".part" in name]
        copy_database(database_file, target)
    assert damage(target) is None


def test_there_is_nothing_to_copy_without_a_database_or_into_no_folder(
    tmp_path: Path, database_file: Path
) -> None:
    with pytest.raises(NoDatabaseError):
        copy_database(database_file, tmp_path / "copy.db")
    assert not database_file.exists()
    with opened(database_file), pytest.raises(StorageError, match="cannot write there: No such file"):
        copy_database(database_file, tmp_path / "nowhere" / "copy.db")


# --- damage ----------------------------------------------------------------------------------------


def damaged(path: Path) -> None:
    """A database whose last pages are garbage, in tables that opening does not read."""
    with opened(path) as storage:
        stored_items(storage, *(keyed(n, summary="x" * 4000) for n in range(100)))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + b"\x9c" * (len(whole) - len(whole) // 2))


def left_open(path: Path) -> None:
    """As after a kill."""
    Hold(path).release()


def test_damage_is_found_where_nobody_has_looked_yet(tmp_path: Path, database_file: Path) -> None:
    damaged(database_file)
    assert damage(database_file)
    with pytest.raises(StorageError, match="damaged, and so would be its copy"):
        copy_database(database_file, tmp_path / "copy.db")
    assert beside(database_file) == ["monitor.db.lock"]


def test_a_database_that_was_left_open_is_read_through_before_it_is_used(
    database_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damaged(database_file)
    left_open(database_file)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):  # being refused makes it no better
            with pytest.raises(StorageError, match=r"not a usable database: .*put a backup in its place"):
                open_storage(f"sqlite:///{database_file}")
    assert [record.message for record in caplog.records] == ["checking_database"] * 2


def test_only_a_database_that_was_left_open_is_read_through(
    database_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        with opened(database_file), opened(database_file, read_only=True):
            pass
        with opened(database_file):
            pass
        assert caplog.records == []
        left_open(database_file)
        with opened(database_file):
            pass
        assert [record.message for record in caplog.records] == ["checking_database"]
        with opened(database_file):
            pass
        assert len(caplog.records) == 1, "it has been closed since"


def test_a_writer_that_is_killed_has_its_database_read_through(
    database_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with writing(database_file) as writer:
        told = commits(writer, 3)
        writer.send_signal(signal.SIGKILL)
    with caplog.at_level(logging.WARNING):
        assert len(feeds_of(database_file)) >= told
    assert [record.message for record in caplog.records] == ["checking_database"]


# --- upgrades --------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", versions()[:-1])
def test_an_earlier_version_comes_to_the_present_one_and_is_kept(
    database_file: Path, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    of_version(database_file, version)
    assert schema_of(database_file) == (version, versions()[-1])
    with caplog.at_level(logging.INFO, "monitor"), opened(database_file) as storage:
        assert [item.key for item in storage.scores.unscored(9)] == ["key-1"]
    kept = database_file.with_name(f"monitor.db.before-{versions()[-1]}")
    assert schema_of(database_file) == (versions()[-1], versions()[-1])
    assert schema_of(kept) == (version, versions()[-1])
    with closing(pysqlite3.connect(str(kept))) as db:
        assert db.execute("SELECT key FROM items").fetchall() == [("key-1",)]
    with caplog.at_level(logging.INFO, "monitor"), opened(database_file):
        pass
    assert [(record.message, record.__dict__["copy"]) for record in caplog.records] == [
        ("upgrading_database", str(kept))
    ]


def test_two_copies_from_before_upgrades_stay(database_file: Path) -> None:
    of_version(database_file, "0005")
    for name in ("before-0003", "before-0004", "before-0005", "before-me"):
        database_file.with_name(f"monitor.db.{name}").touch()
    with opened(database_file):
        pass
    kept = [name for name in beside(database_file) if "before" in name]
    assert kept == ["monitor.db.before-0005", f"monitor.db.before-{versions()[-1]}", "monitor.db.before-me"]


def test_without_a_copy_there_is_no_upgrade(database_file: Path) -> None:
    of_version(database_file, "0005")
    database_file.with_name(f"monitor.db.before-{versions()[-1]}").mkdir()
    with pytest.raises(StorageError, match=r"before-\d+: not written: "):
        open_storage(f"sqlite:///{database_file}")
    assert schema_of(database_file)[0] == "0005"


def test_neither_a_new_database_nor_one_of_a_newer_monitor_is_copied(database_file: Path) -> None:
    with opened(database_file):
        pass
    with closing(pysqlite3.connect(str(database_file))) as db:
        db.execute("UPDATE alembic_version SET version_num = '9999'")
        db.commit()
    with pytest.raises(StorageError, match="a newer monitor has used this database"):
        open_storage(f"sqlite:///{database_file}")
    assert beside(database_file) == ["monitor.db.lock"]


# --- no room ---------------------------------------------------------------------------------------


def test_a_full_database_refuses_whole_transactions_and_goes_on_when_there_is_room(
    database_file: Path,
) -> None:
    engine, close = open_engine(f"sqlite:///{database_file}")
    store = SqlPollStore(engine)
    store.sync_feeds([spec()], NOW)

    def allow(pages: int) -> None:
        with engine.connect() as db:
            db.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    def poll(first: int) -> None:
        (feed,) = SqlLedger(engine).feeds()
        shown = [keyed(n, summary="x" * 4000) for n in range(first, first + 50)]
        store.record_poll(feed, fetched(), shown, NOW, next_at(NOW))

    poll(0)
    allow(1)  # which SQLite takes for: no more than there are
    for _ in range(3):
        with pytest.raises(sa.exc.OperationalError, match="database or disk is full"):
            poll(50)
    assert SqlLedger(engine).counts()["items"] == 50, "nothing of it, and all of what was there"
    allow(1_000_000)
    poll(50)
    assert SqlLedger(engine).counts()["items"] == 100
    close()
    assert damage(database_file, thorough=True) is None
