"""What the digest stage finds in the tables, and that each digest is made once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from builders import HOUR, NOW, fetched, keyed, new_delivery, next_at, score, spec, stored_items
from told_stories import tell

from monitor.records import Item
from monitor.storage import Storage

MINUTE = timedelta(minutes=1)


def scored(storage: Storage, *points: float, at: datetime = NOW, first: int = 1) -> list[Item]:
    """Store an item for each score; from 50 upward it matches."""
    items = stored_items(storage, *(keyed(first + n) for n in reversed(range(len(points)))))
    found = [
        replace(score(item.id), score=value, matched=value >= 50)
        for item, value in zip(items, points, strict=True)
    ]
    storage.scores.record_scores(items, found, at)
    return items


def ids(items: Sequence[Item]) -> list[int]:
    return [item.id for item in items]


def test_stories_are_those_the_channel_was_told_in_the_period(storage: Storage, database_file: Path) -> None:
    one, two, three, four, five = ids(scored(storage, 80, 80, 80, 80, 80))
    tell(database_file, 1, [one, two], NOW - HOUR)
    tell(database_file, 2, [three], NOW, topic_id="raids", score=60.0)
    tell(database_file, 3, [four], NOW + HOUR)
    tell(database_file, 4, [five], NOW, channel="#isis-watch")
    told = storage.digests.told("#news-alerts", NOW - HOUR, NOW + HOUR)
    assert [(story.id, story.topic_id, story.told_at, story.items, story.score) for story in told] == [
        (1, "patrols", NOW - HOUR, 2, 80.0),
        (2, "raids", NOW, 1, 60.0),
    ]
    found = storage.digests.items([1, 3])
    assert {story_id: ids(items) for story_id, items in found.items()} == {1: [one, two], 3: [four]}


def test_how_many_were_scored_by_a_moment_is_not_changed_by_an_edit(storage: Storage) -> None:
    assert storage.digests.scored_by(NOW) == 0
    first = scored(storage, 80, 20)
    scored(storage, 30, at=NOW + HOUR, first=3)
    assert [storage.digests.scored_by(NOW + n * MINUTE) for n in (0, 1, 60, 61)] == [0, 2, 2, 3]
    edited = keyed(1, summary="Soldiers found two hidden camps.")
    waiting = stored_items(storage, edited)
    assert ids(waiting) == ids(first[:1])
    storage.scores.record_scores(waiting, [], NOW + 2 * HOUR)
    assert storage.digests.scored_by(NOW + 3 * HOUR) == 3


def test_items_that_were_removed_were_not_read_in_the_time_after_them(storage: Storage) -> None:
    scored(storage, 10, 10)
    scored(storage, 10, at=NOW + HOUR, first=3)
    stored_items(storage)  # a document that shows none of them
    assert storage.retention.remove(NOW + HOUR, 2, NOW) == 2
    assert storage.digests.scored_by(NOW + MINUTE) == 2
    assert storage.digests.scored_by(NOW + 2 * HOUR) == 3


def test_near_misses_are_those_scored_in_between_over_the_least(storage: Storage) -> None:
    scored(storage, 45)
    scored(storage, 40, 48, 25, 60, at=NOW + HOUR, first=2)
    scored(storage, 49, at=NOW + 2 * HOUR, first=6)

    def missed(after: int, through: int, limit: int = 9) -> list[float]:
        found = storage.digests.near_misses("patrols", after, through, 25.0, limit)
        return [match.score.score for match in found]

    assert missed(1, 5) == [48, 40]
    assert missed(0, 6) == [49, 48, 45, 40]
    assert missed(0, 6, limit=1) == [49]
    assert storage.digests.near_misses("raids", 0, 6, 0.0, 9) == []


def test_what_a_feed_had_when_it_came_is_no_near_miss(storage: Storage) -> None:
    storage.polls.sync_feeds([spec()], NOW)
    (feed,) = storage.ledger.feeds()
    storage.polls.record_poll(feed, fetched(), [keyed(1)], NOW, next_at(NOW))
    (item,) = storage.scores.unscored(9)
    assert item.backlog
    storage.scores.record_scores([item], [replace(score(item.id), score=49.0, matched=False)], NOW)
    assert storage.digests.near_misses("patrols", 0, 1, 0.0, 9) == []
    assert [match.item.id for match in storage.review.near_misses("patrols", NOW - HOUR)] == [item.id]


def test_a_digest_and_its_delivery_are_stored_once(storage: Storage) -> None:
    store = storage.digests
    assert not store.made("#news-alerts", "daily", NOW)
    assert store.record_digest("#news-alerts", "daily", NOW, new_delivery(1), NOW)
    assert not store.record_digest("#news-alerts", "daily", NOW, new_delivery(2), NOW)
    assert store.made("#news-alerts", "daily", NOW)
    assert storage.deliveries.count_open(NOW) == 1
    for other in (
        ("#isis-watch", "daily", NOW),
        ("#news-alerts", "weekly", NOW),
        ("#news-alerts", "daily", NOW + HOUR),
    ):
        assert not store.made(*other)
    assert store.record_digest("#isis-watch", "daily", NOW, None, NOW)
    assert store.made("#isis-watch", "daily", NOW)
    assert storage.deliveries.count_open(NOW) == 1
