from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from alerting import EVENTS, Desk, event, settings
from builders import ALERT, HOUR, NOW, keyed, outcome, score, stored_items, topic

from monitor.dispatch import GATHER, REMINDERS
from monitor.records import (
    ChannelPlan,
    Content,
    Level,
    Listing,
    Message,
    QuietHours,
    Reminder,
    Route,
    Update,
)
from monitor.records.sent import STORIES_PER_PAGE

NEWS = "#news-alerts"
MINUTE = timedelta(minutes=1)
Open = Callable[..., Desk]


def messages(told: list[tuple[str, bool, Content]]) -> list[tuple[str, bool]]:
    return [(kind, broadcast) for kind, broadcast, _ in told]


def only(told: list[tuple[str, bool, Content]], kind: str) -> Any:
    (content,) = [content for of, _, content in told if of == kind]
    return content


# --- stories ----------------------------------------------------------------------------------------------


async def test_matches_become_messages_in_the_order_of_their_items(open_desk: Open) -> None:
    desk = open_desk()
    assert await desk.decide(*(event(n) for n in range(9))) == ["new"] * 9
    assert [content.title for _, _, content in desk.told()] == list(EVENTS[:9])  # type: ignore[union-attr]
    assert desk.storage.alerts.undecided(9) == []


async def test_a_match_is_decided_once(open_desk: Open) -> None:
    desk = open_desk()
    await desk.decide(event(0), event(1))
    assert await desk.stage.work() == 0
    assert desk.storage.ledger.counts()["alerts"] == desk.storage.ledger.counts()["undelivered"] == 2


async def test_what_tells_the_same_event_goes_into_its_thread_and_edits_the_message(open_desk: Open) -> None:
    desk = open_desk()
    assert await desk.decide(event(0)) == ["new"]
    (parent,) = desk.delivered()
    assert await desk.decide(event(0, 1), points=90) == ["follow_up"]
    reply, edit = desk.delivered()
    assert (reply.kind, reply.broadcast, edit.kind) == ("reply", False, "edit")
    assert reply.parent == edit.parent is not None
    assert isinstance(reply.message, Update)
    assert (reply.message.title, reply.message.sources, len(reply.message.entries)) == (EVENTS[0], 2, 1)
    assert isinstance(edit.message, Message)
    assert isinstance(parent.message, Message)
    assert (edit.message.title, edit.message.items, edit.message.score) == (EVENTS[0], 2, 90.0)
    assert edit.message.sources == ("outlet0.example", "outlet1.example")
    assert edit.message.latest is not None
    assert parent.message.sources == ("outlet0.example",)


async def test_what_follows_before_the_message_has_gone_is_in_it(open_desk: Open) -> None:
    desk = open_desk()
    assert await desk.decide(event(0), event(0, 1), event(0, 2)) == ["new", "follow_up", "follow_up"]
    ((kind, _, content),) = desk.told()
    assert isinstance(content, Message)
    assert (kind, content.items, len(content.sources)) == ("post", 3, 3)


async def test_updates_of_a_story_are_gathered(open_desk: Open) -> None:
    desk = open_desk(alerts=settings(update_every=10 * MINUTE))
    await desk.decide(event(0))
    desk.delivered()
    await desk.decide(event(0, 1))
    assert messages(desk.told()) == [("reply", False), ("edit", False)]
    await desk.decide(event(0, 2), event(0, 3))
    assert desk.told() == []
    desk.wait(10 * MINUTE)
    told = desk.told()
    assert messages(told) == [("reply", False), ("edit", False)]
    assert len(only(told, "reply").entries) == 2
    assert only(told, "edit").items == 4


@pytest.mark.parametrize(
    "copy",
    [
        event(0, url="https://other.example/a"),
        event(0, title="Flood", url="https://outlet0.example/0?utm_medium=rss"),
    ],
    ids=["headline", "address"],
)
async def test_a_copy_is_counted_and_stays_quiet(open_desk: Open, copy: Any) -> None:
    desk = open_desk()
    await desk.decide(event(0))
    desk.delivered()
    feed = {"name": "Other"}
    assert await desk.decide(copy, **feed) == ["duplicate"]
    assert all(kind == "edit" for kind, _, _ in desk.told())


async def test_a_copy_from_the_same_source_changes_nothing(open_desk: Open) -> None:
    desk = open_desk()
    await desk.decide(event(0))
    desk.delivered()
    again = keyed(77, title=EVENTS[0], summary="", published=None, url="https://outlet0.example/again")
    assert await desk.decide(again) == ["duplicate"]
    assert desk.told() == []


