"""Digests are made when they are due, each once, whatever happens in between."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from builders import NOW, keyed, score, stored_items, topic
from told_stories import other_writer, tell

from monitor.digest import Digests
from monitor.records import ChannelPlan, Digest, DigestPlan, Item
from monitor.storage import Storage
from monitor.threads import OwnThread

CHANNEL = "#news-alerts"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DAILY = DigestPlan(period="daily", at=time(12), time_zone="UTC")
"""Due at ``NOW``, on a Friday."""
WEEKLY = replace(DAILY, period="weekly", weekday=4)
Start = Callable[..., Digests]


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bell() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
def start(storage: Storage, database: OwnThread, clock: Clock, bell: asyncio.Event) -> Start:
    def start(*plans: DigestPlan, store: Storage = storage) -> Digests:
        return Digests(
            store=store.digests,
            database=database,
            plans={CHANNEL: ChannelPlan(channel=CHANNEL, digests=plans or (DAILY,))},
            topics={CHANNEL: (topic(),)},
            now=clock,
            on_told=bell.set,
        )

    return start


def scored(storage: Storage, *points: float, at: datetime = NOW - HOUR, first: int = 1) -> list[Item]:
    items = stored_items(storage, *(keyed(first + n) for n in reversed(range(len(points)))))
    found = [
        replace(score(item.id), score=value, matched=value >= 50)
        for item, value in zip(items, points, strict=True)
    ]
    storage.scores.record_scores(items, found, at)
    return items


def outbox(storage: Storage) -> list[Digest]:
    told = []
    while waiting := storage.deliveries.next_delivery(CHANNEL, NOW + 100 * DAY):
        if isinstance(waiting[0].message, Digest):
            assert waiting[0].kind == "post"
            told.append(waiting[0].message)
        storage.deliveries.record_state(waiting[0].id, "failed", "looked at")
    return told


async def test_a_digest_tells_stories_near_misses_and_how_much_was_read(
    storage: Storage, database_file: Path, start: Start, bell: asyncio.Event
) -> None:
    one, two, _three, _four = scored(storage, 80, 70, 45, 5)
    tell(database_file, 1, [one.id, two.id], NOW - HOUR)
    assert await start().work() == 1
    assert bell.is_set()
    (digest,) = outbox(storage)
    assert (digest.period, digest.since, digest.until) == ("daily", NOW - DAY, NOW)
    (count,) = digest.topics
    assert (count.topic_name, count.stories, count.items, count.per_day[-1]) == ("Patrols", 1, 2, 1)
    assert [(entry.title, entry.score) for entry in digest.top] == [(one.title, 80.0)]
    assert [entry.score for entry in digest.near_misses] == [45.0]
    assert digest.items_read == 4


async def test_where_nothing_matched_it_says_that_items_were_read(storage: Storage, start: Start) -> None:
    scored(storage, 5, 5, 5)
    assert await start().work() == 1
    (digest,) = outbox(storage)
    assert (digest.top, digest.near_misses, digest.items_read) == ((), (), 3)
    assert [count.stories for count in digest.topics] == [0]


async def test_it_is_made_when_its_time_has_come(storage: Storage, start: Start, clock: Clock) -> None:
    scored(storage, 5, at=NOW - 3 * DAY)
    stage = start()
    assert await stage.work() == 1
    assert await stage.work() == 0
    clock.now = NOW + DAY - timedelta(seconds=1)
    assert await stage.work() == 0
    clock.now = NOW + DAY
    assert await stage.work() == 1
    assert [digest.until for digest in outbox(storage)] == [NOW, NOW + DAY]


async def test_a_restart_makes_none_again(storage: Storage, start: Start, bell: asyncio.Event) -> None:
    scored(storage, 5)
    await start().work()
    bell.clear()
    assert await start().work() == 0
    assert not bell.is_set()
    assert len(outbox(storage)) == 1


async def test_of_those_missed_while_it_was_down_only_the_last_is_made(
    storage: Storage, start: Start, clock: Clock
) -> None:
    scored(storage, 5, at=NOW - 20 * DAY)
    await start(DAILY, WEEKLY).work()
    clock.now = NOW + 15 * DAY
    assert await start(DAILY, WEEKLY).work() == 2
    assert [(digest.period, digest.until) for digest in outbox(storage)] == [
        ("daily", NOW),
        ("weekly", NOW),
        ("daily", NOW + 15 * DAY),
        ("weekly", NOW + 14 * DAY),
    ]


async def test_what_ended_before_anything_was_read_is_not_told(
    storage: Storage, start: Start, clock: Clock
) -> None:
    scored(storage, 5, at=NOW + HOUR)
    clock.now = NOW + 2 * HOUR
    assert await start().work() == 0
    clock.now = NOW + DAY
    assert await start().work() == 1
    assert [digest.until for digest in outbox(storage)] == [NOW + DAY]


async def test_what_fails_half_way_leaves_nothing_and_is_made_later(
    storage: Storage, start: Start, database_file: Path
) -> None:
    scored(storage, 5)
    stage = start()
    with other_writer(database_file) as db:
        db.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON digests BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    with pytest.raises(sa.exc.IntegrityError, match="full"):
        await stage.work()
    assert storage.deliveries.count_open(NOW) == 0
    with other_writer(database_file) as db:
        db.exec_driver_sql("DROP TRIGGER full")
    assert await stage.work() == 1
    assert len(outbox(storage)) == 1


async def test_a_channel_without_a_plan_or_a_topic_is_no_trouble(
    storage: Storage, database: OwnThread, clock: Clock
) -> None:
    scored(storage, 5)
    plans = {
        CHANNEL: ChannelPlan(channel=CHANNEL, digests=(DAILY,)),
        "#other": ChannelPlan(channel="#other"),
    }
    stage = Digests(
        store=storage.digests, database=database, plans=plans, topics={}, now=clock, on_told=lambda: None
    )
    assert await stage.work() == 1
    (digest,) = outbox(storage)
    assert digest.topics == ()
