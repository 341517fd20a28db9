from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from builders import NOW, fetched, new_delivery, spec, stored_deliveries

from monitor.records import Feed, FeedHealth, Notice, NoticeEntry, PollPlan, Receipt, Trouble, TroubleKind
from monitor.storage import Storage
from monitor.tell import GATHER, MOST_ENTRIES, Tell
from monitor.threads import OwnThread

MINUTE = timedelta(minutes=1)
Start = Callable[..., Tell]


@pytest.fixture
def start(storage: Storage, database: OwnThread) -> Start:
    def start(at: datetime, channel: str | None = "#ops") -> Tell:
        return Tell(
            store=storage.troubles, channel=channel, database=database, now=lambda: at, on_told=lambda: None
        )

    return start


def feeds(storage: Storage, count: int) -> list[Feed]:
    names = [f"Feed {n:02}" for n in range(count)]
    storage.polls.sync_feeds([spec(url=f"https://{name[-2:]}.example/", name=name) for name in names], NOW)
    return storage.ledger.feeds()


def polled(
    storage: Storage,
    feed: Feed,
    at: datetime,
    begun: tuple[TroubleKind, ...] = (),
    ended: tuple[TroubleKind, ...] = (),
    replaced: tuple[TroubleKind, ...] = (),
) -> None:
    plan = PollPlan(
        next_poll_at=at,
        rhythm=None,
        health=FeedHealth(),
        begun=tuple(Trouble(kind=kind, cause=f"It is {kind}.") for kind in begun),
        ended=frozenset(ended),
        replaced=frozenset(replaced),
    )
    storage.polls.record_poll(feed, fetched(), [], at, lambda _changes: plan)


def outbox(storage: Storage, channel: str = "#ops") -> list[list[NoticeEntry]]:
    told = []
    while waiting := storage.deliveries.next_delivery(channel, NOW):
        assert isinstance(waiting[0].message, Notice)
        told.append(list(waiting[0].message.entries))
        storage.deliveries.record_state(waiting[0].id, "failed", "looked at")
    return told


async def test_what_happens_to_many_feeds_within_a_moment_is_one_message(
    storage: Storage, start: Start
) -> None:
    one, two, three = feeds(storage, 3)
    polled(storage, one, NOW, begun=("gone",))
    polled(storage, two, NOW + GATHER / 2, begun=("tls",))
    assert await start(NOW + GATHER / 2).work() == 0
    assert await start(NOW + GATHER).work() == 2
    polled(storage, three, NOW + GATHER, begun=("html",))
    assert await start(NOW + 3 * GATHER).work() == 1
    first, second = outbox(storage)
    assert [(entry.subject, entry.text, entry.over) for entry in first] == [
        ("Feed 00", "It is gone.", False),
        ("Feed 01", "It is tls.", False),
    ]
    assert [entry.subject for entry in second] == ["Feed 02"]


async def test_many_troubles_are_told_in_messages_that_can_be_read(storage: Storage, start: Start) -> None:
    kinds: tuple[TroubleKind, ...] = ("timeout", "gone", "html", "tls", "login")
    for n, feed in enumerate(feeds(storage, 25)):
        polled(storage, feed, NOW, begun=(kinds[n % 5],))
    await start(NOW + GATHER).work()
    assert [len(entries) for entries in outbox(storage)] == [MOST_ENTRIES, MOST_ENTRIES, 5]
    assert await start(NOW + 2 * GATHER).work() == 0


async def test_what_is_over_before_anybody_heard_of_it_is_never_told(storage: Storage, start: Start) -> None:
    (feed,) = feeds(storage, 1)
    polled(storage, feed, NOW, begun=("timeout",))
    polled(storage, feed, NOW + MINUTE / 10, ended=("timeout",))
    assert await start(NOW + GATHER).work() == 1
    assert outbox(storage) == []
    assert await start(NOW + MINUTE).work() == 0


async def test_the_end_of_a_trouble_is_told_with_how_long_it_lasted(storage: Storage, start: Start) -> None:
    (feed,) = feeds(storage, 1)
    polled(storage, feed, NOW, begun=("timeout", "undated"))
    await start(NOW + GATHER).work()
    polled(storage, feed, NOW + 120 * MINUTE, ended=("timeout",))
    await start(NOW + 122 * MINUTE).work()
    _, (end,) = outbox(storage)
    assert (end.over, end.remedy, end.text) == (True, None, "It can be read again, after 2 h.")
    (known,) = storage.ledger.feeds()
    assert known.troubles == {"undated"}


