from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from builders import article, item, topic
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from monitor.background import Background, Learned, no_reference
from monitor.records import Evidence, Item, Score
from monitor.relevance import CONFIDENT, Profile, TopicVectors, View, judge, look
from monitor.vectors import Array, TokenVectors, Vectors, unit
from monitor.votes import Residual

DIMENSIONS = 6
EAST, NORTH, UP, AWAY = np.eye(DIMENSIONS, dtype=np.float32)[:4]
NONE = np.empty((0, DIMENSIONS), np.float32)
EMPTY = Learned(through=0, count=0, total=np.zeros(DIMENSIONS), pieces=np.zeros(0, np.int64))
PLAIN = Background(reference=no_reference(DIMENSIONS), learned=EMPTY)


def upright(vector: Array | Vectors) -> Vectors:
    return unit(vector).astype(np.float32) if np.linalg.norm(vector) > 1e-3 else EAST


UNITS = arrays.arrays(np.float32, DIMENSIONS, elements=st.floats(-1, 1, width=32)).map(upright)
SEVERAL = st.lists(UNITS, min_size=1, max_size=4).map(np.stack)


def told(*vectors: Vectors, words: Sequence[str] = ()) -> TokenVectors:
    """Word pieces with these vectors, each a word of its own."""
    names = tuple(words) or tuple(f"word{n}" for n in range(len(vectors)))
    return TokenVectors(
        ids=np.arange(len(vectors)),
        words=names,
        vectors=np.stack(vectors) if vectors else NONE,
    )


def described(
    about: Vectors = EAST[None], not_about: Vectors = NONE, name: Vectors = EAST, **changes: Any
) -> TopicVectors:
    sentences = tuple(f"sentence {n}" for n in range(len(about)))
    phrases = tuple(told(vector) for vector in (*about, name))
    nots = tuple(f"not {n}" for n in range(len(not_about)))
    return TopicVectors(
        topic=topic(about=sentences, not_about=nots, **changes),
        about=about,
        not_about=not_about,
        name=name[None],
        phrases=phrases,
    )


def seen(described_topic: TopicVectors, residual: Residual | None = None, own: Array | None = None) -> View:
    name = described_topic.topic.id
    profile = {} if own is None else {name: Profile(key="k", since=0, own=own)}
    return look([described_topic], PLAIN, profile, {} if residual is None else {name: residual})


def scores(view: View, read: Item, *vectors: Vectors) -> list[Score]:
    """What is kept of an item; the word pieces of each passage are its vector."""
    heard = np.ones((len(vectors), len(view.topics)), bool)
    near = view.near(np.stack(vectors), heard)
    tokens = {row: told(vectors[row]) for row in near.rows}
    return list(judge(view, read, near, range(len(vectors)), tokens))


def judged(described_topic: TopicVectors, *vectors: Vectors, read: Item | None = None, **known: Any) -> Score:
    """The score of an item, 0 without evidence where it is not worth keeping."""
    found = scores(seen(described_topic, **known), read or item(title="Jolokia harvest"), *vectors)
    nothing = Evidence(sentence="", text="", parts={})
    return (
        found[0] if found else Score(item_id=1, topic_id="patrols", score=0, matched=False, evidence=nothing)
    )


MIDDLE = upright(EAST + 1.96 * NORTH)
"""A passage at about 50 points, where a small change shows."""

BESIDE = upright(0.5 * NORTH + UP)[None]
"""A sentence about as far from it as the topic's own."""


def test_the_middle_is_in_the_middle() -> None:
    assert 30 < judged(described(), MIDDLE).score < 70


def test_the_closest_sentence_is_the_evidence() -> None:
    score = judged(described(np.stack([EAST, NORTH])), upright(EAST + 3 * NORTH))
    assert score.evidence.sentence == "sentence 1"
    assert score.evidence.text == "Jolokia harvest"


def test_an_item_without_a_title_shows_the_text_that_was_read() -> None:
    assert judged(described(), EAST, read=item(title="", summary="x" * 500)).evidence.text == "x" * 200


def test_the_same_meaning_scores_high_and_an_unrelated_one_is_not_kept() -> None:
    assert judged(described(), EAST).score > 99
    assert scores(seen(described()), item(), NORTH) == []


@pytest.mark.parametrize("cut", [0.0, 99.0, 99.9])
def test_an_item_matches_from_the_cut_on(cut: float) -> None:
    score = judged(described(cut=cut), upright(EAST + 0.5 * NORTH))
    assert score.matched is (score.score >= cut)


def test_parts_add_up_to_the_score() -> None:
    residual = Residual(shift=0.5, direction=np.zeros(DIMENSIONS), words={})
    score = judged(described(not_about=BESIDE), MIDDLE, residual=residual)
    assert score.evidence.parts.keys() == {"closeness", "words", "not_about", "votes"}
    assert sum(score.evidence.parts.values()) == pytest.approx(score.score, abs=0.05)


def test_not_about_says_in_points_what_it_cost() -> None:
    free, pushed = judged(described(), MIDDLE), judged(described(not_about=BESIDE), MIDDLE)
    assert free.evidence.parts.keys() == {"closeness", "words"}
    assert pushed.evidence.parts["not_about"] == pytest.approx(pushed.score - free.score, abs=0.05)
    assert pushed.score < free.score
    assert (free.evidence.not_about, pushed.evidence.not_about) == (None, "not 0")


def test_not_about_that_is_further_away_costs_nothing() -> None:
    vector = upright(2 * EAST + NORTH)
    assert judged(described(not_about=UP[None]), vector) == judged(described(), vector)


