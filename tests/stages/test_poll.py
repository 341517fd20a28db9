import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from builders import HOUR, NOW, fetched, parsed, spec

from monitor.poll import Poll, PollReport, recognise
from monitor.records import Feed, FetchFailed, FetchOutcome, NotModified, Trust
from monitor.storage import Storage
from monitor.threads import OwnThread

FAILED = FetchFailed(kind="timeout", message="no answer within 30 s")
NOTHING = NotModified(etag=None, last_modified=None)


class Served:
    """A source that answers each feed with what it was given, by name; an exception is raised."""

    def __init__(self, **answers: FetchOutcome | Exception) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}

    def hold(self, name: str) -> asyncio.Event:
        """Let a feed's answer wait for the event that is returned."""
        return self.gates.setdefault(name, asyncio.Event())

    async def fetch(self, feed: Feed, trust: Trust = "full") -> FetchOutcome:
        self.asked.append(feed.spec.name)
        if gate := self.gates.get(feed.spec.name):
            await gate.wait()
        answer = self.answers[feed.spec.name]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


Start = Callable[..., Poll]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reports() -> list[PollReport]:
    return []


@pytest.fixture
def start(storage: Storage, database: OwnThread, clock: Clock, reports: list[PollReport]) -> Start:
    """Makes the stage for a source, whose feeds go into the database, each due a minute after the last."""

    def start(source: Served, concurrency: int = 32) -> Poll:
        specs = [spec(url=f"https://{name}.example/", name=name) for name in source.answers]
        for n in range(len(specs)):
            storage.polls.sync_feeds(specs[: n + 1], NOW - timedelta(minutes=len(specs) - n))
        return Poll(
            store=storage.polls,
            troubles=storage.troubles,
            database=database,
            source=source,
            now=clock,
            on_report=reports.append,
            every=timedelta(minutes=10),
            concurrency=concurrency,
            chance=lambda: 0.5,
        )

    return start


async def reported(reports: list[PollReport], times: int) -> None:
    async with asyncio.timeout(10):
        while len(reports) < times:  # noqa: ASYNC110 - a plain list is what the stage reports to
            await asyncio.sleep(0)


async def test_what_a_feed_shows_is_stored_and_reported(
    start: Start, storage: Storage, reports: list[PollReport]
) -> None:
    poll = start(Served(wire=fetched(parsed(2), parsed(1)), quiet=NOTHING, down=FAILED))
    assert await poll.work() == 3
    assert [item.title for item in storage.scores.unscored(9)] == [parsed(1).title, parsed(2).title]
    found = {report.feed.spec.name: (report.outcome, report.new) for report in reports}
    assert found == {
        "wire": (fetched(parsed(2), parsed(1)), 2),
        "quiet": (NOTHING, 0),
        "down": (FAILED, 0),
    }
    feeds = {feed.spec.name: feed for feed in storage.ledger.feeds()}
    assert [feeds[name].health.failures for name in ("wire", "quiet", "down")] == [0, 0, 1]
    assert {feed.next_poll_at for feed in feeds.values()} == {NOW + timedelta(minutes=10)}


async def test_the_same_document_again_brings_nothing(
    start: Start, clock: Clock, reports: list[PollReport]
) -> None:
    poll = start(Served(wire=fetched(parsed(2), parsed(1))))
    for hour in range(3):
        clock.now = NOW + hour * HOUR
        assert await poll.work() == 1
    assert [report.new for report in reports] == [2, 0, 0]


async def test_a_feed_is_polled_when_it_is_due_and_not_before(start: Start, clock: Clock) -> None:
    source = Served(wire=NOTHING)
    poll = start(source)
    assert await poll.work() == 1
    clock.now = NOW + timedelta(minutes=10) - timedelta(seconds=1)
    assert await poll.work() == 0
    clock.now = NOW + timedelta(minutes=10)
    assert await poll.work() == 1
    assert source.asked == ["wire", "wire"]


