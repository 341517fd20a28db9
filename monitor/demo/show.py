"""The demo: captured feeds, the real pipeline, a Slack on this machine, and a terminal that tells it all."""

import asyncio
import math
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from monitor.alert import AlertReport
from monitor.configuration import Configuration
from monitor.deliver import PACE, DeliverReport
from monitor.demo.closing import channel_lines, sight, sight_lines
from monitor.demo.replay import Capture, FeedServer, by_time, read_index, unpacked
from monitor.demo.slack import SlackStandIn
from monitor.errors import MonitorError, NoDatabaseError
from monitor.listen import Listen
from monitor.notify import Notifier, open_listener, open_slack
from monitor.pipeline import Pipeline, Report, Tempo, open_pipeline
from monitor.policy import REASONS
from monitor.poll import PollReport
from monitor.records import (
    Delivery,
    FetchFailed,
    InDoubt,
    Listing,
    Message,
    Notice,
    NotPosted,
    Posted,
    PostOutcome,
    Update,
)
from monitor.settings import StorageSettings
from monitor.storage import open_storage

SAMPLES = Path(__file__).parent / "samples"
TOKEN = "xoxb-demo"  # noqa: S105 - the stand-in takes any
APP_TOKEN = "xapp-demo"  # noqa: S105
PATIENCE = 120.0
SOON = timedelta(minutes=5)
"""A list waits for more for about as long."""
WAITS = timedelta(hours=1)
"""How far the clock goes on at the end, so that what was to wait for more is told."""


def shipped_config() -> Path:
    """Return the configuration that came with the package: in a wheel, or beside it in the repository."""
    packaged = Path(__file__).parent / "config"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "config"


async def demo(
    config: Configuration,
    *,
    bodies: Path | None,
    index: Path | None,
    speed: float,
    port: int,
    database: Path | None,
    once: bool,
) -> None:
    """Replay captures (the samples when None) at ``speed`` into a stand-in whose page is on ``port``.

    Ends when everything is delivered if ``once``, else when interrupted.
    """
    if (bodies is None) != (index is None):
        raise MonitorError("--bodies and --index go together: the bodies, and what was captured when")
    captures = read_index(index or SAMPLES / "index.jsonl")
    if not captures:
        raise MonitorError(f"{index}: there is no capture in this index")
    console = Console(highlight=False)
    show = Show(console)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(unpacked(bodies or SAMPLES))
        storage = stack.enter_context(_database(database))
        before = _kept_replay(storage)
        server = FeedServer(folder)
        # A feed is its address: in a kept database the feeds must be found where they were.
        await stack.enter_async_context(server.running(before.port))
        clock = ReplayClock(captures[0].captured_at)
        slack = await stack.enter_async_context(_slack(port, clock if speed > 1 else None))
        console.print(f"Slack stand-in: [link={slack.url}]{slack.url}[/link] (nothing leaves this machine)")
        notifier = await stack.enter_async_context(open_slack(slack.api_url, TOKEN, buttons=True))
        notifier = AllInSlack(notifier)
        pipeline = await stack.enter_async_context(
            open_pipeline(
                _replayed(config, captures, storage),
                notifier,
                now=clock,
                on_report=show.note,
                tempo=Tempo(pace=PACE / max(speed, 1.0)),
            )
        )
        listen = Listen(
            listener=await stack.enter_async_context(open_listener(slack.api_url, APP_TOKEN, TOKEN)),
            store=pipeline.storage.feedback,
            database=pipeline.database,
            now=clock,
            on_feedback=pipeline.wakes.deliver.set,
        )
        await stack.enter_async_context(_meanwhile(pipeline, listen))
        await _replay(pipeline, server, clock, captures, speed, show, before.resume_at)
        await _tell_summary(pipeline, slack, show)
        if not once:
            console.print(f"\nThe page stays at {slack.url} until you press Ctrl-C.")
            await asyncio.Event().wait()


class AllInSlack:
    """Shows what is meant for other targets in the stand-in too, each in a channel that is called like it."""

    def __init__(self, slack: Notifier) -> None:
        self._slack = slack

    async def post(self, delivery: Delivery) -> PostOutcome:
        """Post the delivery to the stand-in."""
        return await self._slack.post(_in_slack(delivery))

    async def look_up(self, delivery: Delivery) -> PostOutcome:
        """Look for the delivery in the stand-in."""
        return await self._slack.look_up(_in_slack(delivery))


