import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import alembic.command
import pysqlite3
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from builders import (
    ALERT,
    NOW,
    fetched,
    joining,
    keyed,
    message,
    new_delivery,
    next_at,
    opened,
    outcome,
    parsed,
    post,
    spec,
    stored_items,
)

from monitor.errors import StorageError
from monitor.poll import recognise
from monitor.records import Recorded, Verdict
from monitor.storage import open_storage
from monitor.storage.alerts import SqlAlertStore
from monitor.storage.deliveries import SqlDeliverStore
from monitor.storage.engine import _alembic, _sqlite_engine, open_engine, sqlite_is_sound
from monitor.storage.tables import metadata

Start = Callable[[str], subprocess.Popen[str]]

HOLD = """
import sys
from monitor.storage import open_storage
storage = open_storage(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""
COMMIT = """
import sys
from datetime import UTC, datetime, timedelta
from monitor.records import FeedSpec
from monitor.storage import open_storage
storage = open_storage(sys.argv[1])
specs = []
for n in range(1_000_000):
    specs.append(
        FeedSpec(
            url=f"https://wire.example/{n}", name=f"{n}", tags=frozenset(),
            every=timedelta(hours=1), alert_backlog=timedelta(0),
        )
    )
    storage.polls.sync_feeds(specs, datetime.now(UTC))
    print(n + 1, flush=True)
"""


@pytest.fixture
def start(database_file: Path) -> Iterator[Start]:
    """Starts a process with the database's URL as its argument; all are killed at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(program: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", program, f"sqlite:///{database_file}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            process.kill()


@pytest.mark.parametrize(
    ("version", "sound"),
    [
        ((3, 40, 1), False),
        ((3, 43, 9), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 9), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 0), False),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_sqlite_is_sound(version: tuple[int, int, int], sound: bool) -> None:
    assert sqlite_is_sound(version) is sound


def test_an_unsound_sqlite_is_refused_before_the_file_is_touched(
    database_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pysqlite3, "sqlite_version_info", (3, 40, 1))
    with pytest.raises(StorageError, match=r"can lose commits; 3\.51\.3 or newer"):
        open_storage(f"sqlite:///{database_file}")
    assert not database_file.exists()


@pytest.mark.parametrize("url", ["postgresql://u:hunter2@h/db", "sqlite://", "mysql:///x"])
def test_a_database_that_cannot_be_served_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(StorageError, match="SQLite files only") as refused:
        open_storage(url)
    assert "hunter2" not in str(refused.value)


def test_migrations_lead_to_the_tables_that_the_code_expects(database_file: Path) -> None:
    engine, close = open_engine(f"sqlite:///{database_file}")
    with closing(engine.connect()) as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        found = sa.inspect(connection)
        for table in metadata.sorted_tables:
            migrated = {index["name"] for index in found.get_indexes(table.name)}
            assert migrated == {index.name for index in table.indexes}
    close()


def test_a_database_of_the_first_schema_keeps_its_rows(database_file: Path) -> None:
    engine = _sqlite_engine(database_file)
    config = _alembic()
    with engine.begin() as db:
        config.attributes["connection"] = db
        alembic.command.upgrade(config, "0001")
        db.exec_driver_sql(
            "INSERT INTO feeds (id, url, name, tags, every_seconds, alert_backlog_seconds, full_text, active,"
            " next_poll_at) VALUES (1, 'https://wire.example/rss', 'Wire', '[]', 1, 0, 0, 1, '2026-11-20')"
        )
        db.exec_driver_sql(
            "INSERT INTO items (id, feed_id, key, title, summary, first_seen, backlog)"
            " VALUES (1, 1, 'key-1', 'T', 'S', '2026-11-20 12:00:00', 0)"
        )
    engine.dispose()
    with opened(database_file) as storage:
        assert [item.key for item in storage.scores.unscored(9)] == ["key-1"]
    engine, close = open_engine(f"sqlite:///{database_file}")
    with closing(engine.connect()) as db:
        assert db.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert db.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        (created,) = db.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'items'").one()
        assert "REFERENCES feeds" in created
    close()


