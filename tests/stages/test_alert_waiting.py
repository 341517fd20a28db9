"""What happens to stories while something of them waits: for quiet hours, a cooldown, Slack, a person."""

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from alerting import EVENTS, Desk, event, settings
from builders import HOUR, NOW, topic

from monitor.dispatch import GATHER
from monitor.records import (
    ChannelPlan,
    Content,
    Feedback,
    Listing,
    Message,
    QuietHours,
    Receipt,
    Reminder,
    Route,
    Update,
)
from monitor.threads import OwnThread

NEWS = "#news-alerts"
MINUTE = timedelta(minutes=1)
DEADLY = "At least 40 people killed"
Open = Callable[..., Desk]


def quiet(begins_in: timedelta = timedelta(0), **changes: Any) -> dict[str, ChannelPlan]:
    """The channel's quiet hours, eight of them."""
    begin = NOW + begins_in
    hours = QuietHours(begin=begin.time(), end=(begin + 8 * HOUR).time(), time_zone="UTC", **changes)
    return {NEWS: ChannelPlan(channel=NEWS, quiet_hours=hours)}


def urgent(**changes: Any) -> Route:
    """Two sources make a story urgent."""
    plain: dict[str, Any] = {"name": "Duty", "channels": (NEWS,), "level": "urgent", "mention": "here"}
    return Route(**{"least_sources": 2} | plain | changes)


def shown(told: list[tuple[str, bool, Content]]) -> list[tuple[str, bool]]:
    return [(kind, broadcast) for kind, broadcast, _ in told]


# --- quiet hours ------------------------------------------------------------------------------------------


async def test_what_waits_for_a_cooldown_does_not_end_it_in_quiet_hours(open_desk: Open) -> None:
    desk = open_desk(alerts=settings(cooldown=HOUR), channels=quiet(30 * MINUTE))
    await desk.decide(event(0))
    desk.delivered()
    assert await desk.decide(event(0, 1, summary=DEADLY)) == ["development"]
    desk.wait(HOUR)
    assert ("reply", True) not in shown(desk.told())
    desk.wait(7 * HOUR + 30 * MINUTE)
    assert ("reply", True) in shown(desk.told())


async def test_a_first_message_that_waits_does_not_come_in_quiet_hours(open_desk: Open) -> None:
    desk = open_desk(alerts=settings(wait_before_first=HOUR), channels=quiet(30 * MINUTE))
    await desk.decide(event(0))
    desk.wait(HOUR)
    assert desk.told() == []
    desk.wait(7 * HOUR + 30 * MINUTE)
    assert shown(desk.told()) == [("post", False)]


async def test_a_list_does_not_gather_into_quiet_hours(open_desk: Open) -> None:
    desk = open_desk(channels=quiet(GATHER / 2))
    await desk.decide(event(0, published=NOW - 5 * HOUR))
    desk.wait(GATHER)
    assert desk.told() == []


async def test_a_held_story_that_becomes_urgent_is_told_at_once(open_desk: Open) -> None:
    desk = open_desk(routes=[urgent()], channels=quiet())
    assert await desk.decide(event(0), event(0, 1)) == ["held", "escalated"]
    ((kind, _, content),) = desk.told()
    assert isinstance(content, Message)
    assert (kind, content.title, content.level, content.mention) == ("post", EVENTS[0], "urgent", "here")
    assert content.items == 2
    desk.wait(9 * HOUR)
    assert desk.told() == []


async def test_of_several_held_stories_the_urgent_one_is_told_at_once(open_desk: Open) -> None:
    desk = open_desk(routes=[urgent()], channels=quiet())
    assert await desk.decide(event(0), event(1), event(0, 1)) == ["held", "held", "escalated"]
    ((kind, _, content),) = desk.told()
    assert isinstance(content, Message)
    assert (kind, content.level, content.mention, content.items) == ("post", "urgent", "here", 2)
    assert await desk.decide(event(0, 2)) == ["follow_up"]
    assert shown(desk.told()) == [("reply", False), ("edit", False)]
    desk.wait(9 * HOUR)
    assert shown(desk.told()) == [("post", False)]


