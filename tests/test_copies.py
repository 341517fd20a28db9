import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.copies import shared, triples

STORY = "Engineers say the northern spillway of the old Harrow dam gave way after heavy rain"


@pytest.mark.parametrize(
    ("text", "share"),
    [
        (STORY, 1.0),
        (STORY.upper() + "!", 1.0),
        (f"Flood in Orlan. {STORY}, our reporter writes.", 1.0),
        (STORY + " and " + "other things follow here " * 300, 1.0),
        ("Engineers say the northern spillway of the old Harrow dam is safe and sound", 8 / 12),
        ("Children sang when the minister opened the school in the old town hall", 0.0),
        ("Engineers say the northern spillway of the old", 0.0),  # too short to be told a copy
        ("", 0.0),
    ],
)
def test_what_stands_in_another_text(text: str, share: float) -> None:
    assert shared(triples(STORY), triples(text)) == pytest.approx(share)
    assert shared(triples(text), triples(STORY)) == pytest.approx(share)


@given(st.text(), st.text())
def test_shares_are_shares(one: str, other: str) -> None:
    assert 0.0 <= shared(triples(one), triples(other)) <= 1.0
    assert shared(triples(one), triples(one)) in (0.0, 1.0)