def test_items_of_an_earlier_version_stay_until_their_feeds_have_shown_a_whole_document(
    database_file: Path,
) -> None:
    engine = _sqlite_engine(database_file)
    config = _alembic()
    with engine.begin() as db:
        config.attributes["connection"] = db
        alembic.command.upgrade(config, "0005")
        db.exec_driver_sql(
            "INSERT INTO feeds (id, url, name, tags, every_seconds, alert_backlog_seconds, full_text, active,"
            " next_poll_at, first_polled_at, etag, last_modified, body_hash) VALUES"
            " (1, 'https://w.example/', 'Wire', '[]', 1, 0, 0, 1, '2026-01-20', '2026-01-20', 'e', 'm', 'h'),"
            " (2, 'https://g.example/', 'Gone', '[]', 1, 0, 0, 0, '2026-01-20', '2026-01-20', 'e', 'm', 'h')"
        )
        items = [
            (1, "old", "https://wire.example/a", "A"),
            (1, "form", "https://wire.example/b", "B"),
            (2, "key", "https://gone.example/c", "C"),
        ]
        for feed_id, key, url, title in items:
            db.exec_driver_sql(
                "INSERT INTO items (feed_id, key, guid, url, canonical_url, title, summary, first_seen,"
                " backlog, scored_at) VALUES (?, ?, '0', ?, ?, ?, 'S', '2026-01-20', 0, '2026-01-20')",
                (feed_id, key, url, url, title),
            )
    engine.dispose()
    with opened(database_file) as storage:
        (feed,) = storage.ledger.feeds()
        assert (feed.etag, feed.last_modified, feed.body_hash) == (None, None, None)
        assert storage.retention.remove(NOW, 9, NOW) == 1, "the feed that is asked no more shows nothing"
        a = parsed(guid="0", title="A", summary="S", url="https://wire.example/a")
        outcome = fetched(a)
        changes = storage.polls.record_poll(feed, outcome, recognise(outcome), NOW, next_at(NOW))
        assert (changes.new, changes.rekeyed) == ((), 1)
        assert storage.retention.remove(NOW, 9, NOW) == 1
        assert storage.ledger.counts()["items"] == 1


def told_before_stories(db: sa.Connection) -> None:
    """Rows of version 0007: an item that was told, a copy of it, and one that waits for its decision."""
    told = {
        "topic_name": "Patrols",
        "watchlist": "Desk",
        "title": "T",
        "url": None,
        "source": "Wire",
        "published": None,
        "first_seen": NOW.isoformat(),
        "score": 80.0,
        "cut": 50.0,
        "summary": "S",
        "sentence": "A",
        "author": None,
        "mention": None,
        "also_in": ["Other"],
    }
    db.exec_driver_sql(
        "INSERT INTO feeds (id, url, name, tags, every_seconds, alert_backlog_seconds, full_text, active,"
        " next_poll_at) VALUES (1, ?, 'Wire', '[]', 1, 0, 0, 1, '2026-11-20')",
        (spec().url,),
    )
    for n, duplicate_of in ((1, None), (2, 1), (3, None)):
        db.exec_driver_sql(
            "INSERT INTO items (id, feed_id, key, url, title, summary, first_seen, backlog, scored_at)"
            " VALUES (?, 1, ?, ?, 'T', 'S', '2026-11-20 12:00:00', 0, '2026-11-20')",
            (n, f"key-{n}", f"https://wire.example/{n}"),
        )
        evidence = '{"sentence": "A", "text": "T", "parts": {}}'
        decided = None if n == 3 else "2026-11-20"
        db.exec_driver_sql(
            "INSERT INTO scores (item_id, topic_id, score, matched, evidence, decided_at)"
            " VALUES (?, 'patrols', 80, 1, ?, ?)",
            (n, evidence, decided),
        )
        if decided:
            verdict = ("quiet", "duplicate") if duplicate_of else ("alert", "new")
            db.exec_driver_sql(
                "INSERT INTO alerts (topic_id, item_id, decision, reason, duplicate_of, decided_at)"
                " VALUES ('patrols', ?, ?, ?, ?, '2026-11-20')",
                (n, *verdict, duplicate_of),
            )
    for position, state, ts in ((1, "sent", "1.5"), (2, "pending", None)):
        db.exec_driver_sql(
            "INSERT INTO deliveries (position, id, topic_id, item_id, channel, message, state,"
            " created_at, receipt_channel, receipt_ts)"
            " VALUES (?, ?, 'patrols', 1, '#c', ?, ?, '2026-11-20 00:00:00', 'C1', ?)",
            (position, f"d{position}", json.dumps(told), state, ts),
        )


