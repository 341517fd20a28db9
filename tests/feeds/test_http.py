import asyncio
import gzip
import hashlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import web

from monitor.feeds import FetchLimits, open_source
from monitor.records import Feed, FeedSpec, Fetched, FetchFailed, FetchOutcome, NotModified, PollHints

BODY = b'<rss version="2.0"><channel><item><title>One</title><link>/1</link></item></channel></rss>'
LOCAL = FetchLimits(allow_private=(ip_network("127.0.0.0/8"),))

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """A web server whose pages are functions; it remembers what it was asked."""

    def __init__(self) -> None:
        self.pages: dict[str, Answer] = {}
        self.requests: list[web.Request] = []
        self.origin = ""

    def page(self, path: str, body: bytes = b"", status: int = 200, **headers: str) -> str:
        async def answer(request: web.Request) -> web.StreamResponse:
            spelled = {name.replace("_", "-"): value for name, value in headers.items()}
            return web.Response(body=body, status=status, headers=spelled)

        self.pages[path] = answer
        return self.origin + path

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        return await self.pages[request.path](request)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    app = web.Application()
    app.router.add_get("/{tail:.*}", site.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield site
    await runner.cleanup()


def feed(url: str) -> Feed:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    spec = FeedSpec(
        url=url, name="Test", tags=frozenset(), every=timedelta(minutes=5), alert_backlog=timedelta()
    )
    return Feed(id=1, spec=spec, next_poll_at=now)


async def fetch(asked: Feed | str, limits: FetchLimits = LOCAL) -> FetchOutcome:
    async with open_source(limits) as source:
        return await source.fetch(feed(asked) if isinstance(asked, str) else asked)


async def failure(url: str, limits: FetchLimits = LOCAL) -> FetchFailed:
    outcome = await fetch(url, limits)
    assert isinstance(outcome, FetchFailed), outcome
    return outcome


async def test_a_feed(site: Site) -> None:
    url = site.page("/feed", BODY, ETag='"v1"', Last_Modified="Sat, 21 Nov 2026 10:00:00 GMT")
    outcome = await fetch(url)
    assert isinstance(outcome, Fetched)
    assert [(item.title, item.url) for item in outcome.items] == [("One", f"{site.origin}/1")]
    assert (outcome.format, outcome.etag) == ("rss20", '"v1"')
    assert outcome.last_modified == "Sat, 21 Nov 2026 10:00:00 GMT"
    assert outcome.body_hash == hashlib.sha256(BODY).hexdigest()
    [request] = site.requests
    assert request.headers["User-Agent"].startswith("monitor/")
    assert request.headers["Accept-Encoding"] == "gzip, deflate"
    assert "If-None-Match" not in request.headers


async def test_a_feed_is_asked_only_for_what_changed(site: Site) -> None:
    asked = replace(feed(site.page("/feed", status=304)), etag='"v1"', last_modified="yesterday")
    assert await fetch(asked) == NotModified(etag='"v1"', last_modified="yesterday")
    [request] = site.requests
    assert request.headers["If-None-Match"] == '"v1"'
    assert request.headers["If-Modified-Since"] == "yesterday"


async def test_not_modified_is_no_answer_to_an_unconditional_question(site: Site) -> None:
    assert (await failure(site.page("/feed", status=304))).kind == "http"


async def test_the_same_body_is_not_read_again(site: Site) -> None:
    asked = replace(
        feed(site.page("/feed", b"no feed", ETag='"v2"')), body_hash=hashlib.sha256(b"no feed").hexdigest()
    )
    assert await fetch(asked) == NotModified(etag='"v2"', last_modified=None, whole=True)


async def test_a_broken_document_is_asked_for_in_whole_next_time(site: Site) -> None:
    outcome = await fetch(site.page("/feed", BODY[:-20], ETag='"v1"'))
    assert isinstance(outcome, Fetched)
    assert (len(outcome.items), outcome.etag) == (1, None)


async def test_validators_that_could_not_be_sent_back_are_dropped(site: Site) -> None:
    outcome = await fetch(site.page("/feed", BODY, ETag='"é"'))
    assert isinstance(outcome, Fetched)
    assert outcome.etag is None


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "no feed at this address"),
        (403, "login"),
        (500, "may pass"),
        (418, "I'm a"),
    ],
)
async def test_refusals_name_status_and_remedy(site: Site, status: int, words: str) -> None:
    failed = await failure(site.page("/feed", status=status))
    assert (failed.kind, failed.status) == ("http", status)
    assert f"HTTP {status}" in failed.message
    assert words in failed.message


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("120", timedelta(seconds=120)),
        ("Sun, 22 Nov 2026 10:05:00 GMT", timedelta(minutes=5)),
        ("Sun, 22 Nov 2026 09:00:00 GMT", timedelta()),
        ("999999999", timedelta(days=7)),
        ("soon", None),
    ],
)
async def test_retry_after(site: Site, written: str, expected: timedelta | None) -> None:
    url = site.page("/feed", status=429, Retry_After=written, Date="Sun, 22 Nov 2026 10:00:00 GMT")
    assert (await failure(url)).retry_after == expected


