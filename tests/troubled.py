"""A server that can be broken and mended, and the part of the service that notices and tells."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_network

from builders import CHANNELS, NOW, TOKEN

from monitor.blackout import Blackout
from monitor.deliver import Deliver
from monitor.demo.slack import SlackStandIn
from monitor.feeds import FetchLimits, open_source
from monitor.notify import open_slack
from monitor.poll import Poll
from monitor.records import Feed, FeedSpec
from monitor.storage import Storage
from monitor.tell import GATHER, Tell
from monitor.threads import OwnThread

HOST = "127.0.0.2"
OPS = "#news-alerts"
LIMITS = FetchLimits(
    allow_private=(ip_network("127.0.0.2/31"),), read_timeout=0.5, max_bytes=3_000_000, parse_timeout=4.0
)


# --- a server that can be broken and mended ------------------------------------------------------------


def rss(*numbers: int, dated: bool = True, at: datetime = NOW) -> bytes:
    date = f"<pubDate>{format_datetime(at)}</pubDate>" if dated else ""
    items = "".join(
        f"<item><guid isPermaLink='false'>g{n}</guid><title>Report {n}</title>{date}</item>" for n in numbers
    )
    return f"<rss version='2.0'><channel>{items}</channel></rss>".encode()


def answer(body: bytes = b"", status: str = "200 OK", *headers: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"))
    return f"{head}Connection: close\r\n\r\n".encode() + body


@dataclass
class Broken:
    """A server by path; what it says is bytes, or None for silence."""

    says: dict[str, bytes | None] = field(default_factory=dict)
    unchanged: dict[str, bytes] = field(default_factory=dict)
    """What it says instead when asked under conditions."""
    asked: list[str] = field(default_factory=list)
    host: str = HOST
    tls: ssl.SSLContext | None = None
    server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> None:
        self.server = await asyncio.start_server(self.talk, self.host, port, ssl=self.tls)

    async def stop(self) -> None:
        assert self.server is not None
        self.server.close()
        await self.server.wait_closed()

    @property
    def origin(self) -> str:
        assert self.server is not None
        port = self.server.sockets[0].getsockname()[1]
        return f"{'https' if self.tls else 'http'}://{self.host}:{port}"

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = request.split(" ")[1]
            said = self.says[path]
            if "If-None-Match" in request and path in self.unchanged:
                said = self.unchanged[path]
                path += " unless it has changed"
            self.asked.append(path)
            if said is None:
                await reader.read()  # until the other end has had enough
            else:
                writer.write(said)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None, host: str = HOST) -> AsyncIterator[Broken]:
    broken = Broken(tls=tls, host=host)
    await broken.start()
    try:
        yield broken
    finally:
        await broken.stop()


# --- the part of the service that notices and tells -----------------------------------------------------


@dataclass
class Desk:
    """Poll, tell and deliver under a clock of ours; ``told`` is what stands in the ops channel."""

    storage: Storage
    poll: Poll
    tell: Tell
    deliver: Deliver
    slack: SlackStandIn
    now: datetime = NOW

    def feed(self) -> Feed:
        (known,) = self.storage.ledger.feeds()
        return known

    def told(self) -> list[str]:
        return [_text(message.blocks) for message in self.slack.messages(OPS.removeprefix("#"))]

    async def round(self, times: int = 1) -> None:
        """Poll when the next poll of any feed is due, and tell what there is to tell."""
        for _ in range(times):
            due = min(feed.next_poll_at for feed in self.storage.ledger.feeds())
            self.now = max(self.now, due)
            await self.poll.work()
            self.now += GATHER
            await self.tell.work()
            assert await self.deliver.emptied(30)

    async def rounds_until(self, told: int) -> None:
        """Go on until so many messages have been told; a feed that needs more than 12 polls never tells."""
        for _ in range(12):
            if len(self.told()) >= told:
                return
            await self.round()


def _text(blocks: object) -> str:
    """All the text of a message's blocks, in order."""
    if isinstance(blocks, dict):
        return "".join(
            value if key == "text" and isinstance(value, str) else _text(value)
            for key, value in blocks.items()
        )
    return "".join(map(_text, blocks)) if isinstance(blocks, list | tuple) else ""


@asynccontextmanager
async def desk(storage: Storage, *feeds: FeedSpec, limits: FetchLimits = LIMITS) -> AsyncIterator[Desk]:
    database = OwnThread("database")
    storage.polls.sync_feeds(feeds, NOW)
    async with (
        SlackStandIn(CHANNELS, token=TOKEN, burst=None) as slack,
        open_slack(slack.api_url, TOKEN) as notifier,
        open_source(limits) as source,
    ):
        clock: Callable[[], datetime] = lambda: made.now  # noqa: E731
        poll = Poll(
            store=storage.polls,
            troubles=storage.troubles,
            database=database,
            source=source,
            now=clock,
            on_report=lambda _: None,
            every=timedelta(minutes=10),
            chance=lambda: 0.5,
            blackout=Blackout.resumed(storage.troubles.blackout_since(), storage.ledger.feeds()),
        )
        tell = Tell(store=storage.troubles, channel=OPS, database=database, now=clock, on_told=lambda: None)
        deliver = Deliver(
            store=storage.deliveries,
            database=database,
            notifier=notifier,
            now=clock,
            wall_clock=clock,
            on_report=lambda _: None,
            pace=0.0,
        )
        made = Desk(storage=storage, poll=poll, tell=tell, deliver=deliver, slack=slack)
        yield made
    database.close()
