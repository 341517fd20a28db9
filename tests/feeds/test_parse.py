from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.feeds.frames import Document
from monitor.feeds.parse import parse
from monitor.records import FetchFailed, ParsedItem

URL = "https://example.org/news/feed.xml"


def read(body: str | bytes, charset: str | None = None) -> Document:
    document = parse(body if isinstance(body, bytes) else body.encode(), url=URL, charset=charset)
    assert isinstance(document, Document), document
    return document


def rss(item: str) -> ParsedItem:
    [only] = read(f'<rss version="2.0"><channel><item>{item}</item></channel></rss>').items
    return only


def atom(entry: str, attributes: str = "") -> ParsedItem:
    namespace = "http://www.w3.org/2005/Atom"
    [only] = read(f'<feed xmlns="{namespace}" {attributes}><entry>{entry}</entry></feed>').items
    return only


def test_an_rss_item() -> None:
    item = """
        <title>Cell uncovered</title><link>https://example.org/1</link><guid isPermaLink="false">n1</guid>
        <description><![CDATA[<p>Police &amp; army<br>act.</p>]]></description>
        <pubDate>Sat, 21 Nov 2026 10:00:00 +0200</pubDate><author>a@example.org (Ann Author)</author>"""
    assert rss(item) == ParsedItem(
        guid="n1",
        url="https://example.org/1",
        title="Cell uncovered",
        summary="Police & army act.",
        author="Ann Author",
        published=datetime(2026, 11, 21, 8, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("&lt;!channel&gt; &lt;b&gt; *x*", "<!channel> <b> *x*"),
        ("Use &amp;lt;b&amp;gt; for bold", "Use <b> for bold"),
        ("AT&amp;amp;T", "AT&T"),
        ("AT&amp;T &lt; 5", "AT&T < 5"),
        ("<![CDATA[<i>Le Monde</i> &#8217;26]]>", "Le Monde ’26"),
        ("Two\n  lines\u200b", "Two lines"),
    ],
)
def test_rss_titles_lose_the_markup_they_hold_and_keep_what_is_text(written: str, expected: str) -> None:
    assert rss(f"<title>{written}</title>").title == expected


@pytest.mark.parametrize(
    ("kind", "written", "expected"),
    [
        ("text", "&lt;b&gt; &amp;amp;", "<b> &amp;"),
        ("html", "&lt;b&gt;bold&lt;/b&gt; &amp;amp;", "bold &"),
        (
            "xhtml",
            '<div xmlns="http://www.w3.org/1999/xhtml"><b>bold</b> &lt;i&gt; &amp;amp;</div>',
            "bold <i> &amp;",
        ),
    ],
)
def test_atom_titles_are_what_their_type_says(kind: str, written: str, expected: str) -> None:
    assert atom(f'<title type="{kind}">{written}</title>').title == expected


def test_the_content_stands_in_for_a_missing_summary() -> None:
    item = atom('<title>t</title><content type="html">&lt;p&gt;Whole text&lt;/p&gt;</content>')
    assert item.summary == "Whole text"
    both = atom('<summary>Short</summary><content type="html">Long</content>')
    assert both.summary == "Short"


def test_long_texts_are_cut() -> None:
    item = rss(f"<title>{'t' * 900}</title><description>{'s ' * 9000}</description><guid>{'g' * 5000}</guid>")
    assert (len(item.title), len(item.summary)) == (500, 5000)
    assert item.guid is not None
    assert item.guid.startswith("sha256:")


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("story?id=1", "https://example.org/news/story?id=1"),
        ("//cdn.example.org/a", "https://cdn.example.org/a"),
        (" https://example.org/\n a b|ü\u202e ", "https://example.org/%20a%20b%7C%C3%BC%E2%80%AE"),
        ("https://example.org/?a=1&amp;b=%20", "https://example.org/?a=1&b=%20"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("https://[broken/", None),
        ("https://bad host/", None),
        ("", None),
    ],
)
def test_links_are_absolute_web_addresses_or_none(link: str, expected: str | None) -> None:
    assert rss(f"<title>t</title><link>{link}</link>").url == expected


