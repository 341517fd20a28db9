"""Puts the house together: the only module that knows every room, and that reads the clock.

poll ──new items──► (read ──articles──►) score ──matches──► alert ──deliveries──► deliver
 └──────────────────────── troubles ───────────────────────► tell ──deliveries──────┘
Whoever finishes wakes the next at once; ticks only make sure that nothing waits for ever. Hubs are asked
beside all this (subscribe), and their pings wake poll; people are heard (listen), which wakes deliver.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median_low

from monitor.alert import Alert, AlertReport
from monitor.blackout import Blackout
from monitor.configuration import Configuration
from monitor.deliver import PACE, SETTLE, Deliver, DeliverReport
from monitor.errors import MonitorError
from monitor.feeds import FetchLimits, open_articles, open_source
from monitor.health import Health
from monitor.listen import Listen, open_listen
from monitor.notify import Notifier, open_console, open_slack
from monitor.policy import told_since
from monitor.poll import Poll, PollReport
from monitor.prune import Prune
from monitor.read import Read, ReadReport
from monitor.reembed import Reembed
from monitor.schedule import ticking
from monitor.score import ScoreReport, Scoring, open_scoring
from monitor.scoring import open_reference
from monitor.settings import fetch_proxy, slack_app_token, slack_bot_token
from monitor.storage import Storage, open_storage
from monitor.subscribe import Subscribe, open_subscribe
from monitor.tell import GATHER, Tell
from monitor.threads import OwnThread
from monitor.vectorise import Vectoriser, load_encoder
from monitor.web import serve

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]
Report = PollReport | ReadReport | ScoreReport | AlertReport | DeliverReport

TICK = timedelta(seconds=1)
LONGEST_SLEEP = 5.0
"""Seconds after which a stage looks at its table although nobody has rung."""
LONGEST_PAUSE = 60.0
"""Seconds between two tries of a stage that keeps failing."""
STOP_POSTS = 10.0
DRAIN_POLLS = 5.0
DRAIN_STAGES = 9.0
"""Seconds; with the ten that a post under way may take, they stay within the 25 that `run` promises."""
PATIENCE = 60.0
"""Seconds without a delivery settled after which `once` leaves the rest in the outbox."""


def utc_now() -> datetime:
    """Read the clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wakes:
    """One bell per stage; whoever leaves work for a stage rings it."""

    poll: asyncio.Event = field(default_factory=asyncio.Event)
    read: asyncio.Event = field(default_factory=asyncio.Event)
    score: asyncio.Event = field(default_factory=asyncio.Event)
    alert: asyncio.Event = field(default_factory=asyncio.Event)
    tell: asyncio.Event = field(default_factory=asyncio.Event)
    deliver: asyncio.Event = field(default_factory=asyncio.Event)

    def ring_all(self) -> None:
        """Have every stage look at its table."""
        for bell in (self.poll, self.read, self.score, self.alert, self.tell, self.deliver):
            bell.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """The stages, ready to work. ``scoring`` comes true when the model is loaded."""

    storage: Storage
    database: OwnThread
    poll: Poll
    read: Read
    scoring: asyncio.Task[tuple[Scoring, Reembed]]
    alert: Alert
    tell: Tell
    deliver: Deliver
    prune: Prune
    wakes: Wakes
    health: Health

    async def score(self) -> int:
        """Score everything that waits."""
        # Shielded: who is cancelled while the model loads must not stop it from loading for the others.
        scoring, _ = await asyncio.shield(self.scoring)
        return await scoring.work()

    async def reembed(self) -> int:
        """Encode recent items that were scored with another model."""
        _, reembed = await asyncio.shield(self.scoring)
        return await reembed.work()

    async def one_pass(self) -> None:
        """Poll what is due, and bring it as far as the outbox."""
        await self.poll.work()
        await self.read.work()
        await self.score()
        await self.alert.work()
        await self.tell.work()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tempo:
    """How fast deliveries may go, which only a Slack of ours lets us change; how long troubles gather."""

    pace: float = PACE
    settle: float = SETTLE
    gather: timedelta = GATHER


