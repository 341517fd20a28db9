"""A feed server and a Slack stand-in that outlive the service, and the service between them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from service_parts import MATCHING, NOISE, Outlet, Service, rss

from monitor.demo.slack import SlackStandIn


@pytest.fixture
async def outlet() -> AsyncIterator[Outlet]:
    served = Outlet(url="", body=rss(MATCHING + NOISE))

    async def answer(_request: web.Request) -> web.Response:
        served.requests += 1
        headers = {"Content-Type": "application/rss+xml"} | served.headers
        return web.Response(body=served.body, headers=headers)

    application = web.Application()
    application.router.add_get("/feed.xml", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}/feed.xml"
    yield served
    await runner.cleanup()


@pytest.fixture
async def slack() -> AsyncIterator[SlackStandIn]:
    async with SlackStandIn(channels=("isis-watch", "news-alerts"), burst=None) as stand_in:
        yield stand_in


@pytest.fixture
def config(tmp_path: Path, outlet: Outlet, slack: SlackStandIn) -> Path:
    """A configuration folder for one feed, one topic and the stand-in."""
    folder = tmp_path / "config"
    (folder / "watchlists").mkdir(parents=True)
    (folder / "monitor.yaml").write_text(
        f"storage:\n  url: sqlite:///{tmp_path}/monitor.db\n"
        f"slack:\n  api_url: {slack.api_url}\n"
        "fetch:\n  allow_private: [127.0.0.0/8]\n"
        "alerts:\n  most_per_topic: 100\n"
        "web:\n  port: 0\n"
    )
    (folder / "feeds.yaml").write_text(
        f"feeds:\n  - url: {outlet.url}\n    name: Outlet\n    every: 1s\n    alert_backlog: 1d\n"
    )
    shipped = Path(__file__).parents[2] / "config" / "watchlists" / "isis.yaml"
    text = shipped.read_text().replace("feeds: [", "# feeds: [")
    (folder / "watchlists" / "isis.yaml").write_text(text)
    return folder


@pytest.fixture
async def service(config: Path) -> AsyncIterator[Service]:
    started = Service(config)
    yield started
    await started.end_all()
