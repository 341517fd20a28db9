"""Servers that mean harm, each over a real socket, while fifty healthy feeds are fetched by the same source.

Every case ends in a named failure, or in what could be read, within its own limit. That the healthy ones
were not held up is shown by counts: all fifty come back, and where only a limit ends the hostile answer,
they come back before it does.
"""

import asyncio
import json
import os
import ssl
import sys
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from socket import AF_INET

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from authority import make_authority
from builders import feed

from monitor.feeds import FetchLimits, Source
from monitor.feeds.http import open_http
from monitor.records import Fetched, FetchFailed, FetchOutcome

HEALTHY = 50
BODY = b'<rss version="2.0"><channel><item><title>One</title></item></channel></rss>'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n"
CLOSED = HEAD + b"Connection: close\r\n\r\n"
# The hostile server and the healthy one have an address each, so that neither waits for the other's host.
HOSTILE_HOST, HEALTHY_HOST = "127.0.0.2", "127.0.0.3"
LIMITS = FetchLimits(
    allow_private=(ip_network(f"{HOSTILE_HOST}/32"), ip_network(f"{HEALTHY_HOST}/32")),
    concurrency=80,
    concurrency_per_host=HEALTHY,
    # Only a case that is meant to meet a limit sets one that it can meet.
    total_timeout=120.0,
    read_timeout=120.0,
    parse_timeout=60.0,
)

Talk = Callable[[asyncio.StreamWriter], Awaitable[None]]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")


