"""What a document brings: edits, guids that change, keys that change hands, and items that come and go."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from builders import HOUR, NOW, feed, fetched, keyed, next_at, parsed, spec

from monitor.passages import passages
from monitor.poll import recognise
from monitor.records import Article, Changes, FetchFailed, Item, NoArticle, NotModified, ParsedItem
from monitor.storage import Storage
from monitor.storage.documents import MOST_VERSIONS, record_document
from monitor.storage.engine import open_engine
from monitor.storage.rows import spec_columns
from monitor.storage.tables import feeds
from monitor.vectors import text_hash

DAY = timedelta(days=1)
NOTHING = NotModified(etag=None, last_modified=None)
FAILED = FetchFailed(kind="timeout", message="no answer")


class Shown:
    """A feed whose documents are polled one after the other, an hour apart."""

    def __init__(self, storage: Storage, database_file: Path, **asked: Any) -> None:
        self._storage = storage
        self._file = database_file
        self.now = NOW
        storage.polls.sync_feeds([spec(**asked)], NOW)

    def poll(self, *document: ParsedItem, every: timedelta = HOUR) -> tuple[int, int, int]:
        """Poll a document, newest item first; return how many were new, edited and re-keyed."""
        (feed,) = self._storage.ledger.feeds()
        self.now += every
        outcome = fetched(*document)
        changes: Changes = self._storage.polls.record_poll(
            feed, outcome, recognise(outcome), self.now, next_at(NOW)
        )
        return len(changes.new), changes.edited, changes.rekeyed

    def stored(self) -> list[Item]:
        """All items that wait for a score, oldest first."""
        return sorted(self._storage.scores.unscored(9_999), key=lambda item: item.id)

    def titles(self) -> list[str]:
        return [item.title for item in self.stored()]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database says, read beside the writer."""
        engine, close = open_engine(f"sqlite:///{self._file}", read_only=True)
        try:
            with engine.connect() as db:
                return [tuple(row) for row in db.exec_driver_sql(query)]
        finally:
            close()

    def versions(self) -> list[tuple[Any, ...]]:
        return self.rows("SELECT title, summary FROM item_versions ORDER BY id")

    def listed(self) -> set[str]:
        return {title for (title,) in self.rows("SELECT title FROM items WHERE listed")}


@pytest.fixture
def shown(storage: Storage, database_file: Path) -> Shown:
    """A feed that has been polled once, so that what follows is news."""
    feed = Shown(storage, database_file)
    feed.poll()
    return feed


