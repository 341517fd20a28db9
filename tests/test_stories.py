from datetime import timedelta

import pytest
from builders import NOW, item
from hypothesis import given
from hypothesis import strategies as st

from monitor.stories import FEWEST_WORDS, first_told, headline_key


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


def test_the_first_seen_tells_the_story() -> None:
    late = item(id=1, first_seen=NOW)
    early, twin = (item(id=n, first_seen=NOW - timedelta(minutes=5)) for n in (2, 3))
    assert first_told([late, twin, early]) == early
    assert first_told([]) is None
