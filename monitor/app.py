"""Runs the pipeline: one pass, or as a service until it is told to stop.

Ticks only make sure that nothing waits for ever. Beside the stages hubs are asked (subscribe), whose pings
wake poll; and people are heard (listen), which wakes deliver.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from statistics import median_low

from monitor.clock import utc_now
from monitor.configuration import Configuration
from monitor.errors import MonitorError
from monitor.feeds import FetchLimits
from monitor.listen import Listen, open_listen
from monitor.pipeline import Pipeline, Tempo, WithModel, open_pipeline
from monitor.schedule import ticking
from monitor.settings import fetch_proxy, slack_app_token, slack_bot_token
from monitor.subscribe import Subscribe, open_subscribe
from monitor.targets import named_channels, open_notifier
from monitor.web import AlertFeeds, serve

logger = logging.getLogger(__name__)

TICK = timedelta(seconds=1)
LONGEST_SLEEP = 5.0
"""Seconds after which a stage looks at its table although nobody has rung."""
LONGEST_PAUSE = 60.0
"""Seconds between two tries of a stage that keeps failing."""
DRAIN_POLLS = 5.0
DRAIN_STAGES = 9.0
"""Seconds; with the ten that a post under way may take, they stay within the 25 that `run` promises."""
PATIENCE = 60.0
"""Seconds without a delivery settled after which `once` leaves the rest in the outbox."""


@asynccontextmanager
async def open_listening(
    config: Configuration, environ: Mapping[str, str], pipeline: Pipeline
) -> AsyncIterator[Listen | None]:
    """What hears people in Slack, for whoever has both tokens."""
    tokens = slack_app_token(environ), slack_bot_token(environ)
    async with open_listen(
        config.settings.slack.api_url,
        *(token.get_secret_value() if token else None for token in tokens),
        store=pipeline.storage.feedback,
        database=pipeline.database,
        now=utc_now,
        on_feedback=pipeline.wakes.deliver.set,
    ) as listen:
        yield listen


async def once(config: Configuration, environ: Mapping[str, str]) -> None:
    """Poll what is due, once, all the way to the channels.

    Raises MonitorError when every feed failed, or when not every message arrived.
    """
    proxy = fetch_proxy(config.settings.fetch, environ)
    async with (
        open_notifier(config, named_channels(config), environ, utc_now) as notifier,
        open_pipeline(config, notifier, proxy=proxy, tempo=Tempo(gather=timedelta(0))) as pipeline,
    ):
        await pipeline.one_pass()
        await pipeline.heal.work()
        arrived = await pipeline.deliver.emptied(PATIENCE)
        await pipeline.prune.work()
        if not arrived:
            raise MonitorError("not every message arrived; the rest stays in the outbox for the next run")
        if pipeline.health.last_poll_at and not pipeline.health.last_good_poll_at:
            raise MonitorError("every feed failed; `monitor feeds list` tells why")


async def run(config: Configuration, environ: Mapping[str, str]) -> None:
    """Serve until SIGTERM or SIGINT, then drain."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    web, proxy = config.settings.web, fetch_proxy(config.settings.fetch, environ)
    usual = median_low(feed.every for feed in config.feeds)
    async with (
        open_notifier(config, named_channels(config), environ, utc_now) as notifier,
        open_pipeline(config, notifier, proxy=proxy) as pipeline,
        open_subscribe(
            web.public_url,
            store=pipeline.storage.subscriptions,
            database=pipeline.database,
            limits=FetchLimits(allow_private=config.settings.fetch.allow_private, proxy=proxy),
            now=utc_now,
            on_ping=pipeline.wakes.poll.set,
        ) as subscribe,
        open_listening(config, environ, pipeline) as listen,
        serve(
            web.host,
            web.port,
            health=pipeline.health,
            ledger=pipeline.storage.ledger,
            database=pipeline.database,
            now=utc_now,
            longest_interval=3 * usual,
            subscribe=subscribe,
            alert_feeds=AlertFeeds(
                store=pipeline.storage.alert_feeds, topics=config.topics, public_url=web.public_url
            ),
        ),
    ):
        await work_until(stop, pipeline, subscribe, listen)


