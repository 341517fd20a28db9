"""The outbox against a Slack that fails in every way it knows: nothing lost, nothing twice, in order."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from builders import (
    ALERT,
    CHANNELS,
    HOUR,
    NOW,
    TOKEN,
    message,
    new_delivery,
    stored_deliveries,
    stored_matches,
)
from builders import outcome as decision

from monitor import deliver as stage
from monitor.deliver import Deliver, DeliverReport
from monitor.demo.slack import SlackStandIn
from monitor.demo.slack_faults import Kind
from monitor.demo.slack_methods import ALL_SCOPES
from monitor.notify import Notifier, open_slack
from monitor.records import Content, Delivery, InDoubt, NotPosted, Posted, PostOutcome, Receipt, Rewrite
from monitor.storage import Storage
from monitor.threads import OwnThread

SETTLE = 0.03
PATIENCE = 20.0
NEWS, ISIS = (f"#{name}" for name in CHANNELS)
TEMPORARY: list[Kind] = [
    "drop_before",
    "drop_after",
    "error_500_before",
    "error_500_after",
    "internal_error_after",
    "garbage",
    "error",
]


@pytest.fixture(autouse=True)
def short_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel that refuses is tried again at once, not seconds later."""
    monkeypatch.setattr(stage, "LONGEST_HOLD", 0.02)


class Outbox:
    """The deliver stage over a real database; ``crash`` ends it as a killed process would."""

    def __init__(self, storage: Storage, database: OwnThread, notifier: Notifier) -> None:
        self.storage = storage
        self.reports: list[DeliverReport] = []
        self._database = database
        self._notifier = notifier
        self.deliver = self.started()

    def started(self, *, pace: float = 0.0, settle: float = SETTLE, of: type[Deliver] = Deliver) -> Deliver:
        self.deliver = of(
            store=self.storage.deliveries,
            database=self._database,
            notifier=self._notifier,
            now=lambda: datetime.now(UTC),
            wall_clock=lambda: datetime.now(UTC),
            on_report=self.reports.append,
            pace=pace,
            settle=settle,
        )
        return self.deliver

    async def crash(self, *, settle: float = SETTLE) -> None:
        """Cut every lane off wherever it is, and start again as a new process does."""
        lanes = [task for task in asyncio.all_tasks() if task.get_name().startswith("lane ")]
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
        await self._database(self.storage.deliveries.interrupted)
        self.started(settle=settle)

    async def settled(self) -> None:
        """Tick until nothing is open, faster than ``emptied`` does."""
        async with asyncio.timeout(PATIENCE):
            while await self._database(self.storage.deliveries.count_open, datetime.now(UTC)):
                await self.deliver.work()
                await asyncio.sleep(0.005)

    async def counts(self) -> dict[str, int]:
        return await self._database(self.storage.ledger.counts)

    async def works_until(self, reached: Callable[[], bool]) -> None:
        """Tick like the scheduler until something has come about."""
        async with asyncio.timeout(PATIENCE):
            while not reached():
                await self.deliver.work()
                await asyncio.sleep(0.005)

    def has_reported(self, times: int, *, all_of: int) -> bool:
        """Whether there were so many reports, or there is nothing left to report."""
        sent = sum(isinstance(report.outcome, Posted) for report in self.reports)
        return sent >= all_of or len(self.reports) >= times

    def reasons(self) -> list[str]:
        return ["" if isinstance(r.outcome, Posted) else r.outcome.reason for r in self.reports]


@pytest.fixture
async def slack(standin: SlackStandIn) -> AsyncIterator[Notifier]:
    async with open_slack(standin.api_url, TOKEN) as notifier:
        yield notifier


@pytest.fixture
async def outbox(storage: Storage, database: OwnThread, slack: Notifier) -> AsyncIterator[Outbox]:
    outbox = Outbox(storage, database, slack)
    yield outbox
    await outbox.deliver.stop()