@given(SEVERAL, st.none() | SEVERAL, UNITS, UNITS)
def test_a_score_is_0_to_100_and_not_about_only_lowers_it(
    about: Vectors, not_about: Vectors | None, name: Vectors, vector: Vectors
) -> None:
    free = judged(described(about, name=name), vector)
    assert 0 <= free.score <= 100
    assert free.matched == (free.score >= 50)
    if not_about is not None:
        assert judged(described(about, not_about, name), vector).score <= free.score


def test_what_a_gate_keeps_out_scores_0_and_never_matches() -> None:
    score = judged(described(never_mention=("harvest",), cut=0.0), EAST)
    assert (score.score, score.matched) == (0.0, False)
    assert score.evidence.gate == "mentions harvest"
    assert score.zero_label > 99


def test_votes_change_the_score_and_not_what_is_learned_from() -> None:
    liked = Residual(shift=1.0, direction=np.zeros(DIMENSIONS), words={})
    plain, voted = judged(described(), MIDDLE), judged(described(), MIDDLE, residual=liked)
    assert voted.score > plain.score
    assert voted.zero_label == plain.zero_label == pytest.approx(plain.score, abs=0.01)


def test_votes_cannot_make_an_item_forgotten() -> None:
    disliked = Residual(shift=-9.0, direction=np.zeros(DIMENSIONS), words={})
    score = judged(described(), MIDDLE, residual=disliked)
    assert score.score < 5
    assert score.zero_label > 5


def test_the_topics_words_that_are_found_are_named() -> None:
    view = seen(replace(described(), phrases=(told(EAST, NORTH, UP, words=("Anbar", "cell", "the")),)))
    near = view.near(MIDDLE[None], np.ones((1, 1), bool))
    tokens = {0: told(upright(EAST + 0.1 * UP), NORTH, AWAY, words=("anbar", "cells", "of"))}
    [score] = judge(view, item(), near, range(1), tokens)
    assert set(score.evidence.words) == {"Anbar", "cell (cells)"}


def test_an_item_without_words_can_be_judged() -> None:
    view = seen(described())
    near = view.near(EAST[None], np.ones((1, 1), bool))
    [score] = judge(view, item(title="", summary=""), near, range(1), {0: told()})
    assert score.evidence.words == ()
    assert score.score < judged(described(), EAST).score


def test_phrases_without_words_count_for_nothing() -> None:
    silent = replace(described(), phrases=(told(), told()))
    assert 0 < judged(silent, EAST).score < 100


def test_its_own_items_move_a_profile_a_little() -> None:
    moved = judged(described(), MIDDLE, own=np.outer([5, 0], NORTH))
    assert judged(described(), MIDDLE).score < moved.score
    profile = Profile(key="k", since=0, own=np.zeros((2, DIMENSIONS)))
    learned = profile.after(np.tile(NORTH, (100, 1)).astype(float), np.arange(100) % 2, np.full(100, 0.9))
    assert learned.weight == 40
    assert learned.own == pytest.approx(np.outer([20, 20], NORTH))
    assert CONFIDENT > 50


def test_topics_that_do_not_hear_a_feed_do_not_judge_it() -> None:
    view = seen(described())
    assert view.near(EAST[None], np.zeros((1, 1), bool)).rows == []
    assert view.near(EAST[None], np.ones((1, 1), bool)).rows == [0]


def test_the_best_passage_counts_and_is_the_evidence() -> None:
    score = judged(described(), NORTH, NORTH, upright(EAST + 0.2 * NORTH), NORTH, read=article(120, 120, 120))
    assert score.matched
    assert score.evidence.text.startswith("p1 word")
    assert len(score.evidence.text) == 200
    assert score.zero_label < 1


def test_an_article_costs_its_handicap_and_never_lowers_a_score() -> None:
    alone = judged(described(), MIDDLE)
    assert judged(described(), MIDDLE, MIDDLE, read=article(120)) == alone
    by_article = judged(described(), NORTH, MIDDLE, read=article(120))
    assert by_article.score < alone.score
    assert by_article.evidence.parts["passage"] == pytest.approx(by_article.score - alone.score, abs=0.05)


def test_words_are_looked_for_in_headline_summary_and_the_passage() -> None:
    read, vectors = article(120, 120), (NORTH, EAST, NORTH)
    assert judged(described(must_mention=("p0",)), *vectors, read=read).matched
    assert not judged(described(must_mention=("p1",)), *vectors, read=read).matched
    assert judged(described(must_mention=("harvest",)), *vectors, read=read).matched
    assert judged(described(never_mention=("p1",)), *vectors, read=read).matched
    assert not judged(described(never_mention=("p0",)), *vectors, read=read).matched
    assert not judged(described(never_mention=("harvest",)), *vectors, read=read).matched
    # A passage that is kept out takes nothing from a headline that is not.
    both = judged(described(never_mention=("p0",)), EAST, EAST, EAST, read=read)
    assert (both.matched, both.evidence.gate) == (True, None)


@given(SEVERAL, st.lists(UNITS, min_size=1, max_size=3), UNITS)
def test_reading_on_only_raises_a_score(about: Vectors, rest: list[Vectors], first: Vectors) -> None:
    summary = judged(described(about), first)
    read = judged(described(about), first, *rest, read=article(*[120] * len(rest)))
    assert summary.score <= read.score <= 100


@given(st.lists(SEVERAL, min_size=2, max_size=4), UNITS)
def test_topics_do_not_influence_each_other(abouts: list[Vectors], vector: Vectors) -> None:
    topics = [described(about, id=f"t{n}") for n, about in enumerate(abouts)]
    together = scores(look(topics, PLAIN, {}, {}), item(), vector)
    alone = [score for one in topics for score in scores(look([one], PLAIN, {}, {}), item(), vector)]
    assert [score.topic_id for score in together] == [score.topic_id for score in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.score == pytest.approx(other.score, abs=0.01)
