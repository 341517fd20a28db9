"""What retention removes, and what it must not."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from builders import (
    ALERT,
    HOUR,
    NOW,
    fetched,
    joining,
    keyed,
    new_delivery,
    next_at,
    outcome,
    post,
    score,
    spec,
)
from storied import beside

from monitor.passages import passages
from monitor.records import (
    Article,
    DeliveryKind,
    Item,
    KeyedItem,
    Match,
    NewDelivery,
    Post,
    Receipt,
    Removal,
)
from monitor.storage import Storage
from monitor.storage.messages import delivery_columns
from monitor.storage.tables import deliveries, digests, posts, stories, story_items
from monitor.vectors import text_hash

LATER = NOW + timedelta(days=100)
NOTHING = Removal(items=0, versions=0, scores=0, alerts=0, deliveries=0)
GONE = (keyed(99),)
"""A document that holds none of the items in question."""


def poll(storage: Storage, *shown: KeyedItem) -> int:
    """Poll a document of the one feed; return how many items were new."""
    if not storage.ledger.feeds():
        storage.polls.sync_feeds([spec()], NOW)
        poll(storage)
    (feed,) = storage.ledger.feeds()
    return len(storage.polls.record_poll(feed, fetched(), shown, NOW, next_at(NOW)).new)


def matched(storage: Storage, n: int = 1, *topics: str) -> list[Match]:
    """Let one more item match, and leave the feed."""
    poll(storage, keyed(n))
    (item,) = storage.scores.unscored(9)
    scores = [score(item.id, topic_id=topic) for topic in topics or ("patrols",)]
    storage.scores.record_scores([item], scores, NOW)
    poll(storage, *GONE)
    storage.scores.record_scores(storage.scores.unscored(9), [], NOW)
    return storage.alerts.undecided(9)


def delivered(storage: Storage, match: Match, n: int = 1) -> Item:
    storage.alerts.record_decision(match, outcome(ALERT, new_delivery(n)), NOW)
    storage.deliveries.record_receipt(f"d{n}", Receipt(channel="C1", ts="1.5"), NOW)
    return match.item


def removed(storage: Storage) -> int:
    """Remove all there is to remove; it must be what was counted before."""
    counted = storage.retention.removable(LATER)
    total = 0
    while step := storage.retention.remove(LATER, 2, LATER):
        total += step
    assert total == counted.items
    assert storage.retention.removable(LATER) == NOTHING
    return total


def test_an_old_item_goes_with_all_that_belongs_to_it(storage: Storage) -> None:
    (match,) = matched(storage)
    delivered(storage, match)
    poll(storage, keyed(1, title="Edited"), *GONE)
    storage.scores.record_scores(storage.scores.unscored(9), [], NOW)
    poll(storage, *GONE)
    assert storage.retention.removable(LATER) == Removal(
        items=1, versions=1, scores=1, alerts=1, deliveries=1
    )
    assert removed(storage) == 1
    counts = storage.ledger.counts()
    assert (counts["items"], counts["matches"], counts["alerts"], counts["delivered"]) == (1, 0, 0, 0)


def test_what_was_removed_is_never_new_again(storage: Storage) -> None:
    matched(storage)
    storage.polls.sync_feeds([], NOW)  # the feed is not asked any more, and shows nothing
    for match in storage.alerts.undecided(9):
        delivered(storage, match)
    assert removed(storage) == 2
    storage.polls.sync_feeds([spec()], NOW)
    assert poll(storage, keyed(1), *GONE) == 0
    assert poll(storage, keyed(2), keyed(1), *GONE) == 1
    assert [item.key for item in storage.scores.unscored(9)] == ["key-2"]
    storage.polls.sync_feeds([spec(), spec(url="https://other.example/rss", name="Another")], NOW)
    other = storage.ledger.feeds()[0]
    polled = storage.polls.record_poll(other, fetched(), [keyed(1)], NOW, next_at(NOW))
    assert len(polled.new) == 1, "another feed's item is another item"


def test_what_its_feed_still_shows_stays(storage: Storage) -> None:
    poll(storage, keyed(1), keyed(2))
    poll(storage, keyed(2), keyed(3))
    storage.scores.record_scores(storage.scores.unscored(9), [], NOW)
    assert removed(storage) == 1
    assert storage.ledger.history(frozenset({"https://wire.example/1"})) == []
    assert storage.ledger.counts()["items"] == 2


def test_younger_items_stay(storage: Storage) -> None:
    (match,) = matched(storage)
    delivered(storage, match)
    assert storage.retention.removable(NOW) == NOTHING
    assert storage.retention.remove(NOW, 9, NOW) == 0
    assert storage.retention.remove(NOW + timedelta(seconds=1), 9, NOW) == 1


def test_what_waits_for_a_score_or_an_article_stays(storage: Storage) -> None:
    storage.polls.sync_feeds([spec(full_text=True)], NOW)
    poll(storage)
    poll(storage, keyed(2, url=None), keyed(1))
    poll(storage, *GONE)
    assert removed(storage) == 0
    (unread, *_) = storage.reads.unread(9)
    storage.reads.record_article(unread, Article(text="Text"))
    assert removed(storage) == 0
    storage.scores.record_scores(storage.scores.unscored(9), [], NOW)
    assert removed(storage) == 2


def test_what_waits_for_a_decision_stays(storage: Storage) -> None:
    first, second = matched(storage, 1, "a", "b")
    assert removed(storage) == 0
    delivered(storage, first, 1)
    assert removed(storage) == 0
    delivered(storage, second, 2)
    assert removed(storage) == 1


@pytest.mark.parametrize("state", ["pending", "sending", "in_doubt", "failed"])
def test_what_waits_for_its_delivery_stays(storage: Storage, state: str) -> None:
    (match,) = matched(storage)
    storage.alerts.record_decision(match, outcome(ALERT, new_delivery(1)), NOW)
    storage.deliveries.record_state("d1", state, "because")  # type: ignore[arg-type]
    assert removed(storage) == (1 if state == "failed" else 0)


# --- stories ----------------------------------------------------------------------------------------------


def told(
    storage: Storage,
    n: int,
    story_id: int | None = None,
    *deliveries: NewDelivery,
    posts: tuple[Post, ...] = (),
    like_id: int | None = None,
) -> int:
    """One more item in a story, or in a new one; all that it gives rise to is delivered."""
    (match,) = matched(storage, n)
    membership = joining(story_id, like_id=like_id)
    said = outcome(ALERT, *deliveries, membership=membership, posts=posts)
    recorded = storage.alerts.record_decision(match, said, NOW)
    for delivery in deliveries:
        storage.deliveries.record_receipt(delivery.id, Receipt(channel="C1", ts="1.5"), NOW)
    assert recorded is not None
    assert recorded.story_id is not None
    return recorded.story_id


def under(n: int, parent: str, kind: DeliveryKind = "reply") -> NewDelivery:
    return replace(new_delivery(n), kind=kind, parent_id=parent)


def known(delivery_id: str = "d1", **changes: Any) -> tuple[Post, ...]:
    return (post(delivery_id=delivery_id, **changes),)


def left(database_file: Path) -> dict[str, list[Any]]:
    """What is left of stories and messages; no reference leads nowhere."""
    with beside(database_file) as db:
        assert db.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        return {
            "stories": list(db.scalars(sa.select(stories.c.id).order_by(stories.c.id))),
            "placed": [
                tuple(row) for row in db.execute(sa.select(story_items.c.item_id, story_items.c.like_id))
            ],
            "posts": list(db.scalars(sa.select(posts.c.delivery_id).order_by(posts.c.story_id))),
            "messages": list(db.scalars(sa.select(deliveries.c.id).order_by(deliveries.c.position))),
        }


def test_a_story_goes_with_its_last_item_and_all_that_was_said_of_it(
    storage: Storage, database_file: Path
) -> None:
    story_id = told(storage, 1, None, new_delivery(1), posts=known())
    told(storage, 2, story_id, under(2, "d1"), under(3, "d1", "edit"))
    removed(storage)
    assert left(database_file) == {"stories": [], "placed": [], "posts": [], "messages": []}


def test_an_item_leaves_its_story_which_goes_on(storage: Storage, database_file: Path) -> None:
    story_id = told(storage, 1, None, new_delivery(1), posts=known())
    ((first,), _) = storage.alerts.story(story_id)
    told(storage, 2, story_id, under(2, "d1"), under(3, "d1", "edit"), like_id=first.item.id)
    assert storage.retention.remove(LATER, 1, LATER) == 1
    (rest,) = storage.alerts.story(story_id)[0]
    assert rest.item.key == "key-2"
    assert left(database_file) == {
        "stories": [story_id],
        "placed": [(rest.item.id, None)],
        "posts": ["d1"],
        "messages": ["d1", "d2", "d3"],
    }
    assert removed(storage) == 1
    assert left(database_file)["messages"] == []


def test_what_was_said_before_there_were_stories_goes_with_its_item(
    storage: Storage, database_file: Path
) -> None:
    (match,) = matched(storage)
    delivered(storage, match)
    assert left(database_file)["messages"] == ["d1"]
    removed(storage)
    assert left(database_file)["messages"] == []


def test_a_list_stays_for_as_long_as_one_of_its_stories(storage: Storage, database_file: Path) -> None:
    first = told(storage, 1, None, new_delivery(1), posts=known())
    second = told(storage, 2, None, under(2, "d1"), posts=known())
    told(storage, 3, first, under(3, "d1"))
    assert storage.retention.remove(LATER, 1, LATER) == 1
    assert left(database_file)["stories"] == [first, second], "its other item is there"
    (last,) = matched(storage, 4)
    decided = outcome(ALERT, under(4, "d1"), membership=joining(second))
    storage.alerts.record_decision(last, decided, NOW)
    assert removed(storage) == 2, "what waits for its delivery stays"
    assert left(database_file) == {
        "stories": [second],
        "placed": [(last.item.id, None)],
        "posts": ["d1"],
        "messages": ["d1", "d2", "d3", "d4"],
    }
    storage.deliveries.record_state("d4", "failed", "refused")
    assert removed(storage) == 1
    assert left(database_file) == {"stories": [], "placed": [], "posts": [], "messages": []}


def test_an_item_may_be_in_a_story_of_each_of_its_topics(storage: Storage, database_file: Path) -> None:
    matches = matched(storage, 1, "a", "b")
    for n, match in enumerate(matches, 1):
        said = outcome(ALERT, new_delivery(n, f"#c{n}"), membership=joining(), posts=known(f"d{n}"))
        storage.alerts.record_decision(match, said, NOW)
        storage.deliveries.record_receipt(f"d{n}", Receipt(channel="C1", ts="1.5"), NOW)
    assert removed(storage) == 1
    assert left(database_file) == {"stories": [], "placed": [], "posts": [], "messages": []}


def test_a_story_told_in_two_channels_goes_with_both_its_posts(storage: Storage, database_file: Path) -> None:
    both = (*known(), *known("d2", channel="#duty"))
    told(storage, 1, None, new_delivery(1), new_delivery(2, "#duty"), posts=both)
    stays = told(storage, 2, None, new_delivery(3), posts=known("d3"))
    assert storage.retention.remove(LATER, 1, LATER) == 1
    assert left(database_file)["stories"] == [stays]
    assert left(database_file)["messages"] == ["d3"]


def test_digests_and_notices_belong_to_no_item_and_stay(storage: Storage, database_file: Path) -> None:
    told(storage, 1, None, new_delivery(1), posts=known())
    with beside(database_file) as db:
        db.execute(deliveries.insert().values(**delivery_columns(new_delivery(2), NOW)))
        made = {"channel": "#news-alerts", "period": "daily", "until": NOW, "delivery_id": "d2"}
        db.execute(digests.insert().values(made))
    removed(storage)
    assert left(database_file)["messages"] == ["d2"]


def test_vectors_of_its_texts_are_forgotten_by_every_model(storage: Storage) -> None:
    (match,) = matched(storage)
    before = match.item
    delivered(storage, match)
    poll(storage, keyed(1, title="Edited"), *GONE)
    (after,) = storage.scores.unscored(9)
    storage.scores.record_scores([after], [], NOW)
    poll(storage, *GONE)
    hashes = [text_hash(text) for item in (before, after) for text in passages(item)]
    vector = np.ones(1, np.float32)
    for model in ("a", "b"):
        storage.scores.record_vectors(model, dict.fromkeys([*hashes, "of-a-topic"], vector))
    assert removed(storage) == 1
    for model in ("a", "b"):
        assert storage.scores.vectors(model, [*hashes, "of-a-topic"]).keys() == {"of-a-topic"}


def test_any_number_goes_in_steps(storage: Storage) -> None:
    poll(storage, *(keyed(n) for n in range(7)))
    storage.scores.record_scores(storage.scores.unscored(9), [], NOW)
    poll(storage, *GONE)
    storage.scores.record_scores(storage.scores.unscored(9), [], NOW)
    assert [storage.retention.remove(NOW + HOUR, 3, NOW) for _ in range(4)] == [3, 3, 1, 0]
