"""Puts the stages together over one database, one model and one set of feeds.

poll ──new items──► (read ──articles──►) score ──matches──► alert ──deliveries──► deliver
 └──────────────────────── troubles ───────────────────────► tell ──deliveries──────┘
                                                             digest ──deliveries────┘
Whoever finishes wakes the next at once.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from monitor.alert import Alert, AlertReport, orders_for
from monitor.blackout import Blackout
from monitor.clock import Clock, utc_now
from monitor.configuration import Configuration
from monitor.deliver import PACE, SETTLE, Deliver, DeliverReport
from monitor.digest import Digests
from monitor.feeds import FetchLimits, open_articles, open_source
from monitor.grouping import Lexicon
from monitor.heal import Heal
from monitor.health import Health
from monitor.notify import Notifier
from monitor.policy import told_since
from monitor.poll import Poll, PollReport
from monitor.prune import Prune
from monitor.read import Read, ReadReport
from monitor.reembed import Reembed
from monitor.routing import topics_of
from monitor.score import ScoreReport, Scoring, open_scoring
from monitor.scoring import open_reference
from monitor.storage import Storage, open_storage
from monitor.storybook import Storybook
from monitor.targets import named_channels
from monitor.tell import GATHER, Tell
from monitor.threads import OwnThread
from monitor.vectorise import Vectoriser, load_encoder

logger = logging.getLogger(__name__)

Report = PollReport | ReadReport | ScoreReport | AlertReport | DeliverReport

STOP_POSTS = 10.0
"""Seconds that posts under way have to end."""


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
class WithModel:
    """The stages that need the model."""

    scoring: Scoring
    alert: Alert
    reembed: Reembed


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """The stages, ready to work; those ``with_model`` once it is loaded."""

    storage: Storage
    database: OwnThread
    poll: Poll
    read: Read
    with_model: asyncio.Task["WithModel"]
    tell: Tell
    digests: Digests
    deliver: Deliver
    heal: Heal
    prune: Prune
    wakes: Wakes
    health: Health

    async def score(self) -> int:
        """Score everything that waits."""
        return await (await self._loaded()).scoring.work()

    async def alert(self) -> int:
        """Decide on every match that waits."""
        return await (await self._loaded()).alert.work()

    async def reembed(self) -> int:
        """Encode recent items that were scored with another model."""
        return await (await self._loaded()).reembed.work()

    async def _loaded(self) -> WithModel:
        # Shielded: who is cancelled while the model loads must not stop it from loading for the others.
        return await asyncio.shield(self.with_model)

    async def one_pass(self) -> None:
        """Poll what is due, and bring it as far as the outbox."""
        await self.poll.work()
        await self.read.work()
        await self.score()
        await self.alert()
        await self.tell.work()
        await self.digests.work()


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
            await _tidy_outbox(config, storage, database)
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
                    with_model=asyncio.create_task(
                        _with_model(config, storage, database, encoding, now, reported)
                    ),
                    tell=Tell(
                        store=storage.troubles,
                        channel=config.settings.slack.ops_channel,
                        database=database,
                        now=now,
                        on_told=wakes.deliver.set,
                        gather=tempo.gather,
                    ),
                    digests=Digests(
                        store=storage.digests,
                        database=database,
                        plans=config.channels,
                        topics={
                            channel: topics_of(channel, config.topics, config.routes)
                            for channel in config.channels
                        },
                        now=now,
                        on_told=wakes.deliver.set,
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
                    heal=Heal(store=storage.healing, database=database, notifier=notifier, now=utc_now),
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
                    pipeline.with_model.cancel()
        finally:
            await database(storage.close)
    finally:
        encoding.close()
        database.close()


async def _tidy_outbox(config: Configuration, storage: Storage, database: OwnThread) -> None:
    """Take up what a process that died had under way, and what waits for channels that are gone."""
    interrupted = await database(storage.deliveries.interrupted)
    if interrupted:
        logger.warning("interrupted_deliveries", extra={"in_doubt": interrupted})
    slack = config.settings.slack
    channels: dict[str | None, str] = {topic.id: topic.channel for topic in config.topics}
    channels[None] = slack.ops_channel or slack.channel
    named = named_channels(config)
    moved = await database(storage.deliveries.readdress, channels, named, slack.channel)
    if moved:
        logger.warning("readdressed_deliveries", extra={"messages": moved})
    await database(storage.deliveries.forget_closed, utc_now())


async def _stopped(deliver: Deliver) -> None:
    """Let posts under way end; what is cut off is in doubt, and looked for at the next start."""
    try:
        async with asyncio.timeout(STOP_POSTS):
            await deliver.stop()
    except TimeoutError:
        logger.warning("posts_cut_off")


async def _with_model(
    config: Configuration,
    storage: Storage,
    database: OwnThread,
    encoding: OwnThread,
    now: Clock,
    on_report: Callable[[ScoreReport | AlertReport], None],
) -> WithModel:
    encoder = await encoding(load_encoder, config.settings.encoder)
    reference = await encoding(open_reference, encoder)
    vectors = Vectoriser(store=storage.scores, database=database, encoder=encoder, encoding=encoding)
    scoring = await open_scoring(
        config.topics,
        storage=storage,
        database=database,
        encoder=encoder,
        encoding=encoding,
        reference=reference,
        now=now,
        on_report=on_report,
    )
    alert = Alert(
        store=storage.alerts,
        silences=storage.silences.active,
        database=database,
        storybook=Storybook(
            store=storage.alerts,
            database=database,
            vectors=vectors,
            lexicon=Lexicon(reference=reference, vectors=encoder.piece_vectors),
        ),
        orders=orders_for(config.topics, config.settings.alerts, config.routes, config.channels),
        now=now,
        on_report=on_report,
    )
    logger.info("model_ready", extra={"model": encoder.model, "topics": len(config.topics)})
    since = told_since(config.settings.alerts.max_age, now())
    reembed = Reembed(store=storage.embedded, database=database, vectors=vectors, since=since)
    return WithModel(scoring=scoring, alert=alert, reembed=reembed)


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
        case AlertReport() if report.verdict.reason not in ("backlog", "too_old", "topic_gone", "silenced"):
            wakes.deliver.set()
        case _:
            pass
    if isinstance(report, PollReport):
        wakes.poll.set()  # there is room for another poll
