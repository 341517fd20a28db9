"""The Web API methods of the Slack stand-in, reached by the real slack_sdk over real sockets."""

import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from monitor.demo.slack import SlackStandIn
from monitor.demo.slack_methods import ALL_SCOPES

CHANNEL = "news-alerts"
Connect = Callable[..., AsyncWebClient]


async def refusal(call: Any) -> dict[str, Any]:
    with pytest.raises(SlackApiError) as caught:
        await call
    answer: dict[str, Any] = caught.value.response.data
    assert answer["ok"] is False
    return answer


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "plain_text", "text": text}}


# --- who is calling ------------------------------------------------------------------------------------


async def test_auth_test_says_who_the_bot_is(slack: AsyncWebClient, standin: SlackStandIn) -> None:
    answer = await slack.auth_test()
    posted = await slack.chat_postMessage(channel=CHANNEL, text="a")
    assert (answer["user_id"][:2], answer["bot_id"][:2], answer["team_id"][:2]) == ("U0", "B0", "T0")
    assert posted["message"]["bot_id"] == answer["bot_id"]
    assert answer.headers["X-OAuth-Scopes"] == ",".join(ALL_SCOPES)
    assert standin.requests == {"auth.test": 1, "chat.postMessage": 1}


@pytest.mark.parametrize(
    ("token", "error"), [(None, "not_authed"), ("xoxb-other", "invalid_auth"), ("xoxb-1", None)]
)
async def test_tokens_are_checked(
    connect: Connect, standin: SlackStandIn, token: str | None, error: str | None
) -> None:
    call = connect(standin, token=token).auth_test()
    if error is None:
        assert (await call)["ok"]
    else:
        assert (await refusal(call))["error"] == error


async def test_a_token_may_come_as_an_argument(standin: SlackStandIn) -> None:
    async with aiohttp.ClientSession(base_url=standin.api_url) as session:
        response = await session.post("auth.test", data={"token": "xoxb-1"})
        assert (await response.json())["ok"] is True


async def test_unknown_method(slack: AsyncWebClient) -> None:
    assert (await refusal(slack.api_call("chat.shout")))["error"] == "unknown_method"


@pytest.mark.parametrize(("body", "error"), [("{", "invalid_json"), ("[1]", "json_not_object")])
async def test_a_body_that_is_no_json_object(standin: SlackStandIn, body: str, error: str) -> None:
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(base_url=standin.api_url) as session:
        response = await session.post("auth.test", data=body, headers=headers)
        assert (await response.json())["error"] == error


CALLS: list[tuple[str, Callable[[AsyncWebClient], Any]]] = [
    ("chat:write", lambda slack: slack.chat_postMessage(channel=CHANNEL, text="a")),
    ("chat:write", lambda slack: slack.chat_update(channel="C0", ts="1.0", text="a")),
    ("chat:write", lambda slack: slack.chat_delete(channel="C0", ts="1.0")),
    ("channels:read", lambda slack: slack.conversations_list()),
    ("groups:read", lambda slack: slack.conversations_list(types="public_channel,private_channel")),
    ("channels:read", lambda slack: slack.conversations_info(channel="C0")),
    ("channels:join", lambda slack: slack.conversations_join(channel="C0")),
    ("channels:history", lambda slack: slack.conversations_history(channel="C0")),
    ("channels:history", lambda slack: slack.conversations_replies(channel="C0", ts="1.0")),
    ("reactions:write", lambda slack: slack.reactions_add(channel="C0", name="x", timestamp="1.0")),
    ("reactions:write", lambda slack: slack.reactions_remove(channel="C0", name="x", timestamp="1.0")),
    ("reactions:read", lambda slack: slack.reactions_get(channel="C0", timestamp="1.0")),
]


@pytest.mark.parametrize(("scope", "call"), CALLS)
async def test_each_method_needs_its_scope(
    connect: Connect, scope: str, call: Callable[[AsyncWebClient], Any]
) -> None:
    others = set(ALL_SCOPES) - {scope}
    async with SlackStandIn([CHANNEL], scopes=others) as standin:
        answer = await refusal(call(connect(standin)))
    assert (answer["error"], answer["needed"]) == ("missing_scope", scope)
    assert answer["provided"] == ",".join(sorted(others))


