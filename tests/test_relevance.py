import re
from dataclasses import replace

import numpy as np
import pytest
from builders import item, topic
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from monitor.records import Item, Score
from monitor.relevance import TopicVectors, item_text, judge, passages, word_gate
from monitor.vectors import Vectors

DIMENSIONS = 4
EAST, NORTH, UP, AWAY = np.eye(DIMENSIONS, dtype=np.float32)


def unit(vector: Vectors) -> Vectors:
    length = float(np.linalg.norm(vector))
    return (vector / length).astype(np.float32) if length > 1e-3 else EAST


UNITS = arrays.arrays(np.float32, DIMENSIONS, elements=st.floats(-1, 1, width=32)).map(unit)
SEVERAL = st.lists(UNITS, min_size=1, max_size=4).map(np.stack)
NONE = np.empty((0, 0), np.float32)


def described(
    about: Vectors = EAST[None], not_about: Vectors = NONE, name: Vectors = EAST, **changes: object
) -> TopicVectors:
    sentences = tuple(f"sentence {n}" for n in range(len(about)))
    return TopicVectors(
        topic=topic(about=sentences, **changes), about=about, not_about=not_about, name=name[None]
    )


def judged(described_topic: TopicVectors, vector: Vectors, title: str = "Jolokia harvest") -> Score:
    return judge(described_topic, item(title=title), vector[None])


def test_the_closest_sentence_is_the_evidence() -> None:
    score = judged(described(np.stack([EAST, NORTH])), unit(EAST + 3 * NORTH))
    assert score.evidence.sentence == "sentence 1"
    assert score.evidence.text == "Jolokia harvest"


def test_an_item_without_a_title_shows_the_text_that_was_read() -> None:
    score = judge(described(), item(title="", summary="x" * 500), EAST[None])
    assert score.evidence.text == "x" * 200


def test_the_same_meaning_scores_high_and_an_unrelated_one_low() -> None:
    assert judged(described(), EAST).score == pytest.approx(100, abs=0.01)
    assert judged(described(), NORTH).score == pytest.approx(0, abs=0.01)


def test_a_closeness_in_the_middle_scores_fifty() -> None:
    half = unit(0.44 * EAST + np.sqrt(1 - 0.44**2) * NORTH)
    assert judged(described(), half).score == pytest.approx(50, abs=0.1)


@pytest.mark.parametrize(("cut", "matched"), [(0.0, True), (99.0, True), (100.0, True)])
def test_an_item_matches_from_the_cut_on(cut: float, matched: bool) -> None:
    assert judged(described(cut=cut), unit(EAST + 0.5 * NORTH)).matched is matched


def test_not_about_says_in_points_what_it_cost() -> None:
    vector = unit(EAST + 1.5 * NORTH)
    free = judged(described(), vector)
    pushed = judged(described(not_about=NORTH[None]), vector)
    assert free.evidence.parts.keys() == {"closeness"}
    assert pushed.evidence.parts["closeness"] == free.evidence.parts["closeness"]
    assert pushed.evidence.parts["not_about"] == pytest.approx(pushed.score - free.score, abs=0.1)
    assert pushed.score < free.score


def test_not_about_that_is_further_away_costs_nothing() -> None:
    vector = unit(2 * EAST + NORTH)
    assert judged(described(not_about=NORTH[None]), vector) == judged(described(), vector)


@given(SEVERAL, st.none() | SEVERAL, UNITS, UNITS)
def test_a_score_is_0_to_100_and_not_about_only_lowers_it(
    about: Vectors, not_about: Vectors | None, name: Vectors, vector: Vectors
) -> None:
    free = judged(described(about, name=name), vector)
    assert 0 <= free.score <= 100
    assert free.matched == (free.score >= 50) or abs(free.score - 50) < 0.01
    if not_about is not None:
        pushed = judged(described(about, not_about, name), vector)
        assert 0 <= pushed.score <= free.score
        assert pushed.matched <= free.matched


@given(SEVERAL, UNITS)
def test_what_a_gate_keeps_out_scores_0_and_never_matches(about: Vectors, vector: Vectors) -> None:
    score = judged(described(about, never_mention=("harvest",), cut=0.0), vector)
    assert (score.score, score.matched) == (0.0, False)
    assert score.evidence.gate == "mentions harvest"


@pytest.mark.parametrize(
    ("phrase", "text", "mentioned"),
    [
        ("Jolo", "Clash on Jolo island", True),
        ("Jolo", "JOLO: clash", True),
        ("jolo", "Jolokia harvest", False),
        ("Jolo", "Tijolo", False),
        ("Abu Sayyaf", "the abu\n  sayyaf group", True),
        ("Abu  Sayyaf", "Abu Sayyaf", True),
        ("Abu Sayyaf", "Abu and Sayyaf", False),
        ("C++", "written in C++, mostly", True),
        ("C++", "written in C", False),
        ("C++", "C++x", False),
        ("a.b", "axb", False),
        ("(IS)", "the group (IS) said", True),
        ("[x", "an [x on the map", True),
        ("$5", "costs $5.", True),
        ("^", "a ^ b", True),
        (r"\d", "7", False),
        (r"\d", r"the class \d", True),
        ("ÉTAT", "un état d'urgence", True),
        ("داعش", "عناصر من داعش في ديالى", True),
        ("Kirkuk", "", False),
    ],
)
def test_words_are_whole_words_and_nothing_but_words(phrase: str, text: str, mentioned: bool) -> None:
    must, never = topic(must_mention=(phrase,)), topic(never_mention=(phrase,))
    assert (word_gate(must, text) is None) is mentioned
    assert (word_gate(never, text) is not None) is mentioned


