from contextlib import closing
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa
from builders import (
    ALERT,
    HOUR,
    NOW,
    fetched,
    joining,
    judged,
    keyed,
    new_delivery,
    outcome,
    post,
    score,
    spec,
    stored_deliveries,
    stored_items,
)

from monitor.records import DeliveryStatus, FetchFailed, Receipt, StoryPlace, Verdict
from monitor.storage import Storage
from monitor.storage.engine import open_engine
from monitor.storage.ledger import SqlLedger

ADDRESS = "https://wire.example/1"


def history_of(storage: Storage, *urls: str) -> list[str]:
    return [history.item.key for history in storage.ledger.history(frozenset(urls))]


def test_feeds_are_those_in_use_by_name(storage: Storage) -> None:
    specs = [spec(url=f"https://{name}.example/", name=name) for name in ("beta", "alpha", "gone")]
    storage.polls.sync_feeds(specs, NOW)
    storage.polls.sync_feeds(specs[:2], NOW)
    assert [feed.spec.name for feed in storage.ledger.feeds()] == ["alpha", "beta"]


def test_an_item_is_found_by_its_address_its_canonical_address_or_its_guid(storage: Storage) -> None:
    shown = keyed(1, url=f"{ADDRESS}?utm_source=rss", guid="https://wire.example/?p=1")
    stored_items(storage, shown, keyed(2))
    for url in (f"{ADDRESS}?utm_source=rss", ADDRESS, "https://wire.example/?p=1"):
        assert history_of(storage, url) == ["key-1"]
    assert history_of(storage, "https://wire.example/unknown") == []
    assert history_of(storage) == []


def test_every_feed_that_showed_an_address_has_its_history(storage: Storage) -> None:
    stored_items(storage, keyed(1))
    stored_items(storage, keyed(1), url="https://other.example/rss", name="Other")
    assert len(history_of(storage, ADDRESS)) == 2


def test_an_item_that_waits_has_no_scores(storage: Storage) -> None:
    stored_items(storage, keyed(1))
    (history,) = storage.ledger.history(frozenset({ADDRESS}))
    assert (history.scored_at, history.topics) == (None, ())


def test_history_tells_score_decision_and_delivery_per_topic(storage: Storage) -> None:
    (item,) = stored_items(storage, keyed(1))
    scores = [
        score(item.id, topic_id="near", score=40.0, matched=False),
        score(item.id, topic_id="waits", score=60.0),
        score(item.id, topic_id="told", score=90.0),
        score(item.id, topic_id="quiet", score=70.0),
    ]
    storage.scores.record_scores([item], scores, NOW)
    matches = {match.score.topic_id: match for match in storage.alerts.undecided(10)}
    duplicate = Verdict(decision="quiet", reason="duplicate")
    storage.alerts.record_decision(
        matches["told"], outcome(ALERT, new_delivery(1), new_delivery(2, "#b")), NOW
    )
    storage.alerts.record_decision(matches["quiet"], outcome(duplicate), NOW)
    storage.deliveries.record_receipt("d1", Receipt(channel="C1", ts="1.5"), NOW)
    storage.deliveries.record_state("d2", "in_doubt", "connection lost")

    (history,) = storage.ledger.history(frozenset({ADDRESS}))
    assert history.scored_at == NOW
    told, quiet, waits, near = history.topics
    assert [topic.score for topic in (told, quiet, waits, near)] == [scores[n] for n in (2, 3, 1, 0)]
    assert (told.verdict, told.decided_at) == (ALERT, NOW)
    assert quiet.verdict == duplicate
    assert [(topic.verdict, topic.decided_at, topic.deliveries) for topic in (waits, near)] == [
        (None, None, ()),
        (None, None, ()),
    ]
    assert told.deliveries == (
        DeliveryStatus(
            channel="#news-alerts",
            kind="post",
            state="sent",
            attempt=0,
            last_error=None,
            receipt=Receipt(channel="C1", ts="1.5"),
        ),
        DeliveryStatus(
            channel="#b",
            kind="post",
            state="in_doubt",
            attempt=0,
            last_error="connection lost",
            receipt=None,
        ),
    )