async def test_redirects_are_followed_and_their_end_is_the_base(site: Site) -> None:
    site.page("/new/feed", BODY.replace(b"/1", b"1"))
    site.page("/middle", status=301, Location="new/feed")
    outcome = await fetch(site.page("/old", status=302, Location="/middle"))
    assert isinstance(outcome, Fetched)
    assert outcome.items[0].url == f"{site.origin}/new/1"


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("/feed", "redirect"),
        ("ftp://127.0.0.1/feed", "redirect"),
        ("file:///etc/passwd", "redirect"),
        ("http://169.254.169.254/latest/", "address"),
        ("http://[::ffff:10.0.0.1]/", "address"),
        ("http://[broken/", "address"),
    ],
)
async def test_redirects_that_are_not_followed(site: Site, location: str, kind: str) -> None:
    assert (await failure(site.page("/feed", status=302, Location=location))).kind == kind


async def test_redirects_end(site: Site) -> None:
    for n in range(9):
        site.page(f"/{n}", status=302, Location=f"/{n + 1}")
    failed = await failure(f"{site.origin}/0")
    assert (failed.kind, len(site.requests)) == ("redirect", 6)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost"])
async def test_private_addresses_are_refused_with_the_remedy(site: Site, host: str) -> None:
    url = site.page("/feed", BODY).replace("127.0.0.1", host)
    failed = await failure(url, FetchLimits())
    assert failed.kind == "address"
    assert "loopback" in failed.message
    assert "fetch.allow_private" in failed.message
    assert site.requests == []


async def test_numeric_spellings_of_an_address_do_not_pass(site: Site) -> None:
    site.page("/feed", BODY)
    for host in ("2130706433", "127.1", "0x7f.0.0.1"):
        failed = await failure(f"{site.origin}/feed".replace("127.0.0.1", host), FetchLimits())
        assert failed.kind == "address"
    assert site.requests == []


async def test_unusual_ports_are_for_allowed_networks_only() -> None:
    failed = await failure("http://8.8.8.8:22/feed", FetchLimits())
    assert failed.kind == "address"
    assert "Port 22" in failed.message


async def test_a_compressed_feed(site: Site) -> None:
    assert isinstance(await fetch(site.page("/feed", gzip.compress(BODY), Content_Encoding="gzip")), Fetched)


async def test_a_compressed_bomb_is_cut_at_the_cap(site: Site) -> None:
    bomb = gzip.compress(bytes(20 * 1024**2))
    failed = await failure(site.page("/feed", bomb, Content_Encoding="gzip"))
    assert failed.kind == "size"
    assert "5 MiB" in failed.message


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
async def test_compression_that_cannot_be_undone(site: Site, encoding: str) -> None:
    failed = await failure(site.page("/feed", b"\x1f\x8b nonsense", Content_Encoding=encoding))
    assert failed.kind in ("connect", "http")


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"", "empty"), (b" \n", "empty"), (b"<!doctype html><p>Sorry", "html"), (b"words", "parse")],
)
async def test_answers_that_are_no_feed(site: Site, body: bytes, kind: str) -> None:
    assert (await failure(site.page("/feed", body))).kind == kind


