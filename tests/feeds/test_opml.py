"""Lists of feeds as OPML: what is mended and said, and that export and import agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.feeds import Outline, read_opml, write_opml
from monitor.text import clean

FEED = '<outline text="Wire" xmlUrl="https://wire.example/rss"/>'
WIRE = Outline(url="https://wire.example/rss", name="Wire")


def opml(*outlines: str, head: str = '<?xml version="1.0" encoding="UTF-8"?>') -> str:
    return f'{head}<opml version="2.0"><head/><body>{"".join(outlines)}</body></opml>'


def outline(**said: str) -> str:
    return "<outline " + " ".join(f'{key}="{value}"' for key, value in said.items()) + "/>"


WELL_FORMED = {
    "plain": (opml(FEED), WIRE),
    "title instead of text": (opml(outline(title="Wire", xmlUrl=WIRE.url)), WIRE),
    "attributes in any case": (opml(outline(TEXT="Wire", XMLURL=WIRE.url)), WIRE),
    "group": (
        opml('<outline text="World">' + FEED + "</outline>"),
        Outline(url=WIRE.url, name="Wire", tags=frozenset({"World"})),
    ),
    "nested groups": (
        opml('<outline text="World"><outline text="Asia">' + FEED + "</outline></outline>"),
        Outline(url=WIRE.url, name="Wire", tags=frozenset({"World", "Asia"})),
    ),
    "categories": (
        opml(outline(text="Wire", xmlUrl=WIRE.url, category="/World/Asia,daily, ,x%2Cy")),
        Outline(url=WIRE.url, name="Wire", tags=frozenset({"World", "Asia", "daily", "x,y"})),
    ),
    "escapes": (
        opml(outline(text="A &amp; B &lt;&#x41;&gt;", xmlUrl="https://wire.example/?a=1&amp;b=2")),
        Outline(url="https://wire.example/?a=1&b=2", name="A & B <A>"),
    ),
    "invisible characters in a name": (opml(outline(text="Wi\u200bre \u202e", xmlUrl=WIRE.url)), WIRE),
}


@pytest.mark.parametrize("case", WELL_FORMED)
def test_well_formed_files(case: str) -> None:
    text, expected = WELL_FORMED[case]
    read = read_opml(text.encode())
    assert (read.feeds, read.mended) == ((expected,), ())


MALFORMED = {
    "bare ampersands": (
        opml(outline(text="A & B", xmlUrl="https://wire.example/?a=1&lang=en&copy=2")),
        Outline(url="https://wire.example/?a=1&lang=en&copy=2", name="A & B"),
        "3 × bare '&'",
    ),
    "quotes inside a value": (
        opml(outline(text='The "Harbour" Wire', xmlUrl=WIRE.url)),
        Outline(url=WIRE.url, name='The "Harbour" Wire'),
        "1 × quote inside a value",
    ),
    "a value that ends in a quote of its own": (
        opml(outline(text='The "Wire"', xmlUrl=WIRE.url)),
        Outline(url=WIRE.url, name='The "Wire"'),
        "1 × quote inside a value",
    ),
    "markup inside a value": (
        opml(
            outline(
                text="Wire", description='<p class="x">News <a href="/">of</a> the & day', xmlUrl=WIRE.url
            )
        ),
        WIRE,
        "1 × bare '<'",
    ),
    "entities of HTML": (
        opml(outline(text="Caf&eacute;&nbsp;Wire", xmlUrl=WIRE.url)),
        Outline(url=WIRE.url, name="Café Wire"),
        "1 × &eacute;, which is not XML",
    ),
    "values without quotes": (
        opml("<outline text=Wire xmlUrl=https://wire.example/rss >"),
        WIRE,
        "2 × value without its quotes",
    ),
    "apostrophes as quotes": (
        opml("<outline text='The sailor's wire' xmlUrl='https://wire.example/rss'/>"),
        Outline(url=WIRE.url, name="The sailor's wire"),
        "1 × quote inside a value",
    ),
    "no space between attributes": (
        opml(f'<outline text="Wire"xmlUrl="{WIRE.url}"/>'),
        WIRE,
        "not well-formed XML",
    ),
    "an attribute twice": (
        opml(f'<outline text="Wire" xmlUrl="{WIRE.url}" text="Other"/>'),
        WIRE,
        "duplicate attribute",
    ),
    "a group that is never closed": (
        opml('<outline text="World">' + FEED),
        Outline(url=WIRE.url, name="Wire", tags=frozenset({"World"})),
        "1 × tag that is never closed",
    ),
    "one end tag too many": (opml(FEED, "</outline>"), WIRE, "1 × end tag without a start"),
    "cut off in the middle of a tag": (
        opml(FEED).partition(FEED)[0] + FEED + '<outline text="Half',
        WIRE,
        "tag without its '>'",
    ),
    "a comment that never ends": (opml(FEED + "<!-- & so on"), WIRE, "never closed"),
    "text before the declaration": ("Sure! Here it is:\n" + opml(FEED), WIRE, "not well-formed XML"),
    "no root": (FEED + FEED, WIRE, "not well-formed XML"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_files_are_mended_and_told(case: str) -> None:
    text, expected, note = MALFORMED[case]
    read = read_opml(text.encode())
    assert set(read.feeds) == {expected}
    assert note in ", ".join(read.mended)


def test_a_feed_that_is_never_closed_is_no_tag_of_the_next() -> None:
    text = opml(f'<outline text="One" xmlUrl="https://one.example/rss">{FEED}')
    assert [(feed.name, feed.tags) for feed in read_opml(text.encode()).feeds] == [
        ("One", frozenset()),
        ("Wire", frozenset()),
    ]


def declared(name: str) -> str:
    return f'<?xml version="1.0" encoding="{name}"?>'


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (opml(outline(text="Bücher", xmlUrl=WIRE.url)).encode("utf-8-sig"), None),
        (opml(outline(text="Bücher", xmlUrl=WIRE.url), head=declared("UTF-16")).encode("utf-16"), None),
        (opml(outline(text="Bücher", xmlUrl=WIRE.url), head=declared("windows-1252")).encode("cp1252"), None),
        (opml(outline(text="Bücher", xmlUrl=WIRE.url), head=declared("gb18030")).encode("gb18030"), None),
        (opml(outline(text="Bücher", xmlUrl=WIRE.url)).encode("cp1252"), "claims (UTF-8), read as cp1252"),
        (opml(outline(text="Bücher", xmlUrl=WIRE.url), head="").encode("cp1252"), "read as cp1252"),
        (opml(outline(text="Bücher", xmlUrl=WIRE.url), head=declared("us-ascii")).encode(), "read as utf-8"),
        (opml(outline(text="Bücher", xmlUrl=WIRE.url), head=declared("klingon")).encode(), "read as utf-8"),
        (opml(outline(text="Bücher", xmlUrl=WIRE.url), head=declared("rot13")).encode(), "read as utf-8"),
    ],
)
def test_encodings(data: bytes, note: str | None) -> None:
    read = read_opml(data)
    assert read.feeds == (Outline(url=WIRE.url, name="Bücher"),)
    assert bool(read.mended) == (note is not None)
    assert (note or "") in ", ".join(read.mended)


def test_entities_of_the_file_itself_are_not_unfolded() -> None:
    bomb = '<!DOCTYPE opml [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;"><!ENTITY f SYSTEM "file:///etc/hostname">]>'
    read = read_opml(opml(outline(text="&b;&f;", xmlUrl=WIRE.url), head=bomb).encode())
    assert [feed.name for feed in read.feeds] == ["&b;&f;"]
    assert read.mended


@pytest.mark.parametrize(
    "data", [b"", b"\0\0", b"not OPML at all", b"<html><body>&</body></html>", b"\xff\xfe\xff"]
)
def test_what_is_no_opml_holds_no_feeds(data: bytes) -> None:
    assert read_opml(data).feeds == ()


@given(
    st.binary(max_size=300) | st.text(alphabet="<>&\"'=/ \n outlinexmUrl!-?[]", max_size=300).map(str.encode)
)
def test_nothing_crashes_the_reader(data: bytes) -> None:
    read_opml(b"<opml>&" + data)


words = st.text(max_size=60).map(clean)
outlines = st.builds(
    Outline,
    url=st.from_regex(r"https?://[a-z]{1,9}\.example/[a-z0-9?&=%;'\"<>]{0,20}", fullmatch=True),
    name=words,
    tags=st.frozensets(words.filter(bool), max_size=4),
    every=st.sampled_from([None, "5m", "1.5h"]),
    alert_backlog=st.sampled_from([None, "2d"]),
    full_text=st.booleans(),
)


@pytest.mark.slow
@given(st.lists(outlines, max_size=8))
def test_export_and_import_agree(feeds: list[Outline]) -> None:
    read = read_opml(write_opml(feeds))
    assert (read.feeds, read.mended) == (tuple(feeds), ())


@given(st.lists(outlines, min_size=1, max_size=4))
def test_mending_reads_what_expat_reads(feeds: list[Outline]) -> None:
    written = write_opml(feeds)
    assert read_opml(written + b"</stray>").feeds == read_opml(written).feeds