async def test_nobody_is_reminded_in_quiet_hours(open_desk: Open) -> None:
    route = urgent(least_sources=1, remind_after=30 * MINUTE)
    desk = open_desk(routes=[route], channels=quiet(10 * MINUTE, urgent_passes=False))
    await desk.decide(event(0))
    desk.delivered()
    desk.wait(HOUR)
    await desk.stage.work()
    assert desk.told() == []
    desk.wait(8 * HOUR)
    await desk.stage.work()
    await desk.stage.work()
    assert [type(content) for _, _, content in desk.told()] == [Reminder]


# --- urgency ----------------------------------------------------------------------------------------------


async def test_a_first_message_that_waits_goes_when_its_story_becomes_urgent(open_desk: Open) -> None:
    desk = open_desk(alerts=settings(wait_before_first=HOUR), routes=[urgent(wait_before_first=0 * HOUR)])
    assert await desk.decide(event(0), event(0, 1)) == ["new", "escalated"]
    ((_, _, content),) = desk.told()
    assert isinstance(content, Message)
    assert (content.level, content.mention, content.items) == ("urgent", "here", 2)


async def test_what_is_urgent_is_not_put_off_by_what_comes_next(open_desk: Open) -> None:
    desk = open_desk(routes=[urgent()])
    await desk.decide(event(0))
    desk.delivered()
    assert await desk.decide(event(0, 1), event(0, 2, summary=DEADLY)) == ["escalated", "development"]
    told = desk.told()
    assert shown(told)[0] == ("reply", True)
    assert isinstance(told[0][2], Update)
    assert len(told[0][2].entries) == 2


# --- reminders --------------------------------------------------------------------------------------------


async def test_after_a_pause_of_ours_readers_are_reminded_once(open_desk: Open) -> None:
    desk = open_desk(routes=[urgent(least_sources=1, remind_after=30 * MINUTE)])
    await desk.decide(event(0))
    desk.delivered()
    desk.wait(5 * HOUR)
    for _ in range(3):
        await desk.stage.work()
    assert [type(content) for _, _, content in desk.told()] == [Reminder]


async def test_nobody_is_reminded_of_what_has_not_arrived(open_desk: Open) -> None:
    desk = open_desk(routes=[urgent(least_sources=1, remind_after=30 * MINUTE)])
    await desk.decide(event(0))
    for _ in range(3):
        desk.wait(30 * MINUTE)
        await desk.stage.work()
    assert shown(desk.told()) == [("post", False)]


async def test_a_match_that_cannot_be_decided_holds_up_no_reminder(open_desk: Open) -> None:
    desk = open_desk(routes=[urgent(least_sources=1, remind_after=30 * MINUTE)])
    await desk.decide(event(0))
    desk.delivered()
    desk.show(event(1))
    desk.wait(30 * MINUTE)

    def fails(*_: object) -> Any:
        raise ValueError("surprise")

    desk.stage._outcome = fails  # type: ignore[assignment, method-assign]
    with pytest.raises(ValueError, match="surprise"):
        await desk.stage.work()
    assert [type(content) for _, _, content in desk.told()] == [Reminder]


# --- lists ------------------------------------------------------------------------------------------------


async def test_what_follows_of_two_stories_in_a_list_is_told_apart(open_desk: Open) -> None:
    desk = open_desk()
    old = NOW - 5 * HOUR
    await desk.decide(event(0, published=old), event(1, published=old))
    assert await desk.decide(event(0, 1), event(1, 1)) == ["follow_up", "follow_up"]
    desk.wait(GATHER)
    updates = [content for _, _, content in desk.told() if isinstance(content, Update)]
    assert sorted((of.title, len(of.entries)) for of in updates) == [(EVENTS[0], 1), (EVENTS[1], 1)]


async def test_late_stories_that_drip_in_are_no_flood(open_desk: Open) -> None:
    desk = open_desk(alerts=settings(most_per_topic=3, burst_window=HOUR))
    told = list[tuple[str, bool, Content]]()
    for n in range(10):
        await desk.decide(event(n, published=NOW - 5 * HOUR))
        desk.wait(2 * MINUTE)
        told += desk.told()
    assert [kind for kind, _, _ in told].count("post") == 5


def click(at_story_in: Receipt, kind: Any = "ack") -> Feedback:
    return Feedback(
        kind=kind,
        by="U1",
        by_name="Ada",
        channel_id=at_story_in.channel,
        ts=at_story_in.ts,
        delivery_id=None,
        at=NOW,
        envelope_id="e1",
    )


