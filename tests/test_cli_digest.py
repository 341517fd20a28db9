"""What a digest would say now, from the command line."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from builders import keyed, opened, score, stored_items
from test_cli import monitor
from told_stories import tell

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration with two channels, one of which was told a story two and a half days ago."""
    told_at = datetime.now(UTC) - timedelta(days=2, hours=12)
    (tmp_path / "watchlists").mkdir()
    (tmp_path / "feeds.yaml").write_text("feeds:\n  - url: https://wire.example/rss\n")
    (tmp_path / "monitor.yaml").write_text(f"storage:\n  url: sqlite:///{tmp_path}/monitor.db\n")
    topics = [
        f'  - {{id: {name}, name: {name.title()}, about: [Camp found], channel: "#{name}"}}\n'
        for name in ("patrols", "raids")
    ]
    (tmp_path / "watchlists" / "desk.yaml").write_text("watchlist: Desk\ntopics:\n" + "".join(topics))
    with opened(tmp_path / "monitor.db") as storage:
        items = stored_items(storage, keyed(1))
        storage.scores.record_scores(items, [score(items[0].id)], told_at)
        tell(tmp_path / "monitor.db", 1, [items[0].id], told_at, channel="#patrols")
    return tmp_path


def digest(folder: Path, *arguments: str) -> tuple[int, str, str]:
    done = monitor("digest", *arguments, "--config", str(folder))
    return done.returncode, done.stdout, done.stderr


def test_it_is_printed_for_people_and_for_programs(folder: Path) -> None:
    code, told, _ = digest(folder, "#patrols", "--period", "weekly")
    assert code == 0
    assert told.split("\n")[0].endswith(": 1 story from 1 item; 1 item was read")
    assert "Report number 1 of the patrol" in told
    plain = json.loads(digest(folder, "patrols", "--json")[1])
    assert (plain["period"], plain["top"], plain["items_read"]) == ("daily", [], 0)
    assert plain["topics"] == [
        {"topic_name": "Patrols", "stories": 0, "items": 0, "per_day": [0, 0, 0, 0, 1, 0, 0]}
    ]


def test_a_channel_that_only_a_route_leads_to_has_one_too(folder: Path) -> None:
    route = "routes:\n  - {name: Duty, topics: [raids], to: ['#duty']}\n"
    (folder / "routes.yaml").write_text(route)
    code, told, _ = digest(folder, "duty", "--json")
    assert code == 0
    assert [topic["topic_name"] for topic in json.loads(told)["topics"]] == ["Raids"]


def test_its_chart_is_drawn_to_a_file_if_there_is_one(folder: Path) -> None:
    code, _, told = digest(folder, "patrols", "--png", str(folder / "a.png"))
    assert (code, "drawn" in told) == (0, True)
    assert (folder / "a.png").read_bytes().startswith(b"\x89PNG")
    code, _, told = digest(folder, "patrols", "--png", str(folder / "none" / "a.png"))
    assert (code, told) == (1, f"monitor: cannot write {folder}/none/a.png: no such file or directory\n")
    code, _, told = digest(folder, "raids", "--png", str(folder / "b.png"))
    assert (code, "no chart" in told) == (0, True)
    assert not (folder / "b.png").exists()


def test_a_channel_that_nobody_names_is_refused(folder: Path) -> None:
    code, _, told = digest(folder, "nowhere")
    assert code == 2
    assert "#patrols, #raids" in told


def test_without_a_database_it_says_so(folder: Path) -> None:
    (folder / "monitor.db").unlink()
    code, _, told = digest(folder, "patrols")
    assert code == 1
    assert "monitor.db" in told
