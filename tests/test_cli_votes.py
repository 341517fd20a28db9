"""Votes from the command line."""

import json
from pathlib import Path

import pytest
from builders import keyed, opened, stored_items
from test_cli import monitor

pytestmark = pytest.mark.slow

URL = "https://wire.example/1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration with two topics, and a database that has seen an item."""
    (tmp_path / "watchlists").mkdir()
    (tmp_path / "feeds.yaml").write_text("feeds:\n  - url: https://wire.example/rss\n")
    (tmp_path / "monitor.yaml").write_text(f"storage:\n  url: sqlite:///{tmp_path}/monitor.db\n")
    topics = [f"  - {{id: {name}, name: {name}, about: [Camp found]}}\n" for name in ("camps", "raids")]
    (tmp_path / "watchlists" / "desk.yaml").write_text("watchlist: Desk\ntopics:\n" + "".join(topics))
    with opened(tmp_path / "monitor.db") as storage:
        stored_items(storage, keyed(1))
    return tmp_path


def votes(folder: Path, *arguments: str) -> tuple[int, str, str]:
    done = monitor("votes", *arguments, "--config", str(folder))
    return done.returncode, done.stdout, done.stderr


def test_votes_are_given_listed_replaced_and_taken_back(folder: Path) -> None:
    code, told, _ = votes(folder, "add", "camps", URL, "up", "--by", "ann", "--json")
    first = json.loads(told)
    assert (code, first["topic"], first["up"], first["by"]) == (0, "camps", True, "ann")
    assert first["text"] == "Report number 1 of the patrol. Soldiers found a hidden camp."
    assert votes(folder, "add", "camps", URL, "down", "--by", "ben")[0] == 0
    assert votes(folder, "add", "raids", URL, "up", "--by", "ben")[0] == 0
    listed = json.loads(votes(folder, "list", "--json")[1])
    assert [(vote["topic"], vote["up"], vote["by"]) for vote in listed] == [
        ("camps", False, "ben"),
        ("raids", True, "ben"),
    ]
    assert "down  camps  Report number 1" in votes(folder, "list", "camps")[1]
    assert votes(folder, "undo")[1].startswith("undone: 3  up    raids")
    assert votes(folder, "undo", str(first["id"])) == (1, "", "monitor: there is no such vote\n")
    assert votes(folder, "undo", "2")[0] == 0
    assert votes(folder, "list")[1] == "no votes\n"
    assert votes(folder, "undo")[2] == "monitor: there is no vote to undo\n"


def test_votes_are_given_while_the_service_has_the_database(folder: Path) -> None:
    with opened(folder / "monitor.db") as storage:
        before = storage.votes.changes()
        assert votes(folder, "add", "camps", URL, "up")[0] == 0
        assert storage.votes.changes() > before
        assert [vote.topic_id for vote in storage.votes.votes()] == ["camps"]
        assert votes(folder, "undo")[0] == 0
        assert storage.votes.votes() == []


def test_what_nobody_knows_cannot_be_voted_on(folder: Path) -> None:
    code, _, error = votes(folder, "add", "camps", "https://wire.example/2", "up")
    assert (code, error) == (1, "monitor: https://wire.example/2: no feed has shown this address\n")
    code, _, error = votes(folder, "add", "tents", URL, "up")
    assert (code, error) == (1, "monitor: there is no topic tents; there are camps, raids\n")
    assert votes(folder, "add", "camps", URL, "sideways")[0] == 2


def test_before_anything_is_counted_nothing_weighs(folder: Path) -> None:
    assert votes(folder, "show", "camps") == (0, "neither examples nor votes have been counted yet\n", "")
    assert json.loads(votes(folder, "show", "camps", "--json")[1]) == {"shift": 0.0, "pulls": []}
