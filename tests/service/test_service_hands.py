"""What people do beside the running pipeline, with the real model: rest, acknowledge, mute, regroup."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from forty import OWN, TOPIC
from newsroom import HOUR, MINUTE, START, Newsroom, newsroom, shown
from service_parts import until
from threehundred import TOPICS, three_hundred

from monitor.demo.slack_render import rendered

pytestmark = pytest.mark.slow

OUTLETS = [f"outlet-{n:02}" for n in range(8)]
URGENT = """\
routes:
  - name: Duty officer
    topics: [plant-accidents]
    sources: 2
    to: ["#duty"]
    level: urgent
    mention: here
    remind_after: 30m
"""
FIRE = (
    "Refinery fire in Sankt Olaf: tanks of fuel oil burn",
    "Crews fight the flames with foam.",
)
FIRE_AGAIN = ("Fuel oil tanks at Sankt Olaf refinery still burn", "Foam runs short as crews fight the fire.")


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Newsroom]:
    async with newsroom(tmp_path, OUTLETS) as made:
        made.write(TOPIC)
        yield made


async def told(room: Newsroom, outlet: int, what: tuple[str, str], *, wait: timedelta = MINUTE) -> None:
    room.publish(OUTLETS[outlet], *what)
    await room.after(wait)


async def test_quiet_hours_hold_and_summarise(room: Newsroom) -> None:
    nights = "channels:\n  '#desk': {time_zone: UTC, quiet_hours: '22:00-07:00'}\n"
    room.write(TOPICS, routes="routes: []\n" + nights)
    headlines = three_hundred()[:5]
    room.clock.now = START.replace(hour=21, minute=50)
    async with room.running():
        await room.after(MINUTE)
        await told(room, 0, (headlines[0], ""))
        assert len(room.parents()) == 1
        for outlet, headline in enumerate(headlines[1:], start=1):
            await told(room, outlet, (headline, ""), wait=HOUR)
        assert len(room.parents()) == 1, "held"
        await room.after(START + timedelta(hours=21, minutes=59) - room.clock.now)
        assert len(room.parents()) == 1, "still"
        await room.after(MINUTE)
    _, summary = room.parents()
    text = shown([summary])
    assert text.startswith("4 stories from quiet hours")
    assert all(headline in text for headline in headlines[1:])


async def test_an_urgent_story_mentions_and_reminds_until_a_button_acknowledges_it(room: Newsroom) -> None:
    room.write(TOPIC, routes=URGENT)
    room.listening = True
    async with room.running():
        await until(lambda: room.slack.sockets.connections == 1)
        await room.after(MINUTE)
        await told(room, 0, OWN[0])
        assert room.parents("duty") == [], "one source is not enough for the route"
        await told(room, 1, OWN[1])
        (urgent,) = room.parents("duty")
        assert [mention.target for mention in rendered(urgent).notifies] == ["here"]
        assert not rendered(room.parents("desk")[0]).notifies
        await room.after(31 * MINUTE)
        (reminder,) = room.replies("duty")
        assert reminder.broadcast
        assert [mention.target for mention in rendered(reminder).notifies] == ["here"]
        assert await room.slack.click("duty", urgent.ts, "monitor_ack")
        await room.after(MINUTE)
        (acknowledged,) = room.parents("duty")
        assert "✓ Acknowledged by" in shown([acknowledged])
        assert "URGENT" not in shown([acknowledged])
        for _ in range(4):
            await room.after(HOUR)
        assert room.replies("duty") == [reminder], "nobody is reminded any more"
        await told(room, 2, OWN[2], wait=HOUR)
        assert "✓ Acknowledged by" in shown(room.parents("duty")), "also when the story grows"


async def test_a_silence_of_the_command_line_mutes_until_it_ends(room: Newsroom) -> None:
    async with room.running():
        await room.after(MINUTE)
        said = await room.command(
            *("silence", "add", "--term", "Sankt Olaf", "--until", "2100-01-01", "--reason", "exercise")
        )
        assert "Sankt Olaf" in said
        await told(room, 0, FIRE)
        await told(room, 1, OWN[0])
        assert [reason for _, _, reason, _ in await room.decisions()] == ["silenced", "new"]
        assert FIRE[0] not in shown(room.parents())
        await room.command("silence", "end", "1")
        await told(room, 2, FIRE_AGAIN)
        assert FIRE_AGAIN[0] in shown(room.parents())


async def stories(room: Newsroom) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(
        await room.command("stories", "list", "plant-accidents", "--days", "36500", "--json")
    )
    return listed


async def test_a_merge_and_a_split_of_the_command_line_hold_for_the_next_item(room: Newsroom) -> None:
    async with room.running():
        await room.after(MINUTE)
        await told(room, 0, OWN[0])
        await told(room, 1, FIRE)
        await told(room, 2, OWN[1], wait=10 * MINUTE)
        plant, fire = room.parents()
        first, second = sorted(story["id"] for story in await stories(room))
        await room.command("stories", "merge", str(first), str(second))
        await told(room, 3, FIRE_AGAIN, wait=10 * MINUTE)
        assert [FIRE_AGAIN[0] in shown([reply]) for reply in room.replies()] == [False, True]
        assert {reply.thread_ts for reply in room.replies()} == {plant.ts}, "the story that stayed has it"
        (merged,) = await stories(room)
        split = [str(item["id"]) for item in merged["items"] if "Sankt Olaf" in item["title"]]
        await room.command("stories", "split", str(merged["id"]), *split)
        await told(room, 4, ("Sankt Olaf refinery fire out after fuel oil tanks burnt down", FIRE[1]))
        assert len(room.parents()) == 3, "what was split off is told by its next item"
        await told(room, 5, OWN[2], wait=10 * MINUTE)
        assert room.replies()[-1].thread_ts == plant.ts
        assert fire in room.parents(), "no message is taken back"
