"""What the alert stage reads and writes: matches, stories, posts, and what stands in the outbox."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from builders import (
    ALERT,
    HOUR,
    NOW,
    joining,
    keyed,
    message,
    new_delivery,
    outcome,
    post,
    score,
    stored_items,
    stored_matches,
)

from monitor.policy import Traffic
from monitor.records import (
    DueReminder,
    Entry,
    KeyedItem,
    Listing,
    Match,
    NewDelivery,
    Post,
    Receipt,
    Recorded,
    Reminder,
    Rewrite,
    Update,
    Verdict,
)
from monitor.storage import Storage

RECEIPT = Receipt(channel="C1", ts="1.0")
QUIET = Verdict(decision="quiet", reason="too_old")
MINUTE = timedelta(minutes=1)


def matched(storage: Storage, shown: KeyedItem, topic_id: str = "patrols", **of_feed: object) -> Match:
    """One more item, with a match."""
    item = stored_items(storage, shown, **of_feed)[-1]
    storage.scores.record_scores([item], [score(item.id, topic_id=topic_id)], NOW)
    return next(match for match in storage.alerts.undecided(100) if match.item.id == item.id)


def told(storage: Storage, n: int, story_id: int | None = None, **changes: Any) -> int:
    """One more item in a story, or in a new one, with what follows; return the story's id."""
    of_match = {name: changes.pop(name) for name in ("topic_id", "now") if name in changes}
    found = matched(storage, keyed(n), **of_match)
    decided = outcome(ALERT, *changes.pop("deliveries", ()), membership=joining(story_id), **changes)
    recorded = storage.alerts.record_decision(found, decided, NOW)
    assert recorded is not None
    assert recorded.story_id is not None
    return recorded.story_id


def entry(n: int) -> Entry:
    return Entry(
        topic_name="Patrols",
        title=f"Story {n}",
        url=None,
        source="Wire",
        published=None,
        first_seen=NOW,
        score=70.0,
    )


def listing(why: Any = "burst", page: int = 0) -> Listing:
    return Listing(why=why, stories=(entry(1),), total=1, since=NOW, until=NOW, page=page)


def reply(n: int, parent: str, content: Any = None) -> NewDelivery:
    update = Update(
        topic_name="Patrols", title="T", reason="follow_up", entries=(entry(n),), sources=2, score=70.0
    )
    return replace(new_delivery(n), kind="reply", parent_id=parent, message=content or update)


def edit(n: int, parent: str) -> NewDelivery:
    return replace(new_delivery(n), kind="edit", parent_id=parent)


def test_matches_wait_in_the_order_of_their_items_then_of_topics(storage: Storage) -> None:
    first, second = stored_items(storage, keyed(2), keyed(1))
    scores = [score(item.id, topic_id=topic) for item in (second, first) for topic in ("b", "a")]
    storage.scores.record_scores([first, second], scores, NOW)
    waiting = [(match.item.key, match.score.topic_id) for match in storage.alerts.undecided(10)]
    assert waiting == [("key-1", "a"), ("key-1", "b"), ("key-2", "a"), ("key-2", "b")]
    assert len(storage.alerts.undecided(3)) == 3


def test_only_matches_wait_for_a_decision(storage: Storage) -> None:
    (item,) = stored_items(storage, keyed(1))
    storage.scores.record_scores([item], [score(item.id, score=20.0, matched=False)], NOW)
    assert storage.alerts.undecided(10) == []


@pytest.mark.parametrize("verdict", [ALERT, QUIET])
def test_a_decision_is_made_once(storage: Storage, verdict: Verdict) -> None:
    match = matched(storage, keyed(1))
    storage.alerts.record_decision(match, outcome(verdict), NOW)
    assert storage.alerts.undecided(10) == []
    assert not storage.alerts.record_decision(match, outcome(ALERT, new_delivery()), NOW)
    assert storage.deliveries.count_open(NOW) == 0


