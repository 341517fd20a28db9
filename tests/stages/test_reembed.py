from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from builders import NOW, keyed, opened, stored_items
from words import WordEncoder

from monitor.errors import ModelError, StorageError
from monitor.passages import item_text
from monitor.records import Item
from monitor.reembed import OnProgress, Reembed, reembed_now
from monitor.settings import EncoderSettings, Settings, StorageSettings
from monitor.storage import Storage
from monitor.threads import OwnThread
from monitor.vectorise import Vectoriser
from monitor.vectors import Vectors, text_hash

DAY = timedelta(days=1)
ITEMS = 50
Make = Callable[..., Reembed]


class Breaking(WordEncoder):
    """Breaks down before the last of so many calls."""

    def __init__(self, model: str, calls: int) -> None:
        super().__init__(model)
        self._left = calls

    def encode(self, texts: Sequence[str]) -> Vectors:
        self._left -= 1
        if not self._left:
            raise RuntimeError("out of memory")
        return super().encode(texts)


@pytest.fixture
def encoding() -> Iterator[OwnThread]:
    thread = OwnThread("encoder")
    yield thread
    thread.close()


@pytest.fixture
def reembed(storage: Storage, database: OwnThread, encoding: OwnThread) -> Make:
    def make(
        encoder: WordEncoder,
        since: datetime = NOW - DAY,
        on_progress: OnProgress = lambda _done, _items: None,
    ) -> Reembed:
        return Reembed(
            store=storage.embedded,
            database=database,
            vectors=Vectoriser(store=storage.scores, database=database, encoder=encoder, encoding=encoding),
            since=since,
            on_progress=on_progress,
        )

    return make


def scored(storage: Storage, encoder: WordEncoder, at: datetime = NOW, count: int = ITEMS) -> list[Item]:
    """Store items, and their vectors and scores as the score stage would."""
    stored_items(storage, *(keyed(n, title=f"Item {n} of {at:%d}") for n in range(count, 0, -1)))
    items = storage.scores.unscored(count)
    texts = [item_text(item.title, item.summary) for item in items]
    vectors = dict(zip(map(text_hash, texts), encoder.encode(texts), strict=True))
    storage.scores.record_vectors(encoder.model, vectors)
    storage.scores.record_scores(items, [], at)
    return items


def known(storage: Storage, model: str, items: Sequence[Item]) -> int:
    return len(storage.scores.vectors(model, [text_hash(item_text(i.title, i.summary)) for i in items]))


def encoded(encoder: WordEncoder) -> list[str]:
    return [text for batch in encoder.encoded for text in batch]


async def test_after_a_change_every_recent_item_has_a_vector_of_the_new_model(
    storage: Storage, reembed: Make, caplog: pytest.LogCaptureFixture
) -> None:
    items = scored(storage, WordEncoder("old@1"))
    new, seen = WordEncoder("new@1"), list[tuple[int, int]]()
    caplog.set_level("INFO")
    work = reembed(new, on_progress=lambda done, total: seen.append((done, total)))
    assert await work.work() == ITEMS
    assert known(storage, "new@1", items) == known(storage, "old@1", items) == ITEMS
    assert encoded(new)[0] == item_text(items[-1].title, items[-1].summary), "the newest comes first"
    assert seen[-1] == (ITEMS, ITEMS)
    (change,) = [record for record in caplog.records if record.getMessage() == "model_changed"]
    told = vars(change)
    assert (told["from"], told["to"], told["items"]) == ("old@1", "new@1", ITEMS)
    assert [record.getMessage() for record in caplog.records].count("reembedded") == 1
    assert await work.work() == 0
    assert len(encoded(new)) == ITEMS


async def test_without_a_change_nothing_is_encoded_and_nothing_told(
    storage: Storage, reembed: Make, caplog: pytest.LogCaptureFixture
) -> None:
    encoder = WordEncoder()
    scored(storage, encoder)
    encoder.encoded.clear()
    assert await reembed(encoder).work() == 0
    assert encoder.encoded == []
    assert caplog.records == []


