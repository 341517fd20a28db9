from datetime import timedelta

import pytest
import sqlalchemy as sa
from builders import ALERT, NOW, keyed, message, new_delivery, outcome, score, stored_items, stored_matches

from monitor.records import Item, KeyedItem, Match, NewDelivery, Verdict
from monitor.storage import Storage

QUIET = Verdict(decision="quiet", reason="too_old")
HEADLINE = "Patrol finds a camp near Rutba"


def matched(storage: Storage, shown: KeyedItem, topic_id: str = "patrols", **of_feed: object) -> Match:
    """One more item, with a match."""
    item = stored_items(storage, shown, **of_feed)[-1]
    storage.scores.record_scores([item], [score(item.id, topic_id=topic_id)], NOW)
    return next(match for match in storage.alerts.undecided(100) if match.item.id == item.id)


def other(n: int) -> dict[str, str]:
    return {"url": f"https://other-{n}.example/rss", "name": f"Other {n}"}


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
            message(author="R. Eporter", mention="here", also_in=("A", "B"), title="Ünï 🛰 \ud800 <b>"),
            message(url=None, published=None, summary=""),
        )
    ):
        delivery = NewDelivery(id=f"d{n}", channel=f"#c{n}", message=told)
        storage.alerts.record_decision(matched(storage, keyed(n)), outcome(ALERT, delivery), NOW)
        found = storage.deliveries.next_delivery(f"#c{n}", NOW)
        assert found is not None
        assert found[0].message == told


class TestToldBefore:
    def told(self, storage: Storage, match: Match, since_days: float = 4) -> list[str]:
        since = NOW - timedelta(days=since_days)
        return [item.feed_name for item in storage.alerts.told_before(match, since)]

    def alerted(
        self, storage: Storage, shown: KeyedItem, verdict: Verdict = ALERT, topic_id: str = "patrols"
    ) -> None:
        match = matched(storage, shown, topic_id, **other(1))
        storage.alerts.record_decision(match, outcome(verdict), NOW)

    def test_by_headline(self, storage: Storage) -> None:
        self.alerted(storage, keyed(1, title=HEADLINE))
        assert self.told(storage, matched(storage, keyed(2, title=HEADLINE.upper()))) == ["Other 1"]

    def test_by_address(self, storage: Storage) -> None:
        self.alerted(storage, keyed(1, title="Camp found", url="https://paper.example/a?utm_source=rss"))
        again = matched(storage, keyed(2, title="Found: camp", url="https://paper.example/a"))
        assert self.told(storage, again) == ["Other 1"]

    def test_http_and_https_are_one_address(self, storage: Storage) -> None:
        self.alerted(storage, keyed(1, title="Camp found", url="http://paper.example/a"))
        again = matched(storage, keyed(2, title="Found: camp", url="https://paper.example/a"))
        assert self.told(storage, again) == ["Other 1"]

    def test_items_of_one_feed_that_link_to_one_page_are_different(self, storage: Storage) -> None:
        listing = "https://police.example/news"
        first = matched(storage, keyed(1, title="Four held in the harbour", url=listing))
        storage.alerts.record_decision(first, outcome(ALERT), NOW)
        second = matched(storage, keyed(2, title="Fire in the old town", url=f"{listing}#2"))
        assert self.told(storage, second) == []

    def test_neither_a_short_headline_nor_no_address_makes_two_items_the_same(self, storage: Storage) -> None:
        self.alerted(storage, keyed(1, title="Live updates", url=None))
        assert self.told(storage, matched(storage, keyed(2, title="Live updates", url=None))) == []

    @pytest.mark.parametrize(("verdict", "topic_id"), [(QUIET, "patrols"), (ALERT, "another")])
    def test_only_alerts_of_the_same_topic_count(
        self, storage: Storage, verdict: Verdict, topic_id: str
    ) -> None:
        self.alerted(storage, keyed(1, title=HEADLINE), verdict, topic_id)
        assert self.told(storage, matched(storage, keyed(2, title=HEADLINE))) == []

    def test_what_was_seen_before_the_time_is_forgotten(self, storage: Storage) -> None:
        self.alerted(storage, keyed(1, title=HEADLINE))
        match = matched(storage, keyed(2, title=HEADLINE))
        assert self.told(storage, match, since_days=0) == ["Other 1"]
        assert storage.alerts.told_before(match, NOW + timedelta(seconds=1)) == []

    def test_an_undecided_item_has_told_nobody(self, storage: Storage) -> None:
        match = matched(storage, keyed(1, title=HEADLINE))
        assert self.told(storage, match) == []


class TestOtherSources:
    def item(self, storage: Storage, shown: KeyedItem, n: int) -> Item:
        return stored_items(storage, shown, **other(n))[-1]

    def test_are_the_other_feeds_that_showed_it_each_once(self, storage: Storage) -> None:
        mine = stored_items(storage, keyed(1, title=HEADLINE))[-1]
        stored_items(storage, keyed(2, title=HEADLINE))  # the same feed again
        self.item(storage, keyed(1, title=HEADLINE), 2)
        self.item(storage, keyed(1, title="Camp found", url=mine.url), 1)
        self.item(storage, keyed(2, title="Camp found", url=mine.url), 1)
        self.item(storage, keyed(3, title="Something else altogether has happened"), 3)
        assert storage.alerts.other_sources(mine) == ["Other 1", "Other 2"]

    def test_are_none_for_an_item_that_nothing_identifies(self, storage: Storage) -> None:
        mine = self.item(storage, keyed(1, title="Live updates", url=None), 1)
        self.item(storage, keyed(1, title="Live updates", url=None), 2)
        assert storage.alerts.other_sources(mine) == []


def test_many_matches_are_taken_in_batches(storage: Storage) -> None:
    stored_matches(storage, 30)
    assert [match.item.key for match in storage.alerts.undecided(10)] == [f"key-{n}" for n in range(1, 11)]
