"""The stand-in's Socket Mode as Slack's own client sees it, and a person on its page."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from service_parts import until
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from monitor.demo.slack import SlackStandIn

CHANNEL = "news-alerts"


class App:
    """An app on Slack's own client; ``answers`` False hears and says nothing."""

    def __init__(self) -> None:
        self.requests: list[SocketModeRequest] = []
        self.answers = True

    async def take(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        self.requests.append(request)
        if self.answers:
            response = SocketModeResponse(envelope_id=request.envelope_id)
            await client.send_socket_mode_response(response)


@pytest.fixture
async def standin() -> AsyncIterator[SlackStandIn]:
    async with SlackStandIn([CHANNEL], token="xoxb-1", burst=None, ack_within=0.1) as running:
        yield running


@pytest.fixture
async def app(standin: SlackStandIn) -> AsyncIterator[App]:
    app = App()
    web = AsyncWebClient(base_url=standin.api_url, retry_handlers=[])
    client = SocketModeClient(app_token="xapp-1", web_client=web)
    client.socket_mode_request_listeners.append(app.take)
    await client.connect()  # type: ignore[no-untyped-call]
    await until(lambda: standin.sockets.connections == 1)
    yield app
    await client.close()  # type: ignore[no-untyped-call]
    own = (client.message_processor, client.current_session_monitor, client.message_receiver)
    # The client does not wait for its own tasks.
    await asyncio.gather(*filter(None, own), return_exceptions=True)


@pytest.fixture
async def ts(slack: AsyncWebClient) -> str:
    button = {
        "type": "button",
        "text": {"type": "plain_text", "text": "Press"},
        "action_id": "press",
        "value": "v",
    }
    blocks = [{"type": "actions", "elements": [button]}]
    posted = await slack.chat_postMessage(channel=CHANNEL, text="a", blocks=blocks)
    return str(posted["ts"])


async def act(standin: SlackStandIn, **what: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session:
        response = await session.post(f"{standin.url}page/act", json={"channel": CHANNEL, **what})
        answer: dict[str, Any] = await response.json()
    return answer


async def test_a_click_on_the_page_reaches_the_app(standin: SlackStandIn, app: App, ts: str) -> None:
    assert await act(standin, ts=ts, action_id="press") == {"ok": True}
    (request,) = app.requests
    assert (request.type, request.payload["type"]) == ("interactive", "block_actions")
    assert request.payload["actions"][0]["value"] == "v"
    assert standin.sockets.acked == [request.envelope_id]


async def test_a_person_is_told_that_nobody_answers(standin: SlackStandIn, app: App, ts: str) -> None:
    app.answers = False
    assert await act(standin, ts=ts, action_id="press") == {"ok": False}
    assert len(app.requests) == 1, "a click is not sent again"
    standin.sockets.drop()
    assert await act(standin, ts=ts, action_id="press") == {"ok": False}


async def test_a_reaction_on_the_page_reaches_the_app(standin: SlackStandIn, app: App, ts: str) -> None:
    assert await act(standin, ts=ts, name="eyes") == {"ok": True}
    await until(lambda: bool(standin.sockets.acked))
    (request,) = app.requests
    event = request.payload["event"]
    assert (request.type, event["type"], event["reaction"]) == ("events_api", "reaction_added", "eyes")
    assert event["item"] == {"type": "message", "channel": standin.channel_id(CHANNEL), "ts": ts}
    assert list(standin.messages(CHANNEL)[0].reactions) == ["eyes"]


async def test_an_event_is_sent_again_until_it_is_acknowledged(
    standin: SlackStandIn, app: App, ts: str
) -> None:
    standin.sockets.lose_acks = 1
    standin.react(CHANNEL, ts, "eyes")
    await until(lambda: bool(standin.sockets.acked))
    assert [request.retry_attempt for request in app.requests] == [0, 1]
    assert [request.retry_reason for request in app.requests] == ["", "timeout"]


async def test_an_event_is_given_up_after_four_times(standin: SlackStandIn, app: App, ts: str) -> None:
    app.answers = False
    standin.react(CHANNEL, ts, "eyes")
    await until(lambda: len(app.requests) == 4)
    await until(lambda: not standin.sockets._sending)
    assert len(app.requests) == 4


async def test_what_a_person_cannot_do(standin: SlackStandIn, ts: str) -> None:
    for what in ({"action_id": "other"}, {"name": "eyes", "ts": "1.0"}, {"name": "eyes", "colour": "red"}):
        answer = await act(standin, **{"ts": ts, **what})
        assert answer["ok"] is False
        assert answer["error"]
    assert standin.messages(CHANNEL)[0].reactions == {}


async def test_a_ticket_is_good_for_one_connection(standin: SlackStandIn) -> None:
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer xapp-1"}) as session:
        answer = await (await session.post(f"{standin.api_url}apps.connections.open")).json()
        async with session.ws_connect(answer["url"]) as socket:
            hello = await socket.receive_json()
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(answer["url"])
    assert (hello["type"], hello["num_connections"]) == ("hello", 1)
