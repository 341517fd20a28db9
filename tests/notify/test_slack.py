import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from builders import CHANNELS, TOKEN, delivery, message
from slack_sdk.web.async_client import AsyncWebClient

from monitor.demo.slack import SlackStandIn
from monitor.demo.slack_faults import Kind
from monitor.demo.slack_methods import ALL_SCOPES
from monitor.demo.slack_render import rendered
from monitor.notify import Notifier, open_slack
from monitor.notify.slack import SlackNotifier
from monitor.records import (
    STORIES_PER_PAGE,
    Delivery,
    Entry,
    InDoubt,
    Listing,
    NotPosted,
    Posted,
    PostOutcome,
    Receipt,
    Update,
)

CHANNEL = "news-alerts"
ADDRESS = "https://wire.example/1"
STARTED = datetime.now(UTC)
"""Before every post of this file: deliveries look for themselves from their first try on."""
TRIED = delivery(first_try_at=STARTED)
FOLLOWED = Update(
    topic_name="Patrols",
    title="Report number 1 of the patrol",
    reason="follow_up",
    entries=(
        Entry(
            topic_name="Patrols",
            title="A second camp is found",
            url="https://daily.example/2",
            source="Daily",
            published=None,
            first_seen=STARTED,
            score=71.0,
        ),
    ),
    sources=2,
    score=80.0,
)

PAGE = Listing(why="burst", stories=FOLLOWED.entries, total=21, since=STARTED, until=STARTED, page=1)

HOSTILE = [
    "<!channel> everybody",
    "<!here|not here>",
    "<@U1> look",
    "<!subteam^S1|team>",
    "<#C0000001>",
    "<https://evil.example|https://bank.example>",
    "&lt;!here&gt; &amp;lt;!here&amp;gt;",
    "@here @channel @everyone @U1 #general",
    "https://evil.example and evil.example and a@evil.example",
    "javascript:alert(1)",
    "*bold* _italic_ ~gone~ `code` ```fence```",
    "***___~~~``````",
    "> quote &gt; quote",
    ":rotating_light: :fire:",
    "turned \u202egnihton\u202c back",
    "zero\u200bwidth",
    "NUL \x00 and bell \x07",
    "half a character \ud800 here",
    "first\nsecond\r\nthird",
    "\\u003c!channel\\u003e %3C!channel%3E",
    '"}],"text":"<!channel>',
]


@pytest.fixture
async def slack(standin: SlackStandIn) -> AsyncIterator[Notifier]:
    async with open_slack(standin.api_url, TOKEN) as notifier:
        yield notifier


def kind_of(outcome: PostOutcome) -> str:
    if isinstance(outcome, NotPosted):
        return "hopeless" if outcome.hopeless else "again"
    return "posted" if isinstance(outcome, Posted) else "in doubt"


# --- answers ---------------------------------------------------------------------------------------


async def test_a_post_brings_the_receipt_of_the_message(slack: Notifier, standin: SlackStandIn) -> None:
    outcome = await slack.post(delivery())
    (stored,) = standin.messages(CHANNEL)
    assert outcome == Posted(receipt=Receipt(channel=standin.channel_id(CHANNEL), ts=stored.ts))
    assert stored.metadata == {"event_type": "monitor_alert", "event_payload": {"d": "d1", "a": 1}}
    assert rendered(stored).previews == ()


@pytest.mark.parametrize("name", ["#news-alerts", "C0000000001", "news-alerts"])
async def test_a_channel_may_be_given_by_name_or_by_id(
    slack: Notifier, standin: SlackStandIn, name: str
) -> None:
    assert standin.channel_id(CHANNEL) == "C0000000001"
    told = replace(TRIED, channel=name)
    posted = await slack.post(told)
    assert isinstance(posted, Posted)
    if name != CHANNEL:
        assert await slack.look_up(told) == posted


