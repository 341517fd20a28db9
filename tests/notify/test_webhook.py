import json
import logging
import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import HOUR, NOW, delivery, message
from receiver import Receiver, free_port_address, receiving

import monitor.notify.webhook as module
from monitor.notify import Notifier, open_console, open_notifiers
from monitor.records import (
    Content,
    Digest,
    Entry,
    InDoubt,
    Listing,
    Notice,
    NoticeEntry,
    NotPosted,
    Posted,
    PostOutcome,
    Receipt,
    Reminder,
    TopicCount,
    Update,
    WebhookTarget,
)

CHANNEL = "webhook://ops"
SECRET = "canary-secret-of-the-hook"
DOCS = Path(__file__).parents[2] / "docs" / "targets.md"
TOLD = delivery(channel=CHANNEL)

ENTRY = Entry(
    topic_name="Patrols",
    title="Report",
    url="https://wire.example/1",
    source="Wire",
    published=None,
    first_seen=NOW,
    score=80.0,
)
CONTENTS: list[Content] = [
    message(latest=ENTRY),
    Update(topic_name="Patrols", title="Report", reason="more", entries=(ENTRY,), sources=2, score=80.0),
    Listing(why="burst", stories=(ENTRY, ENTRY), total=2, since=NOW, until=NOW + HOUR),
    Digest(
        period="daily",
        since=NOW,
        until=NOW + HOUR,
        time_zone="UTC",
        topics=(TopicCount(topic_name="Patrols", stories=1, items=2, per_day=(1,)),),
        top=(ENTRY,),
        near_misses=(),
    ),
    Reminder(topic_name="Patrols", title="Report", told_at=NOW, count=1),
    Notice(entries=(NoticeEntry(subject="W", url=None, over=False, text="Gone", remedy=None, since=NOW),)),
]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


@pytest.fixture
async def hook(receiver: Receiver) -> AsyncIterator[Notifier]:
    async with hooked(f"http://{receiver.address}/canary-path") as notifier:
        yield notifier


def hooked(url: str) -> Any:
    target = WebhookTarget(channel=CHANNEL, url=url, secret=SECRET)
    return open_notifiers(open_console(), [target], now=lambda: datetime.now(UTC))


def kind_of(outcome: PostOutcome) -> str:
    if isinstance(outcome, NotPosted):
        return "hopeless" if outcome.hopeless else "again"
    return "posted" if isinstance(outcome, Posted) else "in doubt"


# --- what is sent ------------------------------------------------------------------------------------


async def test_a_delivery_comes_as_the_json_that_is_documented(hook: Notifier, receiver: Receiver) -> None:
    parent = Receipt(channel=CHANNEL, ts="d0")
    reply = replace(TOLD, kind="reply", parent=parent, broadcast=True, first_try_at=NOW)
    assert await hook.post(reply) == Posted(receipt=Receipt(channel=CHANNEL, ts="d1"))
    (request,) = receiver.requests
    assert (request.path, request.headers["Content-Type"]) == ("/canary-path", "application/json")
    assert request.headers["X-Monitor-Delivery"] == "d1"
    content = json.loads(request.body)
    told = content.pop("message")
    assert content == {
        "version": 1,
        "id": "d1",
        "kind": "reply",
        "parent": "d0",
        "broadcast": True,
        "channel": CHANNEL,
        "time": NOW.isoformat(),
    }
    assert told.pop("type") == "message"
    assert told["title"] == message().title
    assert told["first_seen"] == NOW.isoformat()
    documented = set(re.findall(r'^  "(\w+)": ', DOCS.read_text(encoding="utf-8"), re.MULTILINE))
    assert documented == {*content, "message"}


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: type(content).__name__)
async def test_every_message_can_be_sent(hook: Notifier, receiver: Receiver, content: Content) -> None:
    assert kind_of(await hook.post(replace(TOLD, message=content))) == "posted"
    kind = json.loads(receiver.requests[0].body)["message"]["type"]
    assert f"`{kind}`" in DOCS.read_text(encoding="utf-8")


async def test_texts_of_any_kind_arrive(hook: Notifier, receiver: Receiver) -> None:
    title = "<!here> \ud800 \x00 ‮ “quoted” \\u003c"
    await hook.post(replace(TOLD, message=message(title=title)))
    assert json.loads(receiver.requests[0].body)["message"]["title"] == title