async def test_items_of_one_feed_that_share_a_page_are_different_stories(open_desk: Open) -> None:
    desk = open_desk()
    page = "https://outlet0.example/live"
    assert await desk.decide(event(0, url=page), event(1, url=page)) == ["new", "new"]


async def test_what_stayed_quiet_does_not_silence_its_copy(open_desk: Open) -> None:
    desk = open_desk()
    old = event(0, published=NOW - timedelta(days=5))
    assert await desk.decide(old, event(0, 1)) == ["too_old", "new"]


async def test_a_story_is_told_each_topic_in_its_channel(open_desk: Open) -> None:
    desk = open_desk(topic(id="a", channel="#a", name="A"), topic(id="b", channel="#b", name="B"))
    assert await desk.decide(event(0)) == ["new", "new"]
    assert [report.topic_name for report in desk.reports] == ["A", "B"]
    assert messages(desk.told("#a")) == messages(desk.told("#b")) == [("post", False)]


async def test_a_match_of_a_topic_that_is_gone_stays_quiet(open_desk: Open) -> None:
    desk = open_desk()
    found = stored_items(desk.storage, event(0))[-1]
    desk.storage.scores.record_scores([found], [score(found.id, topic_id="gone")], NOW)
    await desk.stage.work()
    (report,) = desk.reports
    assert (report.topic_name, report.verdict.reason) == ("gone", "topic_gone")


async def test_a_silence_mutes_and_a_later_item_tells_the_story(open_desk: Open) -> None:
    desk = open_desk()
    desk.storage.silences.add(
        topic_id="patrols",
        feed=None,
        term="dam",
        until=NOW + HOUR,
        author="me",
        reason="drill",
        now=NOW,
    )
    assert await desk.decide(event(0), event(1)) == ["silenced", "new"]
    desk.wait(2 * HOUR)
    assert await desk.decide(event(0, 1)) == ["new"]


async def test_a_restart_remembers_the_stories(open_desk: Open) -> None:
    await open_desk().decide(event(0), event(1))
    desk = open_desk()
    assert await desk.decide(event(0, 1), event(2)) == ["follow_up", "new"]


async def test_stories_that_were_split_by_hand_are_read_again(open_desk: Open) -> None:
    desk = open_desk()
    await desk.decide(event(0), event(0, 1), event(1))
    (first,) = [of for of in desk.storage.stories.stories("patrols", NOW - HOUR) if len(of.items) == 2]
    desk.storage.stories.split(first.id, frozenset({first.items[1].match.item.id}), by="me", now=NOW)
    desk.delivered()
    assert await desk.decide(event(0, 2)) == ["new"]
    sizes = [len(of.items) for of in desk.storage.stories.stories("patrols", NOW - HOUR)]
    assert sorted(sizes) == [1, 1, 2]


async def test_stories_whose_items_are_removed_are_read_again(open_desk: Open) -> None:
    desk = open_desk()
    await desk.decide(event(0), event(1))
    desk.delivered()
    desk.storage.polls.sync_feeds([], desk.now)
    assert desk.storage.retention.remove(desk.now + HOUR, 9, desk.now) == 2
    assert await desk.decide(event(0, 1)) == ["new"]


async def test_what_follows_a_message_that_was_never_taken_stands_by_itself_once(open_desk: Open) -> None:
    desk = open_desk()
    await desk.decide(event(0))
    desk.delivered(landing=False)
    await desk.decide(event(0, 1))
    assert messages(desk.told()) == [("post", False)]
    await desk.decide(event(0, 2))
    desk.wait(HOUR)
    assert messages(desk.told()) == [("post", False)]


# --- what is loud -----------------------------------------------------------------------------------------


async def test_many_more_sources_are_shown_in_the_channel_twice_in_forty(open_desk: Open) -> None:
    desk = open_desk(alerts=settings(cooldown=10 * MINUTE))
    told = list[tuple[str, bool, Content]]()
    reasons = list[str]()
    for n in range(40):
        reasons += await desk.decide(event(0, n))
        told += desk.told()
        desk.wait(3 * MINUTE)
    desk.wait(HOUR)
    told += desk.told()
    assert [kind for kind, _, _ in told].count("post") == 1
    assert 1 <= sum(broadcast for _, broadcast, _ in told) <= 2
    assert reasons.count("more_sources") == 2
    assert reasons[0] == "new"
    last = [content for kind, _, content in told if kind == "edit"][-1]
    assert isinstance(last, Message)
    assert (last.items, len(last.sources)) == (40, 40)
    replies = [content for kind, _, content in told if kind == "reply"]
    assert sum(len(one.entries) for one in replies if isinstance(one, Update)) == 39