async def test_a_feed_without_items_is_no_failure(site: Site) -> None:
    outcome = await fetch(site.page("/feed", b'<rss version="2.0"><channel/></rss>'))
    assert isinstance(outcome, Fetched)
    assert outcome.items == ()


async def test_a_server_that_drips_is_given_up(site: Site) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.05)

    site.pages["/feed"] = drip
    failed = await failure(f"{site.origin}/feed", replace(LOCAL, total_timeout=0.3))
    assert failed.kind == "timeout"
    assert "0.3 s" in failed.message


async def test_a_server_that_falls_silent_is_given_up(site: Site) -> None:
    async def stall(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    site.pages["/feed"] = stall
    failed = await failure(f"{site.origin}/feed", replace(LOCAL, read_timeout=0.2))
    assert failed.kind == "timeout"
    assert "nothing for 0.2 s" in failed.message


async def test_a_document_that_breaks_off(site: Site) -> None:
    async def broken(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "500"})
        await response.prepare(request)
        await response.write(BODY)
        assert request.transport is not None
        request.transport.close()
        return response

    site.pages["/feed"] = broken
    assert (await failure(f"{site.origin}/feed")).kind == "connect"


async def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        failed = await failure(f"http://127.0.0.1:{taken.getsockname()[1]}/feed")
    assert failed.kind == "connect"
    assert "127.0.0.1" in failed.message


async def test_a_server_that_speaks_no_tls(site: Site) -> None:
    assert (await failure(site.origin.replace("http", "https"))).kind == "tls"


@pytest.mark.parametrize("url", ["", "feed.xml", "ftp://example.org/", "http://", "http://[broken/"])
async def test_addresses_that_are_none(url: str) -> None:
    assert (await failure(url)).kind == "address"


async def test_a_password_in_an_address_is_not_told() -> None:
    failed = await failure("http://user:hunter2@127.0.0.1:1/feed?key=hunter2")
    assert "hunter2" not in failed.message


async def test_one_host_is_asked_by_few_at_a_time(site: Site) -> None:
    asking, most = 0, 0

    async def count(request: web.Request) -> web.StreamResponse:
        nonlocal asking, most
        asking += 1
        most = max(most, asking)
        await asyncio.sleep(0.02)
        asking -= 1
        return web.Response(body=BODY)

    site.pages["/feed"] = count
    async with open_source(LOCAL) as source:
        outcomes = await asyncio.gather(*(source.fetch(feed(f"{site.origin}/feed")) for _ in range(8)))
    assert most == 2
    assert all(isinstance(outcome, Fetched) for outcome in outcomes)


# --- what the way to a feed and its headers tell ---------------------------------------------------


@pytest.mark.parametrize(
    ("statuses", "moved"),
    [((), 0), ((301,), 1), ((308, 301), 2), ((301, 302), 1), ((307, 301), 0)],
)
async def test_a_feed_has_moved_as_far_as_redirects_say_that_it_is_for_good(
    site: Site, statuses: tuple[int, ...], moved: int
) -> None:
    site.page(f"/{len(statuses)}", BODY, ETag='"v1"')
    for n, status in enumerate(statuses):
        site.page(f"/{n}", status=status, Location=f"/{n + 1}")
    first = await fetch(f"{site.origin}/0")
    assert isinstance(first, Fetched)
    assert first.moved_to == (f"{site.origin}/{moved}" if moved else None)
    again = await fetch(replace(feed(f"{site.origin}/0"), body_hash=first.body_hash))
    assert isinstance(again, NotModified)
    assert again.moved_to == first.moved_to


async def test_hints_come_from_the_headers_and_the_document(site: Site) -> None:
    body = BODY.replace(b"<item>", b"<ttl>90</ttl><item>", 1)
    outcome = await fetch(site.page("/feed", body, Cache_Control="max-age=3600"))
    assert isinstance(outcome, Fetched)
    assert outcome.hints == PollHints(min_interval=timedelta(minutes=90), source="ttl")
    asked = replace(feed(site.page("/feed", status=304, Cache_Control="max-age=3600")), etag='"v1"')
    unchanged = await fetch(asked)
    assert isinstance(unchanged, NotModified)
    assert unchanged.hints == PollHints(min_interval=timedelta(hours=1), source="Cache-Control: max-age")


