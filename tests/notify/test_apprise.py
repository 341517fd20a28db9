import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from email import message_from_bytes, policy

import pytest
from builders import NOW, delivery, message
from receiver import Receiver, free_port_address, receiving

import monitor.notify.apprise as module
from monitor.errors import ConfigurationError
from monitor.notify import Notifier, open_console, open_notifiers
from monitor.records import (
    AppriseTarget,
    InDoubt,
    Notice,
    NoticeEntry,
    NotPosted,
    Posted,
    Receipt,
)

CHANNEL = "apprise://desk"
TOLD = delivery(channel=CHANNEL)
POSTED = Posted(receipt=Receipt(channel=CHANNEL, ts="d1"))
REPLY = replace(
    TOLD,
    kind="reply",
    parent=Receipt(channel=CHANNEL, ts="d0"),
    message=Notice(
        entries=(NoticeEntry(subject="Wire", url=None, over=False, text="Gone", remedy=None, since=NOW),)
    ),
)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


@pytest.fixture
async def second() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


def sending(*urls: str) -> AbstractAsyncContextManager[Notifier]:
    target = AppriseTarget(channel=CHANNEL, urls=urls)
    return open_notifiers(open_console(), [target], now=lambda: NOW)


def sent(receiver: Receiver) -> list[dict[str, str]]:
    return [json.loads(request.body) for request in receiver.requests]


async def test_a_post_becomes_a_notification_with_a_title_and_plain_text(receiver: Receiver) -> None:
    async with sending(f"json://{receiver.address}/path") as notifier:
        assert await notifier.post(TOLD) == POSTED
    (request,) = receiver.requests
    assert (request.path, request.headers["User-Agent"]) == ("/path", "monitor")
    (note,) = sent(receiver)
    assert note["title"] == f"Patrols: {message().title}"
    lines = note["message"].splitlines()
    assert message().title not in lines
    assert {message().url, message().summary} <= set(lines)


async def test_without_a_thread_only_what_everybody_is_to_see_is_sent(receiver: Receiver) -> None:
    async with sending(f"json://{receiver.address}/") as notifier:
        edit = replace(TOLD, kind="edit", parent=REPLY.parent)
        assert [await notifier.post(quiet) for quiet in (REPLY, edit)] == [POSTED, POSTED]
        assert receiver.requests == []
        assert await notifier.post(replace(REPLY, broadcast=True)) == POSTED
    assert "Wire" in sent(receiver)[0]["title"]


async def test_of_several_services_only_those_get_it_again_that_did_not_take_it(
    receiver: Receiver, second: Receiver
) -> None:
    second.status = 401
    async with sending(f"json://{receiver.address}/", f"json://{second.address}/") as notifier:
        assert await notifier.post(TOLD) == NotPosted(reason="JSON did not take it (HTTP 401)")
        assert await notifier.post(TOLD) == NotPosted(reason="JSON did not take it (HTTP 401)")
        second.status = 200
        assert await notifier.post(TOLD) == POSTED
        assert (len(receiver.requests), len(second.requests)) == (1, 3)
        assert await notifier.post(replace(TOLD, id="d2")) == Posted(
            receipt=Receipt(channel=CHANNEL, ts="d2")
        )
        assert (len(receiver.requests), len(second.requests)) == (2, 4)