def test_a_decision_and_its_deliveries_are_recorded_together_or_not_at_all(storage: Storage) -> None:
    first, second = matched(storage, keyed(1)), matched(storage, keyed(2))
    storage.alerts.record_decision(first, outcome(ALERT, new_delivery(1)), NOW)
    with pytest.raises(sa.exc.IntegrityError):  # the same id again
        storage.alerts.record_decision(second, outcome(ALERT, new_delivery(2), new_delivery(1)), NOW)
    assert storage.alerts.undecided(10) == [second]
    assert storage.deliveries.count_open(NOW) == 1


def test_a_message_comes_out_of_the_outbox_as_it_went_in(storage: Storage) -> None:
    for n, told in enumerate(
        (
            message(author="R. Eporter", mention="here", sources=("A", "B"), title="Ünï 🛰 \ud800 <b>"),
            message(url=None, published=None, summary=""),
        )
    ):
        delivery = NewDelivery(id=f"d{n}", channel=f"#c{n}", message=told)
        storage.alerts.record_decision(matched(storage, keyed(n)), outcome(ALERT, delivery), NOW)
        found = storage.deliveries.next_delivery(f"#c{n}", NOW)
        assert found is not None
        assert found[0].message == told


def test_many_matches_are_taken_in_batches(storage: Storage) -> None:
    stored_matches(storage, 30)
    assert [match.item.key for match in storage.alerts.undecided(10)] == [f"key-{n}" for n in range(1, 11)]


# --- stories ----------------------------------------------------------------------------------------------


def test_a_story_opens_with_its_first_item_and_is_touched_by_those_that_join(storage: Storage) -> None:
    story_id = told(storage, 1, now=NOW)
    assert told(storage, 2, story_id, now=NOW + HOUR) == story_id
    assert told(storage, 3, story_id, now=NOW - HOUR) == story_id
    story = storage.stories.story(story_id)
    assert story is not None
    assert (story.topic_id, story.opened_at, story.touched_at) == ("patrols", NOW, NOW + HOUR)
    assert [of.reason for of in story.items] == ["same_event", "first", "same_event"]
    assert told(storage, 4) != story_id


def test_a_storys_items_come_in_the_order_in_which_they_were_seen(storage: Storage) -> None:
    story_id = told(storage, 1, now=NOW)
    told(storage, 2, story_id, now=NOW - HOUR)
    told(storage, 3)
    items, count = storage.alerts.story(story_id)
    assert [(one.item.key, one.score) for one in items] == [("key-2", 80.0), ("key-1", 80.0)]
    assert count == 2
    assert storage.alerts.story(99) == ([], 0)


def test_of_a_long_story_the_beginning_and_the_end_are_looked_at(storage: Storage) -> None:
    story_id = told(storage, 0)
    for n in range(1, 110):
        told(storage, n, story_id, now=NOW + n * MINUTE)
    items, count = storage.alerts.story(story_id)
    assert count == 110
    assert [one.item.key for one in items] == [f"key-{n}" for n in (*range(20), *range(30, 110))]


def test_an_item_has_the_score_of_the_storys_topic(storage: Storage) -> None:
    (item,) = stored_items(storage, keyed(1))
    scores = [score(item.id, topic_id="a", score=60.0), score(item.id, topic_id="b", score=90.0)]
    storage.scores.record_scores([item], scores, NOW)
    for match in storage.alerts.undecided(9):
        storage.alerts.record_decision(match, outcome(ALERT, membership=joining()), NOW)
    assert [storage.alerts.story(story_id)[0][0].score for story_id in (1, 2)] == [60.0, 90.0]


