from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from builders import HOUR, NOW, fetched, judged, keyed, next_at, spec

from monitor.records import Feed, FetchFailed, NotModified
from monitor.storage import Storage

FAILED = FetchFailed(kind="timeout", message="no answer within 30 s")
CLAIM = timedelta(minutes=5)
ONE = spec()
OTHER = spec(url="https://other.example/rss", name="Other", tags=frozenset({"asia"}), every=HOUR)


def known(storage: Storage) -> dict[str, Feed]:
    return {feed.spec.url: feed for feed in storage.ledger.feeds()}


@pytest.fixture
def polled_feed(storage: Storage) -> Feed:
    """A feed that has been polled with success once."""
    storage.polls.sync_feeds([ONE], NOW)
    (feed,) = storage.polls.claim_due(NOW, NOW + CLAIM, 1)
    storage.polls.record_poll(feed, fetched(), [], NOW, next_at(NOW + HOUR))
    return storage.ledger.feeds()[0]


class TestSyncFeeds:
    def test_a_new_feed_is_due_at_once_and_says_what_was_asked_for(self, storage: Storage) -> None:
        asked = replace(OTHER, alert_backlog=timedelta(hours=6), full_text=True)
        storage.polls.sync_feeds([asked], NOW)
        (feed,) = storage.polls.claim_due(NOW, NOW + CLAIM, 10)
        assert feed.spec == asked
        assert (feed.next_poll_at, feed.first_polled_at, feed.health.failures) == (NOW, None, 0)

    def test_a_removed_feed_is_not_polled(self, storage: Storage) -> None:
        storage.polls.sync_feeds([ONE, OTHER], NOW)
        storage.polls.sync_feeds([OTHER], NOW)
        assert [feed.spec.name for feed in storage.polls.claim_due(NOW, NOW + CLAIM, 10)] == ["Other"]
        assert known(storage).keys() == {OTHER.url}

    def test_a_feed_that_comes_back_knows_what_it_has_shown(
        self, storage: Storage, polled_feed: Feed
    ) -> None:
        storage.polls.record_poll(polled_feed, fetched(), [keyed(1)], NOW, next_at(NOW + HOUR))
        storage.polls.sync_feeds([], NOW)
        storage.polls.sync_feeds([ONE], NOW + 5 * HOUR)
        (feed,) = storage.polls.claim_due(NOW + 5 * HOUR, NOW + 6 * HOUR, 10)
        assert feed.id == polled_feed.id
        assert (
            len(storage.polls.record_poll(feed, fetched(), [keyed(1), keyed(2)], NOW, next_at(NOW)).new) == 1
        )

    def test_a_shorter_interval_brings_the_next_poll_forward(
        self, storage: Storage, polled_feed: Feed
    ) -> None:
        soon = replace(ONE, every=timedelta(minutes=1))
        storage.polls.sync_feeds([soon], NOW)
        assert known(storage)[ONE.url].next_poll_at == NOW + timedelta(minutes=1)

    def test_a_longer_interval_does_not_put_the_next_poll_off(
        self, storage: Storage, polled_feed: Feed
    ) -> None:
        storage.polls.sync_feeds([replace(ONE, every=timedelta(days=3))], NOW)
        assert known(storage)[ONE.url].next_poll_at == NOW + HOUR

    def test_other_changes_leave_the_next_poll_and_the_health_alone(
        self, storage: Storage, polled_feed: Feed
    ) -> None:
        renamed = replace(ONE, name="Renamed", tags=frozenset({"asia"}))
        storage.polls.sync_feeds([renamed], NOW)
        assert known(storage)[ONE.url] == replace(polled_feed, spec=renamed)

    def test_syncing_the_same_again_changes_nothing(self, storage: Storage, polled_feed: Feed) -> None:
        storage.polls.sync_feeds([ONE], NOW + HOUR)
        assert storage.ledger.feeds() == [polled_feed]