def test_what_was_told_before_there_were_stories_is_kept(database_file: Path) -> None:
    engine = _sqlite_engine(database_file)
    config = _alembic()
    with engine.begin() as db:
        config.attributes["connection"] = db
        alembic.command.upgrade(config, "0007")
        told_before_stories(db)
    engine.dispose()
    with opened(database_file) as storage:
        verdicts = [
            (known.topics[0].verdict, [(to.kind, to.state) for to in known.topics[0].deliveries])
            for n in (1, 2, 3)
            for known in storage.ledger.history(frozenset({f"https://wire.example/{n}"}))
        ]
        assert verdicts == [
            (ALERT, [("post", "sent"), ("post", "pending")]),
            (Verdict(decision="quiet", reason="duplicate"), [("post", "sent")]),
            (None, []),
        ]
        waiting = storage.deliveries.next_delivery("#c", NOW)
        assert waiting is not None
        assert waiting[0].message == message(title="T", url=None, published=None, summary="S", sentence="A")
        items, count = storage.alerts.story(1)
        assert ([one.item.id for one in items], count) == ([1, 2], 2)
        then = NOW.replace(hour=0)
        known = post(channel="#c", delivery_id="d1", told_at=then, loud_at=then, loud_score=80.0)
        assert storage.alerts.posts(1) == {"#c": known}, "the next item goes into its thread"
        assert [story_id for story_id, _ in storage.alerts.grouped("patrols", NOW, 9)] == [1, 1]
        (match,) = storage.alerts.undecided(9)
        opening = outcome(ALERT, new_delivery(3), membership=joining(), posts=(post(delivery_id="d3"),))
        assert storage.alerts.record_decision(match, opening, NOW) == Recorded(story_id=2)
    engine, close = open_engine(f"sqlite:///{database_file}")
    with closing(engine.connect()) as db:
        assert db.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    close()


def test_partial_indexes_are_as_the_tables_say(database_file: Path, tmp_path: Path) -> None:
    def indexes(engine: sa.Engine) -> dict[str, str]:
        with closing(engine.connect()) as db:
            query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql LIKE '%WHERE%'"
            # Whether a truth value is spelled `matched` or `matched = 1` is all the same to SQLite.
            return {
                name: " ".join(sql.replace('"', "").replace(" = 1", "").split())
                for name, sql in db.exec_driver_sql(query)
            }

    migrated, close = open_engine(f"sqlite:///{database_file}")
    created = sa.create_engine(f"sqlite:///{tmp_path / 'created.db'}", module=pysqlite3)
    metadata.create_all(created)
    assert indexes(migrated).keys() == {
        "ix_items_left",
        "ix_items_listed",
        "ix_items_unread",
        "ix_items_unscored",
        "ix_scores_undecided",
        "ix_deliveries_heal_at",
        "ix_deliveries_open",
        "ix_posts_remind_at",
        "ix_troubles_open",
        "ix_troubles_untold",
    }
    assert indexes(migrated) == indexes(created)
    created.dispose()
    close()


@pytest.mark.parametrize(
    ("ask", "index"),
    [
        (lambda engine: SqlAlertStore(engine).undecided(9), "ix_scores_undecided"),
        (lambda engine: SqlDeliverStore(engine).next_delivery("#c", NOW), "ix_deliveries_open"),
        (lambda engine: SqlAlertStore(engine).last_listing("#c", "late", NOW), "ix_posts_channel"),
        (lambda engine: SqlAlertStore(engine).due_reminders(NOW), "ix_posts_remind_at"),
    ],
    ids=["undecided", "next_delivery", "last_listing", "due_reminders"],
)
def test_what_is_asked_again_and_again_is_found_by_an_index(
    database_file: Path, ask: Callable[[sa.Engine], object], index: str
) -> None:
    asked: list[tuple[str, Any]] = []
    engine, close = open_engine(f"sqlite:///{database_file}")
    sa.event.listen(engine, "before_cursor_execute", lambda *query: asked.append(query[2:4]))
    ask(engine)
    (query,) = [query for query in asked if query[0].startswith("SELECT")]
    with engine.connect() as db:
        steps = [row[-1] for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {query[0]}", query[1])]
    close()
    assert any(index in step for step in steps), steps


def test_commits_are_durable_and_references_checked(database_file: Path) -> None:
    engine, close = open_engine(f"sqlite:///{database_file}")
    with closing(engine.connect()) as db:
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        found = {name: db.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked}
    close()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}


def test_a_database_opens_again_with_what_it_held(database_file: Path) -> None:
    with opened(database_file) as storage:
        stored_items(storage, keyed(1))
    with opened(database_file) as storage:
        assert [item.key for item in storage.scores.unscored(10)] == ["key-1"]