def test_a_topics_stories_are_those_touched_of_late_and_in_any_case_the_last(storage: Storage) -> None:
    old, older = told(storage, 1, now=NOW - HOUR), told(storage, 2, now=NOW - 2 * HOUR)
    new = told(storage, 3, now=NOW)
    told(storage, 4, new, now=NOW + HOUR)
    told(storage, 5, topic_id="raids")

    def keys(since: Any, last: int) -> set[tuple[int, str]]:
        return {(id_, item.key) for id_, item in storage.alerts.grouped("patrols", since, last)}

    latest = {(new, "key-3"), (new, "key-4")}
    assert keys(NOW + HOUR, 1) == keys(NOW, 0) == latest
    assert keys(NOW + 2 * HOUR, 0) == set()
    assert keys(NOW + 2 * HOUR, 2) == keys(NOW - HOUR, 1) == {*latest, (old, "key-1")}
    assert keys(NOW - 2 * HOUR, 0) == {*latest, (old, "key-1"), (older, "key-2")}


def test_what_people_and_retention_do_to_stories_is_counted(storage: Storage) -> None:
    story_id = told(storage, 1)
    told(storage, 2, story_id)
    assert storage.alerts.regroupings() == 0
    (first, _) = storage.alerts.story(story_id)[0]
    assert storage.stories.split(story_id, frozenset({first.item.id}), by="ann", now=NOW) is not None
    assert storage.alerts.regroupings() == 1
    storage.polls.sync_feeds([], NOW)
    assert storage.retention.remove(NOW + HOUR, 9, NOW) == 2
    assert storage.alerts.regroupings() == 2


# --- posts ------------------------------------------------------------------------------------------------


def posted(storage: Storage, n: int, story_id: int | None = None, **changes: Any) -> int:
    """One more item, with a message of its own for a channel that comes to know its story by it."""
    known = post(delivery_id=f"d{n}", **changes)
    topic_id = changes.pop("topic_id", "patrols")
    return told(
        storage, n, story_id, topic_id=topic_id, deliveries=(new_delivery(n, known.channel),), posts=(known,)
    )


def test_a_channel_knows_a_story_by_its_post(storage: Storage) -> None:
    asked: dict[str, Any] = {
        "remind_at": NOW + HOUR,
        "remind_after": 30 * MINUTE,
        "level": "urgent",
        "loud_toll": 7,
    }
    story_id = posted(storage, 1, **asked)
    posted(storage, 2, story_id, channel="#duty")
    posted(storage, 3)
    assert storage.alerts.posts(story_id) == {
        "#news-alerts": post(**asked),
        "#duty": post(delivery_id="d2", channel="#duty"),
    }
    assert storage.alerts.posts(99) == {}


def test_what_a_channels_readers_know_is_kept_up_to_date(storage: Storage) -> None:
    story_id = posted(storage, 1, remind_at=NOW, remind_after=HOUR)
    known = post(loud_at=NOW + HOUR, loud_sources=9, loud_score=91.0, loud_toll=40, reminders=2)
    told(storage, 2, story_id, posts=(known,))
    assert storage.alerts.posts(story_id) == {"#news-alerts": known}


def test_traffic_counts_messages_of_a_channel_since_a_moment(storage: Storage) -> None:
    story_id = posted(storage, 1)
    posted(storage, 2)
    told(storage, 3, posts=(post(delivery_id="d2"),))  # a list: one message for two stories
    posted(storage, 4, story_id, channel="#duty")
    told(storage, 5, topic_id="raids", posts=(post(delivery_id="d1"),))

    def traffic(channel: str, topic_id: str, since: Any = NOW - MINUTE) -> Traffic:
        return storage.alerts.traffic(channel, topic_id, since)

    assert traffic("#news-alerts", "patrols") == Traffic(of_topic=2, of_channel=2)
    assert traffic("#news-alerts", "raids") == Traffic(of_topic=1, of_channel=2)
    assert traffic("#duty", "patrols") == Traffic(of_topic=1, of_channel=1)
    assert traffic("#news-alerts", "patrols", NOW) == Traffic(of_topic=0, of_channel=0)


# --- what stands in the outbox ----------------------------------------------------------------------------


