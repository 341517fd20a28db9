from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.identity import canonical_url, item_key, item_keys
from monitor.records import ParsedItem

ADDRESS = st.builds(
    "{}://{}{}{}{}".format,
    st.sampled_from(["http", "HTTPS", "ftp", ""]),
    st.sampled_from(
        ["Example.org", "example.org:443", "bücher.example", "[::1]:80", "a@b.c", "x_y.org.", ""]
    ),
    st.text(max_size=8).map("/{}".format),
    st.text("a=1&%4F%3f+é;utm_x ", max_size=12).map("?{}".format),
    st.sampled_from(["", "#", "#top", "#!/page", "#!%zz"]),
)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://Example.ORG:443", "https://example.org/"),
        ("http://example.org:8080/A", "https://example.org:8080/A"),
        ("https://user:secret@example.org/a#top", "https://example.org/a"),
        ("https://example.org/#!/story/5", "https://example.org/#!/story/5"),
        ("https://example.org/a/", "https://example.org/a/"),
        ("https://example.org/a?utm_source=rss&id=7&fbclid=x&p=2", "https://example.org/a?id=7&p=2"),
        (
            "https://example.org/a.cfm?c_id=1&objectid=12&ref=rss",
            "https://example.org/a.cfm?c_id=1&objectid=12",
        ),
        ("https://example.org/a?ref=chapter-2&source=nyt", "https://example.org/a?ref=chapter-2&source=nyt"),
        (
            "https://example.org/a.html?ns_mchannel=rss&ito=1490&ns_campaign=1490",
            "https://example.org/a.html",
        ),
        ("https://example.org/%7euser/%e4?q=%2f%41", "https://example.org/~user/%E4?q=%2FA"),
        ("https://example.org/ü 1%", "https://example.org/%C3%BC%201%25"),
        ("https://Bücher.example/x", "https://xn--bcher-kva.example/x"),
        ("https://[2606:2800::1]/x", "https://[2606:2800::1]/x"),
        ("javascript:alert(1)", None),
        ("/relative", None),
        ("https://", None),
        ("https://example.org:99999/", None),
        ("https://bad host/", None),
        ("https://[broken/", None),
    ],
)
def test_canonical_url(url: str, expected: str | None) -> None:
    assert canonical_url(url) == expected


@given(st.one_of(st.text(), ADDRESS))
def test_a_canonical_url_is_its_own_canonical_url(url: str) -> None:
    canonical = canonical_url(url)
    if canonical is not None:
        assert canonical.isascii()
        assert canonical_url(canonical) == canonical


def item(
    title: str, *, guid: str | None = None, url: str | None = None, day: int | None = None
) -> ParsedItem:
    published = None if day is None else datetime(2026, 11, day, tzinfo=UTC)
    return ParsedItem(guid=guid, url=url, title=title, summary="", published=published)


def test_a_guid_outlives_edits_of_everything_else() -> None:
    assert item_key("g1", "https://example.org/old", "Old", "") == item_key(
        "g1", "https://example.org/new", "New", "x"
    )
    assert item_key("g1", None, "", "") != item_key("g2", None, "", "")


def test_without_a_guid_the_address_counts_and_without_both_the_text() -> None:
    tracked, bare = "http://example.org/a?utm_source=rss", "https://example.org/a"
    assert item_key(None, tracked, "Old", "") == item_key(" ", bare, "New", "")
    assert item_key(None, None, "One", "") != item_key(None, None, "Two", "")


@given(st.text(), st.one_of(st.none(), st.text()), st.text(), st.text())
def test_a_key_is_32_hexadecimal_characters(guid: str, url: str | None, title: str, summary: str) -> None:
    key = item_key(guid, url, title, summary)
    assert len(bytes.fromhex(key)) == 16
    assert item_key(guid, url, title, summary) == key


def test_a_revision_counted_in_the_guid_is_no_new_item() -> None:
    page = "https://example.org/articles/c1?at_medium=RSS"
    assert item_key("https://example.org/articles/c1#0", page, "", "") == item_key(
        "https://example.org/articles/c1#4", page, "", ""
    )
    assert item_key("https://example.org/log#1", "https://example.org/", "", "") != item_key(
        "https://example.org/log#2", "https://example.org/", "", ""
    )


def test_one_guid_for_different_items_hides_none_of_them() -> None:
    first = item("First", guid="0", url="https://example.org/1", day=1)
    second = item("Second", guid="0", url="https://example.org/2", day=2)
    third = item("Third", guid="0", url="https://example.org/3", day=3)
    [alone] = item_keys([first])
    assert item_keys([second, first])[1] == alone
    known = {alone, *item_keys([second, first])}
    # What arrives is new; what stays when its neighbours leave is not.
    assert item_keys([third, second, first])[0] not in known
    assert set(item_keys([second])) <= known
    assert item_keys([third, second])[0] not in known


def test_undated_items_under_one_guid_count_as_newest_first() -> None:
    old, new = item("Old", guid="0"), item("New", guid="0")
    assert item_keys([new, old])[1] == item_keys([old])[0]
    assert len(set(item_keys([new, old]))) == 2


def test_one_address_for_different_items_hides_none_of_them() -> None:
    warnings = [item(title, url="https://example.org/warnings") for title in ("Flood", "Storm", "Flood")]
    keys = item_keys(warnings)
    assert keys[0] == keys[2] != keys[1]


@pytest.mark.parametrize(
    ("title", "url"),
    [
        ("Headline", "https://example.org/section/a"),
        ("Sharper headline", "https://example.org/a?utm_source=rss"),
    ],
)
def test_a_repeated_item_is_one_item(title: str, url: str) -> None:
    repeated = [item(title, guid="g", url=url), item("Headline", guid="g", url="https://example.org/a")]
    assert len(set(item_keys(repeated))) == 1
