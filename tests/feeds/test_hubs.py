"""What is sent to hubs, whose addresses are as trustworthy as the feeds that name them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import ip_network

import pytest
from aiohttp import web

from monitor.feeds import FetchLimits, open_hubs
from monitor.records import FetchFailed

LOCAL = FetchLimits(allow_private=(ip_network("127.0.0.0/8"),))
FORM = {"hub.mode": "subscribe", "hub.topic": "https://wire.example/?a=1&b=ü"}

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """A web server that remembers the forms it got, and answers each path as it was told to."""

    origin: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    forms: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def answer(self, path: str, status: int, text: str = "", **headers: str) -> str:
        spelled = {name.replace("_", "-"): value for name, value in headers.items()}

        async def answered(_request: web.Request) -> web.Response:
            return web.Response(status=status, text=text, headers=spelled)

        self.answers[path] = answered
        return self.origin + path

    async def handle(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append((f"{request.method} {request.path}", form))
        return await self.answers[request.path](request)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", server.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


async def post(
    url: str, *, home: str = "http://127.0.0.1/feed", limits: FetchLimits = LOCAL
) -> FetchFailed | None:
    async with open_hubs(limits) as hubs:
        return await hubs.post(url, FORM, home=home)


async def refused(
    url: str, *, home: str = "http://127.0.0.1/feed", limits: FetchLimits = LOCAL
) -> FetchFailed:
    failed = await post(url, home=home, limits=limits)
    assert failed is not None
    return failed


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_a_form_is_taken_even_without_a_word(server: Server, status: int) -> None:
    assert await post(server.answer("/hub", status)) is None
    assert server.forms == [("POST /hub", FORM)]


@pytest.mark.parametrize("status", [307, 308])
async def test_a_hub_that_has_moved_gets_the_form_at_its_new_place(server: Server, status: int) -> None:
    server.answer("/new", 202)
    assert await post(server.answer("/hub", status, Location="/new")) is None
    assert server.forms == [("POST /hub", FORM), ("POST /new", FORM)]


@pytest.mark.parametrize("status", [301, 302, 303])
async def test_what_leads_to_a_page_is_not_followed(server: Server, status: int) -> None:
    failed = await refused(server.answer("/hub", status, Location="/page"))
    assert (failed.kind, failed.status) == ("http", status)
    assert len(server.forms) == 1


async def test_a_circle_ends(server: Server) -> None:
    assert (await refused(server.answer("/hub", 307, Location="/hub"))).kind == "redirect"
    assert len(server.forms) == 1


async def test_a_hub_may_say_why_not_and_when(server: Server) -> None:
    url = server.answer("/hub", 429, text="<p>not\n now</p>" + "x" * 9999, Retry_After="600")
    failed = await refused(url)
    assert failed.message.startswith("The server answers HTTP 429 Too Many Requests: <p>not now</p>xxx")
    assert len(failed.message) < 300
    assert failed.retry_after == timedelta(minutes=10)


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]", "169.254.169.254", "10.0.0.1", "localhost"])
async def test_no_hub_leads_into_a_private_network(address: str) -> None:
    assert (await refused(f"http://{address}/hub", limits=FetchLimits())).kind == "address"


async def test_a_public_feed_cannot_have_forms_sent_into_a_network_opened_for_others(server: Server) -> None:
    url = server.answer("/hub", 202)
    failed = await refused(url, home="https://public.example/feed")
    assert failed.kind == "address"
    assert server.forms == []


async def test_nor_can_a_redirect(server: Server) -> None:
    elsewhere = server.answer("/new", 202).replace("127.0.0.1", "127.0.0.2")
    assert (await refused(server.answer("/hub", 307, Location=elsewhere))).kind == "address"
    assert len(server.forms) == 1


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/hub", "http://", "http://[/"])
async def test_what_is_no_web_address_is_refused(url: str) -> None:
    assert (await refused(url)).kind == "address"


async def test_a_slow_hub_is_left(server: Server) -> None:
    over = asyncio.Event()

    async def hang(_request: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    server.answers["/hub"] = hang
    failed = await refused(f"{server.origin}/hub", limits=replace(LOCAL, total_timeout=0.2))
    over.set()
    assert failed.kind == "timeout"


async def test_behind_a_proxy_an_address_written_out_is_refused_all_the_same(server: Server) -> None:
    limits = FetchLimits(proxy=server.origin)
    assert (await refused("http://10.0.0.1/hub", limits=limits)).kind == "address"
    assert server.forms == []