async def test_a_broadcast_waits_until_the_channel_has_been_calm(open_desk: Open) -> None:
    desk = open_desk(alerts=settings(cooldown=HOUR))
    await desk.decide(event(0))
    desk.delivered()
    deadly = event(0, 1, summary="At least 40 people killed")
    assert await desk.decide(deadly) == ["development"]
    assert messages(desk.told()) == [("edit", False)]
    desk.wait(HOUR)
    assert messages(desk.told()) == [("reply", True)]


async def test_a_broadcast_that_waits_is_joined_and_not_put_off(open_desk: Open) -> None:
    desk = open_desk(alerts=settings(cooldown=HOUR))
    await desk.decide(event(0))
    desk.delivered()
    for n, killed in enumerate((40, 90, 200), 1):
        assert await desk.decide(event(0, n, summary=f"At least {killed} people killed")) == ["development"]
        desk.wait(HOUR / 3)
    told = desk.told()
    assert [kind for kind in messages(told) if kind[0] == "reply"] == [("reply", True)]
    assert len(only(told, "reply").entries) == 3
    assert await desk.decide(event(0, 4, summary="At least 900 people killed")) == ["development"]
    assert [kind for kind, _, _ in desk.told()] == ["edit"]
    desk.wait(HOUR)
    assert messages(desk.told()) == [("reply", True)]


# --- many at once -----------------------------------------------------------------------------------------


def many(count: int) -> list[Any]:
    """Items about as many different events: look-alikes that only a number tells apart."""
    return [
        event(
            0, n, title=f"Magnitude {n}.5 quake shakes Orlan valley once more", url=f"https://a.example/{n}"
        )
        for n in range(1, count + 1)
    ]


