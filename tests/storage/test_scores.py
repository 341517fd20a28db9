from dataclasses import replace
from datetime import timedelta, timezone

import numpy as np
import pytest
import sqlalchemy as sa
from builders import (
    ALERT,
    HOUR,
    NOW,
    fetched,
    item,
    keyed,
    new_delivery,
    next_at,
    outcome,
    score,
    stored_items,
)

from monitor.records import Evidence, Item, Score
from monitor.storage import Storage
from monitor.vectors import Vectors

MODEL = "model@1"


def unit(*values: float) -> Vectors:
    vector = np.array(values, np.float32)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def test_items_wait_for_a_score_in_the_order_in_which_they_came(storage: Storage) -> None:
    stored_items(storage, keyed(2), keyed(1))
    stored_items(storage, keyed(3), url="https://other.example/rss", name="Other")
    assert [item.key for item in storage.scores.unscored(2)] == ["key-1", "key-2"]
    assert [item.key for item in storage.scores.unscored(10)] == ["key-1", "key-2", "key-3"]


def test_scored_items_wait_no_more_whether_or_not_a_score_was_kept(storage: Storage) -> None:
    first, second = stored_items(storage, keyed(2), keyed(1))
    storage.scores.record_scores([first, second], [score(first.id)], NOW)
    assert storage.scores.unscored(10) == []
    assert storage.ledger.counts()["matches"] == 1


def test_scores_are_recorded_all_or_none(storage: Storage) -> None:
    first, second = stored_items(storage, keyed(2), keyed(1))
    broken = replace(score(second.id), topic_id=None)  # type: ignore[arg-type]
    with pytest.raises(sa.exc.IntegrityError):
        storage.scores.record_scores([first, second], [score(first.id), broken], NOW)
    assert storage.scores.unscored(10) == [first, second]
    assert storage.ledger.counts()["matches"] == 0


def test_scores_of_an_item_that_is_gone_are_dropped(storage: Storage) -> None:
    storage.scores.record_scores([item(id=1)], [score(1)], NOW)
    assert storage.ledger.counts()["matches"] == 0


def test_a_score_comes_back_with_its_evidence(storage: Storage) -> None:
    (stored,) = stored_items(storage, keyed(1))
    evidence = Evidence(sentence="S “x”", text="T", parts={"closeness": 61.5, "not_about": -3.0}, gate="g")
    given = score(stored.id, score=61.25, evidence=evidence)
    storage.scores.record_scores([stored], [given], NOW)
    assert storage.alerts.undecided(10)[0].score == given


def test_vectors_come_back_as_unit_vectors_of_their_model(storage: Storage) -> None:
    vectors = {"a": unit(1, 2, 3), "b": unit(0, 0, 1)}
    storage.scores.record_vectors(MODEL, vectors)
    found = storage.scores.vectors(MODEL, ["a", "b", "unknown"])
    assert found.keys() == {"a", "b"}
    for name, vector in found.items():
        assert vector.dtype == np.float32
        assert float(vector @ vectors[name]) == pytest.approx(1, abs=1e-3)
    assert storage.scores.vectors("model@2", ["a"]) == {}


def test_a_stored_vector_is_never_overwritten(storage: Storage) -> None:
    storage.scores.record_vectors(MODEL, {"a": unit(1, 0)})
    storage.scores.record_vectors(MODEL, {"a": unit(0, 1), "b": unit(0, 1)})
    storage.scores.record_vectors("model@2", {"a": unit(0, 1)})
    found = storage.scores.vectors(MODEL, ["a", "b"])
    assert found["a"].tolist() == [1, 0]
    assert found["b"].tolist() == [0, 1]


def test_any_number_of_vectors_can_be_asked_for(storage: Storage) -> None:
    vectors = {f"hash-{n}": unit(n + 1, 1) for n in range(1_200)}
    storage.scores.record_vectors(MODEL, vectors)
    assert storage.scores.vectors(MODEL, vectors).keys() == vectors.keys()
    assert storage.scores.vectors(MODEL, []) == {}
    storage.scores.record_vectors(MODEL, {})