async def test_what_was_interrupted_goes_on_where_it_was(storage: Storage, reembed: Make) -> None:
    items = scored(storage, WordEncoder("old@1"))
    breaking = Breaking("new@1", calls=3)
    work = reembed(breaking)
    with pytest.raises(RuntimeError):
        await work.work()
    before = known(storage, "new@1", items)
    assert 0 < before < ITEMS
    assert await work.work() == ITEMS - before, "the same process tries again"
    with pytest.raises(RuntimeError):
        await reembed(Breaking("newer@1", calls=3)).work()
    after = WordEncoder("newer@1")
    assert await reembed(after).work() == ITEMS - before, "and so does another"
    assert known(storage, "newer@1", items) == ITEMS
    assert len(encoded(after)) == ITEMS - before


async def test_what_is_older_is_left_alone_until_it_is_asked_for(storage: Storage, reembed: Make) -> None:
    items = scored(storage, WordEncoder("old@1"))
    assert await reembed(WordEncoder("new@1"), since=NOW + DAY).work() == 0
    assert known(storage, "new@1", items) == 0
    assert await reembed(WordEncoder("new@1"), since=NOW).work() == ITEMS


async def test_items_that_wait_for_their_score_are_left_to_the_stage(storage: Storage, reembed: Make) -> None:
    scored(storage, WordEncoder("old@1"), count=3)
    stored_items(storage, keyed(9, title="New"))
    assert await reembed(WordEncoder("new@1")).work() == 3


def test_vectors_of_other_models_can_be_dropped(storage: Storage) -> None:
    items = scored(storage, WordEncoder("a@1"), count=3)
    texts = [text_hash(item_text(item.title, item.summary)) for item in items]
    for model in ("b@1", "c@1"):
        storage.scores.record_vectors(model, dict.fromkeys(texts, WordEncoder().encode(["x"])[0]))
    assert storage.embedded.models() == ["a@1", "b@1", "c@1"]
    assert storage.embedded.drop_others("b@1") == 6
    assert storage.embedded.models() == ["b@1"]
    assert storage.embedded.drop_others("b@1") == 0


# --- by hand ------------------------------------------------------------------------------------------


def by_hand(path: Path, model: str) -> Settings:
    return Settings(storage=StorageSettings(url=f"sqlite:///{path}"), encoder=EncoderSettings(model=model))


async def test_a_running_service_does_it_by_itself(storage: Storage, database_file: Path) -> None:
    settings = by_hand(database_file, "all-MiniLM-L6-v2")
    with pytest.raises(StorageError, match="stop it to go further back"):
        await reembed_now(settings, NOW, drop_old=True, on_progress=lambda _done, _items: None)


async def test_a_model_that_is_not_there_leaves_everything_as_it_was(
    database_file: Path, migrated_file: Path, tmp_path: Path
) -> None:
    with opened(database_file) as storage:
        items = scored(storage, WordEncoder("old@1"), count=3)
    settings = by_hand(database_file, str(tmp_path / "nowhere"))
    with pytest.raises(ModelError, match="no such folder"):
        await reembed_now(settings, NOW - DAY, drop_old=True, on_progress=lambda _done, _items: None)
    with opened(database_file) as storage:
        assert known(storage, "old@1", items) == 3


@pytest.mark.slow
async def test_by_hand_a_database_is_brought_to_the_model_in_use(database_file: Path) -> None:
    with opened(database_file) as storage:
        items = scored(storage, WordEncoder("old@1"))
    settings = by_hand(database_file, "all-MiniLM-L6-v2")
    done = await reembed_now(settings, NOW - DAY, drop_old=True, on_progress=lambda _done, _items: None)
    assert (done.encoded, done.dropped) == (ITEMS, ITEMS)
    with opened(database_file) as storage:
        assert storage.embedded.models() == [done.model]
        assert known(storage, done.model, items) == ITEMS