@pytest.mark.parametrize(
    ("kind", "expected", "reason", "stored"),
    [
        ("drop_before", "in doubt", "connection to Slack broke", 0),
        ("drop_after", "in doubt", "connection to Slack broke", 1),
        ("error_500_before", "in doubt", "HTTP 500", 0),
        ("error_500_after", "in doubt", "HTTP 500", 1),
        ("internal_error_after", "in doubt", "internal_error", 1),
        ("garbage", "in doubt", "without JSON", 0),
        ("down", "in doubt", "connection to Slack broke", 0),
        ("rate_limit", "again", "ratelimited", 0),
        ("archived", "again", "is_archived", 0),
        ("kicked", "again", "not_in_channel", 0),
        ("token_revoked", "again", "token_revoked", 0),
    ],
)
async def test_every_fault_is_classified_after_one_request(
    slack: Notifier, standin: SlackStandIn, kind: Kind, expected: str, reason: str, stored: int
) -> None:
    standin.fail(kind)
    outcome = await slack.post(delivery())
    assert not isinstance(outcome, Posted)
    assert kind_of(outcome) == expected
    assert reason in outcome.reason
    assert len(standin.messages(CHANNEL)) == stored
    assert standin.requests == {"chat.postMessage": 1}


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/octet-stream"])
async def test_garbage_by_any_name_is_doubtful(
    slack: Notifier, standin: SlackStandIn, content_type: str
) -> None:
    standin.fail("garbage", content_type=content_type)
    assert kind_of(await slack.post(delivery())) == "in doubt"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("fatal_error", "in doubt"),
        ("internal_error", "in doubt"),
        ("request_timeout", "in doubt"),
        ("service_unavailable", "in doubt"),
        ("channel_not_found", "again"),
        ("invalid_auth", "again"),
        ("account_inactive", "again"),
        ("missing_scope", "again"),
        ("restricted_action", "again"),
        ("team_added_to_org", "again"),
        ("an_error_of_next_year", "again"),
    ],
)
async def test_every_refusal_is_classified(
    slack: Notifier, standin: SlackStandIn, error: str, expected: str
) -> None:
    standin.fail("error", error=error)
    outcome = await slack.post(delivery())
    assert not isinstance(outcome, Posted)
    assert kind_of(outcome) == expected
    assert error in outcome.reason
    assert standin.requests == {"chat.postMessage": 1}


@pytest.mark.parametrize(
    ("error", "closed"),
    [
        ("channel_not_found", True),
        ("not_in_channel", True),
        ("is_archived", True),
        ("invalid_auth", True),
        ("token_revoked", True),
        ("account_inactive", True),
        ("missing_scope", True),
        ("restricted_action_read_only_channel", True),
        ("fatal_error", False),
        ("msg_too_long", False),
        ("an_error_of_next_year", False),
    ],
)
async def test_what_a_person_has_to_do_is_said_where_waiting_helps_nobody(
    slack: Notifier, standin: SlackStandIn, error: str, closed: bool
) -> None:
    standin.fail("error", error=error, times=None)
    outcome = await slack.post(delivery())
    assert not isinstance(outcome, Posted)
    assert (outcome.remedy is not None) is closed


@pytest.mark.parametrize(("told", "heeded"), [(17, 17), (0, 1), (10**30, 3600)])
async def test_slack_says_how_long_to_wait(
    slack: Notifier, standin: SlackStandIn, told: int, heeded: int
) -> None:
    standin.fail("rate_limit", retry_after=told)
    outcome = await slack.post(delivery())
    assert outcome == NotPosted(reason="ratelimited", retry_after=timedelta(seconds=heeded))


async def test_a_slack_that_is_not_there_has_no_message(standin: SlackStandIn) -> None:
    async with open_slack(standin.api_url, TOKEN) as slack:
        await standin.close()
        outcome = await slack.post(delivery())
    assert isinstance(outcome, NotPosted)
    assert outcome.reason.startswith("cannot reach Slack")


async def test_a_slack_that_takes_too_long_may_have_the_message(standin: SlackStandIn) -> None:
    standin.fail("slow", seconds=0.3)
    timeout = aiohttp.ClientTimeout(total=0.05)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        client = AsyncWebClient(
            token=TOKEN, base_url=standin.api_url, session=session, retry_handlers=[], timeout=1
        )
        outcome = await SlackNotifier(client).post(delivery())
    assert isinstance(outcome, InDoubt)
    assert "did not answer" in outcome.reason
    async with asyncio.timeout(10):
        while not standin.messages(CHANNEL):  # noqa: ASYNC110 - nobody tells when a late one arrives
            await asyncio.sleep(0.02)