def test_a_delivery_is_seen_as_it_stands_and_can_be_rewritten_until_it_is_tried(storage: Storage) -> None:
    story_id = told(storage, 1, deliveries=(replace(new_delivery(1), not_before=NOW + HOUR),))
    said = Rewrite(delivery_id="d1", message=message(title="More"), broadcast=True, not_before=NOW)
    told(storage, 2, story_id, rewrites=(said,))
    waiting = storage.alerts.delivery("d1")
    assert waiting is not None
    assert (waiting.message, waiting.broadcast, waiting.not_before) == (said.message, True, NOW)
    assert (waiting.kind, waiting.created_at, waiting.untried) == ("post", NOW, True)
    found = storage.deliveries.next_delivery("#news-alerts", NOW)
    assert found is not None
    storage.deliveries.record_attempt(found[0], NOW)
    storage.deliveries.record_state("d1", "pending", "ratelimited")
    told(storage, 3, story_id, rewrites=(replace(said, message=message(title="Too late")),))
    waiting = storage.alerts.delivery("d1")
    assert waiting is not None
    assert (waiting.untried, waiting.message) == (False, said.message)
    assert storage.alerts.delivery("d9") is None


def test_the_last_of_a_posts_replies_and_edits_is_found(storage: Storage) -> None:
    asked = (new_delivery(1), reply(2, "d1"), edit(3, "d1"), reply(4, "d1"), new_delivery(5), reply(6, "d5"))
    told(storage, 1, deliveries=asked)
    found = [storage.alerts.last_child("d1", kind) for kind in ("reply", "edit")]
    assert [waiting and waiting.id for waiting in found] == ["d4", "d3"]
    assert storage.alerts.last_child("d5", "edit") is None


def test_a_lists_last_page_is_itself_until_there_is_another(storage: Storage) -> None:
    told(storage, 1, deliveries=(replace(new_delivery(1), message=listing()), reply(2, "d1")))
    page = storage.alerts.last_page("d1")
    assert page is not None
    assert page.id == "d1", "what follows in one of its stories is no page"
    told(storage, 2, deliveries=(reply(3, "d1", listing(page=1)), reply(4, "d1"), edit(5, "d1")))
    page = storage.alerts.last_page("d1")
    assert page is not None
    assert (page.id, page.message) == ("d3", listing(page=1))


def test_a_channels_last_list_is_found_by_its_reason(storage: Storage) -> None:
    lists = (
        replace(new_delivery(1), message=listing()),
        replace(new_delivery(2), message=listing()),
        replace(new_delivery(3), message=listing("late")),
        reply(4, "d2", listing(page=1)),
        replace(new_delivery(5, "#duty"), message=listing()),
        new_delivery(6),
    )
    for n, delivery in enumerate(lists):
        known = post(channel=delivery.channel, delivery_id=delivery.id)
        told(storage, n, deliveries=(delivery,), posts=(known,) if delivery.kind == "post" else ())

    def last(channel: str, why: Any, since: Any = NOW) -> str | None:
        found = storage.alerts.last_listing(channel, why, since)
        return found.id if found else None

    assert last("#news-alerts", "burst") == "d2"
    assert last("#news-alerts", "late") == "d3"
    assert last("#duty", "burst") == "d5"
    assert last("#news-alerts", "held") is None
    assert last("#news-alerts", "burst", NOW + MINUTE) is None


# --- all at once ------------------------------------------------------------------------------------------


def test_a_decision_writes_everything_or_nothing(storage: Storage) -> None:
    story_id = posted(storage, 1)
    refused = matched(storage, keyed(2))
    said = Rewrite(delivery_id="d1", message=message(title="More"), broadcast=False, not_before=None)
    everything = outcome(
        ALERT,
        new_delivery(2),
        membership=joining(story_id),
        rewrites=(said,),
        posts=(post(delivery_id="d2", channel="#duty"), post(delivery_id="nowhere", channel="#else")),
    )
    before = storage.alerts.story(story_id), storage.alerts.posts(story_id), storage.ledger.counts()
    with pytest.raises(sa.exc.IntegrityError):
        storage.alerts.record_decision(refused, everything, NOW)
    assert before == (
        storage.alerts.story(story_id),
        storage.alerts.posts(story_id),
        storage.ledger.counts(),
    )
    unchanged = storage.alerts.delivery("d1")
    assert unchanged is not None
    assert unchanged.message == new_delivery(1).message
    assert storage.alerts.undecided(9) == [refused]
    whole = replace(everything, posts=everything.posts[:1])
    assert storage.alerts.record_decision(refused, whole, NOW) == Recorded(story_id=story_id)
    assert storage.alerts.posts(story_id).keys() == {"#news-alerts", "#duty"}
    assert len(storage.alerts.story(story_id)[0]) == 2


