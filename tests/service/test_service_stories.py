"""One event told by forty outlets, from their feeds to Slack, with the real model."""

import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from forty import BETWEEN, OWN, TOLD, TOPIC, WIRE
from newsroom import HOUR, MINUTE, START, Newsroom, Report, newsroom, shown
from threehundred import TOPICS, three_hundred

pytestmark = pytest.mark.slow

OUTLETS = [f"outlet-{n:02}" for n in range(40)]
WIRED = [name for name, told in zip(OUTLETS, TOLD, strict=True) if told == WIRE]


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Newsroom]:
    async with newsroom(tmp_path, OUTLETS) as made:
        made.write(TOPIC)
        yield made


async def forty_tell(room: Newsroom, *, between: timedelta = BETWEEN) -> None:
    """Have every outlet tell the event in turn, and whatever waits be told."""
    await room.after(MINUTE)
    for outlet, (title, summary) in zip(OUTLETS, TOLD, strict=True):
        room.publish(outlet, title, summary)
        await room.after(between)
    await room.after(2 * HOUR)
    await room.after(2 * HOUR)


async def six_tell(room: Newsroom) -> None:
    """Have six outlets tell the event, after a first poll that finds nothing."""
    await room.after(MINUTE)
    for outlet, (title, summary) in zip(OUTLETS[:6], (*OWN[:5], WIRE), strict=True):
        room.publish(outlet, title, summary)
    await room.after(MINUTE)
    await room.after(2 * HOUR)


async def test_forty_outlets_are_one_message_and_one_thread(room: Newsroom) -> None:
    async with room.running():
        await forty_tell(room)
        decisions = await room.decisions()
    (parent,) = room.parents()
    replies = room.replies()
    assert {reply.thread_ts for reply in replies} == {parent.ts}
    assert 1 <= sum(reply.broadcast for reply in replies) <= 2
    thread = shown(replies)
    assert parent.edited
    head = shown([parent])
    assert head.startswith("Accidents in plants · Industry desk\n" + WIRE[0])
    assert "35 independent sources  ·  40 items" in head, "six copies of an agency's text are one source"
    assert "Latest: " + OWN[-1][0] in head
    assert "New development" in thread
    for title, _ in OWN:
        assert title in thread
    assert WIRE[0] not in re.sub(r": Ammonia tank explodes.*", "", thread), "copies are counted, not shown"
    reasons = Counter(reason for _, _, reason, _ in decisions)
    assert (reasons["new"], reasons["duplicate"], sum(reasons.values())) == (1, len(WIRED) - 1, 40)


async def test_what_matters_is_shown_when_the_cooldown_ends_whatever_else_comes(room: Newsroom) -> None:
    async with room.running():
        await room.after(MINUTE)
        # From five sources on something waits to be shown; at 15 more does, and then a development.
        for number, (title, summary) in enumerate(OWN[:18]):
            room.publish(OUTLETS[number], title, summary)
            await room.after(3 * MINUTE)
        assert not any(reply.broadcast for reply in room.replies())
        await room.after(START + HOUR + 4 * MINUTE - room.clock.now)
        (loud,) = (reply for reply in room.replies() if reply.broadcast)
        assert "New development: " + OWN[0][0] in shown([loud])
        assert OWN[13][0] in shown([loud])
        await room.after(3 * HOUR)
        assert sum(reply.broadcast for reply in room.replies()) == 1


