"""Feeds of alerts as documents: what they say, and that anybody can read them."""

import json
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import feedparser
import pytest
from builders import HOUR, NOW, item, score, topic
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.alertfeed import AlertFeed, alert_feed, as_atom, as_json_feed, slugs
from monitor.feeds.frames import Document
from monitor.feeds.parse import parse
from monitor.records import Match, ToldStory

TOPIC = topic(name="Patrols & camps", watchlist="Desk <1>")
XML = "{http://www.w3.org/2005/Atom}"
ADDRESS = "http://127.0.0.1:8080/watchlists/desk-1"


def match(n: int = 1, points: float = 80.0, **changes: Any) -> Match:
    host = f"outlet-{n}.example"
    plain = {
        "id": n,
        "url": f"https://{host}/{n}",
        "summary": f"Words of {host} alone.",
        "title": f"Camp {n}",
    }
    return Match(item=item(**plain | changes), score=score(n, score=points))


def told(*matches: Match, **changes: Any) -> ToldStory:
    plain: dict[str, Any] = {
        "id": 7,
        "topic_id": TOPIC.id,
        "told_at": NOW,
        "first": matches[0],
        "matches": matches,
    }
    return ToldStory(**plain | changes)


def made(*stories: ToldStory, regrouped_at: Any = None) -> AlertFeed:
    return alert_feed(TOPIC.watchlist, "desk-1", ADDRESS, stories, {TOPIC.id: TOPIC}, regrouped_at)


def atom(feed: AlertFeed) -> Any:
    read = feedparser.parse(as_atom(feed))
    assert not read.bozo, read.get("bozo_exception")
    assert read.version == "atom10"
    return read


GROWN = told(
    match(1, url="https://a.example/?a=1&b=2", title="Camp <found> & lost"),
    match(2, 91.4, first_seen=NOW + 2 * HOUR, feed_tags=frozenset({"world", "arabic"})),
)


def test_a_story_as_atom() -> None:
    read = atom(made(GROWN))
    assert read.feed.title == "Desk <1>: alerts"
    assert read.feed.id == "tag:news-monitor.invalid,2026:desk-1"
    assert read.feed.updated == "2026-11-20T14:00:00Z"
    assert [(link.rel, link.href) for link in read.feed.links] == [("self", f"{ADDRESS}/alerts.atom")]
    (entry,) = read.entries
    assert entry.id == "tag:news-monitor.invalid,2026:patrols/story/7"
    assert entry.title == "Camp <found> & lost"
    assert entry.title_detail.type == "text/plain"
    assert entry.link == "https://a.example/?a=1&b=2"
    assert (entry.published, entry.updated) == ("2026-11-20T12:00:00Z", "2026-11-20T14:00:00Z")
    assert entry.author == "Wire"
    assert entry.summary == (
        "Patrols & camps: score 91, 2 items from 2 independent sources (a.example, outlet-2.example). "
        "Close to “Soldiers on patrol find a hidden camp”."
    )
    assert entry.content[0].value == "Words of outlet-1.example alone."
    tags = [(tag.term, tag.label) for tag in entry.tags]
    assert tags == [("patrols", "Patrols & camps"), ("arabic", None), ("world", None)]


def test_a_story_as_json_feed() -> None:
    read = json.loads(as_json_feed(made(GROWN)))
    assert (read["version"], read["feed_url"]) == (
        "https://jsonfeed.org/version/1.1",
        f"{ADDRESS}/alerts.json",
    )
    (entry,) = read["items"]
    assert entry.pop("summary").startswith("Patrols & camps: score 91, 2 items")
    assert entry == {
        "id": "tag:news-monitor.invalid,2026:patrols/story/7",
        "url": "https://a.example/?a=1&b=2",
        "title": "Camp <found> & lost",
        "content_text": "Words of outlet-1.example alone.",
        "date_published": "2026-11-20T12:00:00Z",
        "date_modified": "2026-11-20T14:00:00Z",
        "authors": [{"name": "Wire"}],
        "tags": ["patrols", "arabic", "world"],
        "_monitor": {
            "topic": "patrols",
            "story": 7,
            "score": 91.4,
            "sources": ["a.example", "outlet-2.example"],
            "items": 2,
        },
    }


