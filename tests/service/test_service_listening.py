"""The service as a process hears people for as long as it runs."""

import signal

import pytest
from service_parts import APP_TOKEN, Service, until

from monitor.demo.slack import SlackStandIn

pytestmark = pytest.mark.slow


async def test_the_service_listens_and_lets_go(service: Service, slack: SlackStandIn) -> None:
    process = await service.start()
    await until(lambda: slack.sockets.connections == 1)
    slack.react("isis-watch", slack.say("isis-watch", "lunch?").ts, "eyes")
    await until(lambda: len(slack.sockets.acked) == 1)
    await slack.sockets.refresh()
    await until(lambda: slack.sockets.connections == 1)
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    await until(lambda: slack.sockets.connections == 0)
    log = service.log()
    assert "feedback" in log
    assert "unknown" in log
    assert APP_TOKEN not in log
