from datetime import timedelta, timezone

import numpy as np
import pytest
import sqlalchemy as sa
from builders import NOW, keyed, score, stored_items

from monitor.records import Evidence
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
    storage.scores.record_scores([first.id, second.id], [score(first.id)], NOW)
    assert storage.scores.unscored(10) == []
    assert storage.ledger.counts()["matches"] == 1


def test_scores_are_recorded_all_or_none(storage: Storage) -> None:
    first, second = stored_items(storage, keyed(2), keyed(1))
    storage.scores.record_scores([first.id], [score(first.id)], NOW)
    with pytest.raises(sa.exc.IntegrityError):
        storage.scores.record_scores([first.id, second.id], [score(second.id), score(first.id)], NOW)
    assert storage.scores.unscored(10) == [second]
    assert storage.ledger.counts()["matches"] == 1


def test_a_score_of_an_item_that_does_not_exist_is_refused(storage: Storage) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        storage.scores.record_scores([1], [score(1)], NOW)


def test_a_score_comes_back_with_its_evidence(storage: Storage) -> None:
    (item,) = stored_items(storage, keyed(1))
    evidence = Evidence(sentence="S “x”", text="T", parts={"closeness": 61.5, "not_about": -3.0}, gate="g")
    given = score(item.id, score=61.25, evidence=evidence)
    storage.scores.record_scores([item.id], [given], NOW)
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
    (item,) = stored_items(storage, keyed(1, published=NOW.astimezone(east)))
    assert item.published == NOW
    assert item.published.utcoffset() == timedelta(0)
