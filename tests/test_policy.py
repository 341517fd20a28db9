import re
from datetime import datetime, timedelta

import pytest
from builders import HOUR, NOW, item, topic

from monitor import policy
from monitor.policy import REASONS, decide
from monitor.records import Item

MAX_AGE = timedelta(hours=48)
MOMENT = timedelta(microseconds=1)
TOLD = item(id=7)


def reason(matched: Item, told: Item | None = None) -> str:
    verdict = decide(matched, topic(), told, MAX_AGE, NOW)
    assert (verdict.decision == "alert") == (verdict.reason == "new")
    return verdict.reason


@pytest.mark.parametrize(
    ("published", "first_seen", "expected"),
    [
        (NOW - HOUR, NOW, "new"),
        (NOW - MAX_AGE, NOW, "new"),
        (NOW - MAX_AGE - MOMENT, NOW, "too_old"),
        (NOW + 10 * HOUR, NOW, "new"),
        (None, NOW, "new"),
        (None, NOW - MAX_AGE, "new"),
        (None, NOW - MAX_AGE - MOMENT, "too_old"),
        (NOW - HOUR, NOW - MAX_AGE - MOMENT, "new"),
    ],
)
def test_age_is_counted_from_publication_else_from_first_sight(
    published: datetime | None, first_seen: datetime, expected: str
) -> None:
    assert reason(item(published=published, first_seen=first_seen)) == expected


@pytest.mark.parametrize(
    ("published", "alert_backlog", "expected"),
    [
        (NOW - MOMENT, timedelta(0), "backlog"),
        (NOW, timedelta(0), "new"),
        (NOW - 6 * HOUR, 6 * HOUR, "new"),
        (NOW - 6 * HOUR - MOMENT, 6 * HOUR, "backlog"),
        (None, 6 * HOUR, "backlog"),
        (NOW - 60 * HOUR, 72 * HOUR, "too_old"),
    ],
)
def test_a_first_poll_alerts_as_far_back_as_its_feed_says(
    published: datetime | None, alert_backlog: timedelta, expected: str
) -> None:
    assert reason(item(backlog=True, published=published, alert_backlog=alert_backlog)) == expected


def test_what_has_been_told_is_a_duplicate_of_it() -> None:
    verdict = decide(item(), topic(), TOLD, MAX_AGE, NOW)
    assert (verdict.decision, verdict.reason, verdict.duplicate_of) == ("quiet", "duplicate", TOLD.id)


def test_only_a_duplicate_names_another_item() -> None:
    verdict = decide(item(published=NOW - 3 * MAX_AGE), topic(), TOLD, MAX_AGE, NOW)
    assert (verdict.reason, verdict.duplicate_of) == ("too_old", None)


def test_a_topic_that_has_left_the_watchlists_stays_quiet() -> None:
    verdict = decide(item(), None, TOLD, MAX_AGE, NOW)
    assert (verdict.decision, verdict.reason) == ("quiet", "topic_gone")


def test_the_table_in_the_module_names_every_reason() -> None:
    rows = dict(re.findall(r"^``(\w+)``\s+(alert|quiet)", policy.__doc__ or "", re.MULTILINE))
    assert rows.keys() == REASONS.keys()
    assert [name for name, decision in rows.items() if decision == "alert"] == ["new"]