# --- chat ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["#news-alerts", "news-alerts", "id"])
async def test_posting_by_name_or_id(slack: AsyncWebClient, standin: SlackStandIn, by: str) -> None:
    posted = await slack.chat_postMessage(
        channel=standin.channel_id(CHANNEL) if by == "id" else by,
        text="hello",
        blocks=[section("hello")],
        metadata={"event_type": "t", "event_payload": {"d": 1}},
    )
    (stored,) = standin.messages(CHANNEL)
    assert posted["channel"] == standin.channel_id(CHANNEL)
    assert (posted["ts"], posted["message"]["text"]) == (stored.ts, stored.text)
    assert stored.blocks == (section("hello"),)
    assert stored.metadata == {"event_type": "t", "event_payload": {"d": 1}}


@pytest.mark.parametrize("encoding", ["json", "data", "params"])
async def test_arguments_come_as_json_form_or_query(
    slack: AsyncWebClient, standin: SlackStandIn, encoding: str
) -> None:
    blocks = [section("b")] if encoding == "json" else json.dumps([section("b")])
    sent: dict[str, Any] = {encoding: {"channel": CHANNEL, "text": "a", "blocks": blocks}}
    await slack.api_call("chat.postMessage", **sent)
    (stored,) = standin.messages(CHANNEL)
    assert (stored.text, stored.blocks) == ("a", (section("b"),))


async def test_ts_rises_though_the_clock_stands_still(clock: Any, connect: Connect) -> None:
    async with SlackStandIn([CHANNEL], burst=None, clock=clock) as standin:
        slack = connect(standin)
        answers = [await slack.chat_postMessage(channel=CHANNEL, text=str(n)) for n in range(3)]
    assert [answer["ts"] for answer in answers] == [
        "1750000000.000000",
        "1750000000.000001",
        "1750000000.000002",
    ]
    assert answers[0].headers["Date"] == "Sun, 15 Jun 2025 15:06:40 GMT"


async def test_an_update_keeps_what_it_does_not_name(slack: AsyncWebClient, standin: SlackStandIn) -> None:
    metadata = {"event_type": "t", "event_payload": {}}
    posted = await slack.chat_postMessage(channel=CHANNEL, text="a", blocks=[section("b")], metadata=metadata)
    await slack.chat_update(channel=posted["channel"], ts=posted["ts"], text="c")
    (stored,) = standin.messages(CHANNEL)
    assert (stored.ts, stored.text, stored.blocks) == (posted["ts"], "c", (section("b"),))
    assert stored.metadata == metadata
    assert stored.edited is not None
    assert float(stored.edited) > float(stored.ts)
    await slack.chat_update(channel=posted["channel"], ts=posted["ts"], text="d", blocks=[], metadata={})
    (stored,) = standin.messages(CHANNEL)
    assert (stored.text, stored.blocks, stored.metadata) == ("d", (), None)


async def test_only_own_messages_change(slack: AsyncWebClient, standin: SlackStandIn) -> None:
    theirs = standin.say(CHANNEL, "mine")
    channel = standin.channel_id(CHANNEL)
    update = slack.chat_update(channel=channel, ts=theirs.ts, text="x")
    assert (await refusal(update))["error"] == "cant_update_message"
    assert (await refusal(slack.chat_delete(channel=channel, ts=theirs.ts)))["error"] == "cant_delete_message"
    absent = slack.chat_update(channel=channel, ts="1.000000", text="x")
    assert (await refusal(absent))["error"] == "message_not_found"
    by_name = slack.chat_update(channel=CHANNEL, ts=theirs.ts, text="x")
    assert (await refusal(by_name))["error"] == "channel_not_found"
    assert standin.messages(CHANNEL) == [theirs]


async def test_deleting(slack: AsyncWebClient, standin: SlackStandIn) -> None:
    posted = await slack.chat_postMessage(channel=CHANNEL, text="a")
    where = {"channel": posted["channel"], "ts": posted["ts"]}
    await slack.chat_delete(**where)
    assert standin.messages(CHANNEL) == []
    assert (await refusal(slack.chat_delete(**where)))["error"] == "message_not_found"


