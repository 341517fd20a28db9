import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.text import clean, without_markup

ODD = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\u200b\u200c\u200d\u202e\u2066\ufeff\x00\x1f\x85\ud800\u0301\u212ak<>&;می"),
    )
)


@pytest.mark.parametrize(
    ("dirty", "expected"),
    [
        ("  two\n\tlines\u00a0here ", "two lines here"),
        ("pay\u202elap\u2069", "paylap"),
        ("I\u200bS\u00adI\u2060S \x00cell\x1b", "ISIS cell"),
        ("cafe\u0301", "café"),
        ("e\u200b\u0301", "é"),
        ("lone \ud83d surrogate", "lone surrogate"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("IS\u200cIS", "ISIS"),
        ("👩\u200d🚒 saves", "👩\u200d🚒 saves"),
        ("<!channel> <b> *x*", "<!channel> <b> *x*"),
    ],
)
def test_clean(dirty: str, expected: str) -> None:
    assert clean(dirty) == expected


def test_clean_shortens_to_the_limit_and_says_so() -> None:
    assert clean("one two three", 5) == "one…"
    assert clean("one two", 7) == "one two"


@given(ODD, st.one_of(st.none(), st.integers(1, 30)))
def test_cleaned_text_is_visible_short_and_stays_the_same(text: str, limit: int | None) -> None:
    cleaned = clean(text, limit)
    assert clean(cleaned, limit) == cleaned
    assert cleaned == unicodedata.normalize("NFC", cleaned)
    assert limit is None or len(cleaned) <= limit
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in cleaned)
    assert not any(
        unicodedata.bidirectional(c) in ("RLE", "RLO", "LRI", "RLI", "PDF", "PDI") for c in cleaned
    )


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<p>One</p><p>two</p>", "One two"),
        ("un<b>broken</b> w<wbr>ord<br/>next", "unbroken word next"),
        ("AT&amp;T &lt;b&gt; &amp;lt;i&amp;gt;", "AT&T <b> &lt;i&gt;"),
        ('<a title="a > b" href=x>link</a>', "link"),
        ("<a title='broken>quote</a> stays", "quote stays"),
        ("before<!-- <p>hidden</p> -->after<!-- open", "beforeafter"),
        ("<style>p {}</style>seen<script>alert('<b>')</script>", "seen"),
        ("<![CDATA[kept]]> ends", "ends"),
        ("5 < 6 and 7 > 3", "5 < 6 and 7 > 3"),
        ('cut off <a href="https://example.org/a', "cut off"),
    ],
)
def test_without_markup(markup: str, expected: str) -> None:
    assert clean(without_markup(markup)) == expected


@given(st.text("<>/!-ab \"'=&;p"))
def test_without_markup_takes_any_text(markup: str) -> None:
    without_markup(markup)
