"""The service and a hub: what is published is told at once, though the next regular poll is an hour away."""

import signal
import socket
from pathlib import Path

import pytest
from hubs import running_hub
from service_parts import MATCHING, NOISE, Outlet, Service, rss, until

from monitor.demo.slack import SlackStandIn

pytestmark = pytest.mark.slow


def headlines(slack: SlackStandIn) -> list[str]:
    return [message.text.partition(": ")[2] for message in slack.messages("isis-watch")]


async def test_a_ping_brings_an_item_to_slack_long_before_the_next_poll_and_after_a_restart_too(
    config: Path, outlet: Outlet, slack: SlackStandIn, service: Service
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings, feeds = config / "monitor.yaml", config / "feeds.yaml"
    web = f"port: {port}\n  public_url: http://127.0.0.1:{port}\n"
    settings.write_text(settings.read_text().replace("port: 0\n", web))
    feeds.write_text(feeds.read_text().replace("every: 1s", "every: 1h"))
    async with running_hub() as hub:
        outlet.headers = {"Link": f'<{hub.url}>; rel="hub", <{outlet.url}>; rel="self"'}
        outlet.body = rss([*NOISE, *MATCHING[:1]])
        process = await service.start()
        await until(lambda: len(headlines(slack)) == 1 and outlet.url in hub.subscribers)
        for told in (2, 3):
            outlet.body = rss([*NOISE, *MATCHING[:told]])
            assert await hub.publish(outlet.url) == [202]
            await until(lambda told=told: len(headlines(slack)) == told)  # type: ignore[misc]
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
            process = await service.start()
            await until(lambda: answers(port))
        assert hub.modes == ["subscribe"], "a restart keeps the subscription"
        for form in hub.forms:
            assert form["hub.secret"] not in service.log()
            assert form["hub.callback"].rpartition("/")[2] not in service.log()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