class TestEdits:
    def test_an_edited_item_is_one_item_with_its_versions_and_waits_for_a_score(
        self, shown: Shown, storage: Storage
    ) -> None:
        shown.poll(parsed(1), parsed(2))
        storage.scores.record_scores(storage.scores.unscored(9), [], NOW)
        edited = parsed(1, title="Two camps found", author="R. Eporter", url="https://wire.example/moved")
        assert shown.poll(edited, parsed(2)) == (0, 1, 0)
        (item,) = shown.stored()
        assert (item.title, item.author, item.url) == (edited.title, edited.author, edited.url)
        assert (item.canonical_url, item.headline_key) == ("https://wire.example/moved", None)
        assert (item.first_seen, item.edited_at) == (NOW + 2 * HOUR, NOW + 3 * HOUR)
        assert shown.versions() == [(parsed(1).title, parsed(1).summary)]
        assert storage.ledger.counts()["items"] == 2

    def test_versions_know_since_when_they_were_seen(self, shown: Shown) -> None:
        for title in ("First", "Second", "Third"):
            shown.poll(parsed(1, title=title))
        seen = shown.rows("SELECT title, seen_at FROM item_versions ORDER BY id")
        assert [(title, at[11:16]) for title, at in seen] == [("First", "14:00"), ("Second", "15:00")]

    def test_a_summary_may_be_edited_alone(self, shown: Shown) -> None:
        shown.poll(parsed(1))
        assert shown.poll(parsed(1, summary="Soldiers found two hidden camps.")) == (0, 1, 0)

    def test_nothing_else_is_an_edit(self, shown: Shown) -> None:
        shown.poll(parsed(1))
        same = parsed(1, author="Another", published=NOW, url="https://wire.example/1?utm_source=x")
        spaced = parsed(1, title="Report  number 1 of the\tpatrol", summary="Soldiers found a hidden camp. ")
        assert shown.poll(same) == (0, 0, 0)
        assert shown.poll(spaced) == (0, 0, 0)
        assert shown.versions() == []

    def test_a_date_that_comes_late_is_taken_and_then_kept(self, shown: Shown) -> None:
        for published, title in ((None, "A"), (NOW, "B"), (NOW + DAY, "C")):
            shown.poll(parsed(1, published=published, title=title))
        assert [item.published for item in shown.stored()] == [NOW]

    def test_edits_are_followed_for_ever_and_the_first_versions_kept_and_the_latest(
        self, shown: Shown, storage: Storage
    ) -> None:
        told = [f"{n} hours ago" for n in range(MOST_VERSIONS + 5)]
        for summary in told:
            shown.poll(parsed(1, summary=summary))
            (item,) = storage.scores.unscored(9)
            assert item.summary == summary
            texts = {text_hash(text): np.ones(1, np.float32) for text in passages(item)}
            storage.scores.record_vectors("m", texts)
            storage.scores.record_scores([item], [], NOW)
        kept = [*told[: MOST_VERSIONS - 1], told[-2]]
        assert [summary for _, summary in shown.versions()] == kept
        assert len(shown.rows("SELECT * FROM vectors")) == MOST_VERSIONS + 1

    def test_an_item_of_many_versions_is_edited_once_in_ten_minutes(
        self, shown: Shown, storage: Storage
    ) -> None:
        for n in range(MOST_VERSIONS + 1):
            assert shown.poll(parsed(1, summary=f"{n}"), every=timedelta(minutes=1))[0] == (n == 0)
        for n in range(12):
            shown.poll(parsed(1, summary=f"Minute {n}"), every=timedelta(minutes=1))
            (feed,) = storage.ledger.feeds()
            put_off = n != 9
            assert [item.summary for item in shown.stored()] == [f"{MOST_VERSIONS}" if n < 9 else "Minute 9"]
            assert (feed.body_hash is None) is put_off, "what is put off has to come again"

    def test_backlog_stays_backlog(self, storage: Storage, database_file: Path) -> None:
        feed = Shown(storage, database_file)
        assert feed.poll(parsed(1)) == (1, 0, 0)
        assert feed.poll(parsed(1, title="Edited")) == (0, 1, 0)
        assert [item.backlog for item in feed.stored()] == [True]

    def test_an_article_is_read_again_after_every_edit(self, storage: Storage, database_file: Path) -> None:
        feed = Shown(storage, database_file, full_text=True)
        feed.poll()
        feed.poll(parsed(1))
        (waiting,) = storage.reads.unread(9)
        storage.reads.record_article(waiting, Article(text="Text"))
        feed.poll(parsed(1))
        assert (storage.reads.unread(9), [item.full_text for item in feed.stored()]) == ([], ["Text"])
        for edited in (parsed(1, title="Edited"), parsed(1, url="https://wire.example/elsewhere")):
            feed.poll(edited)
            (waiting,) = storage.reads.unread(9)
            assert (feed.stored(), waiting.url, waiting.full_text) == ([], edited.url, None)
            storage.reads.record_article(waiting, Article(text="Text"))

    def test_an_article_that_was_read_before_an_edit_is_not_the_edited_items(
        self, storage: Storage, database_file: Path
    ) -> None:
        feed = Shown(storage, database_file, full_text=True)
        feed.poll()
        feed.poll(parsed(1))
        (taken,) = storage.reads.unread(9)
        feed.poll(parsed(1, title="Edited"))
        storage.reads.record_article(taken, Article(text="As it was"))
        (edited,) = storage.reads.unread(9)
        storage.reads.record_article(
            replace(edited, url="https://wire.example/left"), NoArticle(reason="Gone")
        )
        assert storage.reads.unread(9) == [edited]
        storage.reads.record_article(edited, Article(text="As it is"))
        assert [item.full_text for item in feed.stored()] == ["As it is"]