class TestClaims:
    def test_a_claimed_feed_is_nobody_elses_until_its_claim_runs_out(self, storage: Storage) -> None:
        storage.polls.sync_feeds([ONE], NOW)
        assert len(storage.polls.claim_due(NOW, NOW + CLAIM, 10)) == 1
        assert storage.polls.claim_due(NOW + CLAIM - timedelta(seconds=1), NOW + HOUR, 10) == []
        assert len(storage.polls.claim_due(NOW + CLAIM, NOW + HOUR, 10)) == 1

    def test_released_claims_are_due_again(self, storage: Storage) -> None:
        storage.polls.sync_feeds([ONE, OTHER], NOW)
        storage.polls.claim_due(NOW, NOW + CLAIM, 10)
        storage.polls.release_claims()
        assert len(storage.polls.claim_due(NOW, NOW + CLAIM, 10)) == 2

    def test_a_recorded_poll_ends_the_claim(self, storage: Storage) -> None:
        storage.polls.sync_feeds([ONE], NOW)
        (feed,) = storage.polls.claim_due(NOW, NOW + HOUR, 10)
        storage.polls.record_poll(feed, FAILED, [], NOW, next_at(NOW + timedelta(minutes=1)))
        assert storage.polls.claim_due(NOW, NOW + HOUR, 10) == []
        assert len(storage.polls.claim_due(NOW + timedelta(minutes=1), NOW + HOUR, 10)) == 1

    def test_who_has_waited_longest_comes_first(self, storage: Storage) -> None:
        for n in range(4):
            specs = [spec(url=f"https://wire.example/{m}", name=f"{m}") for m in range(n + 1)]
            storage.polls.sync_feeds(specs, NOW - n * HOUR)
        first, second = (storage.polls.claim_due(NOW, NOW + CLAIM, 2) for _ in range(2))
        assert [feed.spec.name for feed in first + second] == ["3", "2", "1", "0"]


