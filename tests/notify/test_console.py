import io
import sys
from collections.abc import Callable

import pytest
from builders import delivery, message

from monitor.notify import open_console
from monitor.records import NotPosted, Posted, Receipt, Update


async def test_a_delivery_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    async with open_console() as console:
        outcome = await console.post(delivery())
        assert isinstance(outcome, Posted)
        assert outcome.receipt.ts == "d1"
    printed = capsys.readouterr().out
    assert printed.startswith("[#news-alerts] Patrols · score 80")
    for part in (message().title, message().url, message().summary, message().sentence):
        assert part is not None
        assert part in printed
    assert printed.endswith("\n\n")


async def test_replies_are_set_in_and_edits_are_marked(capsys: pytest.CaptureFixture[str]) -> None:
    parent = Receipt(channel="console", ts="d1")
    followed = Update(
        topic_name="Patrols", title="Report", reason="development", entries=(), sources=2, score=80.0
    )
    async with open_console() as console:
        reply = await console.post(delivery(id="r1", kind="reply", parent=parent, message=followed))
        edit = await console.post(delivery(id="e1", kind="edit", parent=parent))
    assert reply == Posted(receipt=Receipt(channel="console", ts="r1"))
    assert edit == Posted(receipt=parent)
    told, edited = capsys.readouterr().out.strip("\n").split("\n\n")
    assert told == "    [#news-alerts] Patrols: New development: Report"
    assert edited.startswith("[#news-alerts] (edited) Patrols · score 80")


async def test_nobody_can_look_at_a_terminal() -> None:
    async with open_console() as console:
        assert isinstance(await console.look_up(delivery()), NotPosted)


def closed() -> io.TextIOBase:
    output = io.StringIO()
    output.close()
    return output


def ascii_only() -> io.TextIOBase:
    return io.TextIOWrapper(io.BytesIO(), encoding="ascii")


@pytest.mark.parametrize("output", [closed, ascii_only])
async def test_an_output_that_takes_nothing_is_worth_another_try(
    monkeypatch: pytest.MonkeyPatch, output: Callable[[], io.TextIOBase]
) -> None:
    monkeypatch.setattr(sys, "stdout", output())
    async with open_console() as console:
        outcome = await console.post(delivery())
    assert isinstance(outcome, NotPosted)
    assert outcome.reason.startswith("standard output: ")
    assert not outcome.hopeless