async def test_a_crash_over_one_feed_costs_no_other_and_counts_as_its_failure(
    start: Start, storage: Storage, reports: list[PollReport], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    source = Served(bad=RuntimeError("a bug"), wire=fetched(parsed(1)))
    poll = start(source)
    assert await poll.work() == 2
    assert {report.feed.spec.name for report in reports} == {"wire", "bad"}
    assert "poll_crashed" in caplog.messages
    (bad,) = [feed for feed in storage.ledger.feeds() if feed.spec.name == "bad"]
    assert (bad.health.failures, bad.health.failure) == (1, "fault")
    assert "RuntimeError" in (bad.health.last_error or "")
    clock.now = bad.next_poll_at
    await poll.work()
    (bad,) = [feed for feed in storage.ledger.feeds() if feed.spec.name == "bad"]
    assert bad.troubles == {"fault"}, "told, as any other trouble"
    source.answers["bad"] = NOTHING
    clock.now = bad.next_poll_at
    await poll.work()
    (bad,) = [feed for feed in storage.ledger.feeds() if feed.spec.name == "bad"]
    assert not bad.troubles


async def test_an_item_that_cannot_be_stored_costs_its_feed_only(
    start: Start, storage: Storage, reports: list[PollReport]
) -> None:
    half = fetched(parsed(1, title="half a character \ud800"))
    assert await start(Served(bad=half, wire=fetched(parsed(1)))).work() == 2
    assert {report.feed.spec.name: report.new for report in reports} == {"wire": 1, "bad": 0}
    assert len(storage.scores.unscored(9)) == 1


async def test_a_slow_feed_holds_up_nobody(start: Start, reports: list[PollReport]) -> None:
    source = Served(slow=NOTHING, wire=fetched(parsed(1)), other=FAILED)
    gate = source.hold("slow")
    poll = start(source)
    assert await poll.start_due() == 3
    await reported(reports, 2)
    assert {report.feed.spec.name for report in reports} == {"wire", "other"}
    gate.set()
    await poll.settled()
    assert len(reports) == 3


async def test_no_more_polls_than_there_is_room_for(start: Start, reports: list[PollReport]) -> None:
    source = Served(a=NOTHING, b=NOTHING, c=NOTHING, d=NOTHING)
    gates = [source.hold(name) for name in "abcd"]
    poll = start(source, concurrency=2)
    assert [await poll.start_due(), await poll.start_due()] == [2, 0]
    await asyncio.sleep(0)
    assert source.asked == ["a", "b"]
    gates[0].set()
    await reported(reports, 1)
    assert await poll.start_due() == 1
    for gate in gates:
        gate.set()
    await poll.settled()
    assert await poll.work() == 1
    assert source.asked == ["a", "b", "c", "d"]


async def test_an_abandoned_poll_is_due_again_at_the_next_start(
    start: Start, storage: Storage, reports: list[PollReport]
) -> None:
    source = Served(wire=fetched(parsed(1)))
    gate = source.hold("wire")
    poll = start(source)
    await poll.start_due()
    await asyncio.sleep(0)
    poll.abandon()
    await poll.settled()
    assert reports == []
    assert await poll.work() == 0
    storage.polls.release_claims()
    gate.set()
    assert await poll.work() == 1
    assert [report.new for report in reports] == [1]


async def test_a_feed_that_fails_is_polled_less_and_less_often(start: Start, clock: Clock) -> None:
    poll = start(Served(wire=FAILED))
    waits = []
    for _ in range(4):
        await poll.work()
        begun = clock.now
        while not await poll.start_due():
            clock.now += timedelta(minutes=10)
        await poll.settled()
        waits.append((clock.now - begun) / timedelta(minutes=10))
        clock.now += timedelta(days=1)
    assert waits == sorted(waits)
    assert waits[0] < waits[-1]


def test_items_are_recognised_by_key_address_and_headline() -> None:
    shown = fetched(
        parsed(1, url="https://wire.example/a?utm_source=rss"), parsed(2, url=None, title="Short")
    )
    first, second = recognise(shown)
    assert (first.canonical_url, first.headline_key) == (
        "https://wire.example/a",
        "report number 1 of the patrol",
    )
    assert (second.canonical_url, second.headline_key) == (None, None)
    assert first.key != second.key
    assert recognise(shown) == [first, second]


@pytest.mark.parametrize("outcome", [FAILED, NOTHING])
def test_without_a_document_there_are_no_items(outcome: FetchOutcome) -> None:
    assert recognise(outcome) == []


async def test_a_feed_that_is_due_again_the_moment_its_poll_ends_is_polled(
    start: Start, storage: Storage, reports: list[PollReport]
) -> None:
    source = Served(wire=NOTHING)
    gate = source.hold("wire")
    poll = start(source)
    storage.polls.sync_feeds([spec(url="https://wire.example/", name="wire", every=timedelta(0))], NOW)
    assert await poll.start_due() == 1
    gate.set()
    # The poll is recorded first, and the claim comes right behind it, before the poll's task has ended.
    claiming = asyncio.create_task(poll.start_due())
    assert await claiming == 1
    await poll.settled()
    assert len(reports) == 2