def test_folders_are_made(tmp_path: Path) -> None:
    with opened(tmp_path / "new" / "folder" / "monitor.db") as storage:
        assert storage.ledger.feeds() == []


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write there"):
        open_storage(f"sqlite:///{tmp_path / 'file' / 'monitor.db'}")


class TestOneWriter:
    def test_a_second_writer_is_refused_and_told_who_the_first_is(self, database_file: Path) -> None:
        with opened(database_file):
            for _ in range(2):  # being refused must not wipe out who holds it
                with pytest.raises(StorageError, match=rf"another monitor \(process {os.getpid()}\)"):
                    open_storage(f"sqlite:///{database_file}")

    def test_a_reader_works_beside_the_writer_and_sees_its_commits(self, database_file: Path) -> None:
        with opened(database_file) as writer, opened(database_file, read_only=True) as reader:
            assert reader.ledger.feeds() == []
            writer.polls.sync_feeds([spec()], NOW)
            assert [feed.spec for feed in reader.ledger.feeds()] == [spec()]

    def test_a_reader_cannot_write(self, database_file: Path) -> None:
        with (
            opened(database_file),
            opened(database_file, read_only=True) as reader,
            pytest.raises(sa.exc.OperationalError, match="readonly"),
        ):
            reader.polls.sync_feeds([spec()], NOW)

    def test_closing_lets_the_next_one_in(self, database_file: Path) -> None:
        for _ in range(2):
            with opened(database_file):
                pass

    def test_failing_to_open_lets_the_next_one_in(self, database_file: Path) -> None:
        database_file.write_bytes(b"not a database, " * 100)
        with pytest.raises(StorageError, match="not a usable database"):
            open_storage(f"sqlite:///{database_file}")
        database_file.unlink()
        with opened(database_file):
            pass

    def test_another_process_is_refused_until_the_first_is_killed(
        self, database_file: Path, start: Start
    ) -> None:
        holder = start(HOLD)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(StorageError, match=rf"process {holder.pid}\b"):
            open_storage(f"sqlite:///{database_file}")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with opened(database_file):
            pass


def test_what_was_committed_survives_a_kill(database_file: Path, start: Start) -> None:
    writer = start(COMMIT)
    assert writer.stdout is not None
    committed = [writer.stdout.readline() for _ in range(20)]
    writer.send_signal(signal.SIGKILL)
    committed += writer.stdout.readlines()
    writer.wait()
    with opened(database_file) as storage:
        assert len(storage.ledger.feeds()) in (int(committed[-1]), int(committed[-1]) + 1)


class TestBadFiles:
    def test_a_reader_without_a_database_is_told_how_to_get_one(self, database_file: Path) -> None:
        with pytest.raises(StorageError, match="there is no database yet; `monitor run`"):
            open_storage(f"sqlite:///{database_file}", read_only=True)
        assert not database_file.exists()

    @pytest.mark.parametrize("read_only", [False, True])
    def test_a_file_that_is_no_database_is_refused(self, database_file: Path, read_only: bool) -> None:
        database_file.write_bytes(b"not a database, " * 100)
        with pytest.raises(StorageError, match="not a usable database"):
            open_storage(f"sqlite:///{database_file}", read_only=read_only)

    @pytest.mark.parametrize(("read_only", "intact"), [(False, 100), (False, 4096), (True, 100)])
    def test_a_damaged_database_is_refused(self, database_file: Path, read_only: bool, intact: int) -> None:
        with opened(database_file):
            pass
        whole = database_file.read_bytes()
        database_file.write_bytes(whole[:intact] + b"\x9c" * (len(whole) - intact))
        for _ in range(2):  # the lock is free again
            with pytest.raises(StorageError, match="not a usable database"):
                open_storage(f"sqlite:///{database_file}", read_only=read_only)

    def test_a_database_of_a_newer_monitor_is_refused(self, database_file: Path) -> None:
        with opened(database_file):
            pass
        with closing(pysqlite3.connect(str(database_file))) as db:
            db.execute("UPDATE alembic_version SET version_num = '9999'")
            db.commit()
        with pytest.raises(StorageError, match="newer"):
            open_storage(f"sqlite:///{database_file}")


def test_the_database_may_be_used_from_another_thread_than_it_was_opened_in(database_file: Path) -> None:
    with opened(database_file) as storage:
        found: list[int] = []
        thread = threading.Thread(target=lambda: found.append(len(stored_items(storage, keyed(1)))))
        thread.start()
        thread.join()
        assert found == [1]
