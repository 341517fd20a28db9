"""Shows what a changed watchlist would have done: stored history under it, against the current one.

items with stored vectors ──► relevance, in big blocks ──► stories, in order ──► what is new, what is gone

Both watchlists are scored by what the model knows today, so that the watchlists alone make the difference.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from monitor.background import Learned
from monitor.labelled import StreamItem
from monitor.passages import passages
from monitor.policy import gate
from monitor.poll import recognised
from monitor.records import Item, Match, Score, Topic, Vote
from monitor.rehearsal import Scratch, as_stored, open_scratch
from monitor.relevance import View, judge
from monitor.score import in_scope
from monitor.scoring import Encoder
from monitor.storage import Storage, open_storage
from monitor.storybook import Storybook
from monitor.vectorise import Vectoriser
from monitor.vectors import Vectors, logit, text_hash

__all__ = [
    "HEADERS",
    "Backtest",
    "Change",
    "Found",
    "as_json",
    "backtest",
    "lines",
    "of_stream",
    "rows",
    "stored",
]

BLOCK = 2000
"""Items scored at once; their vectors with all topics' sentences are some hundred megabytes at most."""
HOPED = 6.0
"""Logits that words and votes together may add: all but one in two hundred matches need no more."""
SHOWN = 10
"""Titles per topic in the text; the JSON has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Items in the order in which they came, with the vectors (n, d) of their passages.

    ``unknown`` are the items whose vectors are not on record for this model, which are left out; ``learned``
    and ``votes`` are what the service knows by now.
    """

    items: Sequence[Item]
    vectors: Sequence[Vectors]
    unknown: int = 0
    learned: Learned | None = None
    votes: Sequence[Vote] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An item that matches, its score, and whether it would have alerted."""

    item: Item
    score: float
    alerts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What becomes of one topic; ``before`` or ``after`` is None where only one of the watchlists has it."""

    topic_id: str
    before: Sequence[Found] | None
    after: Sequence[Found] | None

    @property
    def new(self) -> list[Found]:
        """What only the changed topic matches."""
        return _missing_from(self.before, self.after)

    @property
    def gone(self) -> list[Found]:
        """What only the current topic matches."""
        return _missing_from(self.after, self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtest:
    """A history under two watchlists; ``days`` is how long it is."""

    changes: Sequence[Change]
    days: float
    items: int
    unknown: int


Reader = Callable[[Encoder], History]
"""Reads a history, given the model."""


def stored(url: str, since: datetime) -> Reader:
    """Return a reader of what a database has on record since then; it is only read."""

    def read(encoder: Encoder) -> History:
        with _reading(url) as storage:
            items = list(storage.review.items(since))
            texts = [[text_hash(text) for text in passages(item)] for item in items]
            hashes = {key for of_item in texts for key in of_item}
            known = storage.scores.vectors(encoder.model, hashes)
            learned, votes = storage.learned.learned(encoder.model), storage.votes.votes()
        usable = [
            (item, np.stack([known[key] for key in keys]))
            for item, keys in zip(items, texts, strict=True)
            if all(key in known for key in keys)
        ]
        return History(
            items=[item for item, _ in usable],
            vectors=[vectors for _, vectors in usable],
            unknown=len(items) - len(usable),
            learned=learned,
            votes=votes,
        )

    return read


def of_stream(stream: Iterable[StreamItem]) -> Reader:
    """Return a reader of a captured stream; its texts are encoded unless their vectors are remembered."""

    def read(encoder: Encoder) -> History:
        ordered = sorted(stream, key=lambda item: item.first_seen)
        items = [
            as_stored(
                recognised(shown.item, shown.id), number=number, feed=shown.feed, first_seen=shown.first_seen
            )
            for number, shown in enumerate(ordered, 1)
        ]
        vectors = list[Vectors]()
        for start in range(0, len(items), BLOCK):
            texts = [passages(item)[0] for item in items[start : start + BLOCK]]
            vectors += np.split(encoder.encode(texts), len(texts))
        return History(items=items, vectors=vectors)

    return read


async def backtest(
    before: Sequence[Topic],
    after: Sequence[Topic],
    read: Reader,
    *,
    load: Callable[[], Encoder],
    max_age: timedelta,
    on_items: Callable[[int], None] = lambda _count: None,
) -> Backtest:
    """Return what the topics ``after`` would have done with a history, and what those ``before``."""
    async with open_scratch(load) as scratch:
        history = await scratch.encoding(read, scratch.encoder)
        lexicon = await scratch.lexicon()
        await scratch.database(_take_up, history, scratch)
        # What both watchlists say the same is scored once.
        changed = [topic for topic in before if topic not in after]
        found = {
            topic: await _decided(topic, matches, scratch.storybook(lexicon), max_age)
            for side in (after, changed)
            for topic, matches in (await _matches(side, history, scratch, on_items)).items()
        }
    sides = [{topic.id: found[topic] for topic in side} for side in (before, after)]
    ids = dict.fromkeys(topic.id for topic in (*before, *after))
    return Backtest(
        changes=[Change(topic_id=id_, before=sides[0].get(id_), after=sides[1].get(id_)) for id_ in ids],
        days=_days(history.items),
        items=len(history.items),
        unknown=history.unknown,
    )


def _take_up(history: History, scratch: Scratch) -> None:
    """Let the scratch database know what the service has learned and been told."""
    storage = scratch.storage
    if history.learned is not None:
        storage.learned.record_learned(scratch.encoder.model, history.learned, {})
    for vote in history.votes:
        storage.votes.add(vote.topic_id, vote.text, up=vote.up, by=vote.by, now=vote.at, url=vote.url)


async def _matches(
    topics: Sequence[Topic], history: History, scratch: Scratch, on_items: Callable[[int], None]
) -> dict[Topic, list[tuple[Item, Score]]]:
    """Return the matches of each topic, in order."""
    found: dict[Topic, list[tuple[Item, Score]]] = {topic: [] for topic in topics}
    if not topics:
        return found
    vectors, by_id = scratch.vectoriser, {topic.id: topic for topic in topics}
    learning = await scratch.learning(topics)
    view, _ = await learning.follow()
    for start in range(0, len(history.items), BLOCK):
        items = history.items[start : start + BLOCK]
        of_items = history.vectors[start : start + BLOCK]
        matched = [pair for pair in await _judged(view, items, of_items, vectors) if pair[1].matched]
        for item, score in matched:
            found[by_id[score.topic_id]].append((item, score))
        first = dict(zip((item.id for item in items), (of[0] for of in of_items), strict=True))
        known = {text_hash(passages(item)[0]): first[item.id] for item, _ in matched}
        # Grouping looks for them there.
        await scratch.database(scratch.storage.scores.record_vectors, scratch.encoder.model, known)
        on_items(len(items))
    return found


async def _judged(
    view: View, items: Sequence[Item], vectors: Sequence[Vectors], vectoriser: Vectoriser
) -> list[tuple[Item, Score]]:
    """Return the scores of items that may reach the cut of a topic; words are compared for no others."""
    texts = [passages(item) for item in items]
    flat = [text for of_item in texts for text in of_item]
    heard = np.array([[in_scope(seen.topic, item) for seen in view.topics] for item in items])
    near = view.near(np.concatenate(vectors), np.repeat(heard, [len(of) for of in texts], axis=0))
    cuts = [logit(min(max(seen.topic.cut, 1.0), 99.0) / 100.0) for seen in view.topics]
    near = replace(near, pairs=near.pairs & (near.bases >= np.array(cuts) - HOPED))
    tokens = dict(zip(near.rows, await vectoriser.tokens([flat[row] for row in near.rows]), strict=True))
    ends = np.cumsum([len(of_item) for of_item in texts])
    return [
        (item, score)
        for item, of_item, end in zip(items, texts, ends, strict=True)
        for score in judge(view, item, near, range(end - len(of_item), end), tokens)
    ]


async def _decided(
    topic: Topic, matches: Sequence[tuple[Item, Score]], storybook: Storybook, max_age: timedelta
) -> list[Found]:
    """Return one topic's matches, and which of them would have been the first to tell their story."""
    told, found = set[int](), []
    for item, score in matches:
        telling, placement = await storybook.place(Match(item=item, score=score), topic)
        story_id = item.id if placement.story_id is None else placement.story_id
        storybook.grow(topic.id, telling, story_id)
        now = item.first_seen
        alerts = story_id not in told and not gate(item, topic, silenced=False, max_age=max_age, now=now)
        if alerts:
            told.add(story_id)
        found.append(Found(item=item, score=score.score, alerts=alerts))
    return found


def _missing_from(one: Sequence[Found] | None, other: Sequence[Found] | None) -> list[Found]:
    known = {found.item.id for found in one or ()}
    return [found for found in other or () if found.item.id not in known]


def _days(items: Sequence[Item]) -> float:
    """Return the days that a history covers, one at least."""
    day = timedelta(days=1)
    return max(1.0, (items[-1].first_seen - items[0].first_seen) / day) if items else 1.0


@contextmanager
def _reading(url: str) -> Iterator[Storage]:
    storage = open_storage(url, read_only=True)
    try:
        yield storage
    finally:
        storage.close()


# --- what comes of it --------------------------------------------------------------------------------


HEADERS = ("topic", "alerts a day now", "then", "matches now", "then", "new", "gone")


def rows(tested: Backtest) -> list[list[str]]:
    """Return the figures per topic as the rows of a table with ``HEADERS``."""
    return [
        [
            change.topic_id,
            _per_day(change.before, tested.days),
            _per_day(change.after, tested.days),
            _count(change.before),
            _count(change.after),
            str(len(change.new)),
            str(len(change.gone)),
        ]
        for change in tested.changes
    ]


def lines(tested: Backtest) -> list[str]:
    """Return as text which items are new and which are gone, highest scores first."""
    text = []
    for change in tested.changes:
        for verb, found in (("new", change.new), ("gone", change.gone)):
            ranked = sorted(found, key=lambda of: -of.score)
            text += [f"{verb:4} {change.topic_id} {_line(of)}" for of in ranked[:SHOWN]]
            if len(ranked) > SHOWN:
                text.append(f"{verb:4} {change.topic_id} … and {len(ranked) - SHOWN} more")
    text.append(f"{tested.items:,} items of {tested.days:.1f} days")
    if tested.unknown:
        text.append(f"left out: {tested.unknown:,} items without a stored vector of this model")
    return text


def as_json(tested: Backtest) -> dict[str, Any]:
    """Return figures and items as plain values."""
    return {
        "days": round(tested.days, 2),
        "items": tested.items,
        "items_without_vectors": tested.unknown,
        "topics": {
            change.topic_id: {
                "before": _side(change.before, tested.days),
                "after": _side(change.after, tested.days),
                "new": [_plain(found) for found in change.new],
                "gone": [_plain(found) for found in change.gone],
            }
            for change in tested.changes
        },
    }


def _side(found: Sequence[Found] | None, days: float) -> dict[str, float] | None:
    if found is None:
        return None
    alerts = sum(of.alerts for of in found)
    return {"matches": len(found), "alerts": alerts, "alerts_per_day": round(alerts / days, 3)}


def _plain(found: Found) -> dict[str, Any]:
    item = found.item
    return {
        "title": item.title,
        "url": item.url,
        "feed": item.feed_name,
        "first_seen": item.first_seen.isoformat(),
        "score": found.score,
        "alerts": found.alerts,
    }


def _line(found: Found) -> str:
    quiet = "" if found.alerts else " (quiet)"
    return f"{found.score:3.0f}  {found.item.first_seen:%Y-%m-%d}  {found.item.title}{quiet}"


def _per_day(found: Sequence[Found] | None, days: float) -> str:
    return "–" if found is None else f"{sum(of.alerts for of in found) / days:.2f}"


def _count(found: Sequence[Found] | None) -> str:
    return "–" if found is None else str(len(found))
