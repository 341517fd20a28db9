"""What is remembered of items that retention has removed, whatever feeds do with their guids."""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from builders import NOW, fetched, next_at, opened, parsed, spec
from hypothesis import given
from hypothesis import strategies as st

from monitor.poll import recognise
from monitor.records import Changes, ParsedItem
from monitor.storage import Storage

DAY = timedelta(days=1)
LATER = NOW + 100 * DAY
_numbers = count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A feed, and a database that forgets whatever the feed shows no more."""

    storage: Storage

    def show(self, *document: ParsedItem) -> Changes:
        (feed,) = self.storage.ledger.feeds()
        outcome = fetched(*document)
        return self.storage.polls.record_poll(feed, outcome, recognise(outcome), NOW, next_at(NOW))

    def prune(self) -> int:
        removed = 0
        while waiting := self.storage.scores.unscored(100):
            self.storage.scores.record_scores(waiting, [], NOW)
        while step := self.storage.retention.remove(LATER, 100, LATER):
            removed += step
        return removed


@pytest.fixture(scope="module")
def lasting(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """One database for many examples, each with a feed of its own."""
    path = tmp_path_factory.mktemp("lasting") / "monitor.db"
    shutil.copy(migrated_file, path)
    with opened(path) as storage:
        yield storage


@pytest.fixture
def archive(storage: Storage) -> Archive:
    return new_archive(storage)


def new_archive(storage: Storage) -> Archive:
    storage.polls.sync_feeds([spec(url=f"https://wire.example/{next(_numbers)}")], NOW)
    return Archive(storage=storage)


def latest(n: int, **changes: Any) -> ParsedItem:
    return replace(parsed(n, guid="latest", title=f"Warning {n}", published=NOW + 3 * n * DAY), **changes)


def new_titles(changes: Changes) -> list[str]:
    return [keyed.item.title for keyed in changes.new]


def test_a_guid_that_is_given_to_every_article_hides_none_after_the_first_is_gone(archive: Archive) -> None:
    for n in range(5):
        assert new_titles(archive.show(latest(n))) == [f"Warning {n}"]
        assert archive.show(latest(n)) == Changes()
        archive.show()
        assert archive.prune() == 1
    for n in range(5):
        assert archive.show(latest(n)) == Changes(), "told before"


def test_what_is_left_of_a_shared_guid_is_not_told_again_when_the_oldest_is_gone(archive: Archive) -> None:
    archive.show(latest(2), latest(1))
    archive.show(latest(2))
    assert archive.prune() == 1
    assert archive.show(latest(2)) == Changes()
    assert new_titles(archive.show(latest(3), latest(2), latest(1))) == ["Warning 3"]
    assert archive.show(latest(3)) == Changes()


def test_a_headline_that_recurs_after_its_item_is_gone_is_news(archive: Archive) -> None:
    red = latest(1, title="Red alert", url="https://wire.example/alert")
    for n in range(3):
        bulletin = replace(red, summary=f"In district {n}.")
        assert len(archive.show(bulletin).new) == 1
        archive.show()
        assert archive.prune() == 1
    assert archive.show(replace(red, summary="In district 0.")) == Changes()


def test_every_version_is_remembered(archive: Archive) -> None:
    archive.show(parsed(1))
    assert archive.show(parsed(1, title="Edited")).edited == 1
    archive.show()
    assert archive.prune() == 1
    assert archive.show(parsed(1, guid="other")) == archive.show(parsed(1, title="Edited")) == Changes()


def test_copies_are_remembered_once(archive: Archive) -> None:
    assert len(archive.show(parsed(1, guid="a"), parsed(1, guid="b")).new) == 2
    archive.show()
    assert archive.prune() == 2
    assert archive.show(parsed(1, guid="c")) == Changes()


ARTICLES = 5
SHOWN = st.tuples(
    st.sampled_from(range(ARTICLES)), st.sampled_from(["none", "latest", "own", "any"]), st.integers(0, 2)
)
"""Which article, under what kind of guid, and how often its date has been renewed."""
STEPS = st.lists(st.one_of(st.just("prune"), st.lists(SHOWN, max_size=3, unique_by=lambda shown: shown[0])))


def article(n: int, guid: str, renewed: int) -> ParsedItem:
    """Return one of the articles, told apart by headline and by date; two of them without page or summary."""
    guids = {"none": None, "latest": "latest", "own": f"own-{n}", "any": f"any-{next(_numbers)}"}
    plain = parsed(n, guid=guids[guid], title=f"Patrol {n} finds a camp near Rutba")
    if n > 2:
        return replace(plain, published=NOW + 3 * n * DAY, **({"url": None} if n == 3 else {"summary": ""}))
    return replace(plain, published=NOW + 3 * (n + ARTICLES * renewed) * DAY)


@pytest.mark.slow
@given(steps=STEPS)
def test_whatever_a_feed_does_with_guids_each_article_is_told_once(
    lasting: Storage, steps: list[str | list[tuple[int, str, int]]]
) -> None:
    archive, told = new_archive(lasting), Counter[str]()
    for step in steps:
        if isinstance(step, str):
            archive.prune()
            continue
        document = [article(*shown) for shown in step]
        changes = archive.show(*document)
        told.update(new_titles(changes))
        assert [told[item.title] for item in document] == [1] * len(document)
        assert changes.edited == 0
