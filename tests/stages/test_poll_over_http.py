"""The poll stage over real sockets: a host that hangs costs the others nothing."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
from aiohttp import web
from builders import spec

from monitor.feeds import FetchLimits, open_source
from monitor.poll import Poll, PollReport
from monitor.records import FetchFailed
from monitor.storage import Storage
from monitor.threads import OwnThread

HANGING = 60
RSS = b"<rss version='2.0'><channel><title>t</title></channel></rss>"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server that never answers under /hang/, and always elsewhere."""
    over = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        if request.path.startswith("/hang/"):
            await over.wait()
        return web.Response(body=RSS, content_type="application/rss+xml")

    application = web.Application()
    application.router.add_get("/{tail:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", 0).start()
    yield runner.addresses[0][1]
    over.set()
    await runner.cleanup()


async def test_many_feeds_of_a_host_that_hangs_hold_up_no_other_host(
    storage: Storage, database: OwnThread, port: int
) -> None:
    hanging = [spec(url=f"http://127.0.0.1:{port}/hang/{n}", name=f"hang {n}") for n in range(HANGING)]
    healthy = spec(url=f"http://127.0.0.2:{port}/fine", name="fine", every=timedelta(milliseconds=1))
    storage.polls.sync_feeds([*hanging, healthy], datetime.now(UTC) - timedelta(minutes=1))
    polls: Counter[str] = Counter()

    def count(report: PollReport) -> None:
        if not isinstance(report.outcome, FetchFailed):
            polls[report.feed.spec.name] += 1

    limits = FetchLimits(allow_private=(ip_network("127.0.0.0/8"),))
    async with open_source(limits) as source:
        poll = Poll(
            store=storage.polls,
            troubles=storage.troubles,
            database=database,
            source=source,
            now=lambda: datetime.now(UTC),
            on_report=count,
            every=timedelta(minutes=10),
        )
        async with asyncio.timeout(30):
            while polls["fine"] < 5:
                await poll.start_due()
                await asyncio.sleep(0.01)
        assert set(polls) == {"fine"}, "the others are still waiting for their host"
        poll.abandon()
        await poll.settled()