async def test_a_story_acknowledged_elsewhere_does_not_end_the_list_that_holds_it(open_desk: Open) -> None:
    desk = open_desk(routes=[Route(name="Both", channels=(NEWS, "#duty"))], channels=quiet())
    await desk.decide(event(0))
    desk.delivered("#duty")
    assert desk.storage.feedback.record(click(Receipt(channel="C1", ts="1.0")), desk.now) == "recorded"
    assert await desk.decide(event(1)) == ["new"]
    desk.wait(8 * HOUR)
    told = desk.told()
    assert [kind for kind, _, _ in told] == ["post"]
    assert isinstance(told[0][2], Listing)
    assert told[0][2].total == 2


async def test_a_story_acknowledged_elsewhere_is_told_as_it_is_where_it_waits(open_desk: Open) -> None:
    route = Route(name="Both", channels=(NEWS, "#duty"))
    desk = open_desk(routes=[route], alerts=settings(wait_before_first=0 * HOUR))
    await desk.decide(event(0))
    desk.delivered("#duty")
    desk.storage.feedback.record(click(Receipt(channel="C1", ts="1.0")), desk.now)
    await desk.decide(event(0, 1))
    told = desk.told()
    last = [content for _, _, content in told if isinstance(content, Message)][-1]
    assert (last.items, last.acknowledged_by) == (2, "Ada")


# --- what goes on beside it -------------------------------------------------------------------------------


async def test_a_decision_that_is_cut_off_is_remembered(open_desk: Open, database: OwnThread) -> None:
    desk = open_desk()
    await desk.decide(event(1))
    record, begun, may_end = desk.storage.alerts.record_decision, threading.Event(), threading.Event()

    def slow(*of: Any) -> Any:
        begun.set()
        may_end.wait()
        return record(*of)

    desk.storage.alerts.record_decision = slow  # type: ignore[assignment, method-assign]
    desk.show(event(0))
    cut = asyncio.create_task(desk.stage.work())
    await asyncio.to_thread(begun.wait)
    cut.cancel()
    may_end.set()
    await asyncio.gather(cut, return_exceptions=True)
    await database(lambda: None)
    assert await desk.decide(event(0, 1)) == ["follow_up"]


@pytest.mark.parametrize("restarted", [True, False])
async def test_what_an_item_says_after_an_edit_is_what_others_are_compared_with(
    open_desk: Open, restarted: bool
) -> None:
    desk = open_desk()
    await desk.decide(event(0), event(2))
    desk.show(event(0, title=EVENTS[1]))
    desk = open_desk() if restarted else desk
    assert await desk.decide(event(1, url="https://other.example/1")) == ["duplicate"]


async def test_a_message_on_its_way_to_another_channel_stays_its_storys(open_desk: Open) -> None:
    await open_desk(topic(channel="#before")).decide(event(0))
    desk = open_desk(topic(channel="#after"))
    desk.storage.deliveries.readdress({"patrols": "#after"}, frozenset(), "#after")
    await desk.decide(event(0, 1))
    ((kind, _, content),) = desk.told("#after")
    assert isinstance(content, Message)
    assert (kind, content.items) == ("post", 2)


async def test_what_was_said_in_a_thread_of_another_channel_stands_by_itself(open_desk: Open) -> None:
    before = open_desk(topic(channel="#before"))
    await before.decide(event(0))
    before.delivered("#before")
    await before.decide(event(0, 1))
    desk = open_desk(topic(channel="#after"))
    desk.storage.deliveries.readdress({"patrols": "#after"}, frozenset(), "#after")
    told = desk.delivered("#after")
    assert [(one.kind, one.parent) for one in told] == [("post", None)]
    assert isinstance(told[0].message, Update)


async def test_what_waits_for_a_channel_that_has_gone_is_not_told_again_where_it_is_known(
    open_desk: Open,
) -> None:
    before = open_desk(topic(channel="#before"), routes=[Route(name="Both", channels=("#after",))])
    await before.decide(event(0), event(1))
    before.delivered("#after")
    desk = open_desk(topic(channel="#after"))
    desk.storage.deliveries.readdress({"patrols": "#after"}, frozenset(), "#after")
    assert desk.told("#after") == []
    assert await desk.decide(event(0, 1)) == ["follow_up"]
    assert shown(desk.told("#after")) == [("reply", False), ("edit", False)]
