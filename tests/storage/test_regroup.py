"""Stories that people look at, split and merge."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from builders import HOUR, NOW, score
from storied import MINUTE, beside, matching, storied

from monitor.records import StoryHistory
from monitor.storage import Storage, open_storage
from monitor.storage.tables import deliveries, posts, regroupings, stories

LATER = NOW + HOUR


def held(story: StoryHistory | None) -> list[int]:
    assert story is not None
    return [of.match.item.id for of in story.items]


def by_hand(path: Path) -> list[str]:
    with beside(path) as db:
        return list(db.scalars(sa.select(regroupings.c.what).order_by(regroupings.c.id)))


def snapshot(path: Path) -> list[object]:
    with beside(path) as db:
        return [tuple(row) for table in (stories, posts, regroupings) for row in db.execute(sa.select(table))]


class TestLooking:
    def test_a_story_has_its_items_and_why_they_are_there(
        self, storage: Storage, database_file: Path
    ) -> None:
        first, second = matching(storage, 1), matching(storage, 2, points=90.0)
        id_ = storied(database_file, [first, second], "#watch", "#alerts")
        story = storage.stories.story(id_)
        assert story is not None
        assert held(story) == [first.id, second.id]
        assert [(of.reason, of.certainty, of.like, of.match.score.score) for of in story.items] == [
            ("first", 93.0, None, 80.0),
            ("same_event", 93.0, first.id, 90.0),
        ]
        assert (story.topic_id, story.opened_at, story.touched_at) == ("patrols", NOW, NOW + MINUTE)
        assert story.channels == ("#alerts", "#watch")

    def test_an_item_shows_each_topics_score_in_that_topics_story(
        self, storage: Storage, database_file: Path
    ) -> None:
        item = matching(storage, 1)
        scores = [score(item.id), score(item.id, topic_id="raids", score=55.0)]
        storage.scores.record_scores([item], scores, NOW)
        storied(database_file, [item])
        id_ = storied(database_file, [item], topic_id="raids")
        story = storage.stories.story(id_)
        assert story is not None
        assert [of.match.score.score for of in story.items] == [55.0]

    def test_a_topics_stories_are_listed_the_latest_first(
        self, storage: Storage, database_file: Path
    ) -> None:
        old = storied(database_file, [matching(storage, 1)], at=NOW - HOUR)
        new = storied(database_file, [matching(storage, 2)], "#watch")
        storied(database_file, [matching(storage, 3, topic_id="raids")], topic_id="raids")
        listed = storage.stories.stories("patrols", NOW - HOUR)
        assert [(story.id, story.channels) for story in listed] == [(new, ("#watch",)), (old, ())]
        assert [story.id for story in storage.stories.stories("patrols", NOW)] == [new]

    def test_there_is_no_story_without_a_row(self, storage: Storage) -> None:
        assert storage.stories.story(1) is None


class TestSplit:
    def test_moves_items_into_a_new_story(self, storage: Storage, database_file: Path) -> None:
        one, two, three = (matching(storage, n) for n in (1, 2, 3))
        id_ = storied(database_file, [one, two, three], "#watch")
        new_id = storage.stories.split(id_, frozenset({one.id, three.id}), by="ann", now=LATER)
        assert new_id is not None
        old, new = storage.stories.story(id_), storage.stories.story(new_id)
        assert (held(old), held(new)) == ([two.id], [one.id, three.id])
        assert old is not None
        assert new is not None
        assert (old.opened_at, old.touched_at) == (NOW + MINUTE, NOW + MINUTE)
        assert (new.opened_at, new.touched_at, new.topic_id) == (NOW, NOW + 2 * MINUTE, "patrols")
        assert {of.reason for of in new.items} == {"by_hand"}
        assert (old.channels, new.channels) == (("#watch",), ())
        assert by_hand(database_file) == [
            f"split story {id_}: items {one.id}, {three.id} into story {new_id}"
        ]

    @pytest.mark.parametrize("wrong", ["nothing", "everything", "another's", "no story"])
    def test_changes_nothing_unless_it_can_be_done(
        self, storage: Storage, database_file: Path, wrong: str
    ) -> None:
        one, two, three = (matching(storage, n) for n in (1, 2, 3))
        id_ = storied(database_file, [one, two])
        storied(database_file, [three])
        moved = {
            "nothing": set[int](),
            "everything": {one.id, two.id},
            "another's": {one.id, three.id},
            "no story": {one.id},
        }[wrong]
        before = snapshot(database_file)
        asked = id_ + 7 if wrong == "no story" else id_
        assert storage.stories.split(asked, frozenset(moved), by="ann", now=LATER) is None
        assert snapshot(database_file) == before


class TestMerge:
    def test_moves_all_items_and_removes_the_empty_story(self, storage: Storage, database_file: Path) -> None:
        one, two, three = (matching(storage, n) for n in (1, 2, 3))
        into = storied(database_file, [two])
        other = storied(database_file, [one, three], at=NOW - HOUR)
        assert storage.stories.merge(into, other, by="ann", now=LATER)
        story = storage.stories.story(into)
        assert story is not None
        assert held(story) == [one.id, three.id, two.id]
        assert (story.opened_at, story.touched_at) == (NOW - HOUR, NOW)
        assert [of.reason for of in story.items] == ["by_hand", "by_hand", "first"]
        assert storage.stories.story(other) is None
        assert by_hand(database_file) == [f"merged story {other} into story {into}"]

    def test_takes_posts_only_where_it_has_none(self, storage: Storage, database_file: Path) -> None:
        into = storied(database_file, [matching(storage, 1)], "#both", "#own")
        other = storied(database_file, [matching(storage, 2)], "#both", "#others")
        assert storage.stories.merge(into, other, by="ann", now=LATER)
        with beside(database_file) as db:
            told = {row.channel: row.delivery_id for row in db.execute(sa.select(posts))}
            owners = set(db.scalars(sa.select(posts.c.story_id)))
            sent = {(row.id, row.story_id) for row in db.execute(sa.select(deliveries))}
        assert told == {"#both": f"{into}-#both", "#own": f"{into}-#own", "#others": f"{other}-#others"}
        assert owners == {into}
        assert sent == {(f"{id_}-#both", into) for id_ in (into, other)} | {
            (f"{into}-#own", into),
            (f"{other}-#others", into),
        }

    def test_changes_nothing_unless_both_are_stories_of_one_topic(
        self, storage: Storage, database_file: Path
    ) -> None:
        into = storied(database_file, [matching(storage, 1)])
        foreign = storied(database_file, [matching(storage, 2, topic_id="raids")], topic_id="raids")
        before = snapshot(database_file)
        for other in (foreign, into, foreign + 7):
            assert not storage.stories.merge(into, other, by="ann", now=LATER)
        assert snapshot(database_file) == before


def test_stories_are_put_right_beside_a_running_service(storage: Storage, database_file: Path) -> None:
    one, two = matching(storage, 1), matching(storage, 2)
    id_ = storied(database_file, [one, two])
    guest = open_storage(f"sqlite:///{database_file}", guest=True)
    new_id = guest.stories.split(id_, frozenset({two.id}), by="ann", now=LATER)
    assert new_id is not None
    assert held(storage.stories.story(new_id)) == [two.id]
    assert guest.stories.merge(id_, new_id, by="ann", now=LATER)
    guest.close()
    assert held(storage.stories.story(id_)) == [one.id, two.id]
