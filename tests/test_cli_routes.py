"""Routes from the command line: where an item would go by the real model, and the exit codes."""

import json
from pathlib import Path

import pytest
from test_cli import monitor

pytestmark = pytest.mark.slow

CAMP = "Soldiers find a hidden weapons camp in the hills"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "watchlists").mkdir()
    (tmp_path / "feeds.yaml").write_text(
        "feeds:\n  - {url: https://wire.example/rss, name: Wire, tags: [world]}\n"
    )
    (tmp_path / "watchlists" / "desk.yaml").write_text(
        "watchlist: Desk\ntopics:\n  - {id: patrols, name: Patrols, about: [Soldiers find a hidden camp]}\n"
    )
    (tmp_path / "routes.yaml").write_text(
        "routes:\n"
        '  - {name: Duty, to: ["#duty"], tags: [world], score: 60, level: urgent, mention: here}\n'
        '  - {name: Sure, to: ["#sure"], sources: 4}\n'
        'channels:\n  "#news-alerts": {time_zone: UTC, quiet_hours: 22:00-07:00}\n'
    )
    return tmp_path


def routes(config: Path, item: dict[str, object], *more: str) -> tuple[int, str, str]:
    (config / "item.json").write_text(json.dumps(item))
    done = monitor("routes", "test", "--item", str(config / "item.json"), "--config", str(config), *more)
    return done.returncode, done.stdout, done.stderr


def test_an_item_is_scored_and_sent_on_its_way(config: Path) -> None:
    item: dict[str, object] = {"title": CAMP, "feed": "Wire", "time": "2026-11-20T23:00"}
    code, told, errors = routes(config, item)
    assert (code, errors) == (0, "")
    assert told.startswith("Patrols (patrols): score ")
    assert "  #duty: urgent, mentions here, by route 'Duty'\n" in told
    assert "quiet hours hold it until Sat 2026-11-21 07:00 (UTC)" in told
    assert "  not by route 'Sure': only 1 of 4 independent sources tell it\n" in told
    (found,) = json.loads(routes(config, item | {"sources": 4}, "--json")[1])["topics"]
    assert [to["channel"] for to in found["to"]] == ["#news-alerts", "#duty", "#sure"]


def test_nowhere_is_a_failure_that_names_the_nearest_topic(config: Path) -> None:
    code, told, errors = routes(config, {"title": CAMP, "scores": {"patrols": 49.5}})
    assert (code, errors) == (1, "monitor: it would go nowhere\n")
    assert told == "no topic matches it; the nearest is Patrols (patrols): score 49.5, cut 50\n"
    code, told, _ = routes(config, {"title": "Harvest festival opens on Monday"}, "--json")
    assert (code, json.loads(told)["topics"]) == (1, [])


def test_an_item_that_cannot_be_read_is_bad_usage(config: Path) -> None:
    code, told, errors = routes(config, {"titel": CAMP})
    assert (code, told) == (2, "")
    assert "item.json:1:1: there is no key 'titel'; did you mean 'title'?" in errors


def test_routes_are_listed(config: Path) -> None:
    listed = monitor("routes", "list", "--config", str(config))
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.splitlines()[:2] == [
        "Duty: urgent, mentions here, to #duty",
        "    feeds tagged world; score from 60",
    ]
    told = monitor("routes", "list", "--config", str(config), "--json")
    assert [route["name"] for route in json.loads(told.stdout)["routes"]] == ["Duty", "Sure"]
    assert monitor("check", "--config", str(config)).stdout.endswith("1 feeds, 1 topics, 2 routes\n")