async def test_the_same_trouble_may_come_again(storage: Storage, start: Start) -> None:
    (feed,) = feeds(storage, 1)
    for n in range(2):
        polled(storage, feed, NOW + 2 * n * MINUTE, begun=("timeout",))
        await start(NOW + (2 * n + 0.9) * MINUTE).work()
        polled(storage, feed, NOW + (2 * n + 1) * MINUTE, ended=("timeout",))
        await start(NOW + (2 * n + 1.9) * MINUTE).work()
    assert [entry.over for (entry,) in outbox(storage)] == [False, True, False, True]


async def test_without_a_channel_trouble_goes_to_the_log(
    storage: Storage, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    (feed,) = feeds(storage, 1)
    polled(storage, feed, NOW, begun=("gone",))
    assert await start(NOW + GATHER, channel=None).work() == 1
    assert [record.getMessage() for record in caplog.records] == ["trouble"]
    assert storage.ledger.counts()["undelivered"] == 0


async def test_a_restart_tells_nothing_twice(storage: Storage, start: Start) -> None:
    (feed,) = feeds(storage, 1)
    polled(storage, feed, NOW, begun=("gone",))
    untold = storage.troubles.untold(10)
    assert len(untold) == 1
    await start(NOW + GATHER).work()
    assert storage.troubles.untold(10) == []
    assert len(outbox(storage)) == 1


async def test_a_trouble_that_many_feeds_share_is_told_as_one(storage: Storage, start: Start) -> None:
    for feed in feeds(storage, 60):
        polled(storage, feed, NOW, begun=("challenge",))
    await start(NOW + GATHER).work()
    ((entry,),) = outbox(storage)
    assert entry.subject == "60 feeds"
    assert "Feed 00, Feed 01" in entry.text
    assert "`monitor feeds list` has all" in entry.text


async def test_nobody_is_told_of_a_feed_that_has_left(storage: Storage, start: Start) -> None:
    one, two = feeds(storage, 2)
    polled(storage, one, NOW, begun=("gone",))
    polled(storage, two, NOW, begun=("gone",))
    storage.polls.sync_feeds([two.spec], NOW)
    await start(NOW + GATHER).work()
    ((entry,),) = outbox(storage)
    assert entry.subject == two.spec.name
    assert storage.ledger.counts()["troubles"] == 1


async def test_a_trouble_that_another_replaces_ends_without_a_word(storage: Storage, start: Start) -> None:
    (feed,) = feeds(storage, 1)
    polled(storage, feed, NOW, begun=("timeout",))
    await start(NOW + GATHER).work()
    polled(storage, feed, NOW + MINUTE, begun=("gone",), replaced=("timeout",))
    await start(NOW + 2 * MINUTE).work()
    assert [(entry.text, entry.over) for (entry,) in outbox(storage)] == [
        ("It is timeout.", False),
        ("It is gone.", False),
    ]


async def test_a_closed_channel_is_told_with_its_end(storage: Storage, start: Start) -> None:
    stored_deliveries(storage, new_delivery(1, "#desk"))
    storage.deliveries.record_closed("#desk", "It takes no messages (is_archived).", NOW)
    await start(NOW + GATHER).work()
    storage.deliveries.record_receipt("d1", Receipt(channel="C1", ts="1.5"), NOW + 60 * MINUTE)
    await start(NOW + 62 * MINUTE).work()
    (begun,), (ended,) = outbox(storage)
    assert (begun.subject, begun.text) == ("#desk", "It takes no messages (is_archived).")
    assert begun.remedy is not None
    assert (ended.subject, ended.over) == ("#desk", True)
    assert ended.text.startswith("It takes messages again, after ")


async def test_nothing_is_put_into_a_channel_that_takes_nothing(storage: Storage, start: Start) -> None:
    (feed,) = feeds(storage, 1)
    stored_deliveries(storage, new_delivery(1, "#ops"))
    polled(storage, feed, NOW, begun=("gone",))
    storage.deliveries.record_closed("#ops", "It takes no messages (is_archived).", NOW)
    assert await start(NOW + GATHER).work() == 0
    storage.deliveries.record_receipt("d1", Receipt(channel="C1", ts="1.5"), NOW + MINUTE)
    assert await start(NOW + 2 * MINUTE).work() == 2
    ((entry,),) = outbox(storage)
    assert entry.subject == "Feed 00"
