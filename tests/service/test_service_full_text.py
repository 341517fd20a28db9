"""A feed that says nothing, an article that says it all: from the page to Slack, in a real process."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from articles import page
from service_parts import Outlet, Service, rss, until

from monitor.demo.slack import SlackStandIn
from monitor.storage import open_storage

pytestmark = pytest.mark.slow
TITLES = ["Sunday in brief", "From the region", "Only for members", "Weather"]
PAGES = {
    "/0": page("will-of-victory", "divs"),
    "/1": page("harvest"),
    "/2": page("will-of-victory", "teaser"),
}


@dataclass
class Pages:
    """A site of the articles of a feed; while ``open`` is not set, it leaves readers waiting."""

    origin: str = ""
    asked: list[str] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        await self.open.wait()
        body = PAGES.get(request.path)
        return web.Response(body=body, status=200 if body else 404, content_type="text/html", charset="utf-8")


@pytest.fixture
async def pages(config: Path, outlet: Outlet) -> AsyncIterator[Pages]:
    """The articles of the outlet's feed, which is to be read in full and whose summaries are empty."""
    pages = Pages()
    application = web.Application()
    application.router.add_get("/{tail:.*}", pages.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    pages.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    without_summaries = re.sub(b"<description>.*?</description>", b"", rss(TITLES))
    outlet.body = without_summaries.replace(b"https://outlet.example", pages.origin.encode())
    feeds = config / "feeds.yaml"
    feeds.write_text(feeds.read_text() + "    full_text: true\n")
    yield pages
    await runner.cleanup()


def told(slack: SlackStandIn) -> list[str]:
    return [message.text.partition(": ")[2] for message in slack.messages("isis-watch")]


async def test_articles_are_read_scored_and_told(
    pages: Pages, slack: SlackStandIn, service: Service, config: Path
) -> None:
    pages.open.set()
    assert await (await service.start("once")).wait() == 0
    assert sorted(pages.asked) == ["/0", "/1", "/2", "/3"]
    assert told(slack) == TITLES[:1]
    storage = open_storage(f"sqlite:///{config.parent}/monitor.db", read_only=True)
    try:
        found = storage.ledger.history(frozenset(f"{pages.origin}/{n}" for n in range(4)))
    finally:
        storage.close()
    assert [history.item.full_text is not None for history in found] == [True, True, False, False]
    assert [history.item.full_text_missing for history in found] == [
        None,
        None,
        "The article is for subscribers; the page shows its beginning only.",
        "The server answers HTTP 404.",
    ]


async def test_a_kill_while_articles_are_read_loses_none(
    pages: Pages, slack: SlackStandIn, service: Service
) -> None:
    first = await service.start()
    await until(lambda: pages.asked == ["/0"])
    first.kill()
    await first.wait()
    assert told(slack) == []
    pages.open.set()
    second = await service.start()
    await until(lambda: set(pages.asked) == {"/0", "/1", "/2", "/3"} and len(told(slack)) == 1)
    second.send_signal(signal.SIGTERM)
    assert await second.wait() == 0
    assert told(slack) == TITLES[:1]