async def test_the_documented_check_takes_what_is_ours_and_nothing_else(
    hook: Notifier, receiver: Receiver
) -> None:
    found = re.search(r"```python\n(.+?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    namespace: dict[str, Any] = {}
    exec(found[1], namespace)
    check = namespace["is_from_monitor"]
    await hook.post(TOLD)
    (request,) = receiver.requests
    assert check(request.headers, request.body, SECRET)
    assert not check(request.headers, request.body + b" ", SECRET)
    assert not check(request.headers, request.body, SECRET + "x")
    later = {**request.headers, "X-Monitor-Timestamp": str(int(time.time()) + 1)}
    assert not check(later, request.body, SECRET)
    old = str(int(time.time()) - 301)
    signed = f"sha256={module.signature(SECRET, old, request.body)}"
    stale = {"X-Monitor-Timestamp": old, "X-Monitor-Signature": signed}
    assert not check(stale, request.body, SECRET)


async def test_every_attempt_sends_the_same_body(hook: Notifier, receiver: Receiver) -> None:
    await hook.post(TOLD)
    await hook.post(replace(TOLD, attempt=2))
    first, second = receiver.requests
    assert first.body == second.body


# --- answers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers", "expected", "wait"),
    [
        (200, {}, "posted", None),
        (204, {}, "posted", None),
        (302, {"Location": "/elsewhere"}, "again", None),
        (307, {"Location": "/elsewhere"}, "again", None),
        (400, {}, "hopeless", None),
        (401, {}, "again", None),
        (403, {}, "again", None),
        (404, {}, "again", None),
        (408, {}, "in doubt", None),
        (410, {}, "again", None),
        (413, {}, "hopeless", None),
        (422, {}, "hopeless", None),
        (429, {"Retry-After": "7"}, "again", timedelta(seconds=7)),
        (429, {}, "again", None),
        (429, {"Retry-After": "0"}, "again", timedelta(seconds=1)),
        (429, {"Retry-After": "9" * 99}, "again", timedelta(hours=1)),
        (429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, "again", None),
        (503, {"Retry-After": "120"}, "again", timedelta(minutes=2)),
        (500, {}, "in doubt", None),
        (502, {"Retry-After": "120"}, "in doubt", None),
        (0, {}, "in doubt", None),
    ],
)
async def test_every_answer_is_classified_after_one_request(
    hook: Notifier,
    receiver: Receiver,
    status: int,
    headers: dict[str, str],
    expected: str,
    wait: timedelta | None,
) -> None:
    receiver.status, receiver.headers = status, headers
    outcome = await hook.post(TOLD)
    assert kind_of(outcome) == expected
    assert len(receiver.requests) == 1
    if not isinstance(outcome, Posted):
        assert outcome.retry_after == wait
        assert f"HTTP {status}" in outcome.reason or status == 0


async def test_nobody_there_is_certain() -> None:
    async with hooked(f"http://{free_port_address()}/") as hook:
        outcome = await hook.post(TOLD)
    assert kind_of(outcome) == "again"
    assert outcome.reason.startswith("cannot reach the webhook: ")


async def test_silence_is_doubtful(
    hook: Notifier, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.05)
    receiver.gate.clear()
    async with hooked(f"http://{receiver.address}/") as impatient:
        assert kind_of(await impatient.post(TOLD)) == "in doubt"
    receiver.gate.set()
    assert kind_of(await hook.post(TOLD)) == "posted"


async def test_what_is_in_doubt_is_sent_again(hook: Notifier, receiver: Receiver) -> None:
    assert await hook.look_up(TOLD) == NotPosted(reason="sent again under the same id")
    assert receiver.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://{free}/canary-path",
        "https://{open}/canary-path",
        "http://canary.invalid/canary-path",
        "http://user:canary@{open}/canary-path?canary=1",
        "http://[canary/",
    ],
)
async def test_neither_address_nor_secret_is_ever_told(
    receiver: Receiver, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.status = 404
    address = url.format(free=free_port_address(), open=receiver.address)
    async with hooked(address) as hook:
        outcome = await hook.post(TOLD)
    assert isinstance(outcome, NotPosted | InDoubt)
    target = WebhookTarget(channel=CHANNEL, url=address, secret=SECRET)
    told = "\n".join((outcome.reason, repr(target), caplog.text))
    assert "canary" not in told
    assert "127.0.0.1" not in outcome.reason