async def test_churned_guids_and_republished_items_tell_nothing(room: Newsroom) -> None:
    async with room.running() as pipeline:
        await six_tell(room)
        # Feeds that show only one item do not churn: this one has a past.
        for number in range(20):
            room.publish(OUTLETS[0], f"Bakery number {number} of the town wins a prize for bread")
        await room.after(HOUR)
        before = room.slack.messages("desk"), await room.decisions()
        first = room.press.shown[OUTLETS[0]]
        room.press.shown[OUTLETS[0]] = [replace(report, generation=1) for report in first]
        again = replace(room.press.shown[OUTLETS[5]][0], generation=1, published=room.clock.now)
        room.press.publish(OUTLETS[5], again)
        for _ in range(3):
            await room.after(2 * HOUR)
        assert room.slack.messages("desk") == before[0]
        decisions = await room.decisions()
        assert {reason for _, _, reason, _ in decisions[len(before[1]) :]} <= {"duplicate"}
        counts = await pipeline.database(pipeline.storage.ledger.counts)
        assert (counts["undecided"], counts["undelivered"]) == (0, 0)


def mixed() -> list[tuple[str, str]]:
    """Thirty tellings of one event among thirty events, of two watchlists."""
    others = [(title, "") for title in three_hundred()]
    return [told for pair in zip(TOLD[:30], others[:30], strict=True) for told in pair]


async def told_by_one_feed(
    folder: Path, per_poll: int, *, delivered: bool, stops: Sequence[int] = ()
) -> list[tuple[str, str, str, str]]:
    """Have one feed show everything, so many items a poll, and end the pipeline at ``stops``.

    There it has read and scored what it has polled, and not decided on it.
    """
    async with newsroom(folder, ["agency"]) as room:
        room.write(TOPIC)
        (room.folder / "watchlists" / "world.yaml").write_text(TOPICS.replace("#desk", "#duty"))
        stream = mixed()
        starts = iter(range(0, len(stream), per_poll))
        async with room.running():
            await room.after(MINUTE)
        start: int | None = next(starts)
        while start is not None:
            async with room.running() as pipeline:
                stopped = False
                while start is not None and not stopped:
                    room.clock.now = START + 2 * MINUTE + timedelta(seconds=2 * start)
                    show(room, stream[start : start + per_poll], start)
                    await pipeline.poll.work()
                    await pipeline.score()
                    if not (stopped := start in stops):
                        await pipeline.alert()
                    if delivered:
                        assert await pipeline.deliver.emptied(60)
                    start = next(starts, None)
                decisions = await room.decisions()
        return decisions


def show(room: Newsroom, told: Sequence[tuple[str, str]], start: int) -> None:
    for number, (title, summary) in enumerate(told, start):
        report = Report(title=title, summary=summary, published=START, outlet=f"outlet-{number}")
        room.press.publish("agency", report)


async def test_batches_and_restarts_change_no_decision(tmp_path: Path) -> None:
    at_once = await told_by_one_feed(tmp_path / "at-once", 60, delivered=False)
    assert len(at_once) > 50
    assert await told_by_one_feed(tmp_path / "restarted", 7, delivered=False, stops=(14, 42)) == at_once
    # What has been delivered can be followed up, and what has not is rewritten: that changes only reasons.
    followed = await told_by_one_feed(tmp_path / "followed", 10, delivered=True)
    assert without_reasons(followed) == without_reasons(at_once)


def without_reasons(decisions: Sequence[tuple[str, str, str, str]]) -> list[tuple[str, str, str]]:
    return [(topic, title, story) for topic, title, _, story in decisions]


async def test_a_restart_with_another_configuration_tells_nothing_again(room: Newsroom) -> None:
    async with room.running():
        await six_tell(room)
    before = room.slack.messages("desk")
    assert before
    room.write(
        TOPIC.replace("sensitivity: broad", "sensitivity: 5").replace("Accidents in plants", "Plants")
        + "  - id: ammonia\n    name: Ammonia\n    about: [Ammonia tank explodes]\n    channel: '#duty'\n",
        settings="alerts:\n  cooldown: 1m\n  update_every: 1m\n  wait_before_first: 1m\n",
        routes="routes:\n  - {name: Duty, to: ['#duty'], level: urgent, mention: here}\n",
    )
    async with room.running():
        await room.after(HOUR)
        await room.after(HOUR)
    assert room.slack.messages("desk") == before
    assert room.slack.messages("duty") == []
