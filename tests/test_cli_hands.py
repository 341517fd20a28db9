"""What people do by hand from the command line: silences, and stories put right."""

import getpass
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from builders import opened
from storied import beside, matching, storied
from test_cli import monitor

from monitor.storage.tables import items

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration with two topics and a feed, and a database with a story of two items."""
    (tmp_path / "watchlists").mkdir()
    (tmp_path / "feeds.yaml").write_text(
        "feeds:\n  - {url: https://wire.example/rss, name: Wire Service, tags: [world]}\n"
    )
    (tmp_path / "monitor.yaml").write_text(f"storage:\n  url: sqlite:///{tmp_path}/monitor.db\n")
    topics = [f"  - {{id: {name}, name: {name}, about: [Camp found]}}\n" for name in ("patrols", "raids")]
    (tmp_path / "watchlists" / "desk.yaml").write_text("watchlist: Desk\ntopics:\n" + "".join(topics))
    now = datetime.now(UTC)
    with opened(tmp_path / "monitor.db") as storage:
        placed = [matching(storage, 1, title="Drill at the camp"), matching(storage, 2)]
        storied(tmp_path / "monitor.db", placed, "#watch", at=now)
        matching(storage, 3, title="Drill long ago", topic_id="raids")
    with beside(tmp_path / "monitor.db") as db:
        old = items.update().where(items.c.title == "Drill long ago")
        db.execute(old.values(first_seen=datetime(2026, 1, 1, tzinfo=UTC)))
    return tmp_path


def hands(folder: Path, *arguments: str) -> tuple[int, str, str]:
    done = monitor(*arguments, "--config", str(folder))
    return done.returncode, done.stdout, " ".join(done.stderr.replace("│", "").split())


def test_a_silence_is_added_listed_and_ended_while_the_service_has_the_database(folder: Path) -> None:
    with opened(folder / "monitor.db") as storage:
        asked = ("silence", "add", "--term", "DRILL", "--for", "2h", "--reason", " yearly  drill ")
        code, told, _ = hands(folder, *asked)
        (silence,) = storage.silences.active(datetime.now(UTC))
        assert (silence.term, silence.reason, silence.author) == ("DRILL", "yearly drill", getpass.getuser())
        assert (silence.until - silence.created_at).total_seconds() == 7200
        assert code == 0
        assert "term “DRILL”" in told
        assert told.endswith("of the 2 matches of the last 7 days it covers 1\n")

        named = ("--topic", "raids", "--feed", "world", "--until", "2999-12-01T08:00+01:00")
        added = hands(folder, "silence", "add", *named, "--reason", "noise", "--by", "ann", "--json")[1]
        assert json.loads(added) == {
            "id": 2,
            "topic": "raids",
            "feed": "world",
            "term": None,
            "until": "2999-12-01T07:00:00+00:00",
            "author": "ann",
            "reason": "noise",
            "created_at": json.loads(added)["created_at"],
            "ended_at": None,
            "active": True,
            "muted": 0,
            "matches": 2,
        }
        assert hands(folder, "silence", "end", "1")[:2][0] == 0
        assert [of.id for of in storage.silences.active(datetime.now(UTC))] == [2]
    assert [row["id"] for row in json.loads(hands(folder, "silence", "list", "--json")[1])] == [2]
    assert "topic raids, feed world  (ann: noise)" in hands(folder, "silence", "list")[1]
    past = json.loads(hands(folder, "silence", "list", "--all", "--json")[1])
    assert [(row["id"], row["active"]) for row in past] == [(1, False), (2, True)]
    assert hands(folder, "silence", "end", "1")[::2] == (
        1,
        "monitor: there is no active silence 1; `monitor silence list` shows them",
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--for", "2h", "--reason", "x"), "give at least one of --topic, --feed and --term"),
        (("--term", "x", "--for", "2h"), "Missing option '--reason'"),
        (("--term", "x", "--for", "2h", "--reason", " "), "this text is empty"),
        (("--term", "x", "--reason", "x", "--for", "2h", "--by", " "), "this text is empty"),
        (("--term", "x", "--reason", "x"), "give either --for or --until"),
        (("--term", "x", "--reason", "x", "--for", "2h", "--until", "2999-01-01"), "give either --for or"),
        (("--term", "x", "--reason", "x", "--for", "soon"), "is not a duration"),
        (("--term", "x", "--reason", "x", "--until", "2020-01-01"), "2020-01-01 is in the past"),
        (("--topic", "patrol", "--reason", "x", "--for", "2h"), "did you mean 'patrols'?"),
        (("--feed", "Wire Servis", "--reason", "x", "--for", "2h"), "did you mean 'Wire Service'?"),
    ],
)
def test_a_silence_that_says_too_little_or_nothing_known_is_refused(
    folder: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    code, told, error = hands(folder, "silence", "add", *arguments)
    assert (code, told) == (2, "")
    assert complaint in error
    assert hands(folder, "silence", "list", "--all")[1] == "no silences\n"


def test_stories_are_listed_shown_split_and_merged_while_the_service_has_the_database(folder: Path) -> None:
    with opened(folder / "monitor.db"):
        listed = hands(folder, "stories", "list", "patrols")[1]
        assert "    1  Drill at the camp\n" in listed
        assert "2 items from outlet-1.example, outlet-2.example, told in #watch" in listed
        assert hands(folder, "stories", "list", "raids")[1] == "no stories\n"

        shown = hands(folder, "stories", "show", "1")[1]
        assert shown.startswith("story 1 of patrols: 2 items from outlet-1.example, outlet-2.example\n")
        assert "item 1  Drill at the camp\n" in shown
        assert "    the topic has had no story for a week (first, 93 %)\n" in shown
        assert "    it tells the story's event in other words (same_event, 93 %, most like item 1)\n" in shown

        split = json.loads(hands(folder, "stories", "split", "1", "2", "--by", "ann", "--json")[1])
        assert [(item["id"], item["reason"]) for item in split["items"]] == [(2, "by_hand")]
        assert split["channels"] == []
        assert "item 2" not in hands(folder, "stories", "show", "1")[1]

        merged = hands(folder, "stories", "merge", "1", str(split["id"]))[1]
        assert "    somebody put it there (by_hand, 100 %)\n" in merged
        assert [of["id"] for of in json.loads(hands(folder, "stories", "list", "patrols", "--json")[1])] == [
            1
        ]
    with opened(folder / "monitor.db") as storage:
        story = storage.stories.story(1)
        assert story is not None
        assert [of.match.item.id for of in story.items] == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("list", "patrol"), 2, "there is no topic patrol; did you mean 'patrols'?"),
        (("list", "patrols", "--days", "9999999"), 2, "less than or equal to 36500"),
        (("show", "9"), 1, "monitor: there is no story 9; `monitor stories list TOPIC` shows a topic's"),
        (
            ("split", "9", "1"),
            1,
            "monitor: there is no story 9; `monitor stories list TOPIC` shows a topic's",
        ),
        (("split", "1", "1", "7"), 1, "monitor: story 1 has no item 7"),
        (("split", "1", "1", "2"), 1, "monitor: these are all items of story 1; leave it at least one"),
        (("merge", "1", "1"), 1, "monitor: a story cannot be merged with itself"),
        (
            ("merge", "1", "9"),
            1,
            "monitor: there is no story 9; `monitor stories list TOPIC` shows a topic's",
        ),
    ],
)
def test_what_cannot_be_regrouped_is_said(
    folder: Path, arguments: tuple[str, ...], code: int, complaint: str
) -> None:
    found, told, error = hands(folder, "stories", *arguments)
    assert (found, told) == (code, "")
    assert complaint in error


def test_stories_of_different_topics_stay_apart(folder: Path) -> None:
    with opened(folder / "monitor.db") as storage:
        item = matching(storage, 4, topic_id="raids")
        storied(folder / "monitor.db", [item], topic_id="raids")
    code, _, error = hands(folder, "stories", "merge", "1", "2")
    assert code == 1
    assert "story 1 is of topic patrols and story 2 of raids; only stories of one topic" in error