class TestRegeneratedGuids:
    FORTY = tuple(parsed(n, title=f"Patrol {n} finds a camp near Rutba") for n in range(40, 0, -1))

    @staticmethod
    def churned(generation: int) -> list[ParsedItem]:
        return [
            parsed(n, guid=f"{generation}/{n}", title=f"Patrol {n} finds a camp near Rutba")
            for n in range(40, 0, -1)
        ]

    def test_a_whole_feed_may_change_its_guids_at_every_poll_for_ever(
        self, shown: Shown, storage: Storage
    ) -> None:
        assert shown.poll(*self.FORTY) == (40, 0, 0)
        storage.scores.record_scores(storage.scores.unscored(99), [], NOW)
        for generation in range(5):
            assert shown.poll(*self.churned(generation)) == (0, 0, 40)
        assert shown.poll(*self.churned(4)) == (0, 0, 0)
        assert shown.stored() == []
        assert storage.ledger.counts()["items"] == 40
        assert {guid for (guid,) in shown.rows("SELECT guid FROM items")} == {f"4/{n}" for n in range(1, 41)}

    def test_news_among_them_is_news(self, shown: Shown) -> None:
        shown.poll(*self.FORTY)
        assert shown.poll(parsed(99), *self.churned(1)) == (1, 0, 40)

    def test_they_are_recognised_after_an_empty_document_too(self, shown: Shown) -> None:
        shown.poll(*self.FORTY)
        shown.poll()
        assert shown.poll(*self.churned(1)) == (0, 0, 40)

    def test_an_item_shown_twice_stays_as_it_is(self, shown: Shown) -> None:
        twice = [parsed(1, guid="a"), parsed(1, guid="b")]
        assert shown.poll(*twice) == (2, 0, 0)
        assert shown.poll(*twice) == (0, 0, 0)
        assert shown.poll(parsed(1, guid="c"), parsed(1, guid="d")) == (0, 0, 2)
        assert {item.guid for item in shown.stored()} == {"c", "d"}

    def test_an_item_that_is_still_there_is_not_its_copy(self, shown: Shown) -> None:
        shown.poll(parsed(1))
        assert shown.poll(parsed(1, guid="copy"), parsed(1)) == (1, 0, 0)

    def test_an_item_of_another_feed_is_another_item(self, shown: Shown, storage: Storage) -> None:
        shown.poll(parsed(1))
        storage.polls.sync_feeds([spec(url="https://other.example/rss", name="Other")], NOW)
        assert shown.poll(parsed(1, guid="other")) == (1, 0, 0)

    def test_at_a_new_address_the_item_has_the_new_address(self, shown: Shown) -> None:
        shown.poll(parsed(1, published=NOW))
        moved = parsed(1, guid="new", url="https://new.example/1", published=NOW)
        assert shown.poll(moved) == (0, 0, 1)
        assert [(item.url, item.canonical_url) for item in shown.stored()] == [(moved.url, moved.url)]
        assert shown.poll(parsed(1, guid="new", url=moved.url, title="Edited")) == (0, 1, 0)

    def test_of_several_the_one_at_the_same_address_is_taken(self, shown: Shown) -> None:
        here, there = (parsed(n, title="Five words are a headline") for n in (1, 2))
        shown.poll(here, there)
        before = [item.url for item in shown.stored()]
        back = [parsed(n, guid=f"new-{n}", title="Five words are a headline") for n in (2, 1)]
        assert shown.poll(*back) == (0, 0, 2)
        assert shown.poll(*back) == (0, 0, 0)
        assert [item.url for item in shown.stored()] == before

    @pytest.mark.parametrize("summary", ["Reissued: {}.", ""])
    def test_a_bulletin_that_recurs_at_one_address_is_news(self, shown: Shown, summary: str) -> None:
        page, title = "https://advice.example/iraq", "Iraq - Level 4: Do Not Travel"
        bulletins = [
            parsed(n, url=page, title=title, published=NOW + n * 200 * DAY, summary=summary.format(n))
            for n in range(3)
        ]
        assert [shown.poll(bulletin) for bulletin in bulletins] == [(1, 0, 0)] * 3

    def test_what_comes_back_with_another_text_is_an_edit_too(self, shown: Shown, storage: Storage) -> None:
        shown.poll(*self.FORTY)
        storage.scores.record_scores(storage.scores.unscored(99), [], NOW)
        changed, *others = self.churned(1)
        assert shown.poll(replace(changed, summary="They were armed."), *others) == (0, 1, 40)
        assert [(item.guid, item.summary) for item in shown.stored()] == [("1/40", "They were armed.")]
        assert shown.versions() == [(changed.title, changed.summary)]

    def test_of_a_bulletin_with_many_copies_the_latest_are_compared(self, shown: Shown) -> None:
        hourly = [
            parsed(
                n, title="The news at the full hour", published=NOW + n * HOUR, url=f"https://w.example/{n}"
            )
            for n in range(300)
        ]
        assert shown.poll(*reversed(hourly)) == (300, 0, 0)
        shown.poll()
        assert shown.poll(replace(hourly[299], guid="new")) == (0, 0, 1)
        shown.poll()
        assert shown.poll(replace(hourly[0], guid="newer")) == (1, 0, 0), "long gone, and in doubt news"

    def test_a_briefing_of_every_day_is_news_every_day(self, shown: Shown) -> None:
        for day in range(3):
            briefing = parsed(day, title="Morning briefing", published=NOW + day * DAY, summary=f"Day {day}")
            assert shown.poll(briefing) == (1, 0, 0)


