"""Socket Mode against the Slack stand-in: what is heard, when Slack is told so, and how connections end."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import pytest
from builders import TOKEN
from service_parts import until
from slack_sdk.web.async_client import AsyncWebClient

from monitor.demo.slack import SlackStandIn
from monitor.demo.slack_faults import Kind
from monitor.demo.slack_socket import block_actions
from monitor.notify import Listener, open_listener
from monitor.records import Feedback, HungUp

CHANNEL = "news-alerts"
APP_TOKEN = "xapp-1-canary"


@pytest.fixture
async def listener(standin: SlackStandIn) -> AsyncIterator[Listener]:
    async with open_listener(standin.api_url, APP_TOKEN, TOKEN) as listener:
        yield listener


@pytest.fixture
async def ts(standin: SlackStandIn) -> str:
    """A message with our buttons."""
    label = {"type": "plain_text", "text": "Press"}
    buttons = [
        {"type": "button", "text": label, "action_id": name, "value": "d1"}
        for name in ("monitor_ack", "monitor_vote_up", "monitor_vote_down", "another")
    ]
    slack = AsyncWebClient(token=TOKEN, base_url=standin.api_url, retry_handlers=[])
    posted = await slack.chat_postMessage(
        channel=CHANNEL, text="a", blocks=[{"type": "actions", "elements": buttons}]
    )
    return str(posted["ts"])


class Heard:
    """What a listener has handed over, and how its connection ended."""

    def __init__(self, hearing: "asyncio.Task[HungUp]", feedback: list[Feedback]) -> None:
        self.feedback = feedback
        self._hearing = hearing

    async def end(self) -> HungUp:
        async with asyncio.timeout(20):
            return await self._hearing

    @property
    def kinds(self) -> list[str]:
        return [feedback.kind for feedback in self.feedback]


@asynccontextmanager
async def hearing(listener: Listener, standin: SlackStandIn) -> AsyncIterator[Heard]:
    """Listen over one connection, which stands when the context begins."""
    feedback: list[Feedback] = []

    async def take(said: Feedback) -> None:
        feedback.append(said)

    before = standin.sockets.connections
    task = asyncio.create_task(listener.hear(take))
    await until(lambda: standin.sockets.connections > before or task.done())
    try:
        yield Heard(task, feedback)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await until(lambda: standin.sockets.connections == before)


async def test_a_click_is_heard_and_acknowledged(listener: Listener, standin: SlackStandIn, ts: str) -> None:
    async with hearing(listener, standin) as heard:
        assert await standin.click(CHANNEL, ts, "monitor_ack")
        (said,) = heard.feedback
    assert (said.kind, said.by, said.by_name, said.delivery_id) == ("ack", "U0PERSON001", "person", "d1")
    assert (said.channel_id, said.ts) == (standin.channel_id(CHANNEL), ts)
    assert standin.sockets.acked == [said.envelope_id]


async def test_slack_is_told_only_when_it_is_on_record(
    listener: Listener, standin: SlackStandIn, ts: str
) -> None:
    told_before: list[str] = []

    async def take(_said: Feedback) -> None:
        told_before.extend(standin.sockets.acked)

    task = asyncio.create_task(listener.hear(take))
    await until(lambda: standin.sockets.connections == 1)
    assert await standin.click(CHANNEL, ts, "monitor_ack")
    assert told_before == []
    assert len(standin.sockets.acked) == 1
    await standin.sockets.refresh()
    await task


async def test_what_could_not_be_recorded_is_not_acknowledged(
    listener: Listener, standin: SlackStandIn, ts: str
) -> None:
    async def take(_said: Feedback) -> None:
        raise LookupError("the disk is full")

    task = asyncio.create_task(listener.hear(take))
    await until(lambda: standin.sockets.connections == 1)
    click = asyncio.create_task(standin.click(CHANNEL, ts, "monitor_ack"))
    with pytest.raises(LookupError):
        await task
    click.cancel()
    assert standin.sockets.acked == []


async def test_reactions_are_heard_but_not_our_own(
    listener: Listener, standin: SlackStandIn, ts: str
) -> None:
    slack = AsyncWebClient(token=TOKEN, base_url=standin.api_url, retry_handlers=[])
    async with hearing(listener, standin) as heard:
        await slack.reactions_add(channel=standin.channel_id(CHANNEL), timestamp=ts, name="eyes")
        for name in ("eyes", "-1::skin-tone-3", "tada"):
            standin.react(CHANNEL, ts, name)
        await until(lambda: len(standin.sockets.acked) == 4)
        assert heard.kinds == ["ack", "vote_down"], "and what says nothing is acknowledged too"


async def test_garbage_costs_nothing_but_itself(
    listener: Listener, standin: SlackStandIn, ts: str, caplog: pytest.LogCaptureFixture
) -> None:
    garbage = ["", "{", "null", "[1]", "{}", '{"envelope_id": 5}', "[" * 100_000, '{"type": "hello"}']
    async with hearing(listener, standin) as heard:
        for text in garbage:
            await standin.sockets.push(text)
        await standin.sockets.push('{"envelope_id": "e9", "type": "slash_commands", "payload": 7}')
        await standin.sockets.push('{"envelope_id": "e10", "type": "interactive"}')
        assert await standin.click(CHANNEL, ts, "another")
        assert await standin.click(CHANNEL, ts, "monitor_vote_up")
        assert heard.kinds == ["vote_up"]
    assert standin.sockets.acked[:2] == ["e9", "e10"]
    unreadable = [record for record in caplog.records if record.message == "unreadable_envelope"]
    assert len(unreadable) == len(garbage) - 1


async def test_another_workspace_is_not_heard(listener: Listener, standin: SlackStandIn, ts: str) -> None:
    channel = standin._named(CHANNEL)
    payload = block_actions(channel, channel.message(ts), "monitor_ack", now=1.0)
    for n, team in enumerate(("T0ELSEWHERE", "T0STANDIN01")):
        payload["team"]["id"] = team
        async with hearing(listener, standin) as heard:
            await standin.sockets.push(json.dumps({"envelope_id": f"e{n}", "payload": payload}))
            await until(lambda n=n: f"e{n}" in standin.sockets.acked)  # type: ignore[misc]
            assert len(heard.feedback) == n


async def test_an_end_is_a_value(listener: Listener, standin: SlackStandIn) -> None:
    async with hearing(listener, standin) as heard:
        await standin.sockets.refresh()
        assert await heard.end() == HungUp(reason="Slack hangs up: refresh_requested")
    async with hearing(listener, standin) as heard:
        standin.sockets.drop()
        assert (await heard.end()).reason.startswith("the connection closed")
    async with hearing(listener, standin) as heard:
        await standin.sockets.push("x" * 2**21)
        assert (await heard.end()).reason == "the connection closed with code 1009"
    async with hearing(listener, standin) as heard:
        await standin.close()
        assert (await heard.end()).reason == "the connection closed with code 1000"
    async with hearing(listener, standin) as heard:
        assert (await heard.end()).reason.startswith("cannot reach Slack")


async def test_no_more_than_ten_connections(listener: Listener, standin: SlackStandIn) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(10):
            await stack.enter_async_context(hearing(listener, standin))
        eleventh = await stack.enter_async_context(hearing(listener, standin))
        assert (await eleventh.end()).reason == "Slack hangs up: too_many_websockets"
        assert standin.sockets.connections == 10
    await until(lambda: standin.sockets.connections == 0)


@pytest.mark.parametrize(
    ("tokens", "reason"),
    [
        ((APP_TOKEN, "xoxb-other"), "auth.test: invalid_auth"),
        (("xapp-other", TOKEN), "apps.connections.open: invalid_auth"),
        ((TOKEN, TOKEN), "apps.connections.open: not_allowed_token_type"),
    ],
)
async def test_tokens_that_slack_refuses(tokens: tuple[str, str], reason: str) -> None:
    async with (
        SlackStandIn([CHANNEL], token=TOKEN, app_token=APP_TOKEN) as standin,
        open_listener(standin.api_url, *tokens) as listener,
        hearing(listener, standin) as heard,
    ):
        assert await heard.end() == HungUp(reason=reason)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("error_500_before", "apps.connections.open: HTTP 500 without JSON"),
        ("garbage", "apps.connections.open: HTTP 200 without JSON"),
        ("error", "apps.connections.open: fatal_error"),
        ("drop_before", "connection to Slack broke: ServerDisconnectedError"),
    ],
)
async def test_slacks_bad_days(listener: Listener, standin: SlackStandIn, fault: Kind, reason: str) -> None:
    standin.fail(fault, method="apps.connections.open")
    async with hearing(listener, standin) as heard:
        assert await heard.end() == HungUp(reason=reason)


@pytest.mark.parametrize(("told", "heeded"), [(7, 7), (10**30, 3600)])
async def test_slack_says_when_to_come_again(
    listener: Listener, standin: SlackStandIn, told: int, heeded: int
) -> None:
    standin.fail("rate_limit", method="apps.connections.open", retry_after=told)
    async with hearing(listener, standin) as heard:
        assert (await heard.end()).retry_after == timedelta(seconds=heeded)


async def test_no_secret_is_told(
    standin: SlackStandIn, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(standin.sockets, "ticket", lambda _token: "ticket-canary")
    async with (
        open_listener(standin.api_url, APP_TOKEN, TOKEN) as listener,
        hearing(listener, standin) as heard,
    ):
        end = await heard.end()
    assert end.reason == "HTTP 403 instead of a WebSocket"
    assert "canary" not in caplog.text