async def work_until(
    stop: asyncio.Event,
    pipeline: Pipeline,
    subscribe: Subscribe | None = None,
    listen: Listen | None = None,
) -> None:
    """Keep every stage working until ``stop``, then finish what can be finished in time."""
    wakes = pipeline.wakes
    stages: dict[str, tuple[asyncio.Event, Callable[[], Awaitable[object]]]] = {
        "poll": (wakes.poll, pipeline.poll.start_due),
        "read": (wakes.read, pipeline.read.start_waiting),
        "score": (wakes.score, pipeline.score),
        "alert": (wakes.alert, pipeline.alert),
        "tell": (wakes.tell, pipeline.tell.work),
        "digest": (asyncio.Event(), pipeline.digests.work),
        "deliver": (wakes.deliver, pipeline.deliver.work),
        "heal": (asyncio.Event(), pipeline.heal.work),
        "prune": (asyncio.Event(), pipeline.prune.work),
        "reembed": (asyncio.Event(), pipeline.reembed),
    }
    if subscribe is not None:
        # Nobody rings: hubs can wait for some seconds.
        stages["subscribe"] = (asyncio.Event(), subscribe.start_due)
    if listen is not None:
        at_once = asyncio.Event()
        at_once.set()
        stages["listen"] = (at_once, listen.work)
    wakes.ring_all()
    with ticking({"all": (TICK, wakes.ring_all)}):
        loops = [asyncio.create_task(_keep_working(name, *stage)) for name, stage in stages.items()]
        # A model that cannot be loaded ends the service; anything else that goes wrong is tried again.
        ends = [asyncio.create_task(stop.wait()), asyncio.ensure_future(_until_failed(pipeline.with_model))]
        logger.info("started", extra=await pipeline.database(pipeline.storage.ledger.counts))
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*loops, *ends):
                task.cancel()
            await asyncio.gather(*loops, *ends, return_exceptions=True)
    for end in done:
        end.result()
    logger.info("draining")
    await _drain(pipeline)
    logger.info("stopped", extra=await pipeline.database(pipeline.storage.ledger.counts))


async def _until_failed(loading: asyncio.Task[WithModel]) -> None:
    await asyncio.shield(loading)
    await asyncio.Event().wait()


async def _keep_working(name: str, bell: asyncio.Event, work: Callable[[], Awaitable[object]]) -> None:
    failures = 0
    while True:
        try:
            async with asyncio.timeout(LONGEST_SLEEP):
                await bell.wait()
        except TimeoutError:
            pass  # ticks follow the clock, and stay away for as long as it has been set back
        bell.clear()
        try:
            await work()
            failures = 0
        except Exception as error:
            # The rows are still there, and are tried again; a trace each time would fill the disk.
            failures += 1
            extra = {"stage": name, "failures": failures, "error": repr(error)}
            logger.error("stage_failed", extra=extra, exc_info=failures == 1)
            await asyncio.sleep(min(2.0**failures, LONGEST_PAUSE))


async def _drain(pipeline: Pipeline) -> None:
    """Finish polls, scores and messages under way; what is left waits in the tables for the next start."""
    try:
        async with asyncio.timeout(DRAIN_POLLS):
            await pipeline.poll.settled()
    except TimeoutError:
        pipeline.poll.abandon()
    stages: list[Callable[[], Awaitable[object]]] = [
        pipeline.tell.work,
        partial(pipeline.deliver.emptied, DRAIN_STAGES),
    ]
    if pipeline.with_model.done() and not pipeline.with_model.cancelled():
        stages = [pipeline.score, pipeline.alert, *stages]
    try:
        async with asyncio.timeout(DRAIN_STAGES):
            for finish in stages:
                await _finished(finish)
    except TimeoutError:
        logger.warning("drain_cut_short")


async def _finished(finish: Callable[[], Awaitable[object]]) -> None:
    try:
        await finish()
    except Exception as error:
        logger.exception("drain_failed", extra={"error": repr(error)})