class TestKeysThatChangeHands:
    """One guid, or one address, for different items."""

    @staticmethod
    def warning(n: int, **changes: Any) -> ParsedItem:
        plain = {"guid": "0", "title": f"Warning {n}", "published": NOW + n * DAY}
        return parsed(n, **plain | changes)

    def test_who_inherits_a_key_is_neither_an_edit_nor_news(self, shown: Shown, storage: Storage) -> None:
        first, second, third = (self.warning(n) for n in (1, 2, 3))
        documents = [(first,), (second, first), (second,), (third, second), (third,), (second, first)]
        assert [shown.poll(*document) for document in documents] == [
            *[(1, 0, 0), (1, 0, 0), (0, 0, 0)],
            *[(1, 0, 0), (0, 0, 0), (0, 0, 0)],
        ]
        assert shown.titles() == ["Warning 1", "Warning 2", "Warning 3"]
        assert shown.versions() == []

    def test_an_heir_may_still_be_edited(self, shown: Shown) -> None:
        shown.poll(self.warning(2), self.warning(1))
        assert shown.poll(self.warning(2, summary="It is over.")) == (0, 1, 0)
        assert [item.summary for item in shown.stored()] == [parsed(1).summary, "It is over."]

    def test_an_item_that_takes_a_shared_key_over_at_once_is_news(self, shown: Shown) -> None:
        shown.poll(self.warning(2), self.warning(1))
        assert shown.poll(self.warning(3)) == (1, 0, 0)
        assert shown.poll(self.warning(3)) == (0, 0, 0)
        assert shown.titles() == ["Warning 1", "Warning 2", "Warning 3"]

    def test_the_same_holds_for_addresses(self, shown: Shown) -> None:
        def listed(n: int) -> ParsedItem:
            return self.warning(n, guid=None, url="https://police.example/warnings")

        shown.poll(listed(2), listed(1))
        assert shown.poll(listed(2)) == (0, 0, 0)
        assert shown.poll(listed(3)) == (1, 0, 0)

    def test_a_guid_that_always_meant_one_item_still_does(self, shown: Shown) -> None:
        shown.poll(parsed(1))
        rewritten = parsed(1, title="Three held", url="https://wire.example/three-held", published=NOW + HOUR)
        assert shown.poll(rewritten) == (0, 1, 0)

    def test_a_guid_with_another_item_every_week_hides_none(self, shown: Shown) -> None:
        for n in range(3):
            weekly = parsed(n, guid="current", title=f"Number {n}", published=NOW + 7 * n * DAY)
            assert shown.poll(weekly) == (1, 0, 0)
            assert shown.poll(weekly) == (0, 0, 0)

    def test_an_item_may_come_into_the_longer_key_and_back(self, shown: Shown) -> None:
        early, late = self.warning(1), self.warning(4)
        documents = [(late,), (early,), (late, early), (late,)]
        assert [shown.poll(*document)[0] for document in documents] == [1, 1, 0, 0]
        assert (shown.titles(), shown.versions()) == (["Warning 4", "Warning 1"], [])


