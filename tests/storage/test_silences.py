from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import HOUR, NOW, keyed, opened, score, stored_items

from monitor.records import Silence
from monitor.storage import Storage, open_storage


def added(storage: Storage, **changes: Any) -> Silence:
    plain: dict[str, Any] = {
        "topic_id": "patrols",
        "feed": None,
        "term": None,
        "until": NOW + HOUR,
        "author": "ann",
        "reason": "exercise",
        "now": NOW,
    }
    return storage.silences.add(**plain | changes)


def test_silences_hold_until_they_are_over_or_ended(storage: Storage) -> None:
    short = added(storage)
    long = added(storage, topic_id=None, feed="Wire", term="drill", until=NOW + 3 * HOUR)
    assert storage.silences.active(NOW) == [short, long]
    assert storage.silences.active(NOW + HOUR) == [long]
    ended = storage.silences.end(long.id, NOW + HOUR)
    assert ended is not None
    assert ended.ended_at == NOW + HOUR
    assert storage.silences.active(NOW + HOUR) == []
    assert storage.silences.silences() == [short, ended]


@pytest.mark.parametrize("later", [0, 2])
def test_only_what_is_active_can_be_ended(storage: Storage, later: int) -> None:
    silence = added(storage)
    assert storage.silences.end(silence.id + 1, NOW) is None
    if not later:
        storage.silences.end(silence.id, NOW)
    known = storage.silences.silences()
    assert storage.silences.end(silence.id, NOW + later * HOUR) is None
    assert storage.silences.silences() == known


def test_a_silence_is_added_beside_a_running_service(storage: Storage, database_file: Path) -> None:
    guest = open_storage(f"sqlite:///{database_file}", guest=True)
    silence = added(guest)
    guest.close()
    assert storage.silences.active(NOW) == [silence]


def test_matches_of_late_are_those_of_every_topic(database_file: Path) -> None:
    with opened(database_file) as storage:
        new, old = stored_items(storage, keyed(2), keyed(1))
        scores = [
            score(new.id, topic_id="b"),
            score(new.id, topic_id="a"),
            score(old.id, matched=False, score=20.0),
        ]
        storage.scores.record_scores([new, old], scores, NOW)
        found = [(of.item.id, of.score.topic_id) for of in storage.review.matches(NOW)]
        assert found == [(new.id, "a"), (new.id, "b")]
        assert list(storage.review.matches(NOW + timedelta(microseconds=1))) == []