async def test_threads(slack: AsyncWebClient, standin: SlackStandIn) -> None:
    parent = await slack.chat_postMessage(channel=CHANNEL, text="parent")
    quiet = await slack.chat_postMessage(channel=CHANNEL, text="quiet", thread_ts=parent["ts"])
    loud = await slack.chat_postMessage(
        channel=CHANNEL, text="loud", thread_ts=parent["ts"], reply_broadcast=True
    )
    channel = parent["channel"]
    history = (await slack.conversations_history(channel=channel))["messages"]
    assert [message["text"] for message in history] == ["loud", "parent"]
    assert (history[1]["reply_count"], history[1]["latest_reply"]) == (2, loud["ts"])
    assert (history[1]["thread_ts"], history[0]["subtype"]) == (parent["ts"], "thread_broadcast")
    replies = (await slack.conversations_replies(channel=channel, ts=parent["ts"]))["messages"]
    assert [message["text"] for message in replies] == ["parent", "quiet", "loud"]
    one = (await slack.conversations_replies(channel=channel, ts=quiet["ts"]))["messages"]
    assert [message["text"] for message in one] == ["quiet"]
    for bad in (quiet["ts"], "1.000000"):
        answer = await refusal(slack.chat_postMessage(channel=CHANNEL, text="x", thread_ts=bad))
        assert answer["error"] == "thread_not_found"
    absent = slack.conversations_replies(channel=channel, ts="1.0")
    assert (await refusal(absent))["error"] == "thread_not_found"
    await slack.chat_delete(channel=channel, ts=parent["ts"])
    assert [message.deleted for message in standin.messages(CHANNEL)] == [True, False, False]


# --- channels ------------------------------------------------------------------------------------------


async def pages(first: Any, key: str, said: str) -> list[list[str]]:
    """One list per page; the response turns into the next page as it is walked."""
    return [[entry[said] for entry in page[key]] async for page in first]


async def test_channels_are_listed_in_pages(connect: Connect) -> None:
    names = [f"channel-{n}" for n in range(5)]
    async with SlackStandIn(names) as standin:
        slack = connect(standin)
        listed = await pages(await slack.conversations_list(limit=2), "channels", "name")
        archived = standin.channel_id(names[0])
        standin.fail("archived", channel=names[0])
        live = await slack.conversations_list(exclude_archived=True)
        info = (await slack.conversations_info(channel=archived))["channel"]
    assert listed == [names[:2], names[2:4], names[4:]]
    assert [channel["name"] for channel in live["channels"]] == names[1:]
    assert (info["id"], info["is_archived"], info["is_member"]) == (archived, True, True)


async def test_history_is_paged_newest_first(slack: AsyncWebClient, standin: SlackStandIn) -> None:
    for number in range(5):
        await slack.chat_postMessage(channel=CHANNEL, text=str(number))
    first = await slack.conversations_history(channel=standin.channel_id(CHANNEL), limit=2)
    assert first["has_more"] is True
    assert await pages(first, "messages", "text") == [["4", "3"], ["2", "1"], ["0"]]
    assert first["has_more"] is False


async def test_replies_are_paged(slack: AsyncWebClient) -> None:
    parent = await slack.chat_postMessage(channel=CHANNEL, text="p")
    for number in range(3):
        await slack.chat_postMessage(channel=CHANNEL, text=str(number), thread_ts=parent["ts"])
    first = await slack.conversations_replies(channel=parent["channel"], ts=parent["ts"], limit=3)
    assert await pages(first, "messages", "text") == [["p", "0", "1"], ["2"]]


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"oldest": 1}, ["2"]),
        ({"oldest": 1, "inclusive": True}, ["2", "1"]),
        ({"latest": 1}, ["0"]),
        ({"latest": 1, "inclusive": True}, ["1", "0"]),
        ({"oldest": 0, "latest": 2}, ["1"]),
    ],
)
async def test_history_between_two_times(
    slack: AsyncWebClient, standin: SlackStandIn, bounds: dict[str, Any], expected: list[str]
) -> None:
    stamps = [(await slack.chat_postMessage(channel=CHANNEL, text=str(n)))["ts"] for n in range(3)]
    times = {key: stamps[value] if key != "inclusive" else value for key, value in bounds.items()}
    answer = await slack.conversations_history(channel=standin.channel_id(CHANNEL), **times)
    assert [message["text"] for message in answer["messages"]] == expected


