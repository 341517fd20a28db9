import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.headlines import FEWEST_WORDS, headline_key


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("Patrol finds camp near Rutba", "patrol finds camp near rutba"),
        ("PATROL finds: “camp” — near Rutba!", "patrol finds camp near rutba"),
        ("  Patrol   finds camp\nnear Rutba ", "patrol finds camp near rutba"),
        ("Straße nach Süden ist wieder frei", "strasse nach süden ist wieder frei"),
        ("الجيش يعثر على مخبأ جديد", "الجيش يعثر على مخبأ جديد"),
        ("Patrol finds camp nearby", None),
        ("Live updates", None),
        ("– – – – – –", None),
        ("", None),
    ],
)
def test_headline_key(title: str, key: str | None) -> None:
    assert headline_key(title) == key


@given(st.text())
def test_only_headlines_of_some_length_have_a_key(title: str) -> None:
    key = headline_key(title)
    assert key is None or len(key.split(" ")) >= FEWEST_WORDS
    assert headline_key(f"{title}!") == key


GOOGLE = "https://news.google.com/rss/articles/CBMiX2h0dHBz?oc=5"
OUTLET = "https://wire.example/1"


@pytest.mark.parametrize(
    ("title", "url", "key"),
    [
        ("Patrol finds camp near Rutba - Wire", GOOGLE, "patrol finds camp near rutba"),
        ("Patrol finds camp near Rutba - again - The Wire", GOOGLE, "patrol finds camp near rutba again"),
        ("Patrol finds camp near Rutba", GOOGLE, "patrol finds camp near rutba"),
        ("Live updates - Wire", GOOGLE, "live updates / wire"),
        ("Live updates - Another", GOOGLE, "live updates / another"),
        ("Live updates", GOOGLE, None),
        (" - Wire", GOOGLE, None),
        ("Live updates - ", GOOGLE, None),
        ("Patrol finds camp - Wire", OUTLET, None),
        ("Patrol finds camp near Rutba - Wire", OUTLET, "patrol finds camp near rutba wire"),
        ("Patrol finds camp near Rutba - Wire", None, "patrol finds camp near rutba wire"),
        ("Patrol finds camp near Rutba - Wire", "https://[broken/", "patrol finds camp near rutba wire"),
    ],
)
def test_google_news_adds_the_source(title: str, url: str | None, key: str | None) -> None:
    assert headline_key(title, url) == key


@given(st.text(), st.text())
def test_a_short_headline_of_google_news_is_never_taken_for_another_kind(title: str, other: str) -> None:
    short = headline_key(f"{title} - Wire", GOOGLE)
    if short is not None and "/" in short:
        assert short != headline_key(other, OUTLET)
