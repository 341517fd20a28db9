from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from builders import NOW, item, keyed, stored_items, topic
from words import WordEncoder

from monitor.passages import item_text
from monitor.records import Item, Topic
from monitor.relevance import KEPT_FROM
from monitor.score import BATCH, ScoreReport, Scoring, in_scope, open_scoring
from monitor.storage import ScoreStore, Storage
from monitor.threads import OwnThread
from monitor.vectorise import Vectoriser
from monitor.vectors import text_hash

ABOUT = "soldiers find a hidden camp"
PATROLS = topic(about=(ABOUT,), name=ABOUT)


@pytest.fixture
def encoder() -> WordEncoder:
    return WordEncoder()


@pytest.fixture
def encoding() -> Iterator[OwnThread]:
    thread = OwnThread("encoder")
    yield thread
    thread.close()


@pytest.fixture
def reports() -> list[ScoreReport]:
    return []


@pytest.fixture
def vectoriser(
    storage: Storage, database: OwnThread, encoder: WordEncoder, encoding: OwnThread
) -> Vectoriser:
    return Vectoriser(store=storage.scores, database=database, encoder=encoder, encoding=encoding)


Start = Callable[..., Awaitable[Scoring]]


@pytest.fixture
def start(
    storage: Storage,
    database: OwnThread,
    encoder: WordEncoder,
    encoding: OwnThread,
    reports: list[ScoreReport],
) -> Start:
    async def start(*topics: Topic, batch: int = BATCH) -> Scoring:
        return await open_scoring(
            topics,
            storage=storage,
            database=database,
            encoder=encoder,
            encoding=encoding,
            reference=None,
            now=lambda: NOW,
            on_report=reports.append,
            batch=batch,
        )

    return start


async def test_what_is_close_matches_and_what_is_not_does_not(
    start: Start, storage: Storage, reports: list[ScoreReport]
) -> None:
    camp = keyed(2, title="Soldiers find a hidden camp", summary="")
    stored_items(storage, camp, keyed(1, title="Harvest festival opens", summary=""))
    assert await (await start(PATROLS)).work() == 2
    assert [match.item.title for match in storage.alerts.undecided(9)] == [camp.item.title]
    assert storage.scores.unscored(9) == []
    assert reports == [ScoreReport(items=2, matches=1)]


async def test_scores_too_low_to_be_asked_for_are_not_kept(start: Start, storage: Storage) -> None:
    near = keyed(2, title="Soldiers find the hidden treasure", summary="")
    stored_items(storage, near, keyed(1, title="Harvest festival opens", summary=""))
    await (await start(topic(about=(ABOUT,), name=ABOUT, cut=99.9))).work()
    (first,) = storage.ledger.history(frozenset({"https://wire.example/1"}))
    (second,) = storage.ledger.history(frozenset({"https://wire.example/2"}))
    assert first.topics == ()
    assert first.scored_at == NOW
    assert second.topics[0].score.score >= KEPT_FROM
    assert not second.topics[0].score.matched


async def test_items_are_scored_in_batches_and_in_order(
    start: Start, storage: Storage, reports: list[ScoreReport], encoder: WordEncoder
) -> None:
    items = stored_items(storage, *(keyed(n) for n in range(2 * BATCH + 1, 0, -1)))
    scoring = await start(PATROLS)
    encoder.encoded.clear()
    assert await scoring.work() == 2 * BATCH + 1
    assert [report.items for report in reports] == [BATCH, BATCH, 1]
    texts = [text for batch in encoder.encoded for text in batch]
    assert texts == [item_text(item.title, item.summary) for item in items]


async def test_nothing_waits_nothing_happens(
    start: Start, reports: list[ScoreReport], encoder: WordEncoder
) -> None:
    scoring = await start(PATROLS)
    encoder.encoded.clear()
    assert await scoring.work() == 0
    assert reports == []
    assert encoder.encoded == []


async def test_no_text_is_encoded_twice(
    start: Start, storage: Storage, encoder: WordEncoder, vectoriser: Vectoriser
) -> None:
    same = {"title": "Soldiers find a camp", "summary": ""}
    stored_items(storage, keyed(3, **same), keyed(2), keyed(1, **same))
    await (await start(PATROLS, topic(id="again", about=(ABOUT,), name="Again"))).work()
    stored_items(storage, keyed(4, **same), keyed(2))
    await (await start(PATROLS)).work()
    texts = [text for batch in encoder.encoded for text in batch]
    assert sorted(texts) == sorted(set(texts))
    assert len(texts) == 4  # the topics' sentence, a name, two texts of items


