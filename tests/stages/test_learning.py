"""What scoring learns: the same from the same stream, however it is cut and interrupted."""

import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
from builders import HOUR, NOW, fetched, keyed, next_at, opened, stored_items, topic
from words import WordEncoder

from monitor.background import BLOCK
from monitor.passages import item_text
from monitor.records import Topic
from monitor.score import Scoring, open_scoring
from monitor.storage import Storage
from monitor.threads import OwnThread

CAMP = topic(about=("soldiers find a hidden camp", "a camp of rebels is raided"), name="camps found")
DRILL = topic(id="drills", about=("a fire drill at school",), name="fire drills")
PARTS = ("soldiers find", "a hidden camp", "rebels raided", "a school", "fire drill", "harvest", "festival")


def titles(count: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [f"{' '.join(rng.choice(PARTS, 3))} {n}" for n in range(count)]


@pytest.fixture
def encoding() -> Iterator[OwnThread]:
    thread = OwnThread("encoder")
    yield thread
    thread.close()


Open = Callable[..., Awaitable[Scoring]]


@pytest.fixture
def open_stage(database: OwnThread, encoding: OwnThread) -> Open:
    async def start(storage: Storage, *topics: Topic, batch: int = 64, model: str = "words@1") -> Scoring:
        encoder = WordEncoder()
        encoder.model = model
        return await open_scoring(
            topics or (CAMP, DRILL),
            storage=storage,
            database=database,
            encoder=encoder,
            encoding=encoding,
            reference=None,
            now=lambda: NOW,
            on_report=lambda _: None,
            batch=batch,
        )

    return start


@pytest.fixture
def fresh(tmp_path: Path, migrated_file: Path) -> Iterator[Callable[[], Storage]]:
    """Opens a database of its own each time it is called."""
    with ExitStack() as stack:

        def fresh() -> Storage:
            path = Path(mkdtemp(dir=tmp_path)) / "monitor.db"
            shutil.copy(migrated_file, path)
            return stack.enter_context(opened(path))

        yield fresh


def brought(storage: Storage, wanted: list[str], first: int = 0) -> None:
    """Bring items in, in this order."""
    numbered = list(enumerate(wanted, first + 1))
    stored_items(storage, *(keyed(n, title=title, summary="") for n, title in numbered[::-1]))


def known(storage: Storage, model: str = "words@1") -> tuple[object, ...]:
    """Everything that was decided and learned, in a form that compares."""
    learned = storage.learned.learned(model)
    assert learned is not None
    profiles = {
        name: (of.key, of.since, of.own.tobytes(), of.weight)
        for name, of in storage.learned.profiles().items()
    }
    found = {
        match.item.title: (match.score.topic_id, match.score.score)
        for match in storage.alerts.undecided(9999)
    }
    return learned.through, learned.count, learned.total.tobytes(), learned.pieces.tobytes(), profiles, found


@pytest.mark.slow
async def test_batches_of_any_size_and_restarts_change_nothing(
    open_stage: Open, fresh: Callable[[], Storage]
) -> None:
    stream = titles(2 * BLOCK + 70)
    whole = fresh()
    brought(whole, stream)
    await (await open_stage(whole)).work()
    expected = known(whole)
    assert expected[0] == 2 * BLOCK
    assert expected[5]
    for sizes, batch in (((37,), 64), ((111, 249, 1), 7), ((250,), 250), ((3, 500), 1000)):
        storage = fresh()
        start, turn = 0, 0
        while start < len(stream):
            size = sizes[turn % len(sizes)]
            brought(storage, stream[start : start + size], start)
            await (await open_stage(storage, batch=batch)).work()  # anew each time: a restart
            start, turn = start + size, turn + 1
        assert known(storage) == expected, (sizes, batch)


async def test_a_kill_between_the_scores_and_what_is_learned_from_them_changes_nothing(
    open_stage: Open, fresh: Callable[[], Storage], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = titles(BLOCK + 20)
    whole = fresh()
    brought(whole, stream)
    await (await open_stage(whole)).work()

    class KilledError(Exception):
        pass

    def killed(*_: object) -> None:
        raise KilledError

    cut = fresh()
    brought(cut, stream)
    scoring = await open_stage(cut)
    with monkeypatch.context() as patched:
        patched.setattr(cut.learned, "record_learned", killed)
        with pytest.raises(KilledError):
            await scoring.work()
    assert cut.learned.last_order() == BLOCK
    await (await open_stage(cut)).work()
    assert known(cut) == known(whole)


@pytest.mark.slow
async def test_nothing_looks_ahead(open_stage: Open, fresh: Callable[[], Storage]) -> None:
    past, future = titles(BLOCK + 40), titles(BLOCK, seed=5)
    first, second = fresh(), fresh()
    for storage, rest in ((first, future), (second, future[::-1])):
        brought(storage, past + rest)
        await (await open_stage(storage)).work()
    scores = [dict(known(storage)[5]) for storage in (first, second)]  # type: ignore[call-overload]
    assert {title: scores[0].get(title) for title in past} == {title: scores[1].get(title) for title in past}


async def test_the_stream_is_learned_from(open_stage: Open, storage: Storage) -> None:
    brought(storage, [*titles(BLOCK), "soldiers find a hidden camp again"])
    scoring = await open_stage(storage)
    await scoring.work()
    learned = storage.learned.learned("words@1")
    assert learned is not None
    assert (learned.through, learned.count, int(learned.pieces.max()) > 99) == (BLOCK, BLOCK, True)
    profile = storage.learned.profiles()["patrols"]
    assert profile.weight > 0
    assert np.linalg.norm(profile.own) > 1


async def test_an_edited_item_does_not_count_twice(open_stage: Open, storage: Storage) -> None:
    brought(storage, titles(10))
    await (await open_stage(storage)).work()
    (feed,) = storage.ledger.feeds()
    edited = keyed(3, title="soldiers find a hidden camp, edited", summary="")
    assert storage.polls.record_poll(feed, fetched(), [edited], NOW + HOUR, next_at(NOW)).edited == 1
    assert await (await open_stage(storage)).work() == 1
    assert storage.learned.last_order() == 10
    lessons = storage.learned.lessons(0, 99)
    assert [lesson.order for lesson in lessons] == list(range(1, 11))
    assert sum(lesson.title.endswith("edited") for lesson in lessons) == 1


async def test_a_topic_whose_sentences_change_learns_anew(open_stage: Open, storage: Storage) -> None:
    brought(storage, titles(BLOCK + 5))
    await (await open_stage(storage)).work()
    before = storage.learned.profiles()
    other = topic(about=("a harvest festival",), name="harvests")
    await open_stage(storage, other, DRILL)
    after = storage.learned.profiles()
    assert before["patrols"].weight > 0
    assert (after["patrols"].weight, after["patrols"].since) == (0, BLOCK + 5)
    assert (after["drills"].weight, after["drills"].since) == (before["drills"].weight, 0)


async def test_another_model_learns_anew(open_stage: Open, storage: Storage) -> None:
    brought(storage, titles(BLOCK + 5))
    await (await open_stage(storage)).work()
    await open_stage(storage, model="other@1")
    learned = storage.learned.learned("other@1")
    assert learned is not None
    assert (learned.through, learned.count) == (BLOCK + 5, 0)
    assert storage.learned.learned("words@1") is None
    assert {profile.weight for profile in storage.learned.profiles().values()} == {0}


async def test_a_vote_moves_what_is_like_it_and_can_be_taken_back(open_stage: Open, storage: Storage) -> None:
    liked = "a school"
    brought(storage, [*titles(60), liked])
    scoring = await open_stage(storage)
    await scoring.work()

    async def rescored(n: int) -> float:
        other = keyed(1000 + n, title=liked, summary="")
        stored_items(storage, other, url=f"https://other{n}.example/", name=f"Other {n}")
        await scoring.work()
        [history] = storage.ledger.history(frozenset({f"https://wire.example/{1000 + n}"}))
        return {of.score.topic_id: of.score.score for of in history.topics}["patrols"]

    before = await rescored(0)
    vote = storage.votes.add("patrols", liked, up=True, by="ann", now=NOW, url=None)
    raised = await rescored(1)
    pulls = storage.votes.pulls("patrols")
    assert pulls is not None
    [pull] = pulls[1]
    assert (pull.text, pull.up, pull.by) == (liked, True, "ann")
    assert pull.logits > 0
    assert storage.votes.undo(vote, NOW)
    assert not storage.votes.undo(vote, NOW)
    assert 10 < before < raised
    assert await rescored(2) == before
    storage.votes.add("patrols", liked, up=False, by="ann", now=NOW, url=None)
    assert await rescored(3) < before


async def test_votes_are_counted_once_whatever_is_restarted(open_stage: Open, storage: Storage) -> None:
    brought(storage, titles(40))
    await (await open_stage(storage)).work()
    storage.votes.add("patrols", item_text(titles(40)[3], ""), up=True, by="ann", now=NOW, url=None)
    await (await open_stage(storage)).work()
    first = storage.votes.residuals()
    brought(storage, titles(40, seed=3), 100)
    await (await open_stage(storage)).work()
    again = storage.votes.residuals()
    assert first.keys() == {"patrols"}
    assert first["patrols"][0] == again["patrols"][0]
    assert first["patrols"][1].direction.tobytes() == again["patrols"][1].direction.tobytes()


async def test_examples_are_votes(open_stage: Open, storage: Storage) -> None:
    told = topic(about=CAMP.about, name=CAMP.name, relevant=("rebels raided",), irrelevant=("fire drill",))
    await (await open_stage(storage, told)).work()
    pulls = storage.votes.pulls("patrols")
    assert pulls is not None
    assert [(pull.text, pull.up, pull.by) for pull in pulls[1]] == [
        ("rebels raided", True, None),
        ("fire drill", False, None),
    ]
    assert pulls[1][0].logits > 0 > pulls[1][1].logits