@asynccontextmanager
async def open_pipeline(
    config: Configuration,
    notifier: Notifier,
    *,
    now: Clock = utc_now,
    on_report: Callable[[Report], None] = lambda _report: None,
    tempo: Tempo = Tempo(),
    proxy: str | None = None,
) -> AsyncIterator[Pipeline]:
    """Open database, model and feeds, and yield the stages; ``now`` is the clock that items are judged by,
    ``proxy`` the URL of the one that feeds are asked through.

    Raises StorageError; a ModelError comes with the first use of ``scoring``.
    """
    database, encoding = OwnThread("database"), OwnThread("encoder")
    wakes, health = Wakes(), Health(started_at=utc_now())

    def reported(report: Report) -> None:
        _ring(wakes, report)
        health.note(report, utc_now())
        on_report(report)

    try:
        storage = await database(open_storage, config.settings.storage.url)
        try:
            await database(storage.polls.release_claims)
            await database(storage.polls.sync_feeds, config.feeds, now())
            interrupted = await database(storage.deliveries.interrupted)
            if interrupted:
                logger.warning("interrupted_deliveries", extra={"in_doubt": interrupted})
            slack = config.settings.slack
            channels: dict[str | None, str] = {topic.id: topic.channel for topic in config.topics}
            channels[None] = slack.ops_channel or slack.channel
            moved = await database(storage.deliveries.readdress, channels, slack.channel)
            if moved:
                logger.warning("readdressed_deliveries", extra={"messages": moved})
            blackout = Blackout.resumed(
                await database(storage.troubles.blackout_since), await database(storage.ledger.feeds)
            )
            limits = FetchLimits(allow_private=config.settings.fetch.allow_private, proxy=proxy)
            async with open_source(limits) as source, open_articles(limits) as articles:
                pipeline = Pipeline(
                    storage=storage,
                    database=database,
                    poll=Poll(
                        store=storage.polls,
                        troubles=storage.troubles,
                        database=database,
                        source=source,
                        now=now,
                        on_report=reported,
                        every=config.settings.fetch.every,
                        blackout=blackout,
                    ),
                    read=Read(store=storage.reads, database=database, source=articles, on_report=reported),
                    scoring=asyncio.create_task(
                        _open_scoring(config, storage, database, encoding, now, reported)
                    ),
                    alert=Alert(
                        store=storage.alerts,
                        database=database,
                        topics={topic.id: topic for topic in config.topics},
                        max_age=config.settings.alerts.max_age,
                        now=now,
                        on_report=reported,
                    ),
                    tell=Tell(
                        store=storage.troubles,
                        channel=slack.ops_channel,
                        database=database,
                        now=now,
                        on_told=wakes.deliver.set,
                        gather=tempo.gather,
                    ),
                    deliver=Deliver(
                        store=storage.deliveries,
                        database=database,
                        notifier=notifier,
                        now=now,
                        wall_clock=utc_now,
                        on_report=reported,
                        pace=tempo.pace,
                        settle=tempo.settle,
                    ),
                    prune=Prune(
                        store=storage.retention,
                        database=database,
                        keep=config.settings.storage.keep,
                        max_age=config.settings.alerts.max_age,
                        now=now,
                    ),
                    wakes=wakes,
                    health=health,
                )
                try:
                    yield pipeline
                finally:
                    pipeline.poll.abandon()
                    pipeline.read.abandon()
                    await _stopped(pipeline.deliver)
                    pipeline.scoring.cancel()
        finally:
            await database(storage.close)
    finally:
        encoding.close()
        database.close()


async def _stopped(deliver: Deliver) -> None:
    """Let posts under way end; what is cut off is in doubt, and looked for at the next start."""
    try:
        async with asyncio.timeout(STOP_POSTS):
            await deliver.stop()
    except TimeoutError:
        logger.warning("posts_cut_off")


async def _open_scoring(
    config: Configuration,
    storage: Storage,
    database: OwnThread,
    encoding: OwnThread,
    now: Clock,
    on_report: Callable[[ScoreReport], None],
) -> tuple[Scoring, Reembed]:
    encoder = await encoding(load_encoder, config.settings.encoder)
    scoring = await open_scoring(
        config.topics,
        storage=storage,
        database=database,
        encoder=encoder,
        encoding=encoding,
        reference=await encoding(open_reference, encoder),
        now=now,
        on_report=on_report,
    )
    logger.info("model_ready", extra={"model": encoder.model, "topics": len(config.topics)})
    return scoring, Reembed(
        store=storage.embedded,
        database=database,
        vectors=Vectoriser(store=storage.scores, database=database, encoder=encoder, encoding=encoding),
        since=told_since(config.settings.alerts.max_age, now()),
    )


def open_notifier(config: Configuration, environ: Mapping[str, str]) -> AbstractAsyncContextManager[Notifier]:
    """Slack when there is a token, else the console."""
    token = slack_bot_token(environ)
    if token is None:
        logger.warning("no_slack_token", extra={"hint": "set SLACK_BOT_TOKEN; messages go to the console"})
        return open_console()
    return open_slack(config.settings.slack.api_url, token.get_secret_value())


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
        open_notifier(config, environ) as notifier,
        open_pipeline(config, notifier, proxy=proxy, tempo=Tempo(gather=timedelta(0))) as pipeline,
    ):
        await pipeline.one_pass()
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
        open_notifier(config, environ) as notifier,
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
        "alert": (wakes.alert, pipeline.alert.work),
        "tell": (wakes.tell, pipeline.tell.work),
        "deliver": (wakes.deliver, pipeline.deliver.work),
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
        ends = [asyncio.create_task(stop.wait()), asyncio.ensure_future(_until_failed(pipeline.scoring))]
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


async def _until_failed(scoring: asyncio.Task[tuple[Scoring, Reembed]]) -> None:
    await asyncio.shield(scoring)
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
        pipeline.alert.work,
        pipeline.tell.work,
        partial(pipeline.deliver.emptied, DRAIN_STAGES),
    ]
    if pipeline.scoring.done() and not pipeline.scoring.cancelled():
        stages.insert(0, pipeline.score)
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


def _ring(wakes: Wakes, report: Report) -> None:
    """Wake the stage for which the report means work."""
    match report:
        case PollReport(new=new, edited=edited) if new or edited:
            wakes.read.set()
            wakes.score.set()
        case ReadReport():
            wakes.score.set()
        case ScoreReport(matches=matches) if matches:
            wakes.alert.set()
        case AlertReport() if report.verdict.decision == "alert":
            wakes.deliver.set()
        case _:
            pass
    if isinstance(report, PollReport):
        wakes.poll.set()  # there is room for another poll
