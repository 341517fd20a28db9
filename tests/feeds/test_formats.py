"""JSON Feed and news sitemaps, and what feeds say of themselves, through the one entrance to all formats."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from monitor.feeds.frames import Document, pack_answer, unpack_answer
from monitor.feeds.parse import parse
from monitor.records import FetchFailed, ParsedItem

URL = "https://wire.example/feeds/all"
NEWS = 'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"'
MAP = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def read(body: str | bytes) -> Document:
    document = parse(body if isinstance(body, bytes) else body.encode(), url=URL, charset=None)
    assert isinstance(document, Document), document
    assert unpack_answer(pack_answer(document)) == document
    return document


def failure(body: str) -> FetchFailed:
    failed = parse(body.encode(), url=URL, charset=None)
    assert isinstance(failed, FetchFailed), failed
    return failed


def json_feed(*items: Any, version: str = "1.1", **more: Any) -> str:
    return json.dumps({"version": f"https://jsonfeed.org/version/{version}", "items": items, **more})


# --- JSON Feed -------------------------------------------------------------------------------------


def test_a_json_feed() -> None:
    item = {
        "id": "n1",
        "url": "/stories/1",
        "title": "Cell <b>uncovered</b>",
        "content_html": "<p>Police &amp; army<br>act.</p>",
        "date_published": "2026-11-21T10:00:00+02:00",
        "authors": [{"url": "/ann"}, {"name": "Ann Author"}],
    }
    document = read(
        json_feed(item, feed_url="https://wire.example/all.json", hubs=[{"type": "WebSub", "url": "/hub"}])
    )
    assert document.items == (
        ParsedItem(
            guid="n1",
            url="https://wire.example/stories/1",
            title="Cell <b>uncovered</b>",
            summary="Police & army act.",
            author="Ann Author",
            published=datetime(2026, 11, 21, 8, tzinfo=UTC),
        ),
    )
    assert (document.format, document.whole) == ("jsonfeed11", True)
    assert (document.hub, document.self_url) == ("https://wire.example/hub", "https://wire.example/all.json")


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"id": 7, "author": {"name": "Ann"}}, {"guid": "7", "author": "Ann"}),
        (
            {"id": "https://wire.example/9"},
            {"guid": "https://wire.example/9", "url": "https://wire.example/9"},
        ),
        (
            {"url": "javascript:1", "external_url": "https://other.example/"},
            {"url": "https://other.example/"},
        ),
        ({"summary": "Short", "content_text": "Long"}, {"summary": "Short"}),
        ({"content_text": "a <b> c"}, {"summary": "a <b> c"}),
        ({"title": None, "content_html": ["x"], "authors": "Ann", "date_published": 5}, {}),
        ({"date_modified": "2026-11-21T10:00:00Z"}, {"published": datetime(2026, 11, 21, 10, tzinfo=UTC)}),
        ({"title": "a\x00b\ud800"}, {"title": "ab"}),
    ],
)
def test_json_items_are_read_as_far_as_they_can_be(item: dict[str, Any], expected: dict[str, Any]) -> None:
    plain: dict[str, Any] = {"guid": None, "url": None, "title": "", "summary": ""}
    assert read(json_feed(item, "no item", None, version="1")).items == (ParsedItem(**plain | expected),)


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ('{"items": []}', "not a JSON Feed"),
        ('["a", "b"]', "not a JSON Feed"),
        ('{"version": "https://jsonfeed.org/version/1.1", "items": {}}', "not a JSON Feed"),
        (json_feed({"id": "1"})[:-4], "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        (f'{{"n": {"9" * 5000}}}', "cannot be read"),
    ],
)
def test_json_that_is_no_feed(body: str, hint: str) -> None:
    failed = failure(body)
    assert failed.kind == "parse"
    assert hint in failed.message


# --- news sitemaps ---------------------------------------------------------------------------------

ENTRY = """<url><loc> https://wire.example/1?a=1&amp;b=2 </loc><news:news><news:publication><news:name>Wire
</news:name><news:language>en</news:language></news:publication>
<news:publication_date>2026-11-21T10:00:00+02:00</news:publication_date>
<news:title>Cell <![CDATA[uncovered]]> &amp; searched</news:title></news:news>
<image:image xmlns:image="i"><image:loc>https://wire.example/1.jpg</image:loc><image:title>Photo</image:title>
</image:image></url>"""


def test_a_news_sitemap() -> None:
    page = "<url><loc>https://wire.example/about</loc></url>"
    head = '<?xml version="1.0" encoding="UTF-8"?><?xml-stylesheet href="x"?><!-- made by hand -->'
    document = read(f"{head}<urlset {MAP} {NEWS}>{page}{ENTRY}{page}</urlset>")
    assert (document.format, document.whole) == ("sitemap-news", True)
    assert document.items == (
        ParsedItem(
            guid=None,
            url="https://wire.example/1?a=1&b=2",
            title="Cell uncovered & searched",
            summary="",
            published=datetime(2026, 11, 21, 8, tzinfo=UTC),
        ),
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-11-21T10:00Z", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("lately", None),
    ],
)
def test_dates_of_sitemaps(written: str, expected: datetime | None) -> None:
    entry = f"<url><news:news><news:publication_date>{written}</news:publication_date></news:news>"
    [item] = read(f"<urlset>{entry}<loc>https://wire.example/1</loc></url></urlset>").items
    assert item.published == expected


def test_a_sitemap_in_other_words_and_cut_short() -> None:
    document = read(f"<s:urlset {MAP}>{ENTRY}<url>".replace("news:", "n:").encode("utf-16"))
    assert (len(document.items), document.whole) == (1, False)


def test_a_news_sitemap_of_a_quiet_day_is_empty() -> None:
    assert read(f"<urlset {MAP} {NEWS}></urlset>").items == ()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (f"<urlset {MAP}><url><loc>https://wire.example/a</loc></url></urlset>", "pages without headlines"),
        (f"<urlset {MAP}></urlset>", "pages without headlines"),
        (f"<urlset {MAP} {NEWS}><url><loc>https://wire.example/a", "cannot be read"),
        (
            f"<sitemapindex {MAP}><sitemap><loc>/pages.xml</loc></sitemap>"
            "<sitemap><loc>/news.xml</loc></sitemap></sitemapindex>",
            "such as https://wire.example/news.xml",
        ),
        (
            '<!DOCTYPE urlset [<!ENTITY e SYSTEM "file:///etc/passwd">]><urlset><url>&e;</url></urlset>',
            "declares entities",
        ),
    ],
)
def test_sitemaps_that_cannot_be_watched_say_why(body: str, words: str) -> None:
    failed = failure(body)
    assert failed.kind == "parse"
    assert words in failed.message


# --- what feeds say of themselves ------------------------------------------------------------------


def test_an_rss_channel_tells_its_rhythm_its_hub_and_itself() -> None:
    document = read(
        '<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"'
        ' xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"><channel>'
        '<atom:link rel="hub" href="javascript:1"/><atom:link rel="hub" href="https://hub.example/"/>'
        '<atom:link rel="self" href="/feeds/all.xml"/><ttl>30</ttl>'
        "<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>0.5</sy:updateFrequency>"
        "</channel></rss>"
    )
    assert document.hints is not None
    assert (document.hints.min_interval, document.hints.source) == (timedelta(hours=2), "sy:updatePeriod")
    assert document.hub == "https://hub.example/"
    assert document.self_url == "https://wire.example/feeds/all.xml"


def test_an_atom_feed_tells_its_hub() -> None:
    feed = '<feed xmlns="http://www.w3.org/2005/Atom"><link rel="hub" href="/hub"/></feed>'
    document = read(feed)
    assert (document.hub, document.self_url, document.hints) == ("https://wire.example/hub", None, None)


def test_content_at_an_address_of_its_own_is_a_link() -> None:
    entry = '<entry><id>tag:1</id><content src="/1" type="text/html"/></entry>'
    [item] = read(f'<feed xmlns="http://www.w3.org/2005/Atom">{entry}</feed>').items
    assert item.url == "https://wire.example/1"


@pytest.mark.parametrize(
    ("version", "attributes"),
    [("rss091u", 'version="0.91"'), ("rss092", 'version="0.92"'), ("rss20", 'version="2.0"')],
)
def test_old_rss(version: str, attributes: str) -> None:
    document = read(f"<rss {attributes}><channel><item><title>One</title></item></channel></rss>")
    assert (document.format, [item.title for item in document.items]) == (version, ["One"])


def test_rdf() -> None:
    document = read(
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://wire.example/"/>'
        '<item rdf:about="https://wire.example/1"><title>One</title><link>/1</link>'
        "<dc:date>2026-11-21T10:00:00Z</dc:date></item></rdf:RDF>"
    )
    [item] = document.items
    assert (document.format, item.title, item.url) == ("rss10", "One", "https://wire.example/1")
    assert item.published == datetime(2026, 11, 21, 10, tzinfo=UTC)