def posted(standin: SlackStandIn, channel: str) -> list[str]:
    """The ids of the deliveries in a channel, as often and in the order in which people see them."""
    found = [message.metadata for message in standin.messages(channel.removeprefix("#"))]
    return [metadata["event_payload"]["d"] for metadata in found if metadata]


async def test_messages_reach_their_channels_in_order_with_one_request_each(
    outbox: Outbox, standin: SlackStandIn
) -> None:
    stored_deliveries(outbox.storage, *(new_delivery(n, ISIS if n % 3 else NEWS) for n in range(9)))
    assert await outbox.deliver.emptied(PATIENCE)
    assert posted(standin, NEWS) == ["d0", "d3", "d6"]
    assert posted(standin, ISIS) == ["d1", "d2", "d4", "d5", "d7", "d8"]
    assert standin.requests == {"chat.postMessage": 9}
    assert (await outbox.counts())["delivered"] == 9


async def test_the_receipt_is_kept(outbox: Outbox, standin: SlackStandIn) -> None:
    stored_deliveries(outbox.storage, new_delivery())
    await outbox.settled()
    await outbox.deliver.stop()
    (history,) = outbox.storage.ledger.history(frozenset({"https://wire.example/1"}))
    ((status,),) = (topic.deliveries for topic in history.topics)
    (message,) = standin.messages("news-alerts")
    assert status.receipt == Receipt(channel=standin.channel_id("news-alerts"), ts=message.ts)
    assert (status.state, status.attempt) == ("sent", 1)


async def test_an_empty_outbox_is_emptied(outbox: Outbox, standin: SlackStandIn) -> None:
    await outbox.deliver.work()
    assert await outbox.deliver.emptied(patience=0)
    assert not standin.requests


async def test_an_attempt_is_on_record_before_the_message_leaves(
    storage: Storage, database: OwnThread
) -> None:
    class Watching:
        """Notes what the database says while the message is under way."""

        def __init__(self) -> None:
            self.seen: list[tuple[str, int, bool]] = []

        async def post(self, delivery: Delivery) -> PostOutcome:
            found = await database(storage.deliveries.next_delivery, delivery.channel, NOW)
            assert found is not None
            self.seen.append((found[1], found[0].attempt, found[0] == delivery))
            return Posted(receipt=Receipt(channel="C1", ts="1.0"))

        async def look_up(self, delivery: Delivery) -> PostOutcome:
            raise AssertionError("nothing is in doubt")

    stored_deliveries(storage, new_delivery())
    watching = Watching()
    outbox = Outbox(storage, database, watching)
    await outbox.settled()
    assert watching.seen == [("sending", 1, True)]


@pytest.mark.parametrize("put_off", [timedelta(0), HOUR], ids=["louder", "later"])
async def test_what_is_rewritten_while_a_lane_keeps_its_pace_goes_as_it_is_by_then(
    storage: Storage, database: OwnThread, put_off: timedelta
) -> None:
    class Taking:
        """Takes everything, and keeps it."""

        def __init__(self) -> None:
            self.taken: list[tuple[str, bool, Content]] = []

        async def post(self, delivery: Delivery) -> PostOutcome:
            self.taken.append((delivery.id, delivery.broadcast, delivery.message))
            return Posted(receipt=Receipt(channel="C1", ts="1.0"))

        async def look_up(self, delivery: Delivery) -> PostOutcome:
            raise AssertionError("nothing is in doubt")

    stored_matches(storage, 3)
    taking, loud = Taking(), message(title="Louder")
    reply = replace(new_delivery(2), kind="reply", parent_id="d1")
    rewrite = Rewrite(delivery_id="d2", message=loud, broadcast=True, not_before=datetime.now(UTC) + put_off)
    first, second, third = storage.alerts.undecided(3)
    storage.alerts.record_decision(first, decision(ALERT, new_delivery(1)), NOW)
    storage.alerts.record_decision(second, decision(ALERT, reply), NOW)

    class Pacing(Deliver):
        """Keeps a pace in which somebody decides something."""

        async def _wait_for_pace(self, channel: str) -> None:
            if taking.taken:
                louder = decision(ALERT, rewrites=(rewrite,))
                await database(storage.alerts.record_decision, third, louder, NOW)

    outbox = Outbox(storage, database, taking)
    outbox.started(of=Pacing)
    await outbox.settled()
    await asyncio.gather(*outbox.deliver._lanes.values())
    said = [("d2", True, loud)] if not put_off else []
    assert taking.taken == [("d1", False, new_delivery(1).message), *said]


