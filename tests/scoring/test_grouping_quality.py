"""The quality ratchet of stories: what grouping reaches on labelled ones may rise, and never falls silently.

All relevant items of the labelled stream, whatever the scorer makes of them, and three collections of
stories: half a minute's work. ``docs/design.md`` has the figures with the scorer's own matches.
"""

import json
import lzma
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import NOW, item
from grouped import grouped

from monitor.grouping import Lexicon, Subject, Telling, subject, telling
from monitor.headlines import headline_key
from monitor.identity import canonical_url
from monitor.labelled import read_items, read_labels
from monitor.passages import item_text
from monitor.records import Item
from monitor.scoring import Encoder, open_encoder, open_reference
from monitor.scoring.models import BUNDLED
from monitor.vectors import packed, unpacked
from monitor.watchlist import read_watchlists

pytestmark = pytest.mark.slow
DATA = Path(__file__).parents[3] / "shared" / "data"
HEADLINES = 1_000
"""The first of 2,145, about 18 of 39 stories: the others only take time."""
Told = tuple[str, str, Item]
"""An item's own id in its collection, its outlet, and the item."""


def collection(name: str) -> Iterator[dict[str, Any]]:
    path = DATA / "stories" / f"{name}.jsonl.xz"
    if not path.exists():
        pytest.skip("the labelled stories are not on this machine")
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