# --- looking ---------------------------------------------------------------------------------------


async def test_a_message_in_doubt_is_found_by_its_metadata(slack: Notifier, standin: SlackStandIn) -> None:
    standin.fail("drop_after")
    assert kind_of(await slack.post(TRIED)) == "in doubt"
    (stored,) = standin.messages(CHANNEL)
    found = await slack.look_up(TRIED)
    assert found == Posted(receipt=Receipt(channel=standin.channel_id(CHANNEL), ts=stored.ts))


async def test_a_message_that_is_not_there_is_not_found(slack: Notifier, standin: SlackStandIn) -> None:
    standin.say(CHANNEL, "d1")
    await slack.post(replace(TRIED, id="d2"))
    await slack.post(replace(TRIED, channel="#isis-watch"))
    assert await slack.look_up(TRIED) == NotPosted(reason="looked, and it is not there")


async def test_a_message_is_found_beneath_pages_of_others(slack: Notifier, standin: SlackStandIn) -> None:
    posted = await slack.post(TRIED)
    for n in range(450):
        standin.say(CHANNEL, f"chatter {n}")
    assert await slack.look_up(TRIED) == posted
    assert standin.requests["conversations.history"] == 3


async def test_a_channel_is_found_among_pages_of_others() -> None:
    names = [*(f"channel-{n}" for n in range(1_100)), CHANNEL]
    async with SlackStandIn(names, burst=None) as standin, open_slack(standin.api_url, TOKEN) as slack:
        assert await slack.look_up(TRIED) == NotPosted(reason="looked, and it is not there")
        assert standin.requests["conversations.list"] == 2
        await slack.look_up(TRIED)
        assert standin.requests["conversations.list"] == 2


async def test_messages_from_long_before_the_first_try_are_not_looked_at(
    slack: Notifier, standin: SlackStandIn
) -> None:
    await slack.post(TRIED)
    late = replace(TRIED, first_try_at=datetime.now(UTC) + timedelta(minutes=61))
    assert kind_of(await slack.look_up(late)) == "again"
    fast = replace(TRIED, first_try_at=datetime.now(UTC) + timedelta(minutes=50))
    assert isinstance(await slack.look_up(fast), Posted), "a clock that is fast hides no message"


async def test_a_delivery_that_was_never_tried_is_nowhere(slack: Notifier, standin: SlackStandIn) -> None:
    assert await slack.look_up(delivery(first_try_at=None)) == NotPosted(reason="never tried")
    assert not standin.requests


async def test_a_channel_that_does_not_exist_has_no_message(slack: Notifier) -> None:
    outcome = await slack.look_up(replace(TRIED, channel="#nowhere"))
    assert outcome == NotPosted(reason="there is no channel #nowhere")


@pytest.mark.parametrize("missing", ["channels:history", "channels:read"])
async def test_who_may_not_look_says_that_it_may_appear_twice(missing: str) -> None:
    scopes = set(ALL_SCOPES) - {missing}
    async with (
        SlackStandIn(CHANNELS, scopes=scopes, burst=None) as standin,
        open_slack(standin.api_url, TOKEN) as slack,
    ):
        outcome = await slack.look_up(TRIED)
    assert outcome == NotPosted(reason="cannot look (missing_scope): it may appear twice")


@pytest.mark.parametrize("method", ["conversations.history", "conversations.list"])
@pytest.mark.parametrize("kind", ["drop_before", "error_500_before", "garbage", "rate_limit"])
async def test_failing_to_look_leaves_the_doubt(
    slack: Notifier, standin: SlackStandIn, kind: Kind, method: str
) -> None:
    standin.fail(kind, method=method, times=None)
    outcome = await slack.look_up(TRIED)
    assert isinstance(outcome, InDoubt)
    assert outcome.reason.startswith("cannot look now: ")
    standin.recover()
    assert kind_of(await slack.look_up(TRIED)) == "again"


