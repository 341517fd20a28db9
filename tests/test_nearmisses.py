"""What nearly matched, closest first, each story once."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from builders import HOUR, NOW, keyed, score, stored_items, topic

from monitor.errors import NoDatabaseError
from monitor.nearmisses import as_json, lines, near_misses
from monitor.records import Evidence, Match, Topic
from monitor.storage import Storage

PATROLS, RAIDS = topic(), topic(id="raids", name="Raids", cut=30.0)
URL = "https://wire.example/1"


@pytest.fixture
def url(storage: Storage, database_file: Path) -> str:
    _ = storage
    return f"sqlite:///{database_file}"


def missed(storage: Storage, *points: float, topic_id: str = "patrols", **changes: object) -> None:
    """Store an item for each score, in a feed of their own; the first one's address ends in 1."""
    first = storage.ledger.counts()["items"] + 1
    shown = [keyed(first + n, **changes) for n in range(len(points))]
    items = stored_items(storage, *shown[::-1], url=f"https://feed{first}.example/")
    found = [
        replace(score(item.id), score=value, matched=value >= 50, topic_id=topic_id)
        for item, value in zip(items, points, strict=True)
    ]
    storage.scores.record_scores(items, found, NOW)


def found(url: str, *topics: Topic, limit: int = 20) -> list[tuple[str, float]]:
    pairs = near_misses(url, topics or (PATROLS,), NOW - HOUR, limit)
    return [(topic.id, match.score.score) for topic, match in pairs]


def test_the_closest_to_the_cut_comes_first(storage: Storage, url: str) -> None:
    missed(storage, 20, 45, 80, 30)
    assert found(url) == [("patrols", 45), ("patrols", 30), ("patrols", 20)]
    assert found(url, limit=1) == [("patrols", 45)]


def test_topics_have_their_own_cuts(storage: Storage, url: str) -> None:
    missed(storage, 40, 20)
    missed(storage, 25, topic_id="raids")
    assert found(url, PATROLS, RAIDS) == [("raids", 25), ("patrols", 40), ("patrols", 20)]
    assert found(url, RAIDS) == [("raids", 25)]


def test_a_story_is_listed_once_and_not_if_it_matched(storage: Storage, url: str) -> None:
    missed(storage, 30, title="Farmers report lights over the northern hills")
    missed(storage, 40, title="Farmers report lights over the northern hills!")
    missed(storage, 80, title="Soldiers find a camp under the old bridge")
    missed(storage, 45, title="Soldiers find a camp under the old bridge")
    missed(storage, 35, title="Soldiers find a camp under the old bridge", topic_id="raids")
    assert found(url) == [("patrols", 40)]
    assert found(url, RAIDS) == [("raids", 35)]


def test_what_is_older_is_not_listed(storage: Storage, url: str) -> None:
    missed(storage, 40)
    assert near_misses(url, [PATROLS], NOW + timedelta(seconds=1), 20) == []


def test_without_a_database_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoDatabaseError):
        near_misses(f"sqlite:///{tmp_path}/none.db", [PATROLS], NOW, 20)


def only(url: str) -> list[tuple[Topic, Match]]:
    return near_misses(url, [PATROLS], NOW - HOUR, 20)


def test_the_text_ends_in_the_command_that_votes(storage: Storage, url: str) -> None:
    missed(storage, 41.6)
    first, second, command = lines(only(url))
    assert first == " 42 (cut 50)  Patrols: Report number 1 of the patrol"
    assert second == f"    Wire, seen 2026-11-20 12:00 UTC, {URL}"
    assert command == f"    monitor votes add patrols {URL} up"


@pytest.mark.parametrize("address", ["https://wire.example/a?b=1&c=$(id)", "https://wire.example/it's"])
def test_an_address_cannot_type_commands(storage: Storage, url: str, address: str) -> None:
    missed(storage, 40, url=address)
    command = lines(only(url))[-1]
    assert address.replace("'", "'\"'\"'") in command
    assert command.count("'") >= 2


def test_json_has_what_the_text_has(storage: Storage, url: str) -> None:
    missed(storage, 40, url=None)
    (told,) = as_json(only(url))
    assert (told["topic"], told["score"], told["cut"], told["vote"]) == ("patrols", 40, 50.0, None)
    assert told["closest"] == "Soldiers on patrol find a hidden camp"


def test_what_words_kept_out_is_told(storage: Storage, url: str) -> None:
    (item,) = stored_items(storage, keyed(1))
    gated = Evidence(sentence="S", text="T", parts={"closeness": 60.0}, gate="mentions none of Jolo")
    storage.scores.record_scores([item], [score(item.id, score=0.0, matched=False, evidence=gated)], NOW)
    assert "    kept out: mentions none of Jolo" in lines(only(url))
