"""Feeds that change what they have shown, from the feed server to the channels, with the real model."""

import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path

import pytest
from service_parts import MATCHING, TOKEN, Outlet

from monitor.configuration import load_configuration
from monitor.demo.slack import SlackStandIn
from monitor.demo.slack_render import rendered
from monitor.notify import open_slack
from monitor.pipeline import Pipeline, Tempo, open_pipeline

pytestmark = pytest.mark.slow

QUIET = [f"Bakery number {n} of the town wins a prize for bread" for n in range(36)]


def rss(titles: Sequence[str], generation: int) -> bytes:
    """A feed whose guids are of a generation; all else stays the same."""
    published = formatdate(START.timestamp(), usegmt=True)
    items = [
        f"<item><title>{title}</title><guid isPermaLink='false'>{generation}-{n}</guid>"
        f"<link>https://outlet.example/{n}</link><pubDate>{published}</pubDate>"
        f"<description>{'' if title in MATCHING else 'Nothing else happened.'}</description></item>"
        for n, title in enumerate(titles)
    ]
    return f"<rss version='2.0'><channel><title>Outlet</title>{''.join(items)}</channel></rss>".encode()


START = datetime.fromtimestamp(time.time() // 60 * 60, UTC)


class Clock:
    now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def pipeline(config: Path, slack: SlackStandIn, clock: Clock) -> AsyncIterator[Pipeline]:
    settings = config / "monitor.yaml"
    settings.write_text(settings.read_text().replace("slack:\n", "slack:\n  ops_channel: '#news-alerts'\n"))
    async with (
        open_slack(slack.api_url, TOKEN) as notifier,
        open_pipeline(
            load_configuration(config, {}), notifier, now=clock, tempo=Tempo(pace=0, gather=timedelta(0))
        ) as running,
    ):
        yield running


async def pass_over(pipeline: Pipeline, clock: Clock, outlet: Outlet) -> None:
    """Bring what the feed shows now all the way to the channels."""
    asked, clock.now = outlet.requests, clock.now + timedelta(minutes=1)
    await pipeline.one_pass()
    assert outlet.requests == asked + 1
    assert await pipeline.deliver.emptied(60)


async def test_guid_churn_of_a_whole_feed_alerts_nothing_and_is_told_once(
    outlet: Outlet, slack: SlackStandIn, pipeline: Pipeline, clock: Clock
) -> None:
    forty = [*MATCHING[:4], *QUIET]
    outlet.body = rss(forty, generation=0)
    await pass_over(pipeline, clock, outlet)
    assert (len(slack.messages("isis-watch")), slack.messages("news-alerts")) == (4, [])
    for generation in range(1, 6):
        outlet.body = rss(forty, generation)
        await pass_over(pipeline, clock, outlet)
    assert len(slack.messages("isis-watch")) == 4
    (told,) = slack.messages("news-alerts")
    assert "40 of its 40 items came back under other guids" in rendered(told).text
    counts = await pipeline.database(pipeline.storage.ledger.counts)
    assert (counts["items"], counts["unscored"], counts["alerts"]) == (40, 0, 4)


async def test_an_edit_alerts_if_it_matches_now_and_only_then(
    outlet: Outlet, slack: SlackStandIn, pipeline: Pipeline, clock: Clock
) -> None:
    for titles in (
        [MATCHING[0], QUIET[0]],
        [MATCHING[1], QUIET[0]],  # another match in its place: told already
        [MATCHING[1], MATCHING[2]],  # matches now
        [QUIET[1], MATCHING[3]],
    ):
        outlet.body = rss(titles, generation=0)
        await pass_over(pipeline, clock, outlet)
    told = [message.text.partition(": ")[2] for message in slack.messages("isis-watch")]
    assert told == [MATCHING[0], MATCHING[2]]
    counts = await pipeline.database(pipeline.storage.ledger.counts)
    assert (counts["items"], counts["undecided"]) == (2, 0)