# --- threads and edits -------------------------------------------------------------------------------


async def posted(slack: Notifier, told: Delivery) -> Receipt:
    outcome = await slack.post(told)
    assert isinstance(outcome, Posted), outcome
    return outcome.receipt


def reply(parent: Receipt, **changes: Any) -> Delivery:
    return replace(TRIED, **{"id": "r1", "kind": "reply", "parent": parent, "message": FOLLOWED, **changes})


def edit(parent: Receipt, **changes: Any) -> Delivery:
    grown = message(sources=("Wire", "Daily"), items=7)
    return replace(TRIED, **{"id": "e1", "kind": "edit", "parent": parent, "message": grown, **changes})


@pytest.mark.parametrize("broadcast", [True, False])
async def test_a_reply_goes_into_its_thread(slack: Notifier, standin: SlackStandIn, broadcast: bool) -> None:
    parent = await posted(slack, delivery())
    # Whatever the delivery's channel is called: its parent says where the thread is.
    told = await posted(slack, reply(parent, channel="#renamed-since", broadcast=broadcast))
    _, stored = standin.messages(CHANNEL)
    assert told == Receipt(channel=standin.channel_id(CHANNEL), ts=stored.ts)
    assert (stored.thread_ts, stored.broadcast) == (parent.ts, broadcast)
    assert stored.metadata == {"event_type": "monitor_alert", "event_payload": {"d": "r1", "a": 1}}
    assert rendered(stored).previews == ()


async def test_a_reply_to_a_message_that_somebody_deleted_stands_by_itself(
    slack: Notifier, standin: SlackStandIn
) -> None:
    parent = await posted(slack, delivery())
    client = AsyncWebClient(token=TOKEN, base_url=standin.api_url, retry_handlers=[])
    await client.chat_delete(channel=parent.channel, ts=parent.ts)
    told = await posted(slack, reply(parent, broadcast=True))
    (stored,) = standin.messages(CHANNEL)
    assert (stored.ts, stored.thread_ts, stored.broadcast) == (told.ts, None, False)


NO_THREADS = (
    "thread_not_found",
    "restricted_action_thread_locked",
    "restricted_action_non_threadable_channel",
    "cannot_reply_to_message",
)


@pytest.mark.parametrize("error", NO_THREADS)
@pytest.mark.parametrize("seen", [{"broadcast": True}, {"message": PAGE}], ids=["broadcast", "page"])
async def test_what_must_be_seen_stands_by_itself_where_there_is_no_thread(
    slack: Notifier, standin: SlackStandIn, error: str, seen: dict[str, Any]
) -> None:
    parent = await posted(slack, delivery())
    standin.fail("error", error=error)
    told = await posted(slack, reply(parent, **seen))
    _, stored = standin.messages(CHANNEL)
    assert (stored.ts, stored.thread_ts) == (told.ts, None)


@pytest.mark.parametrize("error", NO_THREADS)
async def test_what_only_a_thread_was_to_have_goes_with_it(
    slack: Notifier, standin: SlackStandIn, error: str
) -> None:
    parent = await posted(slack, delivery())
    standin.fail("error", error=error)
    assert await slack.post(reply(parent)) == NotPosted(reason=error, hopeless=True)


@pytest.mark.parametrize("broadcast", [True, False])
async def test_a_reply_in_doubt_is_found_in_its_thread(
    slack: Notifier, standin: SlackStandIn, broadcast: bool
) -> None:
    parent = await posted(slack, delivery())
    for number in range(250):
        standin.say(CHANNEL, f"chatter {number}", thread_ts=parent.ts)
    told = reply(parent, broadcast=broadcast)
    assert await slack.look_up(told) == NotPosted(reason="looked, and it is not there")
    standin.fail("drop_after")
    assert kind_of(await slack.post(told)) == "in doubt"
    stored = standin.messages(CHANNEL)[-1]
    assert await slack.look_up(told) == Posted(receipt=Receipt(channel=parent.channel, ts=stored.ts))
    assert standin.requests["conversations.history"] == 0


