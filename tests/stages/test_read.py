import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from builders import HOUR, NOW, fetched, keyed, next_at, opened, spec, stored_items

from monitor.read import Read, ReadReport
from monitor.records import Article, Item, KeyedItem, NoArticle
from monitor.storage import Storage
from monitor.threads import OwnThread

TEXT = Article(text="Soldiers found a hidden camp.\nIt was empty.")
GONE = NoArticle(reason="The server answers HTTP 404.")
BUSY = NoArticle(reason="The server answers HTTP 503.", temporary=True)

Answer = Article | NoArticle | Exception | None


class Pages:
    """A source that answers by the item's number, one answer after the other; None never comes."""

    def __init__(self, **answers: list[Answer]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def read(self, url: str) -> Article | NoArticle:
        number = url.rpartition("/")[2]
        self.asked.append(number)
        answer = self.answers[f"n{number}"].pop(0)
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        assert answer is not None
        return answer


Start = Callable[..., Read]


@pytest.fixture
def reports() -> list[ReadReport]:
    return []


@pytest.fixture
def start(storage: Storage, database: OwnThread, reports: list[ReadReport]) -> Start:
    def start(source: Pages, patience: float = 60.0) -> Read:
        return Read(
            store=storage.reads,
            database=database,
            source=source,
            on_report=reports.append,
            patience=patience,
            second_try=0.0,
        )

    return start


def shown(storage: Storage, *items: KeyedItem) -> list[Item]:
    """Bring items of a feed with full text into the database; return those that need not wait for it."""
    return stored_items(storage, *items, full_text=True)


async def test_an_item_is_scored_after_its_article_was_read(
    start: Start, storage: Storage, reports: list[ReadReport]
) -> None:
    assert shown(storage, keyed(1)) == []
    assert storage.ledger.counts()["unread"] == 1
    assert await start(Pages(n1=[TEXT])).work() == 1
    [item] = storage.scores.unscored(9)
    assert (item.full_text, item.full_text_missing) == (TEXT.text, None)
    assert [(report.item.id, report.article) for report in reports] == [(item.id, TEXT)]
    assert storage.reads.unread(9) == []


async def test_an_item_without_an_article_is_scored_and_keeps_the_reason(
    start: Start, storage: Storage
) -> None:
    shown(storage, keyed(1))
    await start(Pages(n1=[GONE])).work()
    [item] = storage.scores.unscored(9)
    assert (item.full_text, item.full_text_missing) == (None, GONE.reason)
    [history] = storage.ledger.history(frozenset({"https://wire.example/1"}))
    assert history.item.full_text_missing == GONE.reason


async def test_passing_trouble_is_given_one_more_chance(start: Start, storage: Storage) -> None:
    shown(storage, keyed(3), keyed(2), keyed(1))
    pages = Pages(n1=[BUSY, TEXT], n2=[BUSY, BUSY, TEXT], n3=[GONE, TEXT])
    await start(pages).work()
    texts = {item.key: item.full_text or item.full_text_missing for item in storage.scores.unscored(9)}
    assert texts == {"key-1": TEXT.text, "key-2": BUSY.reason, "key-3": GONE.reason}
    assert sorted(pages.asked) == ["1", "1", "2", "2", "3"]


async def test_an_article_that_does_not_come_is_waited_for_no_longer_than_meant(
    start: Start, storage: Storage
) -> None:
    shown(storage, keyed(1))
    await start(Pages(n1=[None]), patience=0.05).work()
    [item] = storage.scores.unscored(9)
    assert item.full_text_missing == "The article could not be read within 0.05 s."


async def test_a_crash_over_one_page_costs_no_other(
    start: Start, storage: Storage, caplog: pytest.LogCaptureFixture
) -> None:
    shown(storage, keyed(3), keyed(2), keyed(1))
    half = Article(text="half a character \ud800")
    assert await start(Pages(n1=[RuntimeError("a bug")], n2=[TEXT], n3=[half])).work() == 3
    assert [item.full_text for item in storage.scores.unscored(9)] == [None, TEXT.text, None]
    assert caplog.messages.count("read_crashed") == 2


async def test_an_article_under_way_is_not_asked_for_again(start: Start, storage: Storage) -> None:
    shown(storage, keyed(1))
    pages = Pages(n1=[None])
    read = start(pages)
    assert [await read.start_waiting() for _ in range(3)] == [1, 0, 0]
    await asyncio.sleep(0)
    assert pages.asked == ["1"]
    read.abandon()
    await read.settled()


async def test_what_was_under_way_in_a_crash_is_read_at_the_next_start(
    start: Start, storage: Storage, database_file: Path
) -> None:
    shown(storage, keyed(1))
    read = start(Pages(n1=[None]))
    await read.start_waiting()
    read.abandon()
    await read.settled()
    with opened(database_file, read_only=True) as seen_by_others:
        assert seen_by_others.ledger.counts()["unread"] == 1
    assert await start(Pages(n1=[TEXT])).work() == 1
    assert len(storage.scores.unscored(9)) == 1


def test_feeds_without_full_text_and_items_without_address_do_not_wait(storage: Storage) -> None:
    stored_items(storage, keyed(1))
    assert [item.key for item in shown(storage, keyed(2, url=None))] == ["key-1", "key-2"]
    assert storage.reads.unread(9) == []


@pytest.mark.parametrize(("alert_backlog", "reads"), [(timedelta(0), []), (HOUR, ["key-1"])])
def test_a_backlog_is_read_only_if_it_may_alert(
    storage: Storage, alert_backlog: timedelta, reads: list[str]
) -> None:
    storage.polls.sync_feeds([spec(full_text=True, alert_backlog=alert_backlog)], NOW)
    [feed] = storage.ledger.feeds()
    storage.polls.record_poll(feed, fetched(), [keyed(1)], NOW, next_at(NOW + HOUR))
    assert [item.key for item in storage.reads.unread(9)] == reads
    polled = replace(feed, first_polled_at=NOW)
    storage.polls.record_poll(polled, fetched(), [keyed(2)], NOW, next_at(NOW + HOUR))
    assert [item.key for item in storage.reads.unread(9)] == [*reads, "key-2"]