async def test_a_burst_is_one_message_that_lists_its_stories(open_desk: Open) -> None:
    desk = open_desk(alerts=settings(most_per_topic=5))
    shown = many(70)
    for one in shown:
        desk.show(one)
    await desk.stage.work()
    assert [report.verdict.reason for report in desk.reports] == ["new"] * 5 + ["burst"] * 65
    assert messages(desk.told()) == [("post", False)] * 5
    desk.wait(GATHER)
    told = desk.told()
    assert messages(told) == [("post", False), *[("reply", False)] * -(-65 // STORIES_PER_PAGE - -1)]
    listings = [content for _, _, content in told if isinstance(content, Listing)]
    assert [content.page for content in listings] == list(range(len(listings)))
    assert listings[0].total == 65
    assert dict(listings[0].counts) == {"Patrols": 65}
    titles = [entry.title for content in listings for entry in content.stories]
    assert titles == [one.item.title for one in shown[5:]]


async def test_a_burst_that_goes_on_joins_its_list(open_desk: Open) -> None:
    desk = open_desk(alerts=settings(most_per_topic=1))
    shown = many(6)
    await desk.decide(*shown[:3])
    desk.wait(GATHER)
    assert messages(desk.told()) == [("post", False), ("post", False)]
    assert await desk.decide(*shown[3:5]) == ["burst", "burst"]
    desk.wait(GATHER)
    told = desk.told()
    assert sorted(messages(told)) == [("edit", False), ("reply", False)]
    assert only(told, "edit").total == 4
    assert len(only(told, "reply").stories) == 2
    desk.wait(HOUR)
    assert await desk.decide(shown[5]) == ["new"]


async def test_what_is_late_comes_in_one_list(open_desk: Open) -> None:
    desk = open_desk()
    old = NOW - 5 * HOUR
    assert await desk.decide(*(event(n, published=old) for n in range(4))) == ["late"] * 4
    assert desk.told() == []
    desk.wait(GATHER)
    ((kind, _, content),) = desk.told()
    assert isinstance(content, Listing)
    assert (kind, content.why, content.total) == ("post", "late", 4)


async def test_a_late_story_alone_is_told_as_itself_and_grows(open_desk: Open) -> None:
    desk = open_desk()
    assert await desk.decide(event(0, published=NOW - 5 * HOUR)) == ["late"]
    desk.wait(GATHER)
    ((kind, _, content),) = desk.told()
    assert isinstance(content, Message)
    assert (kind, content.title) == ("post", EVENTS[0])
    assert await desk.decide(event(0, 1)) == ["follow_up"]
    told = desk.told()
    assert messages(told) == [("reply", False), ("edit", False)]
    assert only(told, "edit").items == 2


async def test_quiet_hours_hold_and_summarise(open_desk: Open) -> None:
    hours = QuietHours(begin=NOW.time(), end=(NOW + 8 * HOUR).time(), time_zone="UTC")
    desk = open_desk(channels={NEWS: ChannelPlan(channel=NEWS, quiet_hours=hours)})
    assert await desk.decide(event(0), event(1), event(0, 1)) == ["held", "held", "follow_up"]
    desk.wait(7 * HOUR)
    assert desk.told() == []
    desk.wait(HOUR)
    told = desk.told()
    assert isinstance(only(told, "post"), Listing)
    assert [entry.title for entry in only(told, "post").stories] == [EVENTS[0], EVENTS[1]]
    assert len(only(told, "reply").entries) == 1


# --- routes -----------------------------------------------------------------------------------------------


def duty(**changes: Any) -> Route:
    plain: dict[str, Any] = {"name": "Duty", "channels": ("#duty",), "level": "urgent", "mention": "here"}
    return Route(**plain | changes)


async def test_a_story_that_grows_into_a_route_is_told_there(open_desk: Open) -> None:
    desk = open_desk(routes=[duty(least_sources=3)])
    assert await desk.decide(event(0), event(0, 1), event(0, 2)) == ["new", "follow_up", "routed"]
    ((_, _, content),) = desk.told("#duty")
    assert isinstance(content, Message)
    assert (content.level, content.mention, content.items) == ("urgent", "here", 3)
    assert messages(desk.told()) == [("post", False)]


@pytest.mark.parametrize(("level", "reason"), [("urgent", "escalated"), ("routine", "follow_up")])
async def test_a_story_that_becomes_urgent_is_shown_again_at_once(
    open_desk: Open, level: Level, reason: str
) -> None:
    mention = "here" if level == "urgent" else None
    desk = open_desk(routes=[duty(channels=(NEWS,), least_sources=2, level=level, mention=mention)])
    await desk.decide(event(0))
    desk.delivered()
    assert await desk.decide(event(0, 1)) == [reason]
    told = desk.told()
    assert messages(told)[0] == ("reply", level == "urgent")
    assert only(told, "reply").mention == mention


async def test_the_first_message_can_wait_for_more_sources(open_desk: Open) -> None:
    desk = open_desk(alerts=settings(wait_before_first=10 * MINUTE))
    await desk.decide(event(0), event(0, 1))
    assert desk.told() == []
    desk.wait(10 * MINUTE)
    ((_, _, content),) = desk.told()
    assert isinstance(content, Message)
    assert content.items == 2


async def test_readers_are_reminded_until_somebody_acknowledges(open_desk: Open) -> None:
    desk = open_desk(routes=[duty(remind_after=30 * MINUTE)])
    await desk.decide(event(0))
    desk.delivered("#duty")
    for count in range(1, REMINDERS + 1):
        desk.wait(30 * MINUTE)
        await desk.stage.work()
        ((kind, broadcast, content),) = desk.told("#duty")
        assert isinstance(content, Reminder)
        assert (kind, broadcast, content.count, content.title) == ("reply", True, count, EVENTS[0])
        assert content.mention == "here"
    desk.wait(HOUR)
    await desk.stage.work()
    assert desk.told("#duty") == []


# --- what goes wrong --------------------------------------------------------------------------------------


async def test_a_match_that_cannot_be_decided_holds_up_no_other(
    open_desk: Open, caplog: pytest.LogCaptureFixture
) -> None:
    desk = open_desk()
    for n in range(3):
        desk.show(event(n))
    first, _, last = desk.storage.alerts.undecided(3)
    # What stands in the outbox under an id already cannot be put there again.
    posted = desk.stage._outcome
    _, placement = await desk.stage._storybook.place(first, topic())
    (taken,) = posted(first, topic(), placement, NOW).deliveries
    desk.storage.alerts.record_decision(last, outcome(ALERT, taken), NOW)
    with pytest.raises(Exception, match="UNIQUE"):
        await desk.stage.work()
    assert [report.match.item.id for report in desk.reports] == [2]
    assert "decision_failed" in caplog.messages


async def test_a_delivery_has_an_id_of_its_own_for_ever(open_desk: Open) -> None:
    desk = open_desk(topic(id="a", channel="#c"))
    await desk.decide(event(0))
    (told,) = desk.delivered("#c")
    again = open_desk(topic(id="a", channel="#c"))
    await again.decide(event(1))
    (other,) = again.delivered("#c")
    assert len({told.id, other.id}) == 2
    assert all(len(known) == 26 and known.isalnum() for known in (told.id, other.id))