async def test_a_reply_in_doubt_whose_thread_is_gone_is_looked_for_in_the_channel(
    slack: Notifier, standin: SlackStandIn
) -> None:
    parent = Receipt(channel=standin.channel_id(CHANNEL), ts="1.000000")
    told = reply(parent, broadcast=True)
    assert await slack.look_up(told) == NotPosted(reason="looked, and it is not there")
    receipt = await posted(slack, told)
    assert await slack.look_up(told) == Posted(receipt=receipt)


async def test_an_edit_changes_what_its_message_says_and_nothing_else(
    slack: Notifier, standin: SlackStandIn
) -> None:
    parent = await posted(slack, delivery())
    assert await posted(slack, edit(parent)) == parent
    (stored,) = standin.messages(CHANNEL)
    assert stored.edited
    assert "2 independent sources" in rendered(stored).text
    assert rendered(stored).previews == ()
    assert stored.metadata == {"event_type": "monitor_alert", "event_payload": {"d": "d1", "a": 1}}
    assert await slack.look_up(TRIED) == Posted(receipt=parent), "it is still found by its own id"


@pytest.mark.parametrize(
    "kind", ["drop_before", "drop_after", "error_500_after", "internal_error_after", "garbage", "rate_limit"]
)
async def test_an_edit_whose_end_nobody_knows_is_made_again(
    slack: Notifier, standin: SlackStandIn, kind: Kind
) -> None:
    parent = await posted(slack, delivery())
    standin.fail(kind, method="chat.update", retry_after=7)
    outcome = await slack.post(edit(parent))
    assert kind_of(outcome) == "again"
    if kind == "rate_limit":
        assert outcome == NotPosted(reason="ratelimited", retry_after=timedelta(seconds=7))
    assert kind_of(await slack.look_up(edit(parent))) == "again"
    assert await posted(slack, edit(parent)) == parent


@pytest.mark.parametrize("error", ["message_not_found", "cant_update_message", "edit_window_closed"])
async def test_what_cannot_be_edited_any_more_is_given_up(
    slack: Notifier, standin: SlackStandIn, error: str
) -> None:
    parent = await posted(slack, delivery())
    standin.fail("error", method="chat.update", error=error)
    assert await slack.post(edit(parent)) == NotPosted(reason=error, hopeless=True)


async def test_an_edit_found_malformed_is_one_literal_paragraph(
    slack: Notifier, standin: SlackStandIn
) -> None:
    parent = await posted(slack, delivery())
    standin.fail("error", method="chat.update", error="msg_blocks_too_long")
    hostile = message(title="*bold* <!here> :fire:")
    assert await posted(slack, edit(parent, message=hostile)) == parent
    shown = rendered(standin.messages(CHANNEL)[0])
    assert hostile.title in shown.text
    assert (shown.mentions, shown.emoji, shown.styled) == ((), (), ())
    standin.fail("error", method="chat.update", error="msg_blocks_too_long", times=2)
    assert await slack.post(edit(parent)) == NotPosted(reason="msg_blocks_too_long", hopeless=True)


async def test_a_list_of_three_hundred_stories_is_all_there(slack: Notifier, standin: SlackStandIn) -> None:
    stories = tuple(
        Entry(
            topic_name=f"Topic {n % 7}",
            title=f"Story number {n}.",
            url=f"https://wire{n}.example/{'x' * n}",
            source="Wire",
            published=None,
            first_seen=STARTED,
            score=60.0,
        )
        for n in range(300)
    )
    parent: Receipt | None = None
    for page, first in enumerate(range(0, 300, STORIES_PER_PAGE)):
        listing = Listing(
            why="burst",
            stories=stories[first : first + STORIES_PER_PAGE],
            total=300,
            since=STARTED,
            until=STARTED,
            page=page,
        )
        receipt = await posted(
            slack, delivery(id=f"l{page}", message=listing, kind="reply" if parent else "post", parent=parent)
        )
        parent = parent or receipt
    first_page, *others = standin.messages(CHANNEL)
    assert all(page.thread_ts == first_page.ts and not page.broadcast for page in others)
    text = "\n".join(rendered(page).text for page in (first_page, *others))
    assert all(f"Story number {n}.  wire{n}.example" in text for n in range(300))


