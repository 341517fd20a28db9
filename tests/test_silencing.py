from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from builders import HOUR, NOW, item

from monitor.records import Item, Silence
from monitor.silencing import silenced_by

ITEM = item(
    title="Drill at the port of Orlan", summary="Sirens will sound.", feed_tags=frozenset({"world", "wire"})
)


def silence(**changes: Any) -> Silence:
    plain = Silence(
        id=1,
        topic_id=None,
        feed=None,
        term=None,
        until=NOW + HOUR,
        author="ann",
        reason="exercise",
        created_at=NOW - HOUR,
    )
    return replace(plain, **changes)


def mutes(of: Silence, told: Item = ITEM, topic_id: str = "patrols") -> bool:
    return silenced_by(told, topic_id, [of], NOW) == of


@pytest.mark.parametrize(
    "conditions",
    [
        {"topic_id": "patrols"},
        {"feed": "Wire"},
        {"feed": "wire"},
        {"term": "drill"},
        {"term": "PORT  of orlan"},
        {"term": "sirens"},
        {"topic_id": "patrols", "feed": "world", "term": "drill"},
    ],
)
def test_what_meets_every_condition_is_muted(conditions: dict[str, str]) -> None:
    assert mutes(silence(**conditions))


@pytest.mark.parametrize(
    "conditions",
    [
        {"topic_id": "raids"},
        {"feed": "Wir"},
        {"feed": "paper"},
        {"term": "dril"},
        {"term": "Orlan Sirens"},  # the headline's end and the summary's beginning
        {"term": "port .* Orlan"},
        {"topic_id": "raids", "feed": "Wire", "term": "drill"},
        {"topic_id": "patrols", "feed": "Paper", "term": "drill"},
        {"topic_id": "patrols", "feed": "Wire", "term": "fire"},
    ],
)
def test_one_condition_that_fails_is_enough(conditions: dict[str, str]) -> None:
    assert not mutes(silence(**conditions))


def test_a_term_far_into_a_long_summary_is_found() -> None:
    assert mutes(silence(term="drill"), item(title="Port", summary="word " * 900 + "drill"))


def test_a_silence_holds_until_its_time_is_over_or_somebody_ends_it() -> None:
    assert mutes(silence(term="drill", until=NOW + timedelta(microseconds=1)))
    assert not mutes(silence(term="drill", until=NOW))
    assert not mutes(silence(term="drill", ended_at=NOW - HOUR))


def test_the_first_that_holds_is_the_reason() -> None:
    over, first, second = (
        silence(id=1, term="drill", until=NOW),
        silence(id=2, term="port"),
        silence(id=3, term="drill"),
    )
    assert silenced_by(ITEM, "patrols", [over, first, second], NOW) == first
    assert silenced_by(ITEM, "patrols", [], NOW) is None
