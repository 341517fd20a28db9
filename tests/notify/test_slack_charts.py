"""A digest's chart is uploaded before its message, and costs at worst itself."""

from collections.abc import AsyncIterator
from datetime import timedelta
from io import BytesIO
from itertools import product

import pytest
from builders import CHANNELS, NOW, TOKEN, delivery
from PIL import Image

from monitor.demo.slack import SlackStandIn
from monitor.demo.slack_faults import Kind
from monitor.demo.slack_methods import ALL_SCOPES
from monitor.demo.slack_render import rendered
from monitor.notify import Notifier, open_slack, slack_files
from monitor.records import Delivery, Digest, Entry, NotPosted, Posted, TopicCount

CHANNEL = "news-alerts"
BROKEN = ("drop_before", "error_500_before", "rate_limit")
ENTRY = Entry(
    topic_name="Patrols",
    title="Soldiers find a camp <!channel>",
    url="https://wire.example/1",
    source="Wire",
    published=None,
    first_seen=NOW,
    score=80.0,
    sources=3,
)


def digest(*per_day: int) -> Digest:
    counted = per_day or (0, 1, 0, 2, 0, 0, 3)
    return Digest(
        period="daily",
        since=NOW - timedelta(days=1),
        until=NOW,
        time_zone="UTC",
        topics=(TopicCount(topic_name="Patrols", stories=counted[-1], items=9, per_day=counted),),
        top=(ENTRY,),
        near_misses=(ENTRY,),
        items_read=1234,
    )


def due(n: int = 1, message: Digest | None = None) -> Delivery:
    return delivery(id=f"digest-{n}", message=message or digest())


def shown(standin: SlackStandIn) -> list[str]:
    """The files that the last message shows."""
    *_, stored = standin.messages(CHANNEL)
    parts = [part for block in rendered(stored).blocks for part in block.paragraphs]
    return [part.file for part in parts if part.file]


@pytest.fixture
async def slack(standin: SlackStandIn) -> AsyncIterator[Notifier]:
    async with open_slack(standin.api_url, TOKEN) as notifier:
        yield notifier


async def test_a_digest_shows_its_chart(slack: Notifier, standin: SlackStandIn) -> None:
    assert isinstance(await slack.post(due()), Posted)
    (file,) = standin.files()
    assert shown(standin) == [file.id]
    assert file.alt_text == "Stories per day, by topic"
    assert Image.open(BytesIO(file.content or b"")).format == "PNG"
    assert list(standin.requests) == [
        "files.getUploadURLExternal",
        "upload",
        "files.completeUploadExternal",
        "chat.postMessage",
    ]
    (stored,) = standin.messages(CHANNEL)
    assert rendered(stored).mentions == ()
    assert "1,234 items were read" in rendered(stored).text


async def test_without_a_story_there_is_no_chart(slack: Notifier, standin: SlackStandIn) -> None:
    assert isinstance(await slack.post(due(message=digest(0, 0, 0, 0, 0, 0, 0))), Posted)
    assert standin.requests == {"chat.postMessage": 1}


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        *product(
            ("files.getUploadURLExternal", "files.completeUploadExternal"), (*BROKEN, "garbage", "error")
        ),
        *product(("upload",), BROKEN),
    ],
)
async def test_an_upload_that_fails_costs_the_chart_alone(
    slack: Notifier, standin: SlackStandIn, caplog: pytest.LogCaptureFixture, method: str, kind: Kind
) -> None:
    standin.fail(kind, method=method, error="file_upload_size_restricted")
    assert isinstance(await slack.post(due()), Posted)
    assert shown(standin) == []
    assert "/upload/" not in str([vars(record) for record in caplog.records]), "an address that is secret"
    assert [record.getMessage() for record in caplog.records].count("digest_without_chart") == 1
    assert isinstance(await slack.post(due(2)), Posted)
    assert len(shown(standin)) == 1, "the next one has its chart again"


async def test_who_may_not_upload_posts_without_a_chart(caplog: pytest.LogCaptureFixture) -> None:
    scopes = set(ALL_SCOPES) - {"files:write"}
    async with (
        SlackStandIn(CHANNELS, scopes=scopes, burst=None) as standin,
        open_slack(standin.api_url, TOKEN) as slack,
    ):
        assert isinstance(await slack.post(due()), Posted)
        assert shown(standin) == []
    (record,) = [record for record in caplog.records if record.getMessage() == "digest_without_chart"]
    assert "files:write" in str(vars(record)["reason"])


async def test_a_message_that_waits_is_uploaded_for_once(slack: Notifier, standin: SlackStandIn) -> None:
    standin.fail("rate_limit", times=3)
    for _ in range(3):
        assert isinstance(await slack.post(due()), NotPosted)
    assert isinstance(await slack.post(due()), Posted)
    assert len(standin.files()) == 1
    assert shown(standin) == [standin.files()[0].id]


class Clock:
    now = NOW.timestamp()

    def __call__(self) -> float:
        return self.now


async def test_it_waits_until_slack_has_looked_through_the_chart() -> None:
    clock = Clock()
    async with (
        SlackStandIn(CHANNELS, scan=5, burst=None, clock=clock) as standin,
        open_slack(standin.api_url, TOKEN) as slack,
    ):
        waits = await slack.post(due())
        assert waits == NotPosted(
            reason="Slack does not show the chart yet", retry_after=timedelta(seconds=2)
        )
        assert standin.messages(CHANNEL) == []
        clock.now += 5
        assert isinstance(await slack.post(due()), Posted)
        assert shown(standin) == [standin.files()[0].id]


async def test_a_chart_that_slack_never_shows_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(slack_files, "PATIENCE", 0.0)
    async with (
        SlackStandIn(CHANNELS, scan=3600, burst=None) as standin,
        open_slack(standin.api_url, TOKEN) as slack,
    ):
        standin.fail("rate_limit", times=1)
        assert isinstance(await slack.post(due()), NotPosted)
        assert isinstance(await slack.post(due()), Posted)
        assert shown(standin) == []
        assert standin.messages(CHANNEL)[0].blocks != ()
        assert [record.getMessage() for record in caplog.records].count("digest_without_chart") == 1


async def test_a_digest_that_is_malformed_with_or_without_a_chart_goes_as_text(
    monkeypatch: pytest.MonkeyPatch, slack: Notifier, standin: SlackStandIn
) -> None:
    monkeypatch.setattr(slack_files, "PATIENCE", 0.0)
    standin.fail("error", error="invalid_blocks", times=2)
    assert isinstance(await slack.post(due()), Posted)
    (stored,) = standin.messages(CHANNEL)
    assert stored.blocks == ()
    assert "Soldiers find a camp" in rendered(stored).text