# --- messages --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", ["invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"]
)
async def test_a_message_found_malformed_goes_as_plain_text(
    slack: Notifier, standin: SlackStandIn, error: str
) -> None:
    standin.fail("error", error=error)
    assert kind_of(await slack.post(delivery())) == "posted"
    (stored,) = standin.messages(CHANNEL)
    assert stored.blocks == ()
    assert message().title in rendered(stored).text
    assert standin.requests == {"chat.postMessage": 2}


async def test_a_message_that_is_malformed_as_text_too_is_hopeless(
    slack: Notifier, standin: SlackStandIn
) -> None:
    standin.fail("error", error="msg_too_long", times=2)
    assert await slack.post(delivery()) == NotPosted(reason="msg_too_long", hopeless=True)


@pytest.mark.parametrize("title", HOSTILE)
@pytest.mark.parametrize("blocks", [True, False], ids=["blocks", "text"])
async def test_nothing_from_a_feed_mentions_links_or_formats(
    slack: Notifier, standin: SlackStandIn, title: str, blocks: bool
) -> None:
    if not blocks:
        standin.fail("error", error="invalid_blocks")
    hostile = message(title=title, summary=title, author=title, source=title, sources=(title, title), items=2)
    assert kind_of(await slack.post(delivery(message=hostile))) == "posted"
    (stored,) = standin.messages(CHANNEL)
    shown = rendered(stored)
    assert shown.mentions == ()
    assert [link.url for link in shown.links] == ([ADDRESS] if blocks else [])
    assert shown.emoji == ()
    assert shown.previews == ()
    assert {span.text for span in shown.styled} <= {title, "Score 80", "2 independent sources", "2 items"}
    assert title in shown.text


@pytest.mark.parametrize(
    ("url", "linked"),
    [
        ("javascript:alert(1)", False),
        ("data:text/html,<script>", False),
        ("https://[broken", False),
        ("https://bank.example@evil.example/", True),
        (f"{ADDRESS}?a=1&b=<2>|3", True),
    ],
)
async def test_a_link_goes_where_it_says_or_is_none(
    slack: Notifier, standin: SlackStandIn, url: str, linked: bool
) -> None:
    await slack.post(delivery(message=message(url=url)))
    shown = rendered(standin.messages(CHANNEL)[0])
    assert [link.url for link in shown.links] == ([url] if linked else [])
    assert ("evil.example" in shown.text) == ("evil.example" in url)
    assert standin.requests == {"chat.postMessage": 1}


async def test_a_title_of_ten_million_characters_is_one_short_message(
    slack: Notifier, standin: SlackStandIn
) -> None:
    huge = message(title="<!here>" * 1_500_000, summary="&" * 10_000_000, author="x" * 10_000_000)
    assert kind_of(await slack.post(delivery(message=huge))) == "posted"
    (stored,) = standin.messages(CHANNEL)
    assert len(rendered(stored).text) < 3_000
    assert rendered(stored).mentions == ()
    assert standin.requests == {"chat.postMessage": 1}


# --- secrets ---------------------------------------------------------------------------------------


async def test_the_token_shows_up_nowhere(
    standin: SlackStandIn, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    outcomes: list[PostOutcome] = []
    async with open_slack(standin.api_url, TOKEN) as slack:
        shown = [repr(slack)]
        for kind in ("drop_before", "error_500_before", "garbage", "rate_limit"):
            standin.fail(kind, method="*", times=2)
            outcomes += [await slack.post(TRIED), await slack.look_up(TRIED)]
        standin.fail("token_revoked")
        outcomes += [await slack.post(TRIED), await slack.look_up(TRIED)]
        await standin.close()
        outcomes += [await slack.post(TRIED)]
    assert "posted" not in map(kind_of, outcomes)
    output = capsys.readouterr()
    assert TOKEN not in "".join((*shown, *map(repr, outcomes), caplog.text, output.out, output.err))