# --- one fault at a time -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", TEMPORARY)
async def test_after_faults_every_message_is_there_once_and_in_order(
    outbox: Outbox, standin: SlackStandIn, kind: Kind
) -> None:
    stored_deliveries(outbox.storage, *(new_delivery(n) for n in range(3)))
    standin.fail(kind, times=2)
    await outbox.settled()
    assert posted(standin, NEWS) == ["d0", "d1", "d2"]
    assert (await outbox.counts())["delivered"] == 3


async def test_a_message_in_doubt_that_is_there_is_not_sent_again(
    outbox: Outbox, standin: SlackStandIn
) -> None:
    stored_deliveries(outbox.storage, new_delivery())
    standin.fail("drop_after")
    await outbox.settled()
    assert standin.requests["chat.postMessage"] == 1
    assert [type(report.outcome) for report in outbox.reports] == [InDoubt, Posted]


async def test_a_message_in_doubt_that_is_not_there_is_sent_again(
    outbox: Outbox, standin: SlackStandIn
) -> None:
    stored_deliveries(outbox.storage, new_delivery())
    standin.fail("drop_before")
    await outbox.settled()
    assert standin.requests["chat.postMessage"] == 2
    assert [type(report.outcome) for report in outbox.reports] == [InDoubt, NotPosted, Posted]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["drop_before", "error_500_before", "garbage", "error", "rate_limit"])
async def test_a_message_in_doubt_is_not_sent_again_before_somebody_could_look(
    outbox: Outbox, standin: SlackStandIn, kind: Kind
) -> None:
    stored_deliveries(outbox.storage, new_delivery(1), new_delivery(2))
    standin.fail("drop_after")
    standin.fail(kind, method="conversations.history", times=2)
    await outbox.settled()
    assert posted(standin, NEWS) == ["d1", "d2"]
    assert standin.requests["chat.postMessage"] == 2


@pytest.mark.parametrize("kind", ["archived", "kicked", "token_revoked", "down"])
async def test_a_channel_that_refuses_is_tried_until_it_takes_its_messages(
    outbox: Outbox, standin: SlackStandIn, kind: Kind
) -> None:
    stored_deliveries(outbox.storage, new_delivery(1), new_delivery(2))
    standin.fail(kind)
    await outbox.works_until(lambda: len(outbox.reports) >= 3)
    assert posted(standin, NEWS) == []
    standin.recover()
    await outbox.settled()
    assert posted(standin, NEWS) == ["d1", "d2"]


@pytest.mark.parametrize("kind", ["archived", "kicked", "token_revoked"])
async def test_a_channel_that_is_closed_to_us_is_a_trouble_until_it_takes_a_message(
    outbox: Outbox, standin: SlackStandIn, kind: Kind
) -> None:
    stored_deliveries(outbox.storage, new_delivery(1), new_delivery(2), new_delivery(3, ISIS))
    standin.fail(kind, channel=None if kind == "token_revoked" else NEWS)
    await outbox.works_until(lambda: len(outbox.reports) >= 6)
    closed = {known.channel: known.trouble for known in outbox.storage.ledger.troubles()}
    assert set(closed) == ({NEWS, ISIS} if kind == "token_revoked" else {NEWS})
    assert outbox.reasons()[0] in closed[NEWS].cause
    standin.recover()
    await outbox.settled()
    assert outbox.storage.ledger.troubles() == []
    assert posted(standin, NEWS) == ["d1", "d2"]


