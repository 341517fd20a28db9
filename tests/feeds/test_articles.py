import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_network

import pytest
from aiohttp import web
from articles import page, text_of
from builders import feed

from monitor.feeds import FetchLimits, open_articles, open_source
from monitor.records import Article, Fetched, NoArticle

LOCAL = FetchLimits(allow_private=(ip_network("127.0.0.0/8"), ip_network("::1/128")), article_pause=0)
PAGE = page("harvest")


class Site:
    """Answers every path with what it was given; counts requests, and how many there were at one time."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, bytes, dict[str, str]]] = {}
        self.asked: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.at_once = self.most_at_once = 0
        self.port = 0

    def put(self, path: str, body: bytes = b"", status: int = 200, **headers: str) -> str:
        spelled = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[path] = (status, body, {"Content-Type": "text/html; charset=utf-8"} | spelled)
        return f"http://127.0.0.1:{self.port}{path}"

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.01)
        if gate := self.gates.get(request.path):
            await gate.wait()
        self.at_once -= 1
        status, body, headers = self.answers[request.path]
        return web.Response(status=status, body=body, headers=headers)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    app = web.Application()
    app.router.add_get("/{tail:.*}", site.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.port = runner.addresses[0][1]
    yield site
    await runner.cleanup()


async def read(url: str, limits: FetchLimits = LOCAL) -> Article | NoArticle:
    async with open_articles(limits) as articles:
        return await articles.read(url)


async def missing(url: str, limits: FetchLimits = LOCAL) -> NoArticle:
    article = await read(url, limits)
    assert isinstance(article, NoArticle), article
    return article


async def test_an_article(site: Site) -> None:
    article = await read(site.put("/cherries", PAGE))
    assert isinstance(article, Article)
    assert article.text.endswith(text_of("harvest").strip().rpartition("\n")[2])


async def test_an_article_behind_a_redirect(site: Site) -> None:
    site.put("/there", PAGE)
    assert isinstance(await read(site.put("/here", status=301, Location="/there")), Article)


@pytest.mark.parametrize(
    ("status", "temporary"), [(403, False), (404, False), (410, False), (429, True), (503, True)]
)
async def test_refusals_name_the_status(site: Site, status: int, temporary: bool) -> None:
    refused = await missing(site.put("/article", PAGE, status=status))
    assert refused == NoArticle(reason=f"The server answers HTTP {status}.", temporary=temporary)


async def test_what_is_no_web_page_is_not_read(site: Site) -> None:
    other = await missing(site.put("/report", b"%PDF-1.7", Content_Type="application/pdf"))
    assert "application/pdf" in other.reason


async def test_the_front_page_is_not_the_article(site: Site) -> None:
    site.put("/", PAGE)
    astray = await missing(site.put("/gone/article", status=302, Location="/"))
    assert "front page" in astray.reason
    assert isinstance(await read(f"http://127.0.0.1:{site.port}/"), Article)


async def test_pages_are_bounded(site: Site) -> None:
    url = site.put("/article", PAGE)
    assert "larger than" in (await missing(url, replace(LOCAL, article_max_bytes=2_000))).reason


async def test_private_addresses_are_refused_also_behind_a_redirect(site: Site) -> None:
    url = site.put("/article", status=302, Location="http://169.254.169.254/latest/meta-data/")
    assert "metadata" in (await missing(url)).reason
    assert "not a public address" in (await missing(url, replace(LOCAL, allow_private=()))).reason
    assert site.asked == ["/article"]


async def test_no_connection_may_be_made_later(site: Site) -> None:
    assert (await missing("http://127.0.0.1:1/article")).temporary


@pytest.mark.slow
async def test_a_page_that_keeps_the_parser_busy_costs_itself_only(site: Site) -> None:
    # Extraction takes half a minute over as many links.
    hostile = site.put("/hostile", b"<html><body>" + b"<a href=x>abc</a> " * 150_000)
    async with open_articles(replace(LOCAL, parse_timeout=3.0)) as articles:
        assert await articles.read(hostile) == NoArticle(
            reason="Reading the document took over 3 s, so it was given up."
        )
        assert isinstance(await articles.read(site.put("/cherries", PAGE)), Article)


def test_only_the_first_article_brings_its_libraries_and_only_into_the_worker() -> None:
    modules = "import sys, monitor.feeds.parse, monitor.feeds.articles; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", modules], capture_output=True, text=True, check=True
    ).stdout
    assert "feedparser" in loaded.split()
    assert {"trafilatura", "lxml", "justext"}.isdisjoint(loaded.split())


async def test_a_host_is_asked_for_one_page_at_a_time(site: Site) -> None:
    urls = [site.put(f"/{n}", PAGE) for n in range(6)]
    async with open_articles(LOCAL) as articles:
        outcomes = await asyncio.gather(*map(articles.read, urls))
    assert {type(outcome) for outcome in outcomes} == {Article}
    assert (len(site.asked), site.most_at_once) == (6, 1)


async def test_a_host_is_left_alone_between_two_pages_and_others_are_not(site: Site) -> None:
    first, second = site.put("/1", PAGE), site.put("/2", PAGE)
    async with open_articles(replace(LOCAL, article_pause=3600.0)) as articles:
        assert isinstance(await articles.read(first), Article)
        waiting = asyncio.create_task(articles.read(second))
        site.put("/3", PAGE)
        assert isinstance(await articles.read(f"http://localhost:{site.port}/3"), Article)
        assert site.asked == ["/1", "/3"]
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_a_page_under_way_holds_up_no_feed(site: Site) -> None:
    rss = b'<rss version="2.0"><channel><item><title>One</title></item></channel></rss>'
    limits = replace(LOCAL, concurrency=1, concurrency_per_host=1, article_concurrency=1)
    site.gates["/slow"] = asyncio.Event()
    async with open_source(limits) as source, open_articles(limits) as articles:
        reading = asyncio.create_task(articles.read(site.put("/slow", PAGE)))
        async with asyncio.timeout(10):
            while "/slow" not in site.asked:  # noqa: ASYNC110 - a plain list is what the site writes down
                await asyncio.sleep(0.01)
        assert isinstance(await source.fetch(feed(url=site.put("/feed", rss))), Fetched)
        assert not reading.done()
        site.gates["/slow"].set()
        assert isinstance(await reading, Article)