async def test_what_is_slow_is_left_to_finish_and_looked_at_again(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TIMEOUT", 0.05)
    receiver.gate.clear()
    async with sending(f"json://{receiver.address}/?rto=60") as notifier:
        assert isinstance(await notifier.post(TOLD), InDoubt)
        assert isinstance(await notifier.look_up(TOLD), InDoubt)
        assert isinstance(await notifier.post(TOLD), InDoubt)
        monkeypatch.setattr(module, "TIMEOUT", 60.0)
        receiver.gate.set()
        assert await notifier.look_up(TOLD) == POSTED
        assert len(receiver.requests) == 1


async def test_what_another_process_sent_is_sent_again(receiver: Receiver) -> None:
    async with sending(f"json://{receiver.address}/") as notifier:
        assert await notifier.look_up(TOLD) == NotPosted(reason="nobody can look there: it may appear twice")
        assert receiver.requests == []


async def test_nobody_there_is_worth_another_try() -> None:
    async with sending(f"json://{free_port_address()}/") as notifier:
        outcome = await notifier.post(TOLD)
    assert outcome == NotPosted(reason="JSON did not take it")


async def test_redirects_are_not_followed(receiver: Receiver, second: Receiver) -> None:
    receiver.status, receiver.headers = 302, {"Location": f"http://{second.address}/"}
    async with sending(f"json://{receiver.address}/") as notifier:
        assert await notifier.post(TOLD) == NotPosted(reason="JSON did not take it (HTTP 302)")
    assert second.requests == []


async def test_long_messages_are_split_where_they_would_be_refused(receiver: Receiver) -> None:
    texts = [f"word{number} " * 60 for number in range(20)]
    entries = tuple(
        NoticeEntry(subject="W", url=None, over=False, text=text, remedy=None, since=NOW) for text in texts
    )
    long = replace(TOLD, message=Notice(entries=entries))
    async with sending(f"mmost://{receiver.address}/3ccdd113474722377935511fc85d3dd4") as notifier:
        assert await notifier.post(long) == POSTED
    notes = [note["text"] for note in sent(receiver)]
    assert len(notes) > 1
    assert max(map(len, notes)) <= 4000
    assert all(f"word{number} " in "".join(notes) for number in range(20))


# --- untrusted text ------------------------------------------------------------------------------------


ACTIVE = [
    "@everyone",
    "@channel",
    "<@123>",
    "<!channel>",
    "<@&5>",
    "<b>bold</b>",
    "<https://evil.example|bank>",
    "[bank](https://evil.example)",
    "[https://bank.example](https://evil.example)",
    "https://bank.example](https://evil.example)",
    "https://wire.example/@everyone",
    "[bank][1]",
    "[bank]: https://evil.example",
]


@pytest.mark.parametrize("text", ACTIVE)
def test_what_a_service_could_act_on_is_taken_apart(text: str) -> None:
    apart = module.inert(f"see {text} now")
    for active in ("@e", "@c", "@1", "<@", "<!", "<b", "<h", "](", "@&", "][", "]:"):
        assert active not in apart
    assert len(apart) > len(f"see {text} now")


@pytest.mark.parametrize(
    "text",
    [
        "5 < 6 > 4",
        "meet @ noon",
        "(see [1] there)",
        "https://wire.example/a?b=1&c=d#e",
        "zwölf “Wörter” 十二",
    ],
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert module.inert(text) == text


def test_half_a_character_does_not_stop_a_message() -> None:
    assert module.inert("half \ud800 here") == "half ? here"


@pytest.mark.parametrize("scheme", ["json://{}/?emojis=yes", "mmost://{}/3ccdd113474722377935511fc85d3dd4"])
async def test_hostile_titles_reach_nobody_alive(receiver: Receiver, scheme: str) -> None:
    hostile = "@here [bank](https://evil.example)\r\nBcc: all <!channel> :fire:"
    told = replace(TOLD, message=message(title=hostile, summary=hostile))
    async with sending(scheme.format(receiver.address)) as notifier:
        assert await notifier.post(told) == POSTED
    text = receiver.requests[0].body.decode().encode().decode("unicode_escape")
    assert ":fire:" in text
    for active in ("@here", "](", "<!"):
        assert active not in text


async def test_a_mail_has_the_headline_as_its_subject_and_no_header_of_a_feed() -> None:
    hostile = "Report\r\nBcc: victim@evil.example"
    async with mailbox() as (address, mails):
        url = f"mailto://{address}/?from=monitor@wire.example&to=desk@wire.example&mode=insecure"
        async with sending(url) as notifier:
            outcome = await notifier.post(replace(TOLD, message=message(title=hostile, summary="<b>a</b>")))
    assert outcome == POSTED
    (raw,) = mails
    mail = message_from_bytes(raw, policy=policy.default)
    assert mail["Subject"].startswith("Patrols: Report Bcc: victim@")
    assert mail["Bcc"] is None
    body = mail.get_body(("html", "plain"))
    assert body is not None
    assert "<b>" not in body.get_content()


@asynccontextmanager
async def mailbox() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A mail server that takes everything."""
    mails: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            if line.upper().startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                mails.append(await reader.readuntil(b"\r\n.\r\n"))
            writer.write(b"250 fine\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", mails
    finally:
        server.close()


# --- secrets -------------------------------------------------------------------------------------------


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What is logged; `caplog` would hear also what goes nowhere."""
    stream = io.StringIO()
    handler, root = logging.StreamHandler(stream), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.WARNING)  # as `monitor.log` does
    yield stream
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.mark.parametrize("url", ["canary", "canary://host", "mailto://", "json://", "slack://canary"])
async def test_a_url_that_apprise_does_not_know_is_refused_and_not_shown(
    url: str, logged: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        async with sending("json://127.0.0.1/", url):
            pass
    assert "apprise://desk: Apprise can make nothing of its URL number 2" in str(caught.value)
    assert "canary" not in repr(caught.value) + logged.getvalue() + "".join(capfd.readouterr())


async def test_failures_tell_no_secret(logged: io.StringIO, capfd: pytest.CaptureFixture[str]) -> None:
    url = f"json://user:canary@{free_port_address()}/canary?+X-Token=canary"
    async with sending(url) as notifier:
        outcome = await notifier.post(TOLD)
    assert isinstance(outcome, NotPosted)
    target = AppriseTarget(channel=CHANNEL, urls=(url,))
    assert "canary" not in outcome.reason + repr(target) + logged.getvalue() + "".join(capfd.readouterr())
