"""What is found about a database by looking."""

from contextlib import closing
from pathlib import Path

import pysqlite3
import pytest
from builders import keyed, opened, stored_items

from monitor.records import Check
from monitor.storage import check_storage, place
from monitor.storage.checks import SPARE, TOO_LITTLE, check_room

MIB = 2**20


def checks(path: Path) -> dict[str, Check]:
    return {check.subject: check for check in check_storage(f"sqlite:///{path}")}


def test_a_sound_database_in_use_is_fine(database_file: Path) -> None:
    with opened(database_file):
        found = checks(database_file)
    found.pop("disk")  # which is not the test's to say
    assert {subject: check.state for subject, check in found.items()} == {
        "SQLite": "ok",
        "schema": "ok",
        "database": "ok",
    }
    assert "synchronous = FULL" in found["SQLite"].text


def test_no_database_yet_is_no_failure_and_none_is_made(tmp_path: Path) -> None:
    found = checks(tmp_path / "data" / "monitor.db")
    assert found["database"].state == "warning"
    assert list(tmp_path.iterdir()) == []


def test_damage_is_found(database_file: Path) -> None:
    with opened(database_file) as storage:
        stored_items(storage, *(keyed(n, summary="x" * 4000) for n in range(100)))
    whole = database_file.read_bytes()
    database_file.write_bytes(whole[: len(whole) // 2] + b"\x9c" * (len(whole) - len(whole) // 2))
    found = checks(database_file)
    assert (found["schema"].state, found["database"].state) == ("ok", "failed")
    assert "put a backup in its place" in found["database"].text


def test_a_file_that_is_no_database_is_found(database_file: Path) -> None:
    database_file.write_bytes(b"not a database, " * 100)
    found = checks(database_file)
    assert (found["schema"].state, found["database"].state) == ("failed", "failed")


@pytest.mark.parametrize(
    ("version", "state", "remedy"),
    [("0005", "warning", "`monitor migrate`"), ("9999", "failed", "a newer monitor's")],
)
def test_the_schema_of_another_version_is_found(
    database_file: Path, version: str, state: str, remedy: str
) -> None:
    with opened(database_file):
        pass
    with closing(pysqlite3.connect(str(database_file))) as db:
        db.execute("UPDATE alembic_version SET version_num = ?", (version,))
        db.commit()
    schema = checks(database_file)["schema"]
    assert schema.state == state
    assert remedy in (schema.remedy or "")


def test_a_database_on_a_network_is_found(
    tmp_path: Path, database_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(f"40 22 0:47 / {tmp_path} rw - smb3 //server/x rw\n")
    monkeypatch.setattr(place, "MOUNTS", table)
    (found,) = checks(database_file).values()
    assert found.state == "failed"
    assert "over a network (smb3)" in found.text


@pytest.mark.parametrize(
    ("size", "free", "state"),
    [
        (0, TOO_LITTLE - 1, "failed"),
        (0, TOO_LITTLE, "warning"),
        (0, SPARE, "ok"),
        (500 * MIB, SPARE, "warning"),
        (500 * MIB, SPARE + 500 * MIB, "ok"),
    ],
)
def test_there_should_be_room_for_a_copy(size: int, free: int, state: str) -> None:
    assert check_room(size, free).state == state
