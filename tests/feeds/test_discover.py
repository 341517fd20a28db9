"""What is found at an address, over real sockets."""

from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest
from sites import Site, html, link, rss, running_site

from monitor.feeds import Discovery, FetchLimits, Page, find_feeds, open_pages
from monitor.feeds.discover import named_feeds
from monitor.records import FetchFailed

LOCAL = FetchLimits(allow_private=(ip_network("127.0.0.0/8"),))
WELL_KNOWN = ["/feed", "/rss", "/rss.xml", "/atom.xml", "/feed.xml", "/index.xml"]


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running_site() as site:
        yield site


async def discovered(url: str) -> Discovery:
    async with open_pages(LOCAL) as pages:
        discovery = await find_feeds(pages, url)
    assert isinstance(discovery, Discovery), discovery
    return discovery


async def addresses(site: Site, path: str) -> list[str]:
    return [feed.url.removeprefix(site.origin) for feed in (await discovered(site.origin + path)).found]


async def test_a_feed_is_its_own_discovery(site: Site) -> None:
    [found] = (await discovered(site.page("/wire", rss()))).found
    assert (found.url, found.fetched.title, len(found.fetched.items)) == (
        site.origin + "/wire",
        "Harbour Wire",
        3,
    )
    assert site.asked == ["/wire"]


async def test_links_in_the_head(site: Site) -> None:
    site.page("/a.xml", rss())
    site.page("/b.xml", '<feed xmlns="http://www.w3.org/2005/Atom"><title>B</title></feed>')
    head = [
        link("/a.xml"),
        "<LINK HREF='b.xml' TYPE='application/atom+xml; charset=utf-8' REL='feed Alternate'/>",
        link("/a.xml#top"),
        link("/style.css", "text/css"),
        '<link rel="stylesheet" type="application/rss+xml" href="/no.xml">',
        f"<!-- {link('/commented-out.xml')} -->",
        link("mailto:desk@outlet.example"),
    ]
    site.page("/", html(*head))
    assert await addresses(site, "/") == ["/a.xml", "/b.xml"]
    assert sorted(site.asked) == ["/", "/a.xml", "/b.xml"]


async def test_a_base_moves_relative_links(site: Site) -> None:
    site.page("/news/world.xml", rss())
    site.page("/", html('<base href="/news/">', link("world.xml")))
    assert await addresses(site, "/") == ["/news/world.xml"]


async def test_entities_in_an_address_are_read(site: Site) -> None:
    site.page("/feed", rss())
    site.page("/", html(link("/feed?a=1&amp;b=2")))
    assert await addresses(site, "/") == ["/feed?a=1&b=2"]


async def test_link_headers(site: Site) -> None:
    site.page("/a.xml", rss())
    header = '</style.css>; rel=preload, </a.xml>; rel="alternate"; type="application/rss+xml"'
    site.page("/", html(), Link=header)
    assert await addresses(site, "/") == ["/a.xml"]


@pytest.mark.parametrize("path", WELL_KNOWN)
async def test_well_known_paths_are_tried_when_the_page_names_none(site: Site, path: str) -> None:
    site.page("/", html())
    site.page(path, rss())
    assert await addresses(site, "/") == [path]
    assert site.asked == ["/", *WELL_KNOWN[: WELL_KNOWN.index(path) + 1]]


async def test_named_feeds_that_cannot_be_read_are_told(site: Site) -> None:
    site.page("/", html(link("/gone.xml"), link("/page")))
    site.page("/page", html())
    discovery = await discovered(site.origin + "/")
    assert discovery.found == ()
    assert [(url.removeprefix(site.origin), failed.kind) for url, failed in discovery.unreadable] == [
        ("/gone.xml", "http"),
        ("/page", "html"),
    ]


async def test_only_permanent_redirects_change_the_address(site: Site) -> None:
    site.page("/old", status=301, Location="/middle")
    site.page("/middle", status=302, Location="/today")
    site.page("/today", rss())
    assert await addresses(site, "/old") == ["/middle"]


async def test_two_links_that_lead_to_one_feed_are_one(site: Site) -> None:
    site.page("/a.xml", status=301, Location="/feed")
    site.page("/feed", rss())
    site.page("/", html(link("/a.xml"), link("/feed")))
    assert await addresses(site, "/") == ["/feed"]


async def test_a_site_that_does_not_answer_is_a_failure(site: Site) -> None:
    async with open_pages(LOCAL) as pages:
        failed = await find_feeds(pages, site.page("/", status=403))
    assert isinstance(failed, FetchFailed)
    assert (failed.kind, site.asked) == ("http", ["/"])


async def test_links_cannot_lead_to_private_addresses(site: Site) -> None:
    site.page("/", html(link("http://10.0.0.1/feed"), link("http://169.254.169.254/feed")))
    discovery = await discovered(site.origin + "/")
    assert [failed.kind for _, failed in discovery.unreadable] == ["address", "address"]


def page(content: bytes, charset: str | None = None) -> Page:
    return Page(content=content, url="https://outlet.example/", status=200, headers={}, charset=charset)


def test_a_page_of_nothing_but_openings_is_read_at_once() -> None:
    for opening in (b"<!--", b"<link ", b"<link rel=alternate type='", b"<base href="):
        assert list(named_feeds(page(opening * 200_000))) == []


def test_a_page_in_another_charset() -> None:
    written = html('<meta charset="utf-16">', link("/feed")).encode("utf-16")
    assert list(named_feeds(page(written))) == ["https://outlet.example/feed"]
    assert list(named_feeds(page(html(link("/feed")).encode(), "no-such-charset"))) == [
        "https://outlet.example/feed"
    ]
