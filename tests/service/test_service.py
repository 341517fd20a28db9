"""The service as its users run it: real processes, real sockets, the real model, a Slack that breaks."""

import asyncio
import signal
from pathlib import Path

import pytest
from service_parts import MATCHING, NOISE, TOKEN, Outlet, Service, rss, until

from monitor.demo.slack import SlackStandIn
from monitor.demo.slack_render import rendered
from monitor.storage import open_storage

pytestmark = pytest.mark.slow


def headlines(slack: SlackStandIn) -> list[str]:
    return [message.text.partition(": ")[2] for message in slack.messages("isis-watch")]


async def test_a_feed_reaches_slack_in_order_and_sigterm_ends_it_cleanly(
    outlet: Outlet, slack: SlackStandIn, service: Service
) -> None:
    outlet.body = rss([*MATCHING[:4], *NOISE])
    process = await service.start()
    await until(lambda: len(headlines(slack)) == 4)
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    assert headlines(slack) == MATCHING[:4]
    assert TOKEN not in service.log()


async def test_once_posts_what_is_due_and_exits(
    outlet: Outlet, slack: SlackStandIn, service: Service
) -> None:
    outlet.body = rss([MATCHING[0], *NOISE])
    assert await (await service.start("once")).wait() == 0
    assert headlines(slack) == MATCHING[:1]


async def test_kill_9_again_and_again_gives_the_same_end_state(
    outlet: Outlet, slack: SlackStandIn, service: Service
) -> None:
    first = await service.start()
    await until(lambda: outlet.requests > 0)  # items are being stored or scored
    first.kill()
    await first.wait()
    for goal in (1, 6):
        slack.fail("slow", seconds=0.3, times=None)  # so that the kill finds a message on its way
        process = await service.start()
        await until(lambda goal=goal: len(headlines(slack)) >= goal)  # type: ignore[misc]
        process.kill()
        await process.wait()
        slack.recover()
    process = await service.start()
    await until(lambda: len(headlines(slack)) >= len(MATCHING), 180)
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    assert headlines(slack) == MATCHING


async def test_a_slack_that_goes_away_loses_and_doubles_nothing(
    outlet: Outlet, slack: SlackStandIn, service: Service
) -> None:
    outlet.body = rss(MATCHING[:6])
    process = await service.start()
    await until(lambda: len(headlines(slack)) >= 2)
    host, port = slack.url.removeprefix("http://").strip("/").split(":")
    await slack.close()
    await asyncio.sleep(3)
    await slack.start(host, int(port))
    await until(lambda: len(headlines(slack)) >= 6)
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    assert headlines(slack) == MATCHING[:6]


async def test_a_hostile_title_appears_literally_and_mentions_nobody(
    outlet: Outlet, slack: SlackStandIn, service: Service
) -> None:
    hostile = "<!channel> &lt;b&gt; *x* \u202e<https://evil|https://bank>"
    outlet.body = rss([hostile])
    assert await (await service.start("once")).wait() == 0
    (message,) = slack.messages("isis-watch")
    shown = rendered(message)
    assert "<!channel> &lt;b&gt; *x* <https://evil|https://bank>" in shown.text
    assert not shown.mentions
    assert [link.url for link in shown.links] == ["https://outlet.example/0"]


async def test_a_second_service_on_one_database_is_refused(outlet: Outlet, service: Service) -> None:
    await service.start()
    await until(lambda: outlet.requests > 0)
    second = await service.start()
    assert await second.wait() == 1


async def test_a_feed_that_breaks_recovers_by_itself(
    outlet: Outlet, slack: SlackStandIn, service: Service, tmp_path: Path
) -> None:
    outlet.body = b"<!doctype html><title>Checking your browser</title>"
    await service.start()
    await until(lambda: outlet.requests > 1)
    outlet.body = rss([MATCHING[0]])
    await until(lambda: len(headlines(slack)) == 1)
    storage = open_storage(f"sqlite:///{tmp_path}/monitor.db", read_only=True)
    (feed,) = storage.ledger.feeds()
    storage.close()
    assert (feed.health.failures, feed.health.last_error) == (0, None)