def test_one_of_the_musts_is_enough_and_one_never_is_too_many() -> None:
    gated = topic(must_mention=("Jolo", "Sulu"), never_mention=("pepper", "cricket"))
    assert word_gate(gated, "Clash in Sulu") is None
    assert word_gate(gated, "Clash in Basilan") == "mentions none of Jolo, Sulu"
    assert word_gate(gated, "Jolo hosts cricket") == "mentions cricket"
    assert word_gate(topic(), "anything") is None


@given(st.text(min_size=1).filter(str.strip), st.text(), st.text())
def test_a_phrase_is_found_wherever_it_stands_alone(phrase: str, before: str, after: str) -> None:
    assert word_gate(topic(must_mention=(phrase,)), f"{before} {phrase} {after}") is None


@given(st.text(min_size=1).filter(str.strip), st.text())
def test_a_phrase_that_is_found_is_there(phrase: str, text: str) -> None:
    if word_gate(topic(never_mention=(phrase,)), text) is not None:
        # Upper and lower case meet in more ways than one ("İ", "ſ"), so letters with case are left out.
        bare = re.compile(r"[^\W\d_]")
        squeezed = "".join(bare.sub("", text).split())
        assert "".join(bare.sub("", phrase).split()) in squeezed


@pytest.mark.parametrize(
    ("title", "summary", "text"),
    [
        ("Title", "Summary.", "Title. Summary."),
        ("Title", "", "Title"),
        ("", "Summary.", "Summary."),
        ("", "", ""),
        ("T" * 1500, "S" * 1500, "T" * 1500 + ". " + "S" * 498),
    ],
)
def test_the_text_of_an_item(title: str, summary: str, text: str) -> None:
    assert item_text(title, summary) == text


def test_only_the_vectors_and_words_decide() -> None:
    vector = unit(EAST + NORTH)[None]
    one, other = item(id=3), item(id=3, feed_name="Other", published=None)
    assert judge(described(), one, vector) == judge(described(), other, vector)
    moved = replace(judge(described(), item(id=4), vector), item_id=3)
    assert moved == judge(described(), one, vector)


def article(*paragraphs: int, title: str = "Jolokia harvest") -> Item:
    """An item whose article has paragraphs of so many words, each its own number in front of them."""
    lines = [" ".join([f"p{n}", *["word"] * (words - 1)]) for n, words in enumerate(paragraphs)]
    return item(title=title, full_text="\n".join(lines))


@pytest.mark.parametrize(
    ("paragraphs", "cuts"),
    [
        ((120,), [120]),
        ((60, 60, 60, 60), [120, 120]),
        ((60, 60, 30), [150]),
        ((60, 60, 40), [120, 40]),
        ((90, 90, 90), [90, 90, 90]),
        ((10,), [10]),
        ((120,) * 20, [120] * 12),
    ],
)
def test_an_article_is_cut_at_its_paragraphs(paragraphs: tuple[int, ...], cuts: list[int]) -> None:
    read = article(*paragraphs)
    first, *rest = passages(read)
    assert first == item_text(read.title, read.summary)
    assert [len(passage.split()) for passage in rest] == cuts
    kept = " ".join(rest).split()
    assert (read.full_text or "").split()[: len(kept)] == kept


def test_a_long_paragraph_is_cut_at_its_sentences() -> None:
    sentences = [" ".join([f"s{n}", *["word"] * 38, "end."]) for n in range(8)]
    _, *rest = passages(item(full_text=" ".join(sentences)))
    assert rest == [" ".join(sentences[:3]), " ".join(sentences[3:6]), " ".join(sentences[6:])]


def test_an_item_without_article_is_one_passage() -> None:
    assert passages(item()) == [item_text(item().title, item().summary)]
    assert passages(item(full_text="")) == passages(item())


def test_the_best_passage_counts_and_is_the_evidence() -> None:
    read = article(120, 120, 120)
    score = judge(described(), read, np.stack([NORTH, NORTH, unit(EAST + 0.2 * NORTH), NORTH]))
    assert score.matched
    assert score.evidence.text.startswith("p1 word")
    assert len(score.evidence.text) == 200


def test_an_article_costs_its_handicap_and_never_lowers_a_score() -> None:
    near = unit(EAST + 1.5 * NORTH)
    alone = judge(described(), item(), near[None])
    same = judge(described(), article(120), np.stack([near, near]))
    assert same == replace(alone, evidence=replace(alone.evidence, text="Jolokia harvest"))
    by_article = judge(described(), article(120), np.stack([NORTH, near]))
    assert by_article.score < alone.score
    cost = by_article.evidence.parts["passage"]
    assert cost == pytest.approx(by_article.score - alone.score, abs=0.1)


def test_words_are_looked_for_in_headline_summary_and_the_passage() -> None:
    read, vectors = article(120, 120), np.stack([NORTH, EAST, NORTH])
    assert judge(described(must_mention=("p0",)), read, vectors).matched
    assert not judge(described(must_mention=("p1",)), read, vectors).matched
    assert judge(described(must_mention=("harvest",)), read, vectors).matched
    assert judge(described(never_mention=("p1",)), read, vectors).matched
    assert not judge(described(never_mention=("p0",)), read, vectors).matched
    assert not judge(described(never_mention=("harvest",)), read, vectors).matched
    # A passage that is kept out takes nothing from a headline that is not.
    both = judge(described(never_mention=("p0",)), read, np.stack([EAST, EAST, EAST]))
    assert (both.matched, both.evidence.gate) == (True, None)


@given(SEVERAL, st.lists(UNITS, min_size=1, max_size=3), UNITS)
def test_reading_on_only_raises_a_score(about: Vectors, rest: list[Vectors], first: Vectors) -> None:
    summary = judged(described(about), first)
    read = judge(described(about), article(*[120] * len(rest)), np.stack([first, *rest]))
    assert summary.score <= read.score <= 100