def test_history_tells_an_items_place_in_a_story_and_the_posts_that_tell_it(storage: Storage) -> None:
    first, second = stored_items(storage, keyed(2), keyed(1))
    storage.scores.record_scores([first, second], [score(first.id), score(second.id)], NOW)
    opener, later = storage.alerts.undecided(9)
    opened = outcome(ALERT, new_delivery(1), membership=joining(), posts=(post(delivery_id="d1"),))
    storage.alerts.record_decision(opener, opened, NOW)
    follow_up = Verdict(decision="thread", reason="follow_up")
    place = joining(1, like_id=opener.item.id)
    reply = replace(new_delivery(2), kind="reply", parent_id="d1")
    storage.alerts.record_decision(later, outcome(follow_up, reply, membership=place), NOW)
    (history,) = storage.ledger.history(frozenset({later.item.url or ""}))
    (told,) = history.topics
    headline = "Report number 1 of the patrol"
    assert told.story == StoryPlace(
        story_id=1, items=2, headline=headline, reason="same_event", score=90.0, like=headline
    )
    assert [delivery.kind for delivery in told.deliveries] == ["post", "reply"]
    (first_history,) = storage.ledger.history(frozenset({ADDRESS}))
    assert [delivery.kind for delivery in first_history.topics[0].deliveries] == ["post"]


def test_counts_of_an_empty_database_are_zero(storage: Storage) -> None:
    assert set(storage.ledger.counts().values()) == {0}


def test_counts(storage: Storage) -> None:
    items = stored_items(storage, *(keyed(n) for n in range(6)))
    failed = FetchFailed(kind="timeout", message="no answer")
    storage.polls.sync_feeds([spec(), spec(url="https://other.example/", name="Other")], NOW)
    for feed in storage.ledger.feeds():
        found = failed if feed.spec.name == "Other" else fetched()
        storage.polls.record_poll(feed, found, [], NOW, judged(feed, found, NOW))
    scored = items[:5]
    low = score(items[4].id, score=20.0, matched=False)
    storage.scores.record_scores(scored, [low, *(score(item.id) for item in items[:4])], NOW)
    matches = storage.alerts.undecided(10)
    for n, match in enumerate(matches[:3]):
        quiet = Verdict(decision="quiet", reason="too_old")
        storage.alerts.record_decision(
            match, outcome(quiet if n == 0 else ALERT, *[new_delivery(n)][:n]), NOW
        )
    storage.deliveries.record_state("d1", "failed", "invalid_blocks")
    assert storage.ledger.counts() == {
        "unread": 0,
        "feeds": 2,
        "failing_feeds": 1,
        "troubles": 0,
        "items": 6,
        "unscored": 1,
        "undecided": 1,
        "matches": 4,
        "stories": 0,
        "alerts": 2,
        "threaded": 0,
        "quiet": 1,
        "undelivered": 1,
        "delivered": 0,
        "undeliverable": 1,
    }
    storage.deliveries.record_receipt("d2", Receipt(channel="C1", ts="1.5"), NOW)
    assert storage.ledger.counts()["delivered"] == 1


def test_what_is_asked_all_the_time_reads_no_table(database_file: Path) -> None:
    engine, close = open_engine(f"sqlite:///{database_file}")
    asked: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda _db, _cursor, text, *_: asked.append(text))
    ledger = SqlLedger(engine)
    assert ledger.waiting(NOW).keys() < ledger.counts().keys()
    asked.clear()
    ledger.waiting(NOW)
    ledger.waiting_since(NOW)
    questions = [text for text in asked if text.startswith("SELECT") and "FROM feeds" not in text]
    assert len(questions) == 7
    with closing(engine.connect()) as db:
        for question in questions:
            # What has no parameters is asked with the very words of its index.
            parameters = (str(NOW),) * question.count("?")
            first, *further = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {question}", parameters).all()
            assert "INDEX ix_" in first[-1], question
            assert all(step[-1].startswith("SEARCH parent USING INDEX") for step in further), question
    close()


def test_what_waits_for_its_time_is_not_late(storage: Storage) -> None:
    held = replace(new_delivery(1), not_before=NOW + HOUR)
    follow_up = replace(new_delivery(2), kind="reply", parent_id="d1")
    stored_deliveries(storage, held, follow_up)
    assert storage.ledger.waiting(NOW)["undelivered"] == 0
    assert storage.ledger.waiting_since(NOW)[1] is None
    assert storage.ledger.counts()["undelivered"] == 2
    assert storage.ledger.waiting(NOW + HOUR)["undelivered"] == 1
    assert storage.ledger.waiting_since(NOW + HOUR)[1] == NOW + HOUR
    storage.deliveries.record_receipt("d1", Receipt(channel="C1", ts="1.5"), NOW + HOUR)
    assert storage.ledger.waiting_since(NOW + HOUR)[1] == NOW
