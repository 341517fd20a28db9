"""The service's own HTTP: ``/healthz`` (the loop turns), ``/readyz`` (the work gets done), hubs' calls,
and feeds of alerts."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from aiohttp import web

from monitor.errors import MonitorError
from monitor.health import Health
from monitor.storage import Ledger
from monitor.subscribe import Subscribe
from monitor.threads import OwnThread
from monitor.web.alerts_feed import AlertFeeds, alert_feed_routes
from monitor.web.callbacks import callback_routes

__all__ = ["AlertFeeds", "serve"]


@asynccontextmanager
async def serve(
    host: str,
    port: int,
    *,
    health: Health,
    ledger: Ledger,
    database: OwnThread,
    now: Callable[[], datetime],
    longest_interval: timedelta,
    subscribe: Subscribe | None = None,
    alert_feeds: AlertFeeds | None = None,
) -> AsyncIterator[int]:
    """Answer on ``host:port`` (0 for any free one) until the context ends; yield the port.

    Hubs are answered where there is ``subscribe`` to answer them; ``alert_feeds`` is what other tools get.
    """

    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(_request: web.Request) -> web.Response:
        asked_at = now()
        trouble = health.unready(asked_at, longest_interval, *await database(ledger.waiting_since, asked_at))
        known = await database(ledger.troubles)
        body = {
            "ready": trouble is None,
            "trouble": trouble,
            "closed_channels": {each.channel: each.trouble.cause for each in known if each.channel},
            "waiting": await database(ledger.waiting, asked_at),
            "since_start": health.as_json(),
        }
        return web.json_response(body, status=200 if trouble is None else 503)

    application = web.Application()
    application.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz)])
    if subscribe is not None:
        application.add_routes(callback_routes(subscribe))
    if alert_feeds is not None:
        application.add_routes(alert_feed_routes(alert_feeds, database))
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise MonitorError(
                f"web.host, web.port: cannot listen on {host}:{port}: {error.strerror}"
            ) from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
