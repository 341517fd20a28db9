from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from builders import (
    ALERT,
    HOUR,
    NOW,
    item,
    keyed,
    message,
    outcome,
    score,
    stored_items,
    stored_matches,
    topic,
)

from monitor.alert import Alert, AlertReport, message_for, new_delivery
from monitor.records import KeyedItem, Match, Message, Topic
from monitor.storage import Storage
from monitor.threads import OwnThread

HEADLINE = "Patrol finds a camp near Rutba"
MAX_AGE = timedelta(hours=48)
Start = Callable[..., Alert]


@pytest.fixture
def reports() -> list[AlertReport]:
    return []


@pytest.fixture
def start(storage: Storage, database: OwnThread, reports: list[AlertReport]) -> Start:
    def start(*topics: Topic) -> Alert:
        return Alert(
            store=storage.alerts,
            database=database,
            topics={known.id: known for known in topics},
            max_age=MAX_AGE,
            now=lambda: NOW,
            on_report=reports.append,
        )

    return start


def matched(storage: Storage, shown: KeyedItem, *topic_ids: str, **of_feed: Any) -> None:
    """One more item that matches these topics, from the feed called ``name``."""
    name = of_feed.pop("name", "Wire")
    found = stored_items(storage, shown, name=name, url=f"https://{name}.example/", **of_feed)[-1]
    scores = [score(found.id, topic_id=topic_id) for topic_id in topic_ids or ("patrols",)]
    storage.scores.record_scores([found], scores, NOW)


def reasons(reports: list[AlertReport]) -> list[str]:
    return [report.verdict.reason for report in reports]


def outbox(storage: Storage, channel: str = "#news-alerts") -> list[str]:
    """The titles that wait for a channel, in order."""
    titles = []
    while waiting := storage.deliveries.next_delivery(channel, NOW):
        message = waiting[0].message
        assert isinstance(message, Message)
        titles.append(message.title)
        storage.deliveries.record_state(waiting[0].id, "failed", "looked at")
    return titles


async def test_matches_become_deliveries_in_the_order_of_their_items(
    start: Start, storage: Storage, reports: list[AlertReport]
) -> None:
    stored_matches(storage, 120)
    assert await start(topic()).work() == 120
    assert [report.match.item.key for report in reports] == [f"key-{n}" for n in range(1, 121)]
    assert set(reasons(reports)) == {"new"}
    assert outbox(storage) == [keyed(n).item.title for n in range(1, 121)]
    assert storage.alerts.undecided(9) == []


async def test_a_match_is_decided_once(start: Start, storage: Storage, reports: list[AlertReport]) -> None:
    stored_matches(storage, 3)
    alert = start(topic())
    assert [await alert.work(), await alert.work()] == [3, 0]
    assert len(reports) == 3
    assert storage.ledger.counts()["alerts"] == storage.ledger.counts()["undelivered"] == 3


async def test_one_item_may_alert_several_topics_each_in_its_channel(
    start: Start, storage: Storage, reports: list[AlertReport]
) -> None:
    matched(storage, keyed(1, title=HEADLINE), "a", "b")
    await start(topic(id="a", channel="#a", name="A"), topic(id="b", channel="#b", name="B")).work()
    assert [report.topic_name for report in reports] == ["A", "B"]
    assert outbox(storage, "#a") == outbox(storage, "#b") == [HEADLINE]


async def test_two_topics_may_share_a_channel(start: Start, storage: Storage) -> None:
    matched(storage, keyed(1, title=HEADLINE), "a", "b")
    await start(topic(id="a"), topic(id="b")).work()
    assert outbox(storage) == [HEADLINE, HEADLINE]


@pytest.mark.parametrize(
    "copy",
    [
        keyed(2, title=HEADLINE.upper(), url="https://other.example/2"),
        keyed(2, title="Camp found", url="https://wire.example/1?utm_medium=rss"),
    ],
    ids=["headline", "address"],
)
async def test_a_copy_in_another_feed_is_told_once(
    start: Start, storage: Storage, reports: list[AlertReport], copy: KeyedItem
) -> None:
    matched(storage, keyed(1, title=HEADLINE))
    matched(storage, copy, name="Other")
    await start(topic()).work()
    first, second = reports
    assert (first.verdict.reason, second.verdict.reason) == ("new", "duplicate")
    assert second.verdict.duplicate_of == first.match.item.id
    assert outbox(storage) == [HEADLINE]


