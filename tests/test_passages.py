import re

import pytest
from builders import article, item, topic
from hypothesis import given
from hypothesis import strategies as st

from monitor.passages import item_text, passages, word_gate


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