async def test_a_hub_in_the_headers_wins_over_the_documents(site: Site) -> None:
    link = b'<link xmlns="http://www.w3.org/2005/Atom" rel="%s" href="https://inner.example/"/>'
    body = BODY.replace(b"<item>", link % b"hub" + link % b"self" + b"<item>", 1)
    outcome = await fetch(site.page("/feed", body, Link="<https://hub.example/>; rel=hub"))
    assert isinstance(outcome, Fetched)
    assert (outcome.hub, outcome.self_url) == ("https://hub.example/", "https://inner.example/")


@pytest.mark.parametrize(
    ("path", "answer", "kind"),
    [
        ("/login", {"body": b"<!doctype html><p>Who are you?"}, "login"),
        ("/account/sign-in.php", {"status": 403}, "login"),
        ("/consent", {"status": 302, "Location": "/feed"}, "login"),
        ("/v2/collectConsent", {"body": b"<html>Cookies?"}, "login"),
        ("/blogin-news/", {"body": b"<html>News"}, "html"),
        ("/login", {"status": 500}, "login"),
        ("/login", {"body": b"words"}, "parse"),
    ],
)
async def test_a_way_that_ends_at_a_login_is_named(
    site: Site, path: str, answer: dict[str, Any], kind: str
) -> None:
    site.page(path, **answer)
    failed = await failure(site.page("/feed", status=302, Location=path))
    assert failed.kind == kind


async def test_a_way_past_a_consent_page_to_a_feed_is_a_way(site: Site) -> None:
    site.page("/real", BODY)
    site.page("/consent", status=302, Location="/real")
    assert isinstance(await fetch(site.page("/feed", status=302, Location="/consent")), Fetched)


async def test_a_challenge_is_known_by_header_or_body(site: Site) -> None:
    body = b"<!doctype html><title>Just a moment...</title>"
    for url in (
        site.page("/a", BODY, status=200, cf_mitigated="challenge"),
        site.page("/b", body, status=403),
        site.page("/c", body),
    ):
        assert (await failure(url)).kind == "challenge"


async def test_a_refusal_that_breaks_off_is_a_refusal(site: Site) -> None:
    async def broken(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=403, headers={"Content-Length": "500"})
        await response.prepare(request)
        assert request.transport is not None
        request.transport.close()
        return response

    site.pages["/feed"] = broken
    failed = await failure(f"{site.origin}/feed")
    assert (failed.kind, failed.status) == ("http", 403)


# --- proxy -----------------------------------------------------------------------------------------


async def test_a_proxy_is_asked_for_everything_and_its_password_not_told(site: Site) -> None:
    site.page("/feed", BODY)
    proxy = site.origin.replace("//", "//user:hunter2@")
    limits = FetchLimits(proxy=proxy)
    outcome = await fetch("http://feeds.example/feed", limits)
    assert isinstance(outcome, Fetched)
    [request] = site.requests
    assert request.headers["Host"] == "feeds.example"
    assert request.headers["Proxy-Authorization"].startswith("Basic ")
    assert "hunter2" not in repr(limits)
    secure = await failure("https://feeds.example/feed", limits)
    assert secure.kind == "connect"
    assert "The proxy answers HTTP" in secure.message
    nobody = await failure("http://feeds.example/feed", FetchLimits(proxy="http://user:hunter2@127.0.0.1:9"))
    assert nobody.kind == "connect"
    assert "no connection to the proxy" in nobody.message
    assert "hunter2" not in f"{secure} {nobody}"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/feed",
        "http://localhost./feed",
        "http://[::ffff:10.0.0.1]/feed",
        "http://127.1/feed",
        "http://169.254.169.254/feed",
        "http://feeds.example:22/feed",
    ],
)
async def test_a_proxy_is_not_asked_for_what_is_refused_anyhow(site: Site, url: str) -> None:
    site.page("/feed", status=302, Location=url)
    limits = FetchLimits(proxy=site.origin)
    assert (await failure(url, limits)).kind == "address"
    assert site.requests == []
    assert (await failure("http://feeds.example/feed", limits)).kind == "address"
    assert len(site.requests) == 1


async def test_the_environments_proxy_is_not_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert isinstance(await fetch(site.page("/feed", BODY)), Fetched)
