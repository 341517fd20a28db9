"""From a person's click to the outbox, over real sockets; and connections that come and go."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from builders import CHANNELS, NOW, TOKEN, message
from service_parts import until
from slack_sdk.web.async_client import AsyncWebClient
from told_rows import ISIS, NEWS, Told

from monitor import listen as stage
from monitor.deliver import Deliver
from monitor.demo.slack import SlackStandIn
from monitor.demo.slack_render import rendered
from monitor.listen import Listen, open_listen
from monitor.notify import open_slack
from monitor.records import Receipt
from monitor.storage import Storage
from monitor.storage.tables import deliveries
from monitor.threads import OwnThread

APP_TOKEN = "xapp-1-canary"
NEWS_NAME, ISIS_NAME = CHANNELS


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Slack that is away is asked again at once, not seconds later."""
    monkeypatch.setattr(stage, "LONGEST_PAUSE", 0.02)


@pytest.fixture
async def standin() -> AsyncIterator[SlackStandIn]:
    async with SlackStandIn(CHANNELS, token=TOKEN, burst=None, ack_within=0.2) as running:
        yield running


@pytest.fixture
def bell() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
async def listening(
    standin: SlackStandIn, storage: Storage, database: OwnThread, bell: asyncio.Event
) -> AsyncIterator[Listen]:
    """The stage at work, connected; stopped at the end as the service stops it."""
    async with open_listen(
        standin.api_url,
        APP_TOKEN,
        TOKEN,
        store=storage.feedback,
        database=database,
        now=lambda: NOW,
        on_feedback=bell.set,
    ) as listen:
        assert listen is not None
        work = asyncio.create_task(listen.work())
        await until(lambda: standin.sockets.connections == 1)
        yield listen
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
    await until(lambda: standin.sockets.connections == 0)


async def posted(standin: SlackStandIn, channel: str) -> Receipt:
    """The story's message with its buttons, as Slack has it."""
    label = {"type": "plain_text", "text": "Press"}
    names = ("monitor_ack", "monitor_vote_up", "monitor_vote_down")
    buttons = [{"type": "button", "text": label, "action_id": name, "value": "d1"} for name in names]
    slack = AsyncWebClient(token=TOKEN, base_url=standin.api_url, retry_handlers=[])
    answer = await slack.chat_postMessage(
        channel=channel, text="a", blocks=[{"type": "actions", "elements": buttons}]
    )
    return Receipt(channel=str(answer["channel"]), ts=str(answer["ts"]))


@pytest.fixture
async def told(storage: Storage, database_file: Path, standin: SlackStandIn) -> Told:
    """A story that is told in two channels."""
    told = Told(storage, database_file)
    told.story()
    told.post("d1", NEWS, receipt=await posted(standin, NEWS_NAME))
    told.post("d2", ISIS, receipt=await posted(standin, ISIS_NAME))
    return told


def ts(standin: SlackStandIn) -> str:
    return standin.messages(NEWS_NAME)[0].ts


def edits(told: Told) -> list[dict[str, object]]:
    return told.rows(sa.select(deliveries).where(deliveries.c.kind == "edit"))


async def test_a_click_is_on_record_when_slack_is_told(
    listening: Listen, standin: SlackStandIn, told: Told, bell: asyncio.Event
) -> None:
    assert await standin.click(NEWS_NAME, ts(standin), "monitor_ack")
    assert told.acknowledged() == {(1, NEWS): "person", (1, ISIS): "person"}
    assert [row["parent_id"] for row in edits(told)] == ["d1", "d2"]
    assert bell.is_set(), "the edits are delivered at once"


async def test_the_edit_goes_to_the_message_that_was_clicked(
    listening: Listen, standin: SlackStandIn, told: Told, storage: Storage
) -> None:
    await standin.click(NEWS_NAME, ts(standin), "monitor_ack")
    found = storage.deliveries.next_delivery(NEWS, NOW)
    assert found is not None
    edit, _ = found
    assert (edit.kind, edit.message) == ("edit", message(acknowledged_by="person"))
    assert edit.parent == Receipt(channel=standin.channel_id(NEWS_NAME), ts=ts(standin))