def test_what_grows_keeps_its_id_and_is_updated() -> None:
    before, after = made(told(GROWN.first)), made(GROWN)
    assert before.entries[0].id == after.entries[0].id
    assert before.entries[0].updated == NOW
    assert after.entries[0].updated == after.updated == NOW + 2 * HOUR


def test_an_edit_and_a_regrouping_are_changes() -> None:
    edited = told(match(edited_at=NOW + HOUR))
    assert made(edited).updated == NOW + HOUR
    assert made(edited, regrouped_at=NOW + 3 * HOUR).updated == NOW + 3 * HOUR


def test_one_item_without_a_story_has_an_id_of_its_own() -> None:
    (entry,) = made(told(match(7), id=None)).entries
    assert entry.id == "tag:news-monitor.invalid,2026:patrols/item/7"
    assert entry.facts.startswith("Patrols & camps: score 80, 1 item from 1 source (outlet-7.example).")


def test_an_item_with_hardly_anything_is_an_entry_all_the_same() -> None:
    bare = made(told(match(url=None, title="", summary="")))
    (entry,) = atom(bare).entries
    assert (entry.title, entry.get("links")) == ("(no title)", None)
    assert entry.content[0].value == entry.summary
    assert "url" not in json.loads(as_json_feed(bare))["items"][0]


def test_nothing_told_is_a_feed_too() -> None:
    assert atom(made()).entries == []
    assert json.loads(as_json_feed(made()))["items"] == []


@given(st.text())
@example("\x00\x0b\x1b]]>&<\ud800\ufffe\u202e\u2028 \U0001f6f0")
def test_any_text_makes_documents_that_everybody_can_read(text: str) -> None:
    named = topic(name=text, watchlist=text)
    found = match(title=text, summary=text, feed_name=text, feed_tags=frozenset({text}))
    feed = alert_feed(text, "x", ADDRESS, [told(found)], {TOPIC.id: named}, None)
    shown = ElementTree.fromstring(as_atom(feed)).findtext(f"{XML}entry/{XML}title")
    assert shown == feed.entries[0].title == json.loads(as_json_feed(feed))["items"][0]["title"]
    for body in (as_atom(feed), as_json_feed(feed)):
        read = parse(body, url=ADDRESS, charset=None)
        assert isinstance(read, Document), read
        (entry,) = read.items
        assert entry.guid == "tag:news-monitor.invalid,2026:patrols/story/7"
        assert entry.url == "https://outlet-1.example/1"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"Counter-ISIS desk"}, {"counter-isis-desk": "Counter-ISIS desk"}),
        ({"Überblick, Köln"}, {"uberblick-koln": "Überblick, Köln"}),
        ({"A" * 200}, {"a" * 60: "A" * 200}),
    ],
)
def test_a_watchlists_name_becomes_part_of_an_address(names: set[str], expected: dict[str, str]) -> None:
    assert slugs(names) == expected


def test_names_that_come_out_alike_are_told_apart_whatever_their_order() -> None:
    names = ["A b", "a-B", "رصد", "監視", "Other"]
    found = slugs(names)
    assert set(found.values()) == set(names)
    assert found == slugs(reversed(names))
    assert found["other"] == "Other"
    assert "a-b" not in found
    assert {slug.rpartition("-")[0] for slug in found} == {"a-b", "watchlist", ""}


def test_what_was_told_later_than_seen_is_no_younger_than_its_telling() -> None:
    (entry,) = made(told(match(), told_at=NOW + timedelta(days=1))).entries
    assert entry.updated == entry.told_at