def test_a_guid_serves_as_the_link_only_if_it_is_an_address() -> None:
    assert rss("<guid>https://example.org/9</guid>").url == "https://example.org/9"
    number = rss("<guid>9</guid>")
    assert (number.guid, number.url) == ("9", None)


def test_a_base_inside_the_document_counts() -> None:
    item = atom('<link href="a"/>', attributes='xml:base="https://other.example/x/"')
    assert item.url == "https://other.example/x/a"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-11-21T10:00:00-05:00", datetime(2026, 11, 21, 15, tzinfo=UTC)),
        ("Nov 21, 2026 10:00:00", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("Saturday, 21-Nov-26 10:00:00 +0100", datetime(2026, 11, 21, 9, tzinfo=UTC)),
        ("Sat, 21 Nov 99999 10:00:00 GMT", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates(written: str, expected: datetime | None) -> None:
    assert rss(f"<title>t</title><pubDate>{written}</pubDate>").published == expected


def test_utf8_bytes_are_utf8_whatever_the_server_says() -> None:
    body = '<rss version="2.0"><channel><item><title>“Größe” موصل</title></item></channel></rss>'
    assert read(body, charset="iso-8859-1").items[0].title == "“Größe” موصل"
    price = body.replace("“Größe” موصل", "€5 für Groß’")
    assert read(price, charset="windows-1252").items[0].title == "€5 für Groß’"
    assert read(body.encode("utf-16"), charset=None).items[0].title == "“Größe” موصل"
    greek = body.replace("“Größe” موصل", "Αθήνα").encode("iso-8859-7")
    assert read(greek, charset="iso-8859-7").items[0].title == "Αθήνα"


def test_a_document_cut_short_gives_what_it_holds_and_says_so() -> None:
    document = read('<rss version="2.0"><channel><item><title>One</title></item><item><title>Tw')
    assert document.items[0].title == "One"
    assert not document.whole


def test_a_feed_without_items_is_a_feed() -> None:
    document = read('<rss version="2.0"><channel><title>Quiet</title></channel></rss>')
    assert (document.format, document.items, document.whole) == ("rss20", (), True)


@pytest.mark.parametrize(
    ("body", "kind", "hint"),
    [
        (b"\xef\xbb\xbf <!-- hi -->\n<!DOCTYPE html><html><item>x</item>", "html", "web page"),
        (b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>', "html", "web page"),
        (b"plain words", "parse", "RSS, Atom or RDF"),
        (b'<rss version="2.0"><channel><title>Broken off', "parse", "RSS, Atom or RDF"),
    ],
)
def test_what_is_no_feed(body: bytes, kind: str, hint: str) -> None:
    failed = parse(body, url=URL, charset=None)
    assert isinstance(failed, FetchFailed)
    assert failed.kind == kind
    assert hint in failed.message


def test_entities_open_no_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    doctype = f'<!DOCTYPE rss [<!ENTITY e SYSTEM "{secret.as_uri()}">]>'
    item = "<item><title>a&e;b</title></item>"
    assert (
        "hunter2" not in read(f'{doctype}<rss version="2.0"><channel>{item}</channel></rss>').items[0].title
    )


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("&#55357;&#56832; joy", "😀 joy"),
        ("&#xD83D;&#xDE00; joy", "😀 joy"),
        ("half &#55357; joy", "half joy"),
        ("&#128512; caf&#233;", "😀 café"),
    ],
)
def test_an_emoji_written_as_two_halves_costs_nothing(written: str, title: str) -> None:
    body = f"<rss version='2.0'><channel><item><title>{written}</title></item></channel></rss>"
    read = parse(body.encode(), url="https://wire.example/", charset=None)
    assert isinstance(read, Document)
    assert [item.title for item in read.items] == [title]