async def test_the_message_itself_says_who_has_acknowledged_it(
    listening: Listen, standin: SlackStandIn, storage: Storage, database: OwnThread, database_file: Path
) -> None:
    told = Told(storage, database_file)
    told.story()
    told.post("d1", ISIS, receipt=None, content=message(level="urgent", mention="here"))
    async with open_slack(standin.api_url, TOKEN, buttons=True) as slack:
        deliver = Deliver(
            store=storage.deliveries,
            database=database,
            notifier=slack,
            now=lambda: NOW,
            wall_clock=lambda: NOW,
            on_report=lambda _report: None,
            pace=0.0,
        )
        assert await deliver.emptied(20)
        (before,) = standin.messages(ISIS_NAME)
        assert await standin.click(ISIS_NAME, before.ts, "monitor_ack")
        assert await deliver.emptied(20)
        await deliver.stop()
    (after,) = standin.messages(ISIS_NAME)
    assert (after.ts, "Acknowledged by person" in rendered(after).text) == (before.ts, True)
    assert "Acknowledged by" not in rendered(before).text
    with pytest.raises(LookupError):
        await standin.click(ISIS_NAME, after.ts, "monitor_ack")
    assert await standin.click(ISIS_NAME, after.ts, "monitor_vote_down")
    assert [vote.up for vote in storage.votes.votes("patrols")] == [False]


async def test_a_reaction_that_slack_sends_three_times_counts_once(
    listening: Listen, standin: SlackStandIn, told: Told
) -> None:
    standin.sockets.lose_acks = 2
    standin.react(NEWS_NAME, ts(standin), "white_check_mark")
    await until(lambda: len(standin.sockets.acked) == 1)
    assert standin.sockets.lose_acks == 0, "sent three times"
    assert told.acknowledged() == {(1, NEWS): "U0PERSON001", (1, ISIS): "U0PERSON001"}
    assert len(edits(told)) == 2


async def test_votes_by_button_and_by_reaction(
    listening: Listen, standin: SlackStandIn, told: Told, storage: Storage, bell: asyncio.Event
) -> None:
    assert await standin.click(NEWS_NAME, ts(standin), "monitor_vote_up")
    assert [vote.up for vote in storage.votes.votes("patrols")] == [True]
    standin.sockets.lose_acks = 1
    standin.react(NEWS_NAME, ts(standin), "thumbsdown")
    await until(lambda: len(standin.sockets.acked) == 2)
    (vote,) = storage.votes.votes("patrols")
    assert (vote.up, vote.by) == (False, "slack:U0PERSON001")
    assert edits(told) == []


async def test_what_is_no_message_of_ours_is_ignored(
    listening: Listen, standin: SlackStandIn, told: Told, bell: asyncio.Event
) -> None:
    standin.react(NEWS_NAME, standin.say(NEWS_NAME, "lunch?").ts, "eyes")
    await until(lambda: len(standin.sockets.acked) == 1)
    assert told.acknowledged() == {(1, NEWS): None, (1, ISIS): None}
    assert not bell.is_set()


async def test_connections_that_are_dropped_and_refreshed_are_followed_by_others(
    listening: Listen, standin: SlackStandIn, told: Told
) -> None:
    standin.sockets.drop()
    await until(lambda: standin.sockets.connections == 1)
    await standin.sockets.refresh()
    await until(lambda: standin.sockets.connections == 1)
    standin.react(NEWS_NAME, ts(standin), "eyes")
    standin.sockets.drop()
    await until(lambda: len(edits(told)) == 2)
    assert set(told.acknowledged().values()) == {"U0PERSON001"}


async def test_an_outage_is_outlived(listening: Listen, standin: SlackStandIn, told: Told) -> None:
    host, port = standin._address
    await standin.close()
    asked = standin.requests["apps.connections.open"]
    await standin.start(host, port)
    standin.fail("error_500_before", method="apps.connections.open", times=2)
    await until(lambda: standin.sockets.connections == 1)
    assert standin.requests["apps.connections.open"] == asked + 3
    assert await standin.click(NEWS_NAME, ts(standin), "monitor_ack")


async def test_who_is_not_to_be_heard_is_not(storage: Storage, database: OwnThread) -> None:
    for app_token, bot_token in ((None, TOKEN), (APP_TOKEN, None)):
        async with open_listen(
            "http://127.0.0.1:1/api/",
            app_token,
            bot_token,
            store=storage.feedback,
            database=database,
            now=lambda: NOW,
            on_feedback=lambda: None,
        ) as listen:
            assert listen is None


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (1, 0), (2, 1), (3, 2), (7, 32), (8, 60), (9999, 60)]
)
def test_pauses_grow_to_a_minute(failures: int, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert stage._pause(failures) == seconds