class TestListed:
    def test_what_the_last_document_held_is_listed(self, shown: Shown) -> None:
        one, two, three = (parsed(n, title=str(n), published=NOW + n * HOUR) for n in (1, 2, 3))
        shown.poll(two, one)
        shown.poll(three, two)
        assert shown.listed() == {"2", "3"}
        shown.poll(one)
        assert shown.listed() == {"1"}

    @pytest.mark.parametrize("outcome", [NOTHING, FAILED])
    def test_a_poll_without_a_document_tells_nothing(
        self, shown: Shown, storage: Storage, outcome: NotModified | FetchFailed
    ) -> None:
        shown.poll(parsed(1, title="1"))
        (feed,) = storage.ledger.feeds()
        assert storage.polls.record_poll(feed, outcome, [], NOW, next_at(NOW)) == Changes()
        assert shown.listed() == {"1"}

    def test_a_feed_that_is_asked_no_more_lists_nothing(self, shown: Shown, storage: Storage) -> None:
        shown.poll(parsed(1))
        storage.polls.sync_feeds([], NOW)
        assert shown.listed() == set()
        storage.polls.sync_feeds([spec()], NOW)
        assert shown.poll(parsed(1)) == (0, 0, 0)
        assert shown.listed() == {parsed(1).title}


def test_known_items_cost_one_query(database_file: Path) -> None:
    many = [keyed(n) for n in range(700)]
    engine, close = open_engine(f"sqlite:///{database_file}")
    with engine.begin() as db:
        db.execute(feeds.insert().values(url="u", next_poll_at=NOW, **spec_columns(spec())))
        assert len(record_document(db, feed(), many, NOW).new) == 700
    asked: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda _db, _cursor, text, *_: asked.append(text))
    with engine.begin() as db:
        assert record_document(db, feed(), many, NOW) == Changes()
    assert [text.split()[0] for text in asked] == ["BEGIN", "SELECT"]
    close()


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("SELECT * FROM items WHERE feed_id = 1 AND listed = 1", "ix_items_listed"),
        (
            "SELECT * FROM items WHERE feed_id + 0 = 1 AND headline_key IN ('a', 'b') AND listed = 0"
            " ORDER BY id DESC LIMIT 9",
            "ix_items_headline_key",
        ),
        ("SELECT * FROM items WHERE listed = 0 AND first_seen < '2026' ORDER BY first_seen", "ix_items_left"),
    ],
)
def test_no_question_reads_a_whole_feed(shown: Shown, query: str, index: str) -> None:
    plan, *_ = shown.rows(f"EXPLAIN QUERY PLAN {query}")
    assert f"USING INDEX {index} " in plan[-1]