def _in_slack(delivery: Delivery) -> Delivery:
    return replace(delivery, channel=delivery.channel.replace("://", "-"))


class ReplayClock:
    """The time of the captures; it stands still between them."""

    def __init__(self, start: datetime) -> None:
        self.moment = start

    def __call__(self) -> datetime:
        """Return the moment that is being replayed."""
        return self.moment


class Show:
    """Tells on the terminal what the pipeline reports, as it happens."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.counts: Counter[str] = Counter()
        self.quiet: Counter[str] = Counter()
        self.per_topic: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.sights: dict[str, str] = {}

    def note(self, report: Report) -> None:
        """Count a report, and print it if a person would want to see it."""
        match report:
            case PollReport(outcome=FetchFailed(kind=kind, message=message)):
                self.counts["polls failed"] += 1
                self.failures[kind] += 1
                self._print("yellow", "feed error", f"{report.feed.spec.name}: {message}")
            case PollReport():
                self.counts["polls"] += 1
                self.counts["items"] += report.new
            case AlertReport(verdict=verdict) if verdict.decision != "alert":
                self.quiet[verdict.reason] += 1
            case DeliverReport(delivery=delivery, outcome=Posted()):
                self._note_delivered(delivery)
            case DeliverReport(outcome=NotPosted() | InDoubt() as outcome):
                self._print("red", "delivery", f"{report.delivery.channel}: {outcome.reason}")
            case _:
                pass

    def _note_delivered(self, delivery: Delivery) -> None:
        if kind := sight(delivery):
            self.sights.setdefault(kind, delivery.channel)
        match delivery.message:
            case _ if delivery.kind == "edit":
                self.counts["edits"] += 1
            case Message() as told:
                self.per_topic[told.topic_name] += 1
                colour, what = ("red", "urgent") if told.level == "urgent" else ("green", "alert")
                self._print(colour, f"{what} {told.score:3.0f}", f"{told.title} ({told.source})")
            case Listing(stories=stories):
                for story in stories:
                    self.per_topic[story.topic_name] += 1
                    self._print("green", f"listed {story.score:3.0f}", f"{story.title} ({story.source})")
            case Update(entries=followed):
                for entry in followed:
                    self._print("cyan", "thread", f"{entry.title} ({entry.source})")
            case Notice(entries=told_of):
                for trouble in told_of:
                    what = "feed is well" if trouble.over else "feed trouble"
                    self._print("yellow", what, trouble.subject)
            case _:
                pass

    def summary(self) -> list[str]:
        """Return what has been counted, a line each."""
        counted = ", ".join(f"{what} {count}" for what, count in self.counts.items())
        return [
            "",
            counted,
            *(f"  feed error {count:5} {kind}" for kind, count in self.failures.most_common()),
            *(_counted(reason, count) for reason, count in self.quiet.most_common()),
            *(f"  alerts {count:5} {topic}" for topic, count in self.per_topic.most_common()),
        ]

    def _print(self, colour: str, what: str, text: str) -> None:
        self.console.print(f"[{colour}]{what:>10}[/{colour}]  {escape(text)}", soft_wrap=True)


def _counted(reason: str, count: int) -> str:
    decision, meaning = REASONS[reason]
    return f"  {decision:6} {count:4} {reason}: {meaning}"


async def _replay(
    pipeline: Pipeline,
    server: FeedServer,
    clock: ReplayClock,
    captures: list[Capture],
    speed: float,
    show: Show,
    resume_at: datetime,
) -> None:
    """Step through the moments of capture; each is brought as far as the outbox before the next."""
    with _progress(show.console) as progress:
        task = progress.add_task("loading the model", total=len(captures))
        await pipeline.with_model
        for moment, group in by_time(captures):
            if math.isfinite(speed):
                await asyncio.sleep((moment - clock.moment).total_seconds() / speed)
            # What becomes due in the meantime goes before what is found now, and nearly at its time.
            for due in (min(moment, clock.moment + SOON), moment):
                clock.moment = due
                await pipeline.deliver.emptied(PATIENCE)
            for capture in group:
                server.show(capture)
            if moment >= resume_at:
                # Only who was captured at this moment is polled: each body is asked for once.
                specs = [server.specs[capture.feed] for capture in group]
                await pipeline.database(pipeline.storage.polls.sync_feeds, specs, moment)
                await pipeline.one_pass()
            show.counts["bodies"] += len(group)
            progress.update(task, advance=len(group), description=f"{moment:%-d %b %Y %H:%M}")
        everyone = list(server.specs.values())
        await pipeline.database(pipeline.storage.polls.sync_feeds, everyone, clock.moment)
        progress.update(task, description="delivering")
        clock.moment += WAITS
        if not await pipeline.deliver.emptied(PATIENCE):
            show.console.print("[red]not every message could be delivered[/red]")


_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReplay:
    """What an earlier replay into this database left: its server's port, and the moment it had reached."""

    port: int = 0
    resume_at: datetime = _BEFORE_ALL


