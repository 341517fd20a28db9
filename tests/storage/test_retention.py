"""What retention removes, and what it must not."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from builders import ALERT, HOUR, NOW, fetched, keyed, new_delivery, next_at, outcome, score, spec

from monitor.passages import passages
from monitor.records import Article, Item, KeyedItem, Match, Receipt, Removal, Verdict
from monitor.storage import Storage
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


def delivered(storage: Storage, match: Match, n: int = 1, verdict: Verdict = ALERT) -> Item:
    storage.alerts.record_decision(match, outcome(verdict, new_delivery(n)), NOW)
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


def test_an_alert_outlives_what_it_repeated(storage: Storage) -> None:
    (match,) = matched(storage)
    told = delivered(storage, match)
    (copy,) = matched(storage, 2)
    duplicate = Verdict(decision="quiet", reason="duplicate", duplicate_of=told.id)
    delivered(storage, copy, 2, duplicate)
    assert storage.retention.remove(LATER, 1, LATER) == 1
    (history,) = storage.ledger.history(frozenset({"https://wire.example/2"}))
    assert history.topics[0].verdict == replace(duplicate, duplicate_of=None)


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
