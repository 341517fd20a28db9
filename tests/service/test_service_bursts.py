"""Many stories at once, from feeds to Slack, with the real model: none is lost, nobody is flooded."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from forty import OWN, TOPIC
from newsroom import HOUR, MINUTE, Newsroom, newsroom, shown
from threehundred import TOPICS, three_hundred

pytestmark = pytest.mark.slow

AGENCY = ["agency"]


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Newsroom]:
    async with newsroom(tmp_path, [*AGENCY, "mail", "post", "echo"]) as made:
        made.write(TOPICS)
        yield made


def headed(room: Newsroom, words: str) -> list[str]:
    """The top-level messages with these words at their beginning, as a reader sees them."""
    return [text for parent in room.parents() if words in (text := shown([parent])).split("\n")[0]]


async def test_a_burst_of_three_hundred_stories_is_a_handful_of_messages(room: Newsroom) -> None:
    headlines = three_hundred()
    async with room.running():
        await room.after(MINUTE)
        for poll in range(3):
            for headline in headlines[100 * poll : 100 * poll + 100]:
                room.publish("agency", headline)
            await room.after(2 * MINUTE)
        await room.after(HOUR)
        decisions = await room.decisions()
    assert {opener for _, _, _, opener in decisions} == set(headlines), "each is a story of its own"
    assert Counter(reason for _, _, reason, _ in decisions) == {"new": 20, "burst": 280}
    (listed,) = headed(room, "280 stories at once")
    assert "The others are in the thread." in listed
    assert len(room.parents()) == 21
    pages = room.replies()
    assert len(pages) == 13
    assert not any(page.broadcast for page in pages)
    lines = Counter(shown(room.slack.messages("desk")).split("\n"))
    times = {headline: sum(n for line, n in lines.items() if headline in line) for headline in headlines}
    assert set(times.values()) == {1}, "each is told, once"


async def test_after_an_outage_of_the_service_what_is_late_is_one_list(room: Newsroom) -> None:
    headlines = three_hundred()[:24]
    async with room.running():
        room.publish("agency", headlines[0])
        await room.after(MINUTE)
        room.publish("agency", headlines[1])
        await room.after(MINUTE)
    for headline in headlines[2:]:
        room.publish("agency", headline)
        room.clock.now += timedelta(minutes=22)
    async with room.running():
        await room.after(MINUTE)
        await room.after(MINUTE)
        await room.after(MINUTE)
    (late,) = headed(room, "14 stories, late")
    assert [headline for headline in headlines if headline in late] == headlines[2:16]
    own = [headline for headline in headlines if headline in shown(room.parents()) and headline not in late]
    assert own == [headlines[1], *headlines[16:]], "what is fresh has a message of its own"
    assert len(room.parents()) == 10


async def test_after_an_outage_of_slack_there_is_one_message_per_story(room: Newsroom) -> None:
    room.write(TOPIC)
    address, port = room.slack.url.removeprefix("http://").strip("/").split(":")
    async with room.running() as pipeline:
        await room.after(MINUTE)
        await room.slack.close()
        for number, (title, summary) in enumerate(OWN[:16]):
            room.publish(("mail", "post", "echo", "agency")[number % 4], title, summary)
            room.clock.now += 30 * MINUTE
            await pipeline.one_pass()
            await pipeline.deliver.work()
        await room.slack.start(address, int(port))
        await room.after(MINUTE)
        await room.after(2 * HOUR)
    (parent,) = room.parents()
    told = shown([parent])
    assert "16 items" in told
    assert "4 independent sources" in told
    assert {reply.thread_ts for reply in room.replies()} == {parent.ts}