def _kept_replay(storage_url: str) -> KeptReplay:
    try:
        storage = open_storage(storage_url, read_only=True)
    except NoDatabaseError:
        return KeptReplay()
    try:
        feeds = storage.ledger.feeds()
    finally:
        storage.close()
    if not feeds:
        return KeptReplay()
    # The feeds of the moment that was being replayed; some of them may have been polled for it, some not.
    polled = [feed.last_polled_at for feed in feeds if feed.last_polled_at]
    resume_at = max(polled, default=_BEFORE_ALL)
    return KeptReplay(port=urlsplit(feeds[0].spec.url).port or 0, resume_at=resume_at)


@asynccontextmanager
async def _meanwhile(pipeline: Pipeline, listen: Listen) -> AsyncIterator[None]:
    """Deliver, and hear whoever tries the buttons, until the context ends."""
    tasks = [asyncio.create_task(work) for work in (_deliver_meanwhile(pipeline), listen.work())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _deliver_meanwhile(pipeline: Pipeline) -> None:
    bell = pipeline.wakes.deliver
    while True:
        await pipeline.deliver.work()
        bell.clear()
        try:
            async with asyncio.timeout(1):
                await bell.wait()
        except TimeoutError:
            pass  # a lane that had to wait may go on now


async def _tell_summary(pipeline: Pipeline, slack: SlackStandIn, show: Show) -> None:
    stored = await pipeline.database(pipeline.storage.ledger.counts)
    for line in (*show.summary(), *_stored_lines(stored)):
        show.console.print(line, markup=False, soft_wrap=True)
    for channel in slack.channels():
        for line in ("", *channel_lines(channel, slack.messages(channel))):
            show.console.print(line, markup=False, soft_wrap=True)
    for line in sight_lines(show.sights):
        show.console.print(line, markup=False, soft_wrap=True)


def _stored_lines(stored: dict[str, int]) -> list[str]:
    decided = ("items", "matches", "alerts", "quiet")
    settled = ("delivered", "undelivered", "undeliverable")
    return [", ".join(f"{name} {stored[name]}" for name in names) for names in (decided, settled)]


def _replayed(config: Configuration, captures: list[Capture], storage_url: str) -> Configuration:
    """The configuration with the replay's feeds; where captures name no tags, topics listen to all feeds."""
    settings = config.settings.model_copy(
        update={
            "storage": StorageSettings(url=storage_url),
            "fetch": config.settings.fetch.model_copy(update={"allow_private": (ip_network("127.0.0.0/8"),)}),
        }
    )
    tagged = any(capture.tags for capture in captures)
    topics = config.topics if tagged else tuple(replace(topic, feeds=frozenset()) for topic in config.topics)
    return replace(config, settings=settings, feeds=(), topics=topics)


@contextmanager
def _database(file: Path | None) -> Iterator[str]:
    if file is not None:
        yield f"sqlite:///{file}"
        return
    with tempfile.TemporaryDirectory(prefix="monitor-demo-") as folder:
        yield f"sqlite:///{folder}/monitor.db"


@asynccontextmanager
async def _slack(port: int, hurried: ReplayClock | None) -> AsyncIterator[SlackStandIn]:
    """Open the stand-in; its messages are dated by the replay's clock where time is compressed."""
    if hurried is None:
        slack = SlackStandIn(channels=(), create_channels=True, burst=3)
    else:
        # Months of messages in minutes cannot keep to one a second: compressed time has no rate limit.
        slack = SlackStandIn(
            channels=(), create_channels=True, burst=None, clock=lambda: hurried().timestamp()
        )
    try:
        await slack.start("127.0.0.1", port)
    except OSError:
        await slack.start("127.0.0.1", 0)  # the port is taken, by another demo perhaps: any other will do
    try:
        yield slack
    finally:
        await slack.close()


def _progress(console: Console) -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True)
