"""What the Slack stand-in refuses as Slack does: content over its limits, and posts over its rate."""

from collections.abc import Callable
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from monitor.demo.slack import SlackStandIn

CHANNEL = "news-alerts"
Connect = Callable[..., AsyncWebClient]


def section(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "plain_text", "text": text}, **more}


def button(text: str = "Yes", **more: Any) -> dict[str, Any]:
    return {"type": "button", "text": {"type": "plain_text", "text": text}, **more}


RICH = {"type": "rich_text_section", "elements": [{"type": "text", "text": "a"}]}
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("no_text", {"text": "  "}),
    ("msg_too_long", {"text": "a" * 12_001}),
    ("invalid_blocks_format", {"blocks": "no json"}),
    ("invalid_blocks_format", {"blocks": '{"type": "divider"}'}),
    ("invalid_blocks", {"blocks": [{"type": "divider"}] * 51}),
    ("invalid_blocks", {"blocks": [section("a" * 3001)]}),
    ("invalid_blocks", {"blocks": [section("")]}),
    ("invalid_blocks", {"blocks": [{"type": "section"}]}),
    ("invalid_blocks", {"blocks": [{"type": "marquee"}]}),
    ("invalid_blocks", {"blocks": [section("a", colour="red")]}),
    ("invalid_blocks", {"blocks": [section("a", fields=[{"type": "mrkdwn", "text": "a"}] * 11)]}),
    ("invalid_blocks", {"blocks": [section("a", fields=[{"type": "mrkdwn", "text": "a" * 2001}])]}),
    ("invalid_blocks", {"blocks": [section("a", block_id="b"), section("a", block_id="b")]}),
    ("invalid_blocks", {"blocks": [section("a", block_id="b" * 256)]}),
    ("invalid_blocks", {"blocks": [{**section("a" * 151), "type": "header"}]}),
    ("invalid_blocks", {"blocks": [{"type": "header", "text": {"type": "mrkdwn", "text": "a"}}]}),
    (
        "invalid_blocks",
        {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "a", "emoji": True}}]},
    ),
    ("invalid_blocks", {"blocks": [{"type": "context", "elements": [section("a")["text"]] * 11}]}),
    ("invalid_blocks", {"blocks": [{"type": "actions", "elements": [button()] * 26}]}),
    ("invalid_blocks", {"blocks": [{"type": "actions", "elements": []}]}),
    ("invalid_blocks", {"blocks": [{"type": "actions", "elements": [button("a" * 76)]}]}),
    ("invalid_blocks", {"blocks": [{"type": "actions", "elements": [button(value="a" * 2001)]}]}),
    ("invalid_blocks", {"blocks": [{"type": "actions", "elements": [button(style="loud")]}]}),
    ("invalid_blocks", {"blocks": [{"type": "actions", "elements": [button(action_id="a")] * 2}]}),
    (
        "invalid_blocks",
        {"blocks": [{"type": "image", "image_url": "https://x.example/i", "alt_text": "a" * 2001}]},
    ),
    ("invalid_blocks", {"blocks": [{"type": "image", "image_url": "nowhere", "alt_text": "a"}]}),
    ("invalid_blocks", {"blocks": [{"type": "rich_text", "elements": [{"type": "rich_text_table"}]}]}),
    (
        "invalid_blocks",
        {"blocks": [{"type": "rich_text", "elements": [{**RICH, "elements": [{"type": "b"}]}]}]},
    ),
    ("msg_blocks_too_long", {"blocks": [section("a" * 2700)] * 5}),
    ("invalid_metadata_format", {"metadata": "no json"}),
    ("invalid_metadata_schema", {"metadata": {"event_type": "t"}}),
    ("metadata_too_large", {"metadata": {"event_type": "t", "event_payload": {"a": "b" * 1024}}}),
    ("invalid_arguments", {"attachments": []}),
    ("invalid_arguments", {"text": {"a": 1}}),
    ("invalid_arguments", {"parse": "loud"}),
]


@pytest.mark.parametrize(("error", "arguments"), REFUSED)
async def test_what_slack_refuses(
    slack: AsyncWebClient, standin: SlackStandIn, error: str, arguments: dict[str, Any]
) -> None:
    body = {"channel": CHANNEL, "text": "a", **arguments}
    with pytest.raises(SlackApiError) as caught:
        await slack.api_call("chat.postMessage", json=body)
    answer = caught.value.response
    assert answer["error"] == error
    if error == "invalid_blocks":
        (complaint,) = answer["response_metadata"]["messages"]
        assert complaint.startswith("[ERROR] ")
        assert "[json-pointer:/blocks" in complaint
    assert standin.messages(CHANNEL) == []


async def test_what_slack_just_takes(slack: AsyncWebClient, standin: SlackStandIn) -> None:
    elements = [button("a" * 75, action_id=str(n)) for n in range(25)]
    blocks = [
        {**section("a" * 150), "type": "header"},
        section("a" * 3000),
        {"type": "context", "elements": [section("a")["text"]] * 10},
        {"type": "actions", "elements": elements},
        {"type": "image", "image_url": "https://x.example/i", "alt_text": "a" * 2000},
        {
            "type": "rich_text",
            "elements": [RICH, {"type": "rich_text_list", "style": "bullet", "elements": [RICH]}],
        },
        *[{"type": "divider"}] * 44,
    ]
    await slack.chat_postMessage(channel=CHANNEL, text="a" * 12_000, blocks=blocks)
    assert len(standin.messages(CHANNEL)[0].blocks) == 50


async def test_updates_take_less_text_than_posts(slack: AsyncWebClient) -> None:
    posted = await slack.chat_postMessage(channel=CHANNEL, text="a" * 4001)
    where = {"channel": posted["channel"], "ts": posted["ts"]}
    with pytest.raises(SlackApiError, match="msg_too_long"):
        await slack.chat_update(**where, text="b" * 4001)
    await slack.chat_update(**where, text="b" * 4000)


async def test_a_channel_takes_a_burst_and_then_one_post_a_second(clock: Any, connect: Connect) -> None:
    async with SlackStandIn([CHANNEL, "quiet"], burst=2, clock=clock) as standin:
        slack = connect(standin)

        async def post(channel: str = CHANNEL) -> str | None:
            try:
                await slack.chat_postMessage(channel=channel, text="a")
            except SlackApiError as error:
                answer = error.response
                return f"{answer.status_code} {answer['error']} {answer.headers['Retry-After']}"
            return None

        assert [await post(), await post(), await post()] == [None, None, "429 ratelimited 1"]
        assert await post("quiet") is None
        clock.now += 1
        assert [await post(), await post()] == [None, "429 ratelimited 1"]
        assert len(standin.messages(CHANNEL)) == 3