class Grouper:
    """Groups items with the bundled model, and says who belongs together."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._lexicon = Lexicon(reference=open_reference(encoder), vectors=encoder.piece_vectors)

    def stories(self, items: Sequence[Told], sentences: Sequence[str] = ()) -> dict[str, int]:
        """The story of each item, by the item's own id, in the order in which they were first seen.

        ``sentences`` are the topic's, if there is one.
        """
        items = sorted(items, key=lambda told: told[2].first_seen)
        about = self._subject(sentences) if sentences else None
        placements, _ = grouped(self._tellings(items), self._lexicon, about)
        numbers = [
            n if placement.story_id is None else placement.story_id
            for n, placement in enumerate(placements, 1)
        ]
        return dict(zip((name for name, _, _ in items), numbers, strict=True))

    def _subject(self, sentences: Sequence[str]) -> Subject:
        vectors = self._encoder.encode(sentences)
        return subject(vectors, self._encoder.piece_ids(sentences), self._lexicon.reference)

    def _tellings(self, items: Sequence[Told]) -> list[Telling]:
        read = [replace(of, id=n) for n, (_, _, of) in enumerate(items, 1)]
        texts = [item_text(of.title, of.summary) for of in read]
        vectors = [unpacked(packed(vector)) for vector in self._encoder.encode(texts)]
        pieces = self._encoder.piece_ids(texts)
        headlines = self._encoder.piece_ids([of.title for of in read])
        return [
            telling(of, outlet, vectors[n], pieces[n], len(headlines[n]), self._lexicon.reference)
            for n, (of, (_, outlet, _)) in enumerate(zip(read, items, strict=True))
        ]


@pytest.fixture(scope="module")
def grouper() -> Grouper:
    return Grouper(open_encoder(BUNDLED))


def bcubed(gold: Mapping[str, str], found: Mapping[str, int]) -> float:
    """Return the BCubed F1 of groups, over the items of ``gold``."""
    both = Counter((gold[name], found[name]) for name in gold)
    stories, groups = Counter(gold.values()), Counter(found[name] for name in gold)
    precision = sum(n * n / groups[group] for (_, group), n in both.items()) / len(gold)
    recall = sum(n * n / stories[name] for (name, _), n in both.items()) / len(gold)
    return 2 * precision * recall / (precision + recall)


def test_stories_of_the_labelled_topics(grouper: Grouper, tmp_path: Path) -> None:
    if not (DATA / "relevance" / "items.jsonl.xz").exists():
        pytest.skip("the labelled stream is not on this machine")
    labels = read_labels(DATA / "relevance" / "labels.tsv")
    (tmp_path / "labelled.yaml").write_bytes((DATA / "relevance" / "watchlist.yaml").read_bytes())
    wanted = {
        topic: {name: label.story for name, label in of.items() if label.grade == 2}
        for topic, of in labels.items()
    }
    named = set[str]().union(*wanted.values())
    stream = [told for told in read_items(DATA / "relevance" / "items.jsonl.xz") if told.id in named]
    watched = read_watchlists(tmp_path, frozenset(), "#news").topics
    sentences = {topic.id: (*topic.about, topic.name) for topic in watched}
    agreement, messages, reached, there = [], 0, 0, 0
    for topic, gold in wanted.items():
        items = [
            (
                told.id,
                told.feed,
                item(
                    title=told.item.title,
                    summary=told.item.summary,
                    canonical_url=canonical_url(told.item.url or ""),
                    headline_key=headline_key(told.item.title, told.item.url),
                    published=told.item.published,
                    first_seen=told.first_seen,
                ),
            )
            for told in stream
            if told.id in gold
        ]
        found = grouper.stories(items, sentences[topic])
        agreement.append(bcubed(gold, found))
        opening = [name for n, name in enumerate(found, 1) if found[name] == n]
        messages += len(opening)
        reached += len({gold[name] for name in opening})
        there += len(set(gold.values()))
    figures = {
        "bcubed": float(np.mean(agreement)),
        "messages per story": messages / there,
        "stories told": reached / there,
    }
    assert figures["bcubed"] > 0.87, figures
    assert figures["messages per story"] < 1.17, figures
    assert figures["stories told"] > 0.95, figures


def simple(told: Mapping[str, Any], outlet: str, moment: datetime | None, summary: str) -> Told:
    """An item of a collection; without a moment nothing at all is known of its time."""
    title = str(told.get("title") or told.get("title_guess"))
    of = item(
        title=title,
        summary=summary,
        canonical_url=None,
        headline_key=headline_key(title),
        published=moment,
        first_seen=moment or NOW,
        backlog=moment is None,
    )
    return str(told["id"]), outlet, of


def test_pairs_of_alike_items(grouper: Grouper) -> None:
    items = [
        simple(
            told,
            told["source"],
            datetime.strptime(told["date"], "%Y%m%d").replace(tzinfo=UTC),
            told["summary"],
        )
        for told in collection("isis-items")
    ]
    found = grouper.stories(items)
    together = defaultdict[str, list[bool]](list)
    for pair in collection("isis-pairs"):
        together[pair["relation"]].append(found[pair["a"]] == found[pair["b"]])
    right = sum(together["SAME"])
    wrong = sum(together["DIFF"]) + sum(together["RANDOM"])
    f1 = 2 * right / (right + wrong + len(together["SAME"]))
    assert f1 > 0.885, f1
    assert sum(together["DIFF"]) <= 3
    assert sum(together["RANDOM"]) == 0


def test_headlines_alone(grouper: Grouper) -> None:
    told = sorted(collection("headlines"), key=lambda of: str(of["timestamp"]))[:HEADLINES]
    items = [simple(of, of["host"], datetime.fromisoformat(of["timestamp"]), "") for of in told]
    assert bcubed({of["id"]: of["story"] for of in told}, grouper.stories(items)) > 0.76


def test_look_alike_events(grouper: Grouper) -> None:
    of_topic = defaultdict[int, list[Told]](list)
    gold = dict[str, str]()
    for told in collection("events"):
        body = told["text"].removeprefix(told["title_guess"]).strip()
        of_topic[told["topic"]].append(simple(told, "", None, body))
        gold[told["id"]] = told["cluster"]
    groups = defaultdict[tuple[int, int], list[str]](list)
    for topic, items in of_topic.items():
        for name, number in grouper.stories(items).items():
            groups[topic, number].append(gold[name])
    several = [of for of in groups.values() if len(of) > 1]
    mixed = sum(len(set(of)) > 1 for of in several) / len(several)
    assert mixed < 0.13, mixed