def test_times_of_any_zone_come_back_as_utc(storage: Storage) -> None:
    east = timezone(timedelta(hours=9))
    (stored,) = stored_items(storage, keyed(1, published=NOW.astimezone(east)))
    assert stored.published == NOW
    assert stored.published.utcoffset() == timedelta(0)


class TestScoredAgain:
    """Items whose text was edited after they had a score."""

    def edited(self, storage: Storage, title: str, hours: int = 1) -> Item:
        (feed,) = storage.ledger.feeds()
        shown = [keyed(1, title=title)]
        at = NOW + hours * HOUR
        assert storage.polls.record_poll(feed, fetched(), shown, at, next_at(NOW)).edited == 1
        (waiting,) = storage.scores.unscored(9)
        return waiting

    def scored(self, storage: Storage, waiting: Item, *scores: Score) -> list[str]:
        storage.scores.record_scores([waiting], scores, NOW)
        assert storage.scores.unscored(9) == []
        return [match.score.topic_id for match in storage.alerts.undecided(9)]

    def topics(self, storage: Storage) -> dict[str, float]:
        (history,) = storage.ledger.history(frozenset({"https://wire.example/1"}))
        return {topic.score.topic_id: topic.score.score for topic in history.topics}

    def test_what_was_decided_stays_decided_with_the_score_of_today(self, storage: Storage) -> None:
        (first,) = stored_items(storage, keyed(1))
        self.scored(storage, first, score(first.id))
        (match,) = storage.alerts.undecided(9)
        assert storage.alerts.record_decision(match, outcome(ALERT, new_delivery()), NOW)
        for hours, points, matched in ((1, 90.0, True), (2, 10.0, False), (3, 95.0, True)):
            again = self.edited(storage, f"Edit {hours}", hours)
            assert self.scored(storage, again, score(first.id, score=points, matched=matched)) == []
            assert self.topics(storage) == {"patrols": points}
        assert storage.ledger.counts()["alerts"] == 1

    def test_what_matches_now_waits_for_its_decision(self, storage: Storage) -> None:
        (first,) = stored_items(storage, keyed(1))
        assert self.scored(storage, first, score(first.id, score=20.0, matched=False)) == []
        assert self.scored(storage, self.edited(storage, "Edit"), score(first.id)) == ["patrols"]

    @pytest.mark.parametrize("below", [[], [score(1, score=20.0, matched=False)]])
    def test_what_matches_no_more_waits_for_no_decision(self, storage: Storage, below: list[Score]) -> None:
        (first,) = stored_items(storage, keyed(1))
        assert self.scored(storage, first, score(first.id)) == ["patrols"]
        (withdrawn,) = storage.alerts.undecided(9)
        assert self.scored(storage, self.edited(storage, "Edit"), *below) == []
        assert self.topics(storage) == {each.topic_id: each.score for each in below}
        assert not storage.alerts.record_decision(withdrawn, outcome(ALERT, new_delivery()), NOW)
        assert storage.deliveries.count_open(NOW) == 0
        # Nothing of it stands in the way of a later edit.
        assert self.scored(storage, self.edited(storage, "Later", 2), score(first.id)) == ["patrols"]
        (match,) = storage.alerts.undecided(9)
        assert storage.alerts.record_decision(match, outcome(ALERT, new_delivery()), NOW)

    def test_an_edit_that_comes_while_a_score_is_made_is_not_lost(self, storage: Storage) -> None:
        (taken,) = stored_items(storage, keyed(1))
        edited = self.edited(storage, "Edit")
        storage.scores.record_scores([taken], [score(taken.id)], NOW)
        assert storage.scores.unscored(9) == [edited]
        assert storage.alerts.undecided(9) == []

    def test_an_item_waits_since_its_edit(self, storage: Storage) -> None:
        (first,) = stored_items(storage, keyed(1))
        assert storage.ledger.waiting_since(NOW)[0] == NOW
        self.scored(storage, first)
        self.edited(storage, "Edit", hours=5)
        assert storage.ledger.waiting_since(NOW)[0] == NOW + 5 * HOUR
