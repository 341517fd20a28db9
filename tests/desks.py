"""The service as far as hubs and polls go, over real sockets, with a clock that the test sets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_network
from urllib.parse import urlsplit

import aiohttp
from builders import HOUR, NOW, spec
from hubs import Hub
from sites import Site

from monitor.feeds import FetchLimits, open_source
from monitor.health import Health
from monitor.poll import Poll, PollReport
from monitor.records import FeedSpec, Subscription
from monitor.storage import Storage
from monitor.subscribe import Subscribe, open_subscribe
from monitor.threads import OwnThread
from monitor.web import serve

LIMITS = FetchLimits(allow_private=(ip_network("127.0.0.0/8"),), max_bytes=100_000)
MINUTE = timedelta(minutes=1)
EVERY = HOUR
SLOW, USUAL = 6 * EVERY, 2 * EVERY
"""When polls are only a safety net, they are that far apart; else never so far, whatever is learned here."""
DAY = timedelta(days=1)


@dataclass
class Desk:
    """The service as far as hubs and polls go; its clock is the test's."""

    storage: Storage
    hub: Hub
    site: Site
    poll: Poll
    subscribe: Subscribe | None
    clock: "Clock"
    public_url: str
    reports: list[PollReport]
    bell: asyncio.Event
    published: list[tuple[int, datetime]] = field(default_factory=list)

    @property
    def topic(self) -> str:
        return f"{self.site.origin}/feed.xml"

    @property
    def spec(self) -> FeedSpec:
        return spec(url=self.topic, name="Wire", every=EVERY)

    def publish(self, *, hub: str | None = "", ago: timedelta = timedelta()) -> None:
        """Have the feed show one more item, and name a hub: ours unless told otherwise."""
        self.published.append((len(self.published), self.clock.now - ago))
        self.show(self.hub.url if hub == "" else hub)

    def show(self, hub: str | None, path: str = "/feed.xml") -> None:
        items = "".join(
            f"<item><guid>g{n}</guid><title>Report {n}</title><pubDate>{format_datetime(at)}</pubDate></item>"
            for n, at in reversed(self.published)
        )
        link = f'<{hub}>; rel="hub", <{self.site.origin}{path}>; rel="self"' if hub else ""
        document = f"<rss version='2.0'><channel><title>Wire</title>{items}</channel></rss>"
        self.site.page(path, document, ETag=f'"{len(self.published)}"', Link=link)

    async def round(self, later: timedelta = timedelta()) -> int:
        """Let time pass, then do whatever is due; return how many feeds were polled."""
        self.clock.now += later
        polled = await self.poll.work()
        if self.subscribe is not None:
            await self.subscribe.work()
        await self.hub.settled()
        return polled

    async def begin(self) -> None:
        """Have the feed polled once, and subscribed to."""
        self.storage.polls.sync_feeds([self.spec], self.clock.now)
        self.publish()
        assert await self.round() == 1

    @property
    def subscriptions(self) -> list[Subscription]:
        return self.storage.ledger.subscriptions()

    @property
    def subscription(self) -> Subscription:
        (known,) = self.subscriptions
        return known

    def trusts(self) -> bool:
        return self.subscription.push.trusted

    @property
    def due_in(self) -> timedelta:
        (feed,) = self.storage.ledger.feeds()
        return feed.next_poll_at - self.clock.now

    @property
    def new(self) -> list[int]:
        """How many items each poll has brought."""
        return [report.new for report in self.reports]


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@asynccontextmanager
async def running_desk(
    storage: Storage, hub: Hub, site: Site, public_url: str | None, clock: Clock, limits: FetchLimits = LIMITS
) -> AsyncIterator[Desk]:
    database, reports, bell = OwnThread("database"), list[PollReport](), asyncio.Event()
    port = urlsplit(public_url).port if public_url else 0
    assert port is not None
    async with (
        open_source(limits) as source,
        open_subscribe(
            public_url,
            store=storage.subscriptions,
            database=database,
            limits=limits,
            now=clock,
            on_ping=bell.set,
        ) as subscribe,
        serve(
            "127.0.0.1",
            port,
            health=Health(started_at=NOW),
            ledger=storage.ledger,
            database=database,
            now=clock,
            longest_interval=HOUR,
            subscribe=subscribe,
        ) as served,
    ):
        poll = Poll(
            store=storage.polls,
            troubles=storage.troubles,
            database=database,
            source=source,
            now=clock,
            on_report=reports.append,
            every=EVERY,
            chance=lambda: 0.5,
        )
        yield Desk(
            storage=storage,
            hub=hub,
            site=site,
            poll=poll,
            subscribe=subscribe,
            clock=clock,
            public_url=f"http://127.0.0.1:{served}",
            reports=reports,
            bell=bell,
        )
    database.close()


async def trusting(desk: Desk) -> None:
    """Bring a feed as far as its hub has earned trust."""
    await desk.begin()
    desk.clock.now += MINUTE
    desk.publish()
    await desk.hub.publish(desk.topic)
    await desk.round()
    assert desk.trusts()


async def answer(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()