async def test_a_closed_channel_is_tried_again_slowly(
    outbox: Outbox, standin: SlackStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "LONGEST_HOLD", 300.0)
    stored_deliveries(outbox.storage, new_delivery(1), new_delivery(2, ISIS))
    standin.fail("kicked", channel=NEWS)
    await outbox.works_until(lambda: len(outbox.reports) >= 2)
    for _ in range(20):
        await outbox.deliver.work()
    await outbox.deliver.stop()
    assert standin.requests == {"chat.postMessage": 2}
    assert outbox.deliver._free_at[NEWS] - asyncio.get_running_loop().time() > 200


async def test_a_message_in_doubt_where_nobody_lets_us_look_closes_the_channel(
    outbox: Outbox, standin: SlackStandIn
) -> None:
    stored_deliveries(outbox.storage, new_delivery(1))
    standin.fail("drop_after")
    await outbox.works_until(lambda: bool(outbox.reports))
    standin.fail("kicked")
    await outbox.works_until(lambda: len(outbox.reports) >= 2)
    (known,) = outbox.storage.ledger.troubles()
    assert "not_in_channel" in known.trouble.cause
    standin.recover()
    await outbox.settled()
    assert posted(standin, NEWS) == ["d1"]


async def test_an_outage_costs_nothing(outbox: Outbox, standin: SlackStandIn) -> None:
    stored_deliveries(outbox.storage, *(new_delivery(n, ISIS if n % 2 else NEWS) for n in range(6)))
    port = int(standin.url.rstrip("/").rpartition(":")[2])
    await standin.close()
    await outbox.works_until(lambda: len(outbox.reports) >= 4)
    await standin.start("127.0.0.1", port)
    await outbox.settled()
    assert posted(standin, NEWS) == ["d0", "d2", "d4"]
    assert posted(standin, ISIS) == ["d1", "d3", "d5"]


@pytest.mark.parametrize("kind", ["archived", "drop_after", "rate_limit"])
async def test_a_troubled_channel_holds_up_no_other(
    outbox: Outbox, standin: SlackStandIn, kind: Kind
) -> None:
    stored_deliveries(outbox.storage, *(new_delivery(n, ISIS if n % 2 else NEWS) for n in range(10)))
    standin.fail(kind, channel="isis-watch", times=None, retry_after=600)
    standin.fail("error", method="conversations.history", error="internal_error", times=None)
    await outbox.works_until(lambda: len(posted(standin, NEWS)) == 5)
    assert posted(standin, NEWS) == ["d0", "d2", "d4", "d6", "d8"]
    assert len(posted(standin, ISIS)) <= 1


async def test_a_message_that_is_never_taken_makes_way_for_the_next(
    outbox: Outbox, standin: SlackStandIn
) -> None:
    stored_deliveries(outbox.storage, new_delivery(1), new_delivery(2))
    standin.fail("error", error="msg_too_long", times=2)
    await outbox.settled()
    assert posted(standin, NEWS) == ["d2"]
    assert (await outbox.counts())["undeliverable"] == 1


async def test_who_may_not_look_sends_again_and_says_so(storage: Storage, database: OwnThread) -> None:
    scopes = set(ALL_SCOPES) - {"channels:history"}
    stored_deliveries(storage, new_delivery(1), new_delivery(2))
    async with (
        SlackStandIn(CHANNELS, scopes=scopes, burst=None) as standin,
        open_slack(standin.api_url, TOKEN) as slack,
    ):
        outbox = Outbox(storage, database, slack)
        standin.fail("drop_after")
        await outbox.settled()
        assert posted(standin, NEWS) == ["d1", "d1", "d2"]
    assert any("it may appear twice" in reason for reason in outbox.reasons())


