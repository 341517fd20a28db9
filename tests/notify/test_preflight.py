"""What Slack says of an installation, asked by the real SDK."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pytest
from builders import CHANNELS, TOKEN

from monitor.demo.slack import SlackStandIn
from monitor.demo.slack_methods import ALL_SCOPES
from monitor.notify import check_slack
from monitor.records import Check

APP_TOKEN = "xapp-1-canary"
WATCHED = ("#news-alerts", "#isis-watch")


async def examined(
    slack: SlackStandIn,
    channels: Collection[str] = WATCHED,
    *,
    token: str = TOKEN,
    app_token: str | None = APP_TOKEN,
    ahead: timedelta = timedelta(0),
) -> dict[str, Check]:
    found = check_slack(slack.api_url, token, app_token, channels, lambda: datetime.now(UTC) + ahead)
    return {check.subject: check async for check in found}


def slack_with(**changes: object) -> SlackStandIn:
    return SlackStandIn(CHANNELS, **{"token": TOKEN, "app_token": APP_TOKEN} | changes)  # type: ignore[arg-type]


async def test_where_all_is_well_every_check_is_ok_and_nothing_is_posted() -> None:
    async with slack_with() as slack:
        found = await examined(slack)
        assert {check.state for check in found.values()} == {"ok"}
        assert found["Slack token"].text == "@monitor in Stand-in"
        assert [*found] == [
            "Slack token",
            "Slack scopes",
            "clock",
            "#isis-watch",
            "#news-alerts",
            "Slack app token",
        ]
        assert not {"chat.postMessage", "conversations.join"} & set(slack.requests)
        assert all(slack.messages(channel) == [] for channel in CHANNELS)


async def test_a_channel_may_be_named_by_its_id() -> None:
    async with slack_with() as slack:
        found = await examined(slack, [slack.channel_id("isis-watch")], app_token=None)
        assert {check.state for check in found.values()} == {"ok"}
        assert slack.requests["conversations.list"] == 0
        assert "Slack app token" not in found


async def test_a_token_that_is_not_taken_ends_the_questions_about_it() -> None:
    async with slack_with() as slack:
        found = await examined(slack, token="xoxb-wrong", app_token="xapp-wrong")
        assert {subject: (check.state, check.text) for subject, check in found.items()} == {
            "Slack token": ("failed", "invalid_auth"),
            "Slack app token": ("failed", "invalid_auth"),
        }
        assert "copy the token" in (found["Slack token"].remedy or "")


@pytest.mark.parametrize(
    ("without", "state", "text"),
    [
        ("chat:write", "failed", "missing chat:write"),
        ("reactions:read", "warning", "without, something is left out: reactions:read"),
    ],
)
async def test_scopes_that_are_missing_are_named(without: str, state: str, text: str) -> None:
    async with slack_with(scopes=set(ALL_SCOPES) - {without}) as slack:
        scopes = (await examined(slack))["Slack scopes"]
        assert (scopes.state, scopes.text) == (state, text)
        assert "install it again" in (scopes.remedy or "")


async def test_without_the_list_no_channel_is_found_and_without_history_none_can_be_looked_up() -> None:
    async with slack_with(scopes=set(ALL_SCOPES) - {"groups:read"}) as slack:
        found = await examined(slack)
        assert [(found[name].state, found[name].text) for name in WATCHED] == [
            ("failed", "missing_scope")
        ] * 2
    async with slack_with(scopes=set(ALL_SCOPES) - {"channels:history"}) as slack:
        found = await examined(slack)
        assert found["#isis-watch"].state == "warning"
        assert found["#isis-watch"].text.startswith("missing_scope: what is in doubt cannot be looked up")


async def test_a_channel_that_cannot_be_posted_to_says_what_to_do() -> None:
    async with slack_with() as slack:
        slack.fail("kicked", channel="news-alerts")
        slack.fail("archived", channel="isis-watch")
        found = await examined(slack, [*WATCHED, "#nowhere", "C0404"])
        shown = {
            name: (found[name].state, found[name].text, found[name].remedy)
            for name in found
            if name[0] in "#C"
        }
        assert shown == {
            "#news-alerts": ("failed", "the bot is not a member", "/invite @monitor"),
            "#isis-watch": ("failed", "is_archived", "unarchive the channel, or name another one"),
            "#nowhere": (
                "failed",
                "there is no such channel",
                "make the channel; if it is there and private, /invite @monitor",
            ),
            "C0404": ("failed", "channel_not_found", None),
        }


@pytest.mark.parametrize(
    ("ahead", "state", "text"),
    [
        (timedelta(0), "ok", " s "),
        (timedelta(minutes=5), "warning", " s ahead of Slack's"),
        (timedelta(minutes=-5), "warning", " s behind Slack's"),
        (timedelta(hours=2), "failed", " s ahead of Slack's"),
    ],
)
async def test_our_clock_is_compared_with_slacks(ahead: timedelta, state: str, text: str) -> None:
    async with slack_with() as slack:
        clock = (await examined(slack, ahead=ahead))["clock"]
        assert clock.state == state
        assert text in clock.text


async def test_every_page_of_channels_is_read() -> None:
    names = [f"channel-{n}" for n in range(1100)]
    async with SlackStandIn(names, token=TOKEN) as slack:
        found = await examined(slack, ["#channel-1099"], app_token=None)
        assert found["#channel-1099"].state == "ok"
        assert slack.requests["conversations.list"] == 2


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("down", "connection to Slack broke: ServerDisconnectedError"),
        ("error_500_before", "Slack's answer is none of its API's"),
        ("garbage", "Slack's answer is none of its API's"),
        ("rate_limit", "ratelimited"),
    ],
)
async def test_a_slack_that_does_not_answer_as_it_should_is_a_finding(kind: str, text: str) -> None:
    async with slack_with() as slack:
        slack.fail(kind, method="*", times=None)  # type: ignore[arg-type]
        token = (await examined(slack))["Slack token"]
        assert (token.state, token.text) == ("failed", text)


async def test_no_slack_at_all_is_a_finding() -> None:
    async with slack_with() as slack:
        url = slack.api_url
    found = [check async for check in check_slack(url, TOKEN, None, WATCHED, lambda: datetime.now(UTC))]
    assert [check.state for check in found] == ["failed"]
    assert found[0].text.startswith("cannot reach Slack: ")
