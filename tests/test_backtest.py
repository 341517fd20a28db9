"""A changed watchlist against the current one, over stored history and over a stream."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from builders import NOW, keyed, opened, stored_items
from streams import ABOUT, DAY, FLOODS, PATROLS, mixed, shown
from words import WordEncoder

from monitor.backtest import Backtest, Reader, as_json, backtest, lines, of_stream, rows, stored
from monitor.errors import NoDatabaseError
from monitor.labelled import StreamItem
from monitor.passages import item_text
from monitor.records import Topic
from monitor.storage import Storage
from monitor.vectors import text_hash

CAMP, FLOOD, FESTIVAL = ABOUT, "rivers flood a town", "harvest festival opens on monday"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


async def compare(before: Sequence[Topic], after: Sequence[Topic], read: Reader) -> Backtest:
    return await backtest(before, after, read, load=WordEncoder, max_age=2 * DAY)


def remember(storage: Storage, *titles: str) -> None:
    encoder = WordEncoder()
    texts = [item_text(title, "") for title in titles]
    vectors = dict(zip(map(text_hash, texts), encoder.encode(texts), strict=True))
    storage.scores.record_vectors(encoder.model, vectors)


def titles(found: Sequence[object]) -> list[str]:
    return [of.item.title for of in found]  # type: ignore[attr-defined]


async def test_stored_history_shows_what_is_new_and_what_is_gone(
    storage: Storage, database_file: Path
) -> None:
    stored_items(storage, *(keyed(n, title=t, summary="") for n, t in enumerate((CAMP, FLOOD, FESTIVAL))))
    remember(storage, CAMP, FLOOD, FESTIVAL)
    changed = replace(PATROLS, about=(FLOOD,), name=FLOOD)
    tested = await compare([PATROLS], [changed], stored(f"sqlite:///{database_file}", NOW - DAY))
    (change,) = tested.changes
    assert (titles(change.new), titles(change.gone)) == ([FLOOD], [CAMP])
    assert (tested.items, tested.unknown, tested.days) == (3, 0, 1.0)
    assert [line.split() for line in lines(tested)[:2]] == [
        ["new", "patrols", "100", "2026-11-20", *FLOOD.split()],
        ["gone", "patrols", "100", "2026-11-20", *CAMP.split()],
    ]


async def test_the_history_is_only_read(storage: Storage, database_file: Path) -> None:
    stored_items(storage, keyed(1, title=CAMP, summary=""))
    remember(storage, CAMP)
    before = storage.ledger.counts()
    await compare([PATROLS], [FLOODS], stored(f"sqlite:///{database_file}", NOW - DAY))
    assert storage.ledger.counts() == before
    assert storage.scores.vectors(WordEncoder().model, [text_hash(FLOOD)]) == {}


async def test_items_without_a_vector_of_the_model_are_counted_and_left_out(
    storage: Storage, database_file: Path
) -> None:
    stored_items(storage, keyed(1, title=CAMP, summary=""), keyed(2, title=FLOOD, summary=""))
    remember(storage, FLOOD)
    other = dict.fromkeys([text_hash(CAMP)], WordEncoder().encode([CAMP])[0])
    storage.scores.record_vectors("another@1", other)
    tested = await compare([PATROLS], [PATROLS], stored(f"sqlite:///{database_file}", NOW - DAY))
    assert (tested.items, tested.unknown) == (1, 1)
    assert "left out: 1 items without a stored vector of this model" in lines(tested)


async def test_only_the_days_asked_for_are_read(storage: Storage, database_file: Path) -> None:
    stored_items(storage, keyed(1, title=CAMP, summary=""))
    remember(storage, CAMP)
    later = stored(f"sqlite:///{database_file}", NOW + timedelta(seconds=1))
    assert (await compare([PATROLS], [PATROLS], later)).items == 0


async def test_without_a_database_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoDatabaseError):
        await compare([PATROLS], [PATROLS], stored(f"sqlite:///{tmp_path}/none.db", NOW))


def camps(count: int, apart: timedelta = DAY) -> list[StreamItem]:
    return [shown(n, f"{CAMP} again", at=n * apart, feed=f"f{n % 2}") for n in range(count)]


async def test_copies_match_and_alert_once() -> None:
    stream = [replace(item, first_seen=NOW) for item in camps(4)]
    (change,) = (await compare([PATROLS], [], of_stream(stream))).changes
    assert [found.alerts for found in change.before or ()] == [True, False, False, False]
    assert change.after is None


@pytest.mark.parametrize(("apart", "alerts"), [(DAY, 1), (8 * DAY, 10)])
async def test_a_story_that_has_rested_for_a_week_is_told_again(apart: timedelta, alerts: int) -> None:
    tested = await compare([PATROLS], [PATROLS], of_stream(camps(10, apart)))
    (change,) = tested.changes
    assert sum(found.alerts for found in change.after or ()) == alerts
    assert rows(tested)[0][3:] == ["10", "10", "0", "0"]


@pytest.mark.slow
async def test_a_topic_that_comes_or_goes_has_one_side() -> None:
    tested = await compare([PATROLS], [FLOODS], of_stream(mixed(12)))
    told = as_json(tested)["topics"]
    assert told["patrols"]["after"] is None
    assert told["floods"]["before"] is None
    assert told["patrols"]["gone"]
    assert {found["title"] for found in told["floods"]["new"]} == {f"{FLOOD} again {n}" for n in (3, 9)}
    assert {"url", "feed", "score", "alerts", "first_seen"} <= told["floods"]["new"][0].keys()


async def test_a_changed_cut_changes_the_matches_alone() -> None:
    broad, strict = replace(PATROLS, cut=5.0), replace(PATROLS, cut=100.0)
    (change,) = (await compare([broad], [strict], of_stream(mixed(12)))).changes
    assert change.new == []
    assert len(change.gone) == len(change.before or ()) - len(change.after or ()) > 0


async def test_a_readable_report_cuts_long_lists() -> None:
    tested = await compare([PATROLS], [], of_stream(camps(15)))
    assert sum(line.startswith("gone") for line in lines(tested)) == 11
    assert "gone patrols … and 5 more" in lines(tested)


def test_stored_pages_are_read_with_storage_closed(database_file: Path, storage: Storage) -> None:
    stored_items(storage, keyed(1))
    with opened(database_file, read_only=True) as reading:
        assert [item.key for item in reading.review.items(NOW - DAY)] == ["key-1"]
