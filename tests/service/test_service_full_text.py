"""A feed that says nothing, an article that says it all: from the page to Slack, in a real process."""

import re
from pathlib import Path

import pytest
from aiohttp import web
from articles import page
from service_parts import Outlet, Service, rss

from monitor.demo.slack import SlackStandIn
from monitor.storage import open_storage

pytestmark = pytest.mark.slow
TITLES = ["Sunday in brief", "From the region", "Only for members", "Weather"]
PAGES = {
    "/0": page("will-of-victory", "divs"),
    "/1": page("harvest"),
    "/2": page("will-of-victory", "teaser"),
}


async def test_articles_are_read_scored_and_told(
    outlet: Outlet, slack: SlackStandIn, service: Service, config: Path
) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        body = PAGES.get(request.path)
        return web.Response(body=body, status=200 if body else 404, content_type="text/html", charset="utf-8")

    application = web.Application()
    application.router.add_get("/{tail:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    origin = f"http://127.0.0.1:{runner.addresses[0][1]}".encode()
    plain = re.sub(b"<description>.*?</description>", b"", rss(TITLES))
    outlet.body = plain.replace(b"https://outlet.example", origin)
    feeds = config / "feeds.yaml"
    feeds.write_text(feeds.read_text() + "    full_text: true\n")
    try:
        assert await (await service.start("once")).wait() == 0
    finally:
        await runner.cleanup()
    assert sorted(asked) == ["/0", "/1", "/2", "/3"]
    told = [message.text.partition(": ")[2] for message in slack.messages("isis-watch")]
    assert told == TITLES[:1]
    storage = open_storage(f"sqlite:///{config.parent}/monitor.db", read_only=True)
    try:
        urls = frozenset(f"{origin.decode()}/{n}" for n in range(4))
        items = [history.item for history in storage.ledger.history(urls)]
    finally:
        storage.close()
    assert [item.full_text is not None for item in items] == [True, True, False, False]
    assert [item.full_text_missing for item in items] == [
        None,
        None,
        "The article is for subscribers; the page shows its beginning only.",
        "The server answers HTTP 404.",
    ]
