from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.headlines import headline_key
from monitor.identity import (
    canonical_url,
    is_edit,
    is_rekeyed,
    item_key,
    item_keys,
    longer_key,
    mark,
    same_text,
)
from monitor.records import KeyedItem, ParsedItem

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


DAY = timedelta(days=1)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LONG, SHORT = "Patrol finds a camp near Rutba", "Storm warning"
HERE, THERE = "https://example.org/a", "https://example.org/b"


def marked(item: ParsedItem) -> str:
    return mark(item.url, item.title, item.summary, item.published)


def keyed(title: str, **fields: Any) -> KeyedItem:
    plain = {"guid": None, "url": None, "title": title, "summary": "It happened at night.", "published": NOON}
    shown = ParsedItem(**plain | fields)
    return KeyedItem(
        item=shown,
        key="k",
        canonical_url=canonical_url(shown.url) if shown.url else None,
        headline_key=headline_key(title),
    )


REKEYED: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    # at the same address
    (LONG, {"url": HERE}, {"url": f"{HERE}?utm_source=rss"}, True),
    (LONG, {"url": HERE}, {"url": HERE, "published": NOON + DAY, "summary": "More."}, True),
    (SHORT, {"url": HERE}, {"url": HERE, "published": NOON + DAY}, True),
    (SHORT, {"url": HERE}, {"url": HERE, "summary": "More."}, True),
    (SHORT, {"url": HERE}, {"url": HERE, "published": NOON + DAY, "summary": "Another."}, False),
    (SHORT, {"url": HERE, "published": None}, {"url": HERE, "published": None, "summary": "Another."}, False),
    (LONG, {"url": HERE}, {"url": HERE, "published": NOON + 200 * DAY}, True),
    (LONG, {"url": HERE}, {"url": HERE, "published": NOON + 200 * DAY, "summary": "More."}, False),
    (LONG, {"url": HERE, "summary": ""}, {"url": HERE, "published": NOON + 3 * DAY, "summary": ""}, False),
    (LONG, {"url": HERE, "summary": ""}, {"url": HERE, "published": None, "summary": "More."}, True),
    # without one
    (LONG, {"summary": ""}, {"published": NOON + 3 * DAY, "summary": ""}, False),
    (LONG, {}, {"published": NOON + DAY}, True),
    (LONG, {}, {"summary": "More."}, False),
    (SHORT, {}, {}, True),
    (SHORT, {}, {"published": None}, True),
    (SHORT, {}, {"published": NOON + DAY}, False),
    # at another
    (LONG, {"url": HERE}, {"url": THERE, "summary": "More."}, True),
    (LONG, {"url": HERE}, {"url": None}, True),
    (LONG, {"url": HERE}, {"url": THERE, "published": NOON + DAY}, False),
    (LONG, {"url": HERE, "published": None}, {"url": THERE, "published": None}, False),
    (SHORT, {"url": HERE}, {"url": THERE}, True),
    (SHORT, {"url": HERE}, {"url": THERE, "summary": "Another."}, False),
]


@pytest.mark.parametrize(("title", "before", "after", "same"), REKEYED)
def test_the_same_item_under_another_key(
    title: str, before: dict[str, Any], after: dict[str, Any], same: bool
) -> None:
    known, shown = keyed(title, **before), keyed(title, **after)
    assert is_rekeyed(known, shown) is same
    assert is_rekeyed(shown, known) is same
    assert not is_rekeyed(known, keyed("Live: day two of the talks in Geneva", **after)), "another headline"


def test_an_item_without_a_title_is_known_by_what_it_tells() -> None:
    assert is_rekeyed(keyed("", url=HERE), keyed("", url=THERE))
    assert not is_rekeyed(keyed("", url=HERE), keyed("", url=HERE, summary="Another note."))