async def test_a_copy_that_comes_later_is_a_duplicate_of_the_first(
    start: Start, storage: Storage, reports: list[AlertReport]
) -> None:
    alert = start(topic())
    for n, name in enumerate(("Wire", "Other", "Third")):
        matched(storage, keyed(n, title=HEADLINE), name=name)
        await alert.work()
    assert reasons(reports) == ["new", "duplicate", "duplicate"]
    assert {report.verdict.duplicate_of for report in reports[1:]} == {reports[0].match.item.id}


async def test_what_stayed_quiet_does_not_silence_its_copy(
    start: Start, storage: Storage, reports: list[AlertReport]
) -> None:
    matched(storage, keyed(1, title=HEADLINE, published=NOW - 3 * MAX_AGE))
    matched(storage, keyed(2, title=HEADLINE), name="Other")
    await start(topic()).work()
    assert reasons(reports) == ["too_old", "new"]


async def test_a_duplicate_for_one_topic_is_news_for_another(
    start: Start, storage: Storage, reports: list[AlertReport]
) -> None:
    matched(storage, keyed(1, title=HEADLINE), "a")
    matched(storage, keyed(2, title=HEADLINE), "a", "b", name="Other")
    await start(topic(id="a"), topic(id="b", channel="#b")).work()
    assert reasons(reports) == ["new", "duplicate", "new"]


async def test_a_match_of_a_topic_that_is_gone_stays_quiet(
    start: Start, storage: Storage, reports: list[AlertReport]
) -> None:
    matched(storage, keyed(1), "gone", "patrols")
    await start(topic()).work()
    assert [(report.topic_name, report.verdict.reason) for report in reports] == [
        ("gone", "topic_gone"),
        ("Patrols", "new"),
    ]
    assert storage.ledger.counts()["undelivered"] == 1


async def test_the_message_names_the_other_feeds(start: Start, storage: Storage) -> None:
    for name in ("Wire", "Other", "Third"):
        matched(storage, keyed(1, title=HEADLINE), name=name)
    await start(topic()).work()
    waiting = storage.deliveries.next_delivery("#news-alerts", NOW)
    assert waiting is not None
    message = waiting[0].message
    assert isinstance(message, Message)
    assert message.source == "Wire"
    assert message.also_in == ("Other", "Third")


def test_a_message_tells_what_is_known() -> None:
    match = Match(item=item(author="R. Eporter"), score=score())
    told = message_for(match, topic(mention="here"), ["Other"])
    assert told == message(author="R. Eporter", mention="here", also_in=("Other",))


def test_a_delivery_has_an_id_of_its_own_for_ever() -> None:
    def identity(topic_id: str = "patrols", channel: str = "#c", **of_item: Any) -> str:
        return new_delivery(item(**of_item), topic_id, channel, message()).id

    ids = {
        identity(),
        identity(topic_id="other"),
        identity(channel="#d"),
        identity(id=2),
        identity(first_seen=NOW + HOUR),
    }
    assert len(ids) == 5
    assert identity(title="Edited", key="made anew") == identity()
    # Rows of older versions are known by it: it may never change.
    assert identity() == "cg3k4evajzsc7lmyjftm2so3g4"
    assert all(len(known) == 26 and known.isalnum() for known in ids)


async def test_a_match_that_cannot_be_decided_holds_up_no_other(
    start: Start, storage: Storage, reports: list[AlertReport], caplog: pytest.LogCaptureFixture
) -> None:
    stored_matches(storage, 3)
    first, _, last = storage.alerts.undecided(3)
    # What stands in the outbox under an id already cannot be put there again.
    taken = new_delivery(first.item, "patrols", "#news-alerts", message())
    storage.alerts.record_decision(last, outcome(ALERT, taken), NOW)
    with pytest.raises(Exception, match="UNIQUE"):
        await start(topic()).work()
    assert [report.match.item.id for report in reports] == [2]
    assert "decision_failed" in caplog.messages