@pytest.mark.parametrize(
    ("argument", "value"), [("cursor", "!"), ("limit", "x"), ("ts_oldest", "x"), ("ts_latest", "x")]
)
async def test_bad_paging_is_refused(
    slack: AsyncWebClient, standin: SlackStandIn, argument: str, value: str
) -> None:
    arguments = {"channel": standin.channel_id(CHANNEL), argument.removeprefix("ts_"): value}
    answer = await refusal(slack.api_call("conversations.history", params=arguments))
    assert answer["error"] == f"invalid_{argument}"


async def test_metadata_shows_its_payload_only_when_asked(slack: AsyncWebClient) -> None:
    metadata = {"event_type": "monitor_match", "event_payload": {"d": "abc"}}
    posted = await slack.chat_postMessage(channel=CHANNEL, text="a", metadata=metadata)
    channel = posted["channel"]
    for all_metadata, expected in ((False, {"event_type": "monitor_match"}), (True, metadata)):
        asked = {"channel": channel, "include_all_metadata": all_metadata}
        for answer in (
            await slack.conversations_history(**asked),
            await slack.conversations_replies(ts=posted["ts"], **asked),
        ):
            assert answer["messages"][0]["metadata"] == expected


async def test_membership(slack: AsyncWebClient, standin: SlackStandIn) -> None:
    channel = standin.channel_id(CHANNEL)
    standin.fail("kicked", channel="#news-alerts")
    post = slack.chat_postMessage(channel=CHANNEL, text="a")
    assert (await refusal(post))["error"] == "not_in_channel"
    assert (await refusal(slack.conversations_history(channel=channel)))["error"] == "not_in_channel"
    await slack.chat_postMessage(channel="isis-watch", text="another channel")
    assert (await slack.conversations_join(channel=channel)).get("warning") is None
    assert (await slack.conversations_join(channel=channel))["warning"] == "already_in_channel"
    await slack.chat_postMessage(channel=CHANNEL, text="b")
    standin.fail("archived", channel=CHANNEL)
    post = slack.chat_postMessage(channel=CHANNEL, text="c")
    assert (await refusal(post))["error"] == "is_archived"
    assert (await refusal(slack.conversations_join(channel=channel)))["error"] == "is_archived"
    standin.recover()
    await slack.chat_postMessage(channel=CHANNEL, text="d")
    assert [message.text for message in standin.messages(CHANNEL)] == ["b", "d"]


async def test_channels_are_made_on_first_use_only_when_asked(
    connect: Connect, standin: SlackStandIn
) -> None:
    post = connect(standin).chat_postMessage(channel="#elsewhere", text="a")
    assert (await refusal(post))["error"] == "channel_not_found"
    async with SlackStandIn([], create_channels=True) as generous:
        await connect(generous).chat_postMessage(channel="#elsewhere", text="a")
        assert [message.text for message in generous.messages("elsewhere")] == ["a"]


async def test_reactions(slack: AsyncWebClient, standin: SlackStandIn) -> None:
    posted = await slack.chat_postMessage(channel=CHANNEL, text="a")
    where = {"channel": posted["channel"], "timestamp": posted["ts"]}
    await slack.reactions_add(name="thumbsup", **where)
    standin.react(CHANNEL, posted["ts"], "thumbsup")
    answer = await slack.reactions_get(**where)
    assert [(r["name"], r["count"]) for r in answer["message"]["reactions"]] == [("thumbsup", 2)]
    again = slack.reactions_add(name="thumbsup", **where)
    assert (await refusal(again))["error"] == "already_reacted"
    await slack.reactions_remove(name="thumbsup", **where)
    again = slack.reactions_remove(name="thumbsup", **where)
    assert (await refusal(again))["error"] == "no_reaction"
    assert [list(message.reactions) for message in standin.messages(CHANNEL)] == [["thumbsup"]]
    assert (await refusal(slack.reactions_get()))["error"] == "no_item_specified"