FIELDS = st.fixed_dictionaries(
    {
        "guid": st.sampled_from([None, "0", "1", HERE]),
        "url": st.sampled_from([None, HERE, THERE]),
        "summary": st.sampled_from(["", "One.", "Two."]),
        "published": st.sampled_from([None, NOON, NOON + DAY]),
    }
)
TITLES = st.sampled_from(["", SHORT, LONG])


@pytest.mark.parametrize(
    ("after", "same"),
    [
        ({"guid": "other"}, True),
        ({"url": f"{HERE}?utm_source=x", "title": f" {LONG}", "summary": "It happened  at night."}, True),
        ({"published": NOON + 200 * DAY}, True),
        ({"summary": "It happened again."}, False),
        ({"url": THERE}, False),
        ({"title": SHORT}, False),
    ],
)
def test_what_an_item_is_remembered_by(after: dict[str, Any], same: bool) -> None:
    before, shown = keyed(LONG, url=HERE).item, keyed(**{"title": LONG, "url": HERE} | after).item
    assert (marked(before) == marked(shown)) is same


@pytest.mark.parametrize("without", [{"summary": ""}, {"url": None}])
def test_little_is_remembered_together_with_its_date(without: dict[str, Any]) -> None:
    before = keyed(LONG, **{"url": HERE} | without).item
    assert marked(before) == marked(replace(before))
    assert marked(before) != marked(replace(before, published=NOON + DAY))
    assert marked(replace(before, published=None)) == marked(replace(before, published=None, guid="other"))


@given(TITLES, TITLES, FIELDS, FIELDS)
def test_what_is_remembered_as_one_item_was_one_item(
    one: str, other: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    known, shown = keyed(one, **before), keyed(other, **after)
    if marked(known.item) == marked(shown.item):
        assert is_rekeyed(known, shown)


@given(TITLES, TITLES, FIELDS, FIELDS)
def test_rekeying_is_mutual_and_needs_the_same_headline(
    one: str, other: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    known, shown = keyed(one, **before), keyed(other, **after)
    found = is_rekeyed(known, shown)
    assert found == is_rekeyed(shown, known)
    assert found <= ((one or before["summary"]) == (other or after["summary"]))
    if before == after and one == other and (one == LONG or before["url"] or not before["published"]):
        assert found


@given(TITLES, TITLES, FIELDS, FIELDS)
def test_side_by_side_and_one_after_the_other_are_told_apart_alike(
    one: str, other: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    first, second = keyed(one, **before).item, keyed(other, **after | {"guid": before["guid"]}).item
    owner, heir = item_keys([first, second])
    plain = item_key(second.guid, second.url, second.title, second.summary)
    if plain == item_key(first.guid, first.url, first.title, first.summary):
        together = owner == heir
        assert is_edit(first, second, shared=True) == together
        assert {owner, heir} <= {plain, longer_key(plain, first), longer_key(plain, second)}
    assert is_edit(first, second, shared=True) <= is_edit(first, second, shared=False)


@pytest.mark.parametrize(
    ("after", "edit"),
    [
        ({"url": HERE}, True),
        ({"url": HERE, "published": NOON + 30 * DAY}, True),
        ({"url": THERE, "published": NOON + DAY}, True),
        ({"url": THERE, "published": None}, True),
        ({"url": THERE, "published": NOON + 7 * DAY}, False),
        ({"url": None, "published": NOON + 7 * DAY}, False),
    ],
)
def test_what_an_edit_may_change_beside_the_words(after: dict[str, Any], edit: bool) -> None:
    before = keyed(LONG, guid="g", url=HERE).item
    assert is_edit(before, keyed("Rewritten", guid="g", **after).item, shared=False) is edit


@pytest.mark.parametrize(
    ("title", "summary", "same"),
    [("A b", "C d", True), (" A\tb", "C  d\n", True), ("A b.", "C d", False), ("A b", "C d.", False)],
)
def test_white_space_is_no_text(title: str, summary: str, same: bool) -> None:
    assert same_text(keyed("A b", summary="C d").item, keyed(title, summary=summary).item) is same