def test_what_has_been_decided_writes_nothing(storage: Storage) -> None:
    match = matched(storage, keyed(1))
    assert storage.alerts.record_decision(match, outcome(QUIET), NOW) == Recorded(story_id=None)
    again = outcome(ALERT, new_delivery(1), membership=joining(), posts=(post(),))
    assert storage.alerts.record_decision(match, again, NOW) is None
    assert storage.alerts.grouped("patrols", NOW - HOUR, 9) == []
    assert storage.ledger.counts()["undelivered"] == 0


# --- reminders --------------------------------------------------------------------------------------------


def reminder(story_id: int, known: Post) -> tuple[DueReminder, NewDelivery]:
    said = Reminder(topic_name="Patrols", title="T", told_at=NOW, count=1)
    new = replace(reply(9, known.delivery_id, said), channel=known.channel, broadcast=True)
    return DueReminder(story_id=story_id, topic_id="patrols", post=known), new


def test_reminders_are_due_when_their_time_has_come_the_earliest_first(storage: Storage) -> None:
    later = posted(storage, 1, remind_at=NOW + HOUR, remind_after=HOUR)
    sooner = posted(storage, 2, remind_at=NOW + MINUTE, remind_after=HOUR)
    posted(storage, 3)
    assert storage.alerts.due_reminders(NOW + HOUR) == [], "nothing has arrived"
    storage.deliveries.record_receipt("d1", RECEIPT, NOW)
    storage.deliveries.record_state("d2", "failed", "no_text")
    assert storage.alerts.due_reminders(NOW) == []
    assert [due.story_id for due in storage.alerts.due_reminders(NOW + MINUTE)] == [sooner]
    due = storage.alerts.due_reminders(NOW + HOUR)
    assert [one.story_id for one in due] == [sooner, later]
    assert due[1].post == post(delivery_id="d1", remind_at=NOW + HOUR, remind_after=HOUR)
    assert due[1].topic_id == "patrols"


def test_a_reminder_is_recorded_with_when_the_next_is_due(storage: Storage) -> None:
    story_id = posted(storage, 1, remind_at=NOW, remind_after=HOUR)
    (known,) = storage.alerts.posts(story_id).values()
    due, new = reminder(story_id, known)
    after = replace(known, reminders=1, remind_at=NOW + HOUR)
    storage.alerts.record_reminder(due, after, new, NOW)
    assert storage.alerts.posts(story_id) == {"#news-alerts": after}
    waiting = storage.alerts.last_child("d1", "reply")
    assert waiting is not None
    assert (waiting.id, waiting.message, waiting.broadcast) == ("d9", new.message, True)


def test_what_was_acknowledged_in_the_meantime_reminds_nobody(storage: Storage) -> None:
    story_id = posted(storage, 1, remind_at=NOW, remind_after=HOUR)
    (known,) = storage.alerts.posts(story_id).values()
    due, new = reminder(story_id, known)
    told(storage, 2, story_id, posts=(replace(known, remind_at=None, acked_by="Ana"),))
    storage.alerts.record_reminder(due, replace(known, reminders=1), new, NOW)
    (still,) = storage.alerts.posts(story_id).values()
    assert (still.reminders, still.acked_by) == (0, "Ana")
    assert storage.alerts.last_child("d1", "reply") is None
