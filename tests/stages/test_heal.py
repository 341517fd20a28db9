"""Messages that came twice: a late request after the next attempt, and what people did in between."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from builders import TOKEN, new_delivery, stored_deliveries

from monitor.deliver import Deliver
from monitor.demo.slack import SlackStandIn
from monitor.heal import LAST_LOOK, Heal
from monitor.notify import Notifier, open_slack
from monitor.records import Delivery, Posted, Receipt
from monitor.storage import Storage
from monitor.storage.deliveries import FIRST_LOOK
from monitor.threads import OwnThread

CHANNEL = "news-alerts"
PATIENCE = 20.0
LATE = 0.15
"""Seconds that a request takes whose sender has given up."""


@dataclass
class Desk:
    """Deliver and heal; ``later`` is how far heal's clock is ahead."""

    storage: Storage
    database: OwnThread
    notifier: Notifier
    standin: SlackStandIn
    later: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        self.heal = Heal(
            store=self.storage.healing,
            database=self.database,
            notifier=self.notifier,
            now=lambda: datetime.now(UTC) + self.later,
        )

    def deliver(self) -> Deliver:
        clock: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731
        return Deliver(
            store=self.storage.deliveries,
            database=self.database,
            notifier=self.notifier,
            now=clock,
            wall_clock=clock,
            on_report=lambda _: None,
            pace=0.0,
            settle=0.01,
        )

    async def delivered(self) -> None:
        assert await self.deliver().emptied(PATIENCE)

    async def delivered_twice(self) -> None:
        """A process dies while its request is under way; the next sends again before that has arrived."""
        self.standin.fail("slow", seconds=LATE)
        dying = self.deliver()
        await dying.work()
        await _until(lambda: self.standin.requests["chat.postMessage"] == 1)
        await asyncio.sleep(0.02)  # so that Slack has read all of it
        for lane in dying._lanes.values():
            lane.cancel()
        await asyncio.gather(*dying._lanes.values(), return_exceptions=True)
        self.storage.deliveries.interrupted()
        await self.delivered()
        await _until(lambda: len(self.standin.messages(CHANNEL)) == 2)

    def receipt(self) -> Receipt | None:
        (history,) = self.storage.ledger.history(frozenset({"https://wire.example/1"}))
        ((status,),) = (topic.deliveries for topic in history.topics)
        return status.receipt

    def stamps(self) -> list[str]:
        return [message.ts for message in self.standin.messages(CHANNEL)]


@pytest.fixture
async def desk(storage: Storage, database: OwnThread, standin: SlackStandIn) -> AsyncIterator[Desk]:
    async with open_slack(standin.api_url, TOKEN) as notifier:
        stored_deliveries(storage, new_delivery(1))
        yield Desk(storage, database, notifier, standin)


def attempted_again(storage: Storage) -> Delivery:
    """The delivery, as it is when its second attempt begins."""
    for _ in range(2):
        found = storage.deliveries.next_delivery(f"#{CHANNEL}", datetime.now(UTC))
        assert found is not None
        begun = storage.deliveries.record_attempt(found[0], datetime.now(UTC))
    return begun


async def test_a_request_that_arrives_late_leaves_one_message(desk: Desk) -> None:
    await desk.delivered_twice()
    assert desk.standin.copies() == {"d1": 2}
    kept, _ = desk.stamps()
    await desk.heal.work()
    assert desk.standin.copies() == {"d1": 2}, "a later one may still come"
    desk.later = FIRST_LOOK
    await desk.heal.work()
    assert desk.standin.copies() == {"d1": 1}
    receipt = desk.receipt()
    assert receipt is not None
    assert [receipt.ts] == desk.stamps() == [kept]


async def test_two_looks_are_made_and_no_more(desk: Desk) -> None:
    desk.standin.fail("drop_before")
    await desk.delivered()
    looked = [desk.standin.requests["conversations.history"]]
    for desk.later in (timedelta(0), FIRST_LOOK, FIRST_LOOK, LAST_LOOK, LAST_LOOK, 2 * LAST_LOOK):
        await desk.heal.work()
        looked.append(desk.standin.requests["conversations.history"])
    assert looked == [1, 1, 2, 2, 3, 3, 3]


async def test_what_took_one_attempt_is_not_looked_at(desk: Desk) -> None:
    await desk.delivered()
    desk.later = LAST_LOOK
    await desk.heal.work()
    assert desk.standin.requests == {"chat.postMessage": 1}


@pytest.mark.parametrize("answered", ["reaction", "reply"])
async def test_the_copy_that_people_have_answered_stays(desk: Desk, answered: str) -> None:
    begun = attempted_again(desk.storage)
    for _ in range(2):
        outcome = await desk.notifier.post(begun)
    assert isinstance(outcome, Posted)
    first, second = desk.stamps()
    desk.storage.deliveries.record_receipt("d1", Receipt(channel=outcome.receipt.channel, ts=first), _now())
    if answered == "reaction":
        desk.standin.react(CHANNEL, second, "eyes")
    else:
        desk.standin.say(CHANNEL, "on it", thread_ts=second)
    desk.later = FIRST_LOOK
    await desk.heal.work()
    assert desk.standin.copies() == {"d1": 1}
    assert desk.receipt() == outcome.receipt
    assert desk.stamps()[0] == second


async def test_nothing_is_removed_that_people_have_answered(desk: Desk) -> None:
    begun = attempted_again(desk.storage)
    for _ in range(2):
        outcome = await desk.notifier.post(begun)
    assert isinstance(outcome, Posted)
    for ts in desk.stamps():
        desk.standin.react(CHANNEL, ts, "eyes")
    desk.storage.deliveries.record_receipt("d1", outcome.receipt, _now())
    desk.later = FIRST_LOOK
    await desk.heal.work()
    assert desk.standin.copies() == {"d1": 2}


async def test_a_second_copy_in_a_thread_is_removed_too(desk: Desk) -> None:
    await desk.delivered()
    parent = desk.receipt()
    begun = replace(attempted_reply(desk.storage), kind="reply", parent=parent)
    for _ in range(2):
        outcome = await desk.notifier.post(begun)
    assert isinstance(outcome, Posted)
    desk.storage.deliveries.record_receipt("d2", outcome.receipt, _now())
    desk.later = FIRST_LOOK
    await desk.heal.work()
    assert desk.standin.copies() == {"d1": 1, "d2": 1}


async def test_a_channel_that_cannot_be_looked_at_is_looked_at_later(desk: Desk) -> None:
    await desk.delivered_twice()
    desk.standin.fail("kicked")
    desk.later = FIRST_LOOK
    await desk.heal.work()
    desk.standin.recover()
    await desk.heal.work()
    assert desk.standin.copies() == {"d1": 2}
    desk.later = 3 * FIRST_LOOK
    await desk.heal.work()
    assert desk.standin.copies() == {"d1": 1}


async def test_the_stand_in_tells_when_something_is_there_twice(desk: Desk) -> None:
    begun = attempted_again(desk.storage)
    await desk.notifier.post(begun)
    assert desk.standin.copies() == {"d1": 1}
    await desk.notifier.post(begun)
    assert desk.standin.copies() == {"d1": 2}


def attempted_reply(storage: Storage) -> Delivery:
    reply = replace(new_delivery(2), kind="reply", parent_id="d1")
    storage.troubles.record_told([], [reply], _now())
    return attempted_again(storage)


async def _until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not reached():  # noqa: ASYNC110 - the stand-in tells nobody
            await asyncio.sleep(0.005)


def _now() -> datetime:
    return datetime.now(UTC)