class TestRecordPoll:
    def test_an_item_is_new_once(self, storage: Storage, polled_feed: Feed) -> None:
        shown = [keyed(1), keyed(2)]
        assert len(storage.polls.record_poll(polled_feed, fetched(), shown, NOW, next_at(NOW)).new) == 2
        shown = [keyed(1), keyed(2), keyed(3)]
        assert len(storage.polls.record_poll(polled_feed, fetched(), shown, NOW, next_at(NOW)).new) == 1
        stored = {item.key: item.title for item in storage.scores.unscored(9)}
        assert stored == {f"key-{n}": keyed(n).item.title for n in (1, 2, 3)}

    def test_two_items_of_one_document_that_share_a_key_are_one(
        self, storage: Storage, polled_feed: Feed
    ) -> None:
        shown = [keyed(1, title="First"), keyed(1, title="Second")]
        assert len(storage.polls.record_poll(polled_feed, fetched(), shown, NOW, next_at(NOW)).new) == 1
        assert storage.scores.unscored(9)[0].title == "First"

    def test_two_feeds_may_show_the_same_key(self, storage: Storage) -> None:
        storage.polls.sync_feeds([ONE, OTHER], NOW)
        for feed in storage.polls.claim_due(NOW, NOW + CLAIM, 10):
            assert len(storage.polls.record_poll(feed, fetched(), [keyed(1)], NOW, next_at(NOW)).new) == 1

    def test_documents_of_any_length_are_told_apart_to_the_last_item(
        self, storage: Storage, polled_feed: Feed
    ) -> None:
        shown = [keyed(n) for n in range(2_500)]
        assert len(storage.polls.record_poll(polled_feed, fetched(), shown, NOW, next_at(NOW)).new) == 2_500
        assert (
            len(
                storage.polls.record_poll(
                    polled_feed, fetched(), [keyed(9_999), *shown], NOW, next_at(NOW)
                ).new
            )
            == 1
        )
        assert storage.ledger.counts()["items"] == 2_501

    def test_ids_follow_the_order_of_events_though_feeds_run_newest_first(
        self, storage: Storage, polled_feed: Feed
    ) -> None:
        storage.polls.record_poll(polled_feed, fetched(), [keyed(3), keyed(2), keyed(1)], NOW, next_at(NOW))
        assert [item.key for item in storage.scores.unscored(9)] == ["key-1", "key-2", "key-3"]

    def test_every_field_of_an_item_comes_back(self, storage: Storage, polled_feed: Feed) -> None:
        shown = keyed(1, author="R. Eporter", summary="Ünïcode 🛰", published=NOW - 3 * HOUR)
        storage.polls.record_poll(polled_feed, fetched(), [shown], NOW, next_at(NOW))
        (item,) = storage.scores.unscored(9)
        for name in ("guid", "url", "title", "summary", "author", "published"):
            assert getattr(item, name) == getattr(shown.item, name)
        assert (item.key, item.canonical_url, item.headline_key) == (
            shown.key,
            shown.canonical_url,
            shown.headline_key,
        )
        assert (item.feed_name, item.feed_tags, item.first_seen) == ("Wire", ONE.tags, NOW)

    def test_an_item_may_lack_everything_but_its_key(self, storage: Storage, polled_feed: Feed) -> None:
        bare = replace(keyed(1, guid=None, url=None, title="", summary="", published=None), headline_key=None)
        storage.polls.record_poll(polled_feed, fetched(), [bare], NOW, next_at(NOW))
        (item,) = storage.scores.unscored(9)
        assert (item.published, item.url, item.canonical_url, item.guid) == (None, None, None, None)

    def test_the_backlog_lasts_until_a_poll_succeeds(self, storage: Storage) -> None:
        storage.polls.sync_feeds([replace(ONE, alert_backlog=HOUR)], NOW)
        for outcome, shown in ((FAILED, []), (fetched(), [keyed(1)]), (fetched(), [keyed(2)])):
            (feed,) = storage.polls.claim_due(NOW, NOW + CLAIM, 1)
            storage.polls.record_poll(feed, outcome, shown, NOW, next_at(NOW))
        assert [item.backlog for item in storage.scores.unscored(9)] == [False, True], "news comes first"
        assert {item.alert_backlog for item in storage.scores.unscored(9)} == {HOUR}

    def test_a_success_is_remembered_with_its_validators(self, storage: Storage, polled_feed: Feed) -> None:
        outcome = fetched(etag='"a"', last_modified="Fri, 20 Nov 2026 12:00:00 GMT", body_hash="f" * 64)
        storage.polls.record_poll(polled_feed, outcome, [], NOW + HOUR, next_at(NOW + 2 * HOUR))
        feed = known(storage)[ONE.url]
        assert (feed.etag, feed.last_modified, feed.body_hash) == (
            outcome.etag,
            outcome.last_modified,
            outcome.body_hash,
        )
        assert (feed.first_polled_at, feed.last_success_at, feed.last_polled_at, feed.next_poll_at) == (
            NOW,
            NOW + HOUR,
            NOW + HOUR,
            NOW + 2 * HOUR,
        )

    def test_not_modified_keeps_the_body_hash(self, storage: Storage, polled_feed: Feed) -> None:
        storage.polls.record_poll(
            polled_feed, NotModified(etag="b", last_modified=None), [], NOW, next_at(NOW)
        )
        assert known(storage)[ONE.url].body_hash == polled_feed.body_hash
        assert known(storage)[ONE.url].etag == "b"

    def test_failures_are_counted_until_a_success_and_keep_the_validators(
        self, storage: Storage, polled_feed: Feed
    ) -> None:
        storage.polls.record_poll(polled_feed, fetched(etag="a"), [], NOW, next_at(NOW))
        for failures in (1, 2, 3):
            feed = known(storage)[ONE.url]
            plan = judged(feed, FAILED, NOW)
            storage.polls.record_poll(feed, FAILED, [], NOW + HOUR, plan)
            feed = known(storage)[ONE.url]
            assert (feed.health.failures, feed.health.last_error, feed.etag) == (
                failures,
                FAILED.message,
                "a",
            )
            assert (feed.last_success_at, feed.last_polled_at) == (NOW, NOW + HOUR)
        unchanged = NotModified(etag="a", last_modified=None)
        storage.polls.record_poll(feed, unchanged, [], NOW, judged(feed, unchanged, NOW))
        assert (known(storage)[ONE.url].health.failures, known(storage)[ONE.url].health.last_error) == (
            0,
            None,
        )

    def test_a_naive_datetime_is_refused_and_nothing_of_the_poll_stays(
        self, storage: Storage, polled_feed: Feed
    ) -> None:
        naive = keyed(2, published=NOW.replace(tzinfo=None))
        with pytest.raises(sa.exc.StatementError, match="naive datetime"):
            storage.polls.record_poll(polled_feed, fetched(etag="x"), [keyed(1), naive], NOW, next_at(NOW))
        assert storage.ledger.counts()["items"] == 0
        assert storage.ledger.feeds() == [polled_feed]