async def test_a_notifier_that_crashes_costs_nothing(
    storage: Storage, database: OwnThread, slack: Notifier, standin: SlackStandIn
) -> None:
    class Stumbling:
        """Posts, and then trips over itself, once."""

        def __init__(self) -> None:
            self.stumbled = False

        async def post(self, delivery: Delivery) -> PostOutcome:
            outcome = await slack.post(delivery)
            if not self.stumbled:
                self.stumbled = True
                raise RuntimeError("a bug")
            return outcome

        async def look_up(self, delivery: Delivery) -> PostOutcome:
            return await slack.look_up(delivery)

    stored_deliveries(storage, new_delivery(1), new_delivery(2))
    await Outbox(storage, database, Stumbling()).settled()
    assert posted(standin, NEWS) == ["d1", "d2"]


# --- pace --------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_channel_that_asks_for_time_is_left_alone_for_so_long(
    storage: Storage, database: OwnThread
) -> None:
    stored_deliveries(storage, new_delivery(1), new_delivery(2))
    async with (
        SlackStandIn(CHANNELS, burst=1) as standin,
        open_slack(standin.api_url, TOKEN) as slack,
    ):
        await Outbox(storage, database, slack).settled()
        assert posted(standin, NEWS) == ["d1", "d2"]
        # Taken, told to wait a second, taken: whoever asks earlier is told again.
        assert standin.requests == {"chat.postMessage": 3}


@pytest.mark.slow
async def test_at_its_own_pace_a_channel_never_has_to_ask(storage: Storage, database: OwnThread) -> None:
    stored_deliveries(storage, new_delivery(1), new_delivery(2))
    async with (
        SlackStandIn(CHANNELS, burst=1) as standin,
        open_slack(standin.api_url, TOKEN) as slack,
    ):
        outbox = Outbox(storage, database, slack)
        outbox.started(pace=stage.PACE)
        await outbox.settled()
        assert standin.requests == {"chat.postMessage": 2}


async def test_a_long_lane_does_not_delay_a_short_one(outbox: Outbox, standin: SlackStandIn) -> None:
    many = [new_delivery(n) for n in range(60)]
    stored_deliveries(outbox.storage, *many, new_delivery(99, ISIS))
    outbox.started(pace=0.01)
    await outbox.settled()
    (single,) = standin.messages("isis-watch")
    before = [message for message in standin.messages("news-alerts") if message.ts < single.ts]
    assert len(before) < 10
    assert posted(standin, NEWS) == [told.id for told in many]


async def test_all_lanes_together_keep_the_pace_of_a_workspace(storage: Storage, database: OwnThread) -> None:
    channels = [f"desk-{n}" for n in range(stage.BURST + 7)]
    stored_deliveries(storage, *(new_delivery(n, f"#{name}") for n, name in enumerate(channels)))
    async with SlackStandIn(channels, burst=None) as standin, open_slack(standin.api_url, TOKEN) as slack:
        outbox = Outbox(storage, database, slack)
        outbox.started(pace=0.1 * stage.LANES_AT_PACE)
        await outbox.settled()
        stamps = sorted(float(message.ts) for name in channels for message in standin.messages(name))
    # No machine is too slow for this: it says how early the last one may go, not how late.
    assert stamps[-1] - stamps[0] > 0.5


async def test_who_waits_for_a_turn_does_not_hold_up_the_end(outbox: Outbox, standin: SlackStandIn) -> None:
    stored_deliveries(outbox.storage, new_delivery(1), new_delivery(2))
    deliver = outbox.started(pace=600.0)
    await outbox.works_until(lambda: len(outbox.reports) == 1)
    async with asyncio.timeout(PATIENCE):
        await deliver.stop()
    assert posted(standin, NEWS) == ["d1"]


