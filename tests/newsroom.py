"""Many outlets over HTTP, the pipeline between them and a Slack stand-in, and a clock that the test sets."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from xml.sax.saxutils import escape
from zlib import crc32

import sqlalchemy as sa
from aiohttp import web
from service_parts import APP_TOKEN, TOKEN

from monitor.configuration import load_configuration
from monitor.demo.slack import SlackStandIn
from monitor.demo.slack_render import rendered
from monitor.demo.slack_state import StoredMessage
from monitor.listen import Listen
from monitor.notify import open_listener, open_slack
from monitor.pipeline import Pipeline, Tempo, open_pipeline
from monitor.storage.engine import open_engine

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
START = datetime(2026, 11, 23, 9, tzinfo=UTC)
"""A Monday."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An item as an outlet shows it; ``generation`` changes its guid and nothing else."""

    title: str
    published: datetime
    summary: str = ""
    generation: int = 0
    outlet: str | None = None
    """Whose it is, where the feed is not its outlet's own."""


@dataclass
class Press:
    """A server of many feeds, a path each; what they have ``shown`` may be changed at any time."""

    outlets: Sequence[str]
    shown: dict[str, list[Report]] = field(default_factory=dict)
    origin: str = ""

    def publish(self, outlet: str, report: Report) -> None:
        """Have an outlet show one more item, above those that it shows already."""
        self.shown.setdefault(outlet, []).insert(0, report)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Press"]:
        """Serve on a free port for as long as the context lasts."""
        application = web.Application()
        application.router.add_get("/{outlet}.xml", self._answer)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield self
        await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        outlet = request.match_info["outlet"]
        items = "".join(_item(outlet, report) for report in self.shown.get(outlet, []))
        body = f"<rss version='2.0'><channel><title>{outlet}</title>{items}</channel></rss>"
        return web.Response(text=body, content_type="application/rss+xml")


def _item(outlet: str, report: Report) -> str:
    number = f"{crc32(report.title.encode()):x}"
    return (
        f"<item><title>{escape(report.title)}</title><description>{escape(report.summary)}</description>"
        f"<guid isPermaLink='false'>{report.generation}-{number}</guid>"
        f"<link>https://{report.outlet or outlet}.example/{number}</link>"
        f"<pubDate>{format_datetime(report.published, usegmt=True)}</pubDate></item>"
    )


@dataclass
class Clock:
    """The time that items are judged by; it stands still until a test sets it."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Newsroom:
    """A configuration on disk, the outlets that it names, a Slack, and the pipeline while it runs."""

    folder: Path
    press: Press
    slack: SlackStandIn
    clock: Clock
    listening: bool = False
    pipeline: Pipeline | None = None

    def write(self, topics: str, *, settings: str = "", routes: str = "") -> None:
        """Write the configuration; ``topics`` is a watchlist, the others are added to their files."""
        (self.folder / "watchlists").mkdir(parents=True, exist_ok=True)
        (self.folder / "watchlists" / "desk.yaml").write_text(topics)
        (self.folder / "routes.yaml").write_text(routes or "routes: []\n")
        (self.folder / "monitor.yaml").write_text(
            f"storage:\n  url: sqlite:///{self.folder}/monitor.db\n"
            f"slack:\n  api_url: {self.slack.api_url}\n"
            f"fetch:\n  allow_private: [127.0.0.0/8]\n{settings}"
        )
        feeds = (
            f"  - url: {self.press.origin}/{outlet}.xml\n    every: 1s\n"
            f"    name: {outlet.replace('-', ' ').title()}\n"
            for outlet in self.press.outlets
        )
        (self.folder / "feeds.yaml").write_text("feeds:\n" + "".join(feeds))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Pipeline]:
        """The pipeline over the configuration as it is now; leaving and entering again is a restart."""
        async with AsyncExitStack() as stack:
            notifier = await stack.enter_async_context(open_slack(self.slack.api_url, TOKEN, buttons=True))
            self.pipeline = await stack.enter_async_context(
                open_pipeline(
                    load_configuration(self.folder, {}),
                    notifier,
                    now=self.clock,
                    tempo=Tempo(pace=0, settle=0.1, gather=timedelta(0)),
                )
            )
            if self.listening:
                await stack.enter_async_context(self._heard(self.pipeline))
            yield self.pipeline

    @asynccontextmanager
    async def _heard(self, pipeline: Pipeline) -> AsyncIterator[None]:
        async with open_listener(self.slack.api_url, APP_TOKEN, TOKEN) as listener:
            listen = Listen(
                listener=listener,
                store=pipeline.storage.feedback,
                database=pipeline.database,
                now=self.clock,
                on_feedback=pipeline.wakes.deliver.set,
            )
            hearing = asyncio.create_task(listen.work())
            try:
                yield
            finally:
                hearing.cancel()
                await asyncio.gather(hearing, return_exceptions=True)

    async def after(self, passed: timedelta) -> None:
        """Let time go by, then bring what the feeds show now all the way to the channels."""
        assert self.pipeline is not None
        self.clock.now += passed
        await self.pipeline.one_pass()
        assert await self.pipeline.deliver.emptied(60)

    def publish(self, outlet: str, title: str, summary: str = "") -> None:
        """Have an outlet show one more item, published now."""
        self.press.publish(outlet, Report(title=title, summary=summary, published=self.clock.now))

    async def decisions(self) -> list[tuple[str, str, str, str]]:
        """Every decision in the items' order: topic, headline, reason, and the story's first headline."""
        assert self.pipeline is not None
        return await self.pipeline.database(_decisions, f"{self.folder}/monitor.db")

    def parents(self, channel: str = "desk") -> list[StoredMessage]:
        """The top-level messages of a channel."""
        return [
            message for message in self.slack.messages(channel) if message.thread_ts in (None, message.ts)
        ]

    def replies(self, channel: str = "desk") -> list[StoredMessage]:
        """What is in the threads of a channel."""
        parents = self.parents(channel)
        return [message for message in self.slack.messages(channel) if message not in parents]

    async def command(self, *words: str) -> str:
        """Run ``monitor`` as a process beside the pipeline; return what it says."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "monitor", *words, "--config", str(self.folder)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        return output.decode()


def _decisions(file: str) -> list[tuple[str, str, str, str]]:
    engine, close = open_engine(f"sqlite:///{file}", guest=True)
    first = "SELECT min(item_id) FROM story_items WHERE story_id = own.story_id"
    query = (
        "SELECT alerts.topic_id, items.title, alerts.reason, opener.title FROM alerts "
        "JOIN items ON items.id = alerts.item_id "
        "JOIN story_items own ON own.item_id = alerts.item_id AND own.topic_id = alerts.topic_id "
        f"JOIN items opener ON opener.id = ({first}) ORDER BY alerts.item_id, alerts.topic_id"
    )
    try:
        with engine.connect() as db:
            return [tuple(row) for row in db.execute(sa.text(query))]
    finally:
        close()


def shown(messages: Sequence[StoredMessage]) -> str:
    """What a reader sees of some messages."""
    return "\n".join(rendered(message).text for message in messages)


@asynccontextmanager
async def newsroom(folder: Path, outlets: Sequence[str]) -> AsyncIterator[Newsroom]:
    """A newsroom whose one channel is called ``desk``."""
    clock = Clock()
    async with (
        Press(outlets).open() as press,
        SlackStandIn(channels=("desk", "duty"), burst=None, clock=lambda: clock().timestamp()) as slack,
    ):
        yield Newsroom(folder / "config", press, slack, clock)