@asynccontextmanager
async def hostile(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Serve ``talk`` to whoever asks; yield the address, and what is set when a question has come."""
    asked = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            asked.set()
            await talk(writer)
            await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, HOSTILE_HOST, 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://{HOSTILE_HOST}:{port}/feed", asked
    finally:
        server.close()


@asynccontextmanager
async def healthy() -> AsyncIterator[list[str]]:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=BODY)

    app = web.Application()
    app.router.add_get("/{n}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HEALTHY_HOST, 0).start()
    try:
        yield [f"http://{HEALTHY_HOST}:{runner.addresses[0][1]}/{n}" for n in range(HEALTHY)]
    finally:
        await runner.cleanup()


async def fetched_all(source: Source, urls: Iterable[str]) -> int:
    outcomes = await asyncio.gather(*(source.fetch(feed(url=url)) for url in urls))
    return sum(isinstance(outcome, Fetched) and len(outcome.items) == 1 for outcome in outcomes)


async def beside_healthy_feeds(talk: Talk, limits: FetchLimits = LIMITS) -> FetchOutcome:
    """Fetch from a hostile server, and meanwhile and afterwards all the healthy feeds."""
    async with hostile(talk) as (url, asked), healthy() as urls, open_http(limits) as source:
        fetching = asyncio.create_task(source.fetch(feed(url=url)))
        await asked.wait()
        assert await fetched_all(source, urls) == HEALTHY
        outcome = await fetching
        assert await fetched_all(source, urls) == HEALTHY
        return outcome


def failed(outcome: FetchOutcome) -> FetchFailed:
    assert isinstance(outcome, FetchFailed), outcome
    return outcome


def says(*parts: bytes) -> Talk:
    async def talk(writer: asyncio.StreamWriter) -> None:
        writer.writelines(parts)

    return talk


def for_ever(beginning: bytes, part: bytes, pause: float) -> tuple[Talk, asyncio.Event]:
    """Say a part again and again until the other side has gone, which sets the event."""
    gone = asyncio.Event()

    async def talk(writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        try:
            while True:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
        except OSError:
            gone.set()

    return talk, gone


# --- servers that never finish ---------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("beginning", "part"),
    [
        (CLOSED + BODY[:30], b" "),
        (HEAD, b"X-Header: one more\r\n"),
        (HEAD + b"X-Header: ", b"y"),
    ],
    ids=["byte after byte", "header after header", "one endless header"],
)
async def test_a_server_that_drips_is_left_while_others_are_fetched(beginning: bytes, part: bytes) -> None:
    talk, gone = for_ever(beginning, part, pause=0.02)
    async with hostile(talk) as (url, asked), healthy() as urls:
        async with open_http(replace(LIMITS, total_timeout=5.0)) as source:
            fetching = asyncio.create_task(source.fetch(feed(url=url)))
            await asked.wait()
            assert await fetched_all(source, urls) == HEALTHY
            assert not fetching.done()
            outcome = failed(await fetching)
            assert await fetched_all(source, urls) == HEALTHY
        await gone.wait()
    assert outcome.kind == "timeout"
    assert "within 5 s" in outcome.message


@pytest.mark.parametrize(
    ("beginning", "part"),
    [(HEAD, b"X-Header: one more\r\n" * 500), (HEAD + b"X-Header: ", b"y" * 10_000)],
    ids=["headers", "one header"],
)
async def test_headers_without_end_end_at_a_count_and_a_length(beginning: bytes, part: bytes) -> None:
    talk, gone = for_ever(beginning, part, pause=0)
    outcome = failed(await beside_healthy_feeds(talk))
    await gone.wait()
    assert outcome.kind == "http"
    assert "valid HTTP" in outcome.message


# --- documents that are too much -------------------------------------------------------------------

CLIENT = """
import asyncio, json, resource, sys
sys.path.insert(0, "tests")
from authority import make_authority
from builders import feed
from monitor.feeds import open_source
sys.path.insert(0, "tests/feeds")
from test_hostile_servers import LIMITS
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
async def main():
    async with open_source(LIMITS) as source:
        before = peak()
        outcome = await source.fetch(feed(url=sys.argv[1]))
        print(json.dumps({"kind": outcome.kind, "message": outcome.message, "grown": peak() - before}))
asyncio.run(main())
"""


@pytest.mark.slow
async def test_a_gibibyte_in_a_mebibyte_is_cut_with_little_memory() -> None:
    packer, blank = zlib.compressobj(9, wbits=31), bytes(1024**2)
    bomb = b"".join([*(packer.compress(blank) for _ in range(1024)), packer.flush()])
    assert len(bomb) < 2 * 1024**2
    talk = says(HEAD + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n", bomb)
    here = Path(__file__).parents[2]
    async with hostile(talk) as (url, _):
        client = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CLIENT, url),
            stdout=asyncio.subprocess.PIPE,
            cwd=here,
            env={**os.environ, "PYTHONPATH": str(here)},
        )
        told, _ = await client.communicate()
    answer = json.loads(told)
    assert answer["kind"] == "size"
    assert "5 MiB" in answer["message"]
    assert answer["grown"] < 64


async def test_a_compressed_bomb_holds_up_nobody() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = packer.compress(bytes(64 * 1024**2)) + packer.flush()
    talk = says(HEAD + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n", bomb)
    assert failed(await beside_healthy_feeds(talk)).kind == "size"


async def test_a_billion_laughs() -> None:
    entities = b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10))
    document = (
        b'<!DOCTYPE rss [<!ENTITY a0 "lol">' + entities + b']><rss version="2.0"><channel><item><title>'
        b"&a9;</title></item></channel></rss>"
    )
    outcome = await beside_healthy_feeds(says(CLOSED, document))
    # What stands around the entity is read; none of it unfolds.
    assert isinstance(outcome, Fetched)
    assert [(item.title, item.summary) for item in outcome.items] == [("&a9;", "")]


async def test_laughing_sitemaps_are_refused_at_the_declaration() -> None:
    document = b'<!DOCTYPE urlset [<!ENTITY a "lol">]><urlset><url><loc>&a;</loc></url></urlset>'
    outcome = failed(await beside_healthy_feeds(says(CLOSED, document)))
    assert outcome.kind == "parse"
    assert "entities" in outcome.message


@pytest.mark.slow
async def test_nested_tags_are_given_up() -> None:
    document = b'<rss version="2.0"><channel>' + b"<a>" * 900_000
    assert len(document) > 2.7e6 * 0.99
    limits = replace(LIMITS, parse_timeout=8.0)
    async with (
        hostile(says(CLOSED, document)) as (url, asked),
        healthy() as urls,
        open_http(limits) as source,
    ):
        fetching = asyncio.create_task(source.fetch(feed(url=url)))
        await asked.wait()
        # The first round gives the document time to reach its parser, the second needs another one.
        for _ in range(2):
            assert await fetched_all(source, urls) == HEALTHY
        assert not fetching.done()
        outcome = failed(await fetching)
        assert await fetched_all(source, urls) == HEALTHY
    assert outcome.kind == "hang"
    assert "8 s" in outcome.message


@pytest.mark.slow
async def test_a_hundred_thousand_items_are_all_read() -> None:
    items = b"".join(b"<item><guid>%d</guid></item>" % n for n in range(100_000))
    outcome = await beside_healthy_feeds(
        says(CLOSED, b'<rss version="2.0"><channel>', items, b"</channel></rss>")
    )
    assert isinstance(outcome, Fetched)
    assert len(outcome.items) == 100_000


# --- documents that are not what they say ----------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "title"),
    [
        (BODY.replace(b"One", b"One \xff\xfe\xc3 two"), "One ÿþÃ two"),
        (BODY.replace(b"One", b"O\0n\0e\x08"), "One"),
        (BODY.replace(b"One", b"\xe2\x80\x9cOne\xe2\x80\x9d \x96 two"), "“One” – two"),
    ],
    ids=["invalid UTF-8", "NULs", "two charsets"],
)
async def test_broken_text_is_read_as_far_as_it_can_be(document: bytes, title: str) -> None:
    outcome = await beside_healthy_feeds(says(CLOSED, document))
    assert isinstance(outcome, Fetched)
    assert [item.title for item in outcome.items] == [title]


async def test_a_length_that_promises_more_than_comes() -> None:
    longer = HEAD + b"Content-Length: %d\r\n\r\n" % (len(BODY) + 100)
    outcome = failed(await beside_healthy_feeds(says(longer, BODY)))
    assert outcome.kind == "connect"
    assert "broke off" in outcome.message


async def test_a_length_that_promises_less_than_comes() -> None:
    shorter = HEAD + b"Content-Length: %d\r\nETag: x\r\n" % (len(BODY) - 16)
    # What comes after the length would be the next answer, and is none.
    outcome = failed(await beside_healthy_feeds(says(shorter + b"\r\n" + BODY)))
    assert outcome.kind == "http"
    assert outcome.message == f"{HOSTILE_HOST} does not answer in valid HTTP (Bad status line)."


async def test_a_document_that_its_length_cuts_short() -> None:
    shorter = CLOSED.replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\nETag: x\r\n\r\n" % (len(BODY) - 16))
    outcome = await beside_healthy_feeds(says(shorter + BODY[:-16]))
    assert isinstance(outcome, Fetched)
    assert ([item.title for item in outcome.items], outcome.etag) == (["One"], None)


async def test_a_connection_reset_half_way() -> None:
    async def reset(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Content-Length: 5000\r\n\r\n" + BODY)
        await writer.drain()
        writer.transport.abort()

    outcome = failed(await beside_healthy_feeds(reset))
    assert outcome.kind == "connect"


# --- redirects -------------------------------------------------------------------------------------


def redirects_to(location: str) -> Talk:
    return says(b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % location.encode())


@pytest.mark.parametrize(
    ("location", "kind", "words"),
    [
        ("/feed", "redirect", "circle"),
        ("http://127.0.0.1:{port}/", "address", "loopback"),
        ("http://[::ffff:127.0.0.1]:{port}/", "address", "loopback"),
        ("http://2130706433:{port}/", "address", "not a valid web address"),
        ("http://169.254.169.254/latest/meta-data/", "address", "metadata"),
    ],
)
async def test_redirects_that_are_not_followed(location: str, kind: str, words: str) -> None:
    reached = 0

    async def count(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal reached
        reached += 1
        writer.close()

    async with await asyncio.start_server(count, "127.0.0.1", 0) as inside:
        port = inside.sockets[0].getsockname()[1]
        outcome = failed(await beside_healthy_feeds(redirects_to(location.replace("{port}", str(port)))))
    assert outcome.kind == kind
    assert words in outcome.message
    assert reached == 0


class Turncoat(AbstractResolver):
    """Resolves any name to a public address first, as it were, and to this machine's own from then on."""

    def __init__(self) -> None:
        self.asked = 0

    async def resolve(self, host: str, port: int = 0, family: int = AF_INET) -> list[ResolveResult]:
        self.asked += 1
        address = HOSTILE_HOST if self.asked == 1 else "127.0.0.1"
        return [{"hostname": host, "host": address, "port": port, "family": AF_INET, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        pass


async def test_a_name_that_turns_private_at_the_second_look_up() -> None:
    reached = 0

    async def count(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal reached
        reached += 1
        writer.close()

    async with await asyncio.start_server(count, "127.0.0.1", 0) as inside:
        # Another port, for which aiohttp looks the name up anew.
        inner = f"http://rebound.example:{inside.sockets[0].getsockname()[1]}/"
        resolver = Turncoat()
        async with hostile(redirects_to(inner)) as (url, _), open_http(LIMITS, resolver=resolver) as source:
            outcome = failed(await source.fetch(feed(url=url.replace(HOSTILE_HOST, "rebound.example"))))
    assert resolver.asked == 2
    assert outcome.kind == "address"
    assert "loopback" in outcome.message
    assert reached == 0


# --- certificates ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("authority")
    make_authority(folder, HOSTILE_HOST)
    return folder


async def over_tls(authority: Path, certificate: str, talk: Talk) -> FetchOutcome:
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(authority / certificate, authority / "server.key")
    async with hostile(talk, serving) as (url, _), healthy() as urls, open_http(LIMITS) as source:
        outcome, count = await asyncio.gather(source.fetch(feed(url=url)), fetched_all(source, urls))
    assert count == HEALTHY
    return outcome


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        ("expired.pem", "it has expired"),
        ("alone.pem", "self-signed"),
        ("elsewhere.pem", "made out for another host"),
    ],
)
async def test_certificates_that_cannot_be_trusted(
    authority: Path, monkeypatch: pytest.MonkeyPatch, certificate: str, words: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    outcome = failed(await over_tls(authority, certificate, says(CLOSED, BODY)))
    assert outcome.kind == "tls"
    assert words in outcome.message


async def test_an_unknown_authority_is_named_as_such(authority: Path) -> None:
    outcome = failed(await over_tls(authority, "good.pem", says(CLOSED, BODY)))
    assert outcome.kind == "tls"
    assert "authority that this machine does not know" in outcome.message


async def test_a_known_authority_is_enough(authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    assert isinstance(await over_tls(authority, "good.pem", says(CLOSED, BODY)), Fetched)


async def test_a_redirect_from_https_to_http_is_not_followed(
    authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    talk = redirects_to(f"http://{HEALTHY_HOST}/0")
    outcome = failed(await over_tls(authority, "good.pem", talk))
    assert outcome.kind == "redirect"
    assert "unprotected http" in outcome.message