@pytest.mark.slow
async def test_two_hundred_messages_against_a_rate_limit_all_arrive_in_order(
    storage: Storage, database: OwnThread
) -> None:
    stored_deliveries(storage, *(new_delivery(n) for n in range(200)))
    # Slack's clock runs 25 times too fast: it takes 25 messages in what we take for a second.
    async with (
        SlackStandIn(CHANNELS, burst=50, clock=lambda: time.time() * 25) as standin,
        open_slack(standin.api_url, TOKEN) as slack,
    ):
        outbox = Outbox(storage, database, slack)
        await outbox.settled()
        assert posted(standin, NEWS) == [f"d{n}" for n in range(200)]
        assert "ratelimited" in outbox.reasons()


# --- ends and beginnings -----------------------------------------------------------------------------


async def test_stopping_lets_the_message_under_way_arrive_and_begins_no_other(
    outbox: Outbox, standin: SlackStandIn
) -> None:
    stored_deliveries(outbox.storage, new_delivery(1), new_delivery(2))
    standin.fail("slow", seconds=0.1)
    await outbox.works_until(lambda: standin.requests["chat.postMessage"] == 1)
    await outbox.deliver.stop()
    await outbox.deliver.work()
    assert posted(standin, NEWS) == ["d1"]
    assert (await outbox.counts())["delivered"] == 1
    outbox.started()
    await outbox.settled()
    assert posted(standin, NEWS) == ["d1", "d2"]


@pytest.mark.parametrize("arrived", [True, False])
async def test_what_a_dead_process_was_sending_is_looked_for_first(
    outbox: Outbox, standin: SlackStandIn, slack: Notifier, arrived: bool
) -> None:
    stored_deliveries(outbox.storage, new_delivery(1), new_delivery(2))
    waiting = outbox.storage.deliveries.next_delivery(NEWS, NOW)
    assert waiting is not None
    begun = outbox.storage.deliveries.record_attempt(waiting[0], datetime.now(UTC))
    if arrived:
        await slack.post(begun)
    await outbox.crash()
    await outbox.settled()
    assert posted(standin, NEWS) == ["d1", "d2"]
    assert standin.requests["chat.postMessage"] == 2


async def test_a_request_that_arrives_after_its_process_has_died_is_waited_for(
    outbox: Outbox, standin: SlackStandIn
) -> None:
    stored_deliveries(outbox.storage, new_delivery())
    standin.fail("slow", seconds=0.2)
    await outbox.works_until(lambda: standin.requests["chat.postMessage"] == 1)
    await asyncio.sleep(0.05)  # so that Slack has read all of it
    await outbox.crash(settle=0.6)
    assert posted(standin, NEWS) == []
    await outbox.settled()
    assert posted(standin, NEWS) == ["d1"]
    assert standin.requests["chat.postMessage"] == 1


async def test_patience_ends(outbox: Outbox, standin: SlackStandIn) -> None:
    stored_deliveries(outbox.storage, new_delivery())
    standin.fail("archived")
    assert not await outbox.deliver.emptied(patience=0.1)
    assert (await outbox.counts())["undelivered"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 30))]
)
async def test_no_run_of_faults_and_crashes_loses_doubles_or_reorders(
    outbox: Outbox, standin: SlackStandIn, seed: int
) -> None:
    chance = random.Random(seed)
    count = 10
    channels = [chance.choice((NEWS, ISIS)) for _ in range(count)]
    stored_deliveries(outbox.storage, *(new_delivery(n, channel) for n, channel in enumerate(channels)))
    standin.fail("error", probability=0.1, times=5, error="channel_not_found")
    for kind in TEMPORARY:
        standin.fail(kind, probability=0.1, times=3)
        standin.fail(kind, probability=0.1, times=3, method="conversations.history")
    for _ in range(3):
        goal = len(outbox.reports) + chance.randrange(1, 6)
        await outbox.works_until(partial(outbox.has_reported, goal, all_of=count))
        await outbox.crash()
    await outbox.settled()
    for channel in (NEWS, ISIS):
        wanted = [f"d{n}" for n, asked in enumerate(channels) if asked == channel]
        assert posted(standin, channel) == wanted
    assert (await outbox.counts())["delivered"] == count