async def test_a_score_does_not_depend_on_whether_its_vector_was_stored(
    start: Start, storage: Storage, vectoriser: Vectoriser
) -> None:
    texts = ["soldiers find one hidden camp today", "another"]
    fresh = await vectoriser.vectors(texts)
    stored = await vectoriser.vectors(texts)
    assert fresh.tobytes() == stored.tobytes()
    assert fresh.shape == (2, 256)
    assert np.linalg.norm(fresh, axis=1) == pytest.approx(1, abs=1e-3)


PROMPTS = [("query: ", "passage: "), ("query: ", ""), ("", "passage: "), ("", ""), ("same: ", "same: ")]


@pytest.mark.parametrize(("query", "passage"), PROMPTS)
async def test_items_and_topics_are_encoded_with_their_prompts(
    storage: Storage, database: OwnThread, encoding: OwnThread, query: str, passage: str
) -> None:
    encoder = WordEncoder(query_prompt=query, passage_prompt=passage)
    vectoriser = Vectoriser(store=storage.scores, database=database, encoder=encoder, encoding=encoding)
    for _ in range(2):  # fresh, then stored
        (as_item,) = await vectoriser.vectors([ABOUT])
        (as_topic,) = await vectoriser.queries([ABOUT])
        assert float(as_item @ encoder.encode([passage + ABOUT])[0]) == pytest.approx(1, abs=1e-3)
        assert float(as_topic @ encoder.encode([query + ABOUT])[0]) == pytest.approx(1, abs=1e-3)
    # Retention finds what an item left behind by its text.
    assert storage.scores.vectors(encoder.model, [text_hash(ABOUT)]).keys() == {text_hash(ABOUT)}


async def test_no_texts_have_no_vectors(vectoriser: Vectoriser, encoder: WordEncoder) -> None:
    assert len(await vectoriser.vectors([])) == 0
    assert encoder.encoded == []


async def test_vectors_come_in_the_order_of_their_texts(vectoriser: Vectoriser) -> None:
    a, b = await vectoriser.vectors(["a a a", "b"])
    mixed = await vectoriser.vectors(["b", "c", "a a a", "b"])
    for row, expected in ((0, b), (2, a), (3, b)):
        assert mixed[row].tobytes() == expected.tobytes()


async def test_vectors_are_on_record_before_the_scores_that_rest_on_them(
    start: Start, storage: Storage, database: OwnThread, encoder: WordEncoder
) -> None:
    class Watching:
        """Notes which vectors are stored when scores are recorded."""

        def __init__(self, store: ScoreStore) -> None:
            self._store = store
            self.known: list[bool] = []
            self.unscored, self.vectors, self.record_vectors = (
                store.unscored,
                store.vectors,
                store.record_vectors,
            )

        def record_scores(self, scored: Sequence[Item], scores: Sequence[Any], now: Any) -> None:
            hashes = [text_hash(item_text(i.title, i.summary)) for i in self._store.unscored(99)]
            self.known.append(self._store.vectors(encoder.model, hashes).keys() == set(hashes))
            self._store.record_scores(scored, scores, now)

    stored_items(storage, keyed(1), keyed(2))
    watching = Watching(storage.scores)
    scoring = await open_scoring(
        [PATROLS],
        storage=replace(storage, scores=watching),
        database=database,
        encoder=encoder,
        encoding=database,
        reference=None,
        now=lambda: NOW,
        on_report=lambda _: None,
    )
    assert await scoring.work() == 2
    assert watching.known == [True]


@pytest.mark.parametrize(
    ("feeds", "hears"),
    [
        (set(), True),
        ({"world"}, True),
        ({"Wire"}, True),
        ({"asia", "world"}, True),
        ({"asia"}, False),
        ({"wire"}, False),
        ({"World"}, False),
    ],
)
def test_a_topic_listens_to_feeds_by_tag_or_name(feeds: set[str], hears: bool) -> None:
    assert in_scope(topic(feeds=frozenset(feeds)), item()) is hears


async def test_a_topic_does_not_hear_other_feeds(start: Start, storage: Storage) -> None:
    same = keyed(1, title="Soldiers find a hidden camp", summary="")
    stored_items(storage, same)
    stored_items(storage, same, url="https://asia.example/", name="Asia", tags=frozenset({"asia"}))
    await (await start(topic(about=(ABOUT,), name=ABOUT, feeds=frozenset({"asia"})))).work()
    assert [match.item.feed_name for match in storage.alerts.undecided(9)] == ["Asia"]
