"""The Slack stand-in's faults: what a client sees, and what was stored."""

import asyncio
from collections.abc import Callable

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from monitor.demo.slack import SlackStandIn
from monitor.demo.slack_faults import Kind

CHANNEL = "news-alerts"
Connect = Callable[..., AsyncWebClient]

FAULTS: list[tuple[Kind, bool, str]] = [
    ("drop_before", False, "dropped"),
    ("drop_after", True, "dropped"),
    ("error_500_before", False, "500"),
    ("error_500_after", True, "500"),
    ("internal_error_after", True, "internal_error"),
    ("garbage", False, "None"),
    ("rate_limit", False, "429"),
    ("error", False, "fatal_error"),
    ("down", False, "dropped"),
    ("token_revoked", False, "token_revoked"),
]


async def outcome(slack: AsyncWebClient, channel: str = CHANNEL) -> str:
    """What a client can tell about its post."""
    try:
        await slack.chat_postMessage(channel=channel, text="a")
    except aiohttp.ServerDisconnectedError:
        return "dropped"
    except SlackApiError as error:
        status = error.response.status_code
        return str(error.response["error"] if status == 200 else status)
    return "ok"


@pytest.mark.parametrize(("kind", "stored", "seen"), FAULTS)
async def test_a_fault_shows_and_stores_what_it_says(
    slack: AsyncWebClient, standin: SlackStandIn, kind: Kind, stored: bool, seen: str
) -> None:
    standin.fail(kind)
    assert await outcome(slack) == seen
    assert len(standin.messages(CHANNEL)) == stored
    standin.recover()
    assert await outcome(slack) == "ok"
    assert len(standin.messages(CHANNEL)) == stored + 1


@pytest.mark.parametrize(
    ("content_type", "raised"), [("application/json", SlackApiError), ("text/plain", AttributeError)]
)
async def test_garbage_under_other_names(
    slack: AsyncWebClient, standin: SlackStandIn, content_type: str, raised: type[Exception]
) -> None:
    standin.fail("garbage", content_type=content_type)
    with pytest.raises(raised):
        await slack.chat_postMessage(channel=CHANNEL, text="a")
    assert standin.messages(CHANNEL) == []


async def test_the_default_retry_posts_twice_and_no_retry_once(
    connect: Connect, standin: SlackStandIn
) -> None:
    standin.fail("drop_after")
    default = AsyncWebClient(token="xoxb-1", base_url=standin.api_url)
    await default.chat_postMessage(channel=CHANNEL, text="a")
    assert len(standin.messages(CHANNEL)) == 2
    standin.fail("drop_after")
    assert await outcome(connect(standin)) == "dropped"
    assert len(standin.messages(CHANNEL)) == 3


async def test_slow_works_late_even_when_nobody_waits(connect: Connect, standin: SlackStandIn) -> None:
    standin.fail("slow", seconds=0.2)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.05)) as session:
        with pytest.raises(TimeoutError):
            await connect(standin, session=session).chat_postMessage(channel=CHANNEL, text="late")
    assert standin.messages(CHANNEL) == []
    while not standin.messages(CHANNEL):  # noqa: ASYNC110 - nothing to wait on: the client is gone
        await asyncio.sleep(0.02)


async def test_faults_meet_only_what_they_are_meant_for(slack: AsyncWebClient, standin: SlackStandIn) -> None:
    standin.fail("error", error="one", channel="#isis-watch", times=2)
    standin.fail("error", error="two", method="conversations.history")
    standin.fail("error", error="never", probability=0)
    watched = standin.channel_id("isis-watch")
    assert await outcome(slack) == "ok"
    for channel in ("isis-watch", watched):
        assert await outcome(slack, channel) == "one"
    assert await outcome(slack, channel) == "ok"
    with pytest.raises(SlackApiError, match="two"):
        await slack.conversations_history(channel=watched)
    await slack.conversations_history(channel=watched)


async def test_a_chance_is_taken_now_and_then_the_same_each_time(connect: Connect) -> None:
    runs = []
    for _ in range(2):
        async with SlackStandIn([CHANNEL], burst=None) as standin:
            standin.fail("error", times=None, probability=0.5)
            runs.append([await outcome(connect(standin)) for _ in range(12)])
    assert set(runs[0]) == {"ok", "fatal_error"}
    assert runs[0] == runs[1]


async def test_closing_refuses_connections_and_keeps_the_memory(
    connect: Connect, standin: SlackStandIn
) -> None:
    slack = connect(standin)
    port = int(standin.url.rstrip("/").rpartition(":")[2])
    assert await outcome(slack) == "ok"
    await standin.close()
    with pytest.raises(aiohttp.ClientConnectorError):
        await slack.auth_test()
    await standin.start("127.0.0.1", port)
    assert await outcome(slack) == "ok"
    assert len(standin.messages(CHANNEL)) == 2


def test_faults_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        SlackStandIn().fail("earthquake")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="probability"):
        SlackStandIn().fail("error", probability=2)
    with pytest.raises(LookupError, match="nowhere"):
        SlackStandIn().fail("archived", channel="nowhere")
