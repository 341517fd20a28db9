import re
import tomllib
from collections import Counter
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from builders import NOW, item
from hypothesis import given
from hypothesis import strategies as st

import monitor.sources
from monitor.headlines import headline_key
from monitor.records import Item
from monitor.sources import independent, origins, outlet

BODY = "Engineers say the northern spillway of the old Harrow dam gave way after heavy rain"
OTHER = "The governor of Orlan called for help as water reached the lower town on Friday night"
THIRD = "Farmers had warned for years that nobody looked after the gates, a council member said"


def report(n: int, host: str, summary: str, **changes: Any) -> Item:
    title = changes.pop("title", f"Report {n}")
    return item(
        **{
            "id": n,
            "url": f"https://{host}/{n}",
            "title": title,
            "summary": summary,
            "headline_key": headline_key(title),
            "first_seen": NOW + timedelta(minutes=n),
        }
        | changes
    )


@pytest.mark.parametrize(
    ("host", "title", "expected"),
    [
        ("feeds.bbci.co.uk", "Dam bursts", "bbci.co.uk"),
        ("abcnews.go.com", "Dam bursts", "go.com"),
        ("harrow.github.io", "Dam bursts", "harrow.github.io"),
        ("wire.example", "Dam bursts", "wire.example"),
        ("127.0.0.1:8080", "Dam bursts", "127.0.0.1"),
        ("news.google.com", "Dam bursts - The Orlan Herald", "the orlan herald"),
        ("news.google.com", "Dam bursts", "news.google.com"),
    ],
)
def test_who_published_an_item(host: str, title: str, expected: str) -> None:
    assert outlet(item(url=f"https://{host}/1", title=title)) == expected


def test_an_item_without_an_address_is_its_feeds() -> None:
    assert outlet(item(url=None, feed_url="https://rss.orlan.co.uk/all")) == "orlan.co.uk"
    assert outlet(item(url="https://[broken", feed_url="https://orlan.com/all")) == "orlan.com"


@given(st.text())
def test_every_item_has_an_outlet(url: str) -> None:
    assert outlet(item(url=url))
    assert outlet(item(url=f"https://{url}"))


def sources(*items: Item) -> list[str]:
    return [of.name for of in origins(items)]


def test_outlets_of_one_owner_count_once() -> None:
    found = origins(
        [
            report(1, "www.wsj.com", BODY),
            report(2, "www.thetimes.co.uk", OTHER),
            report(3, "orlan.example", THIRD),
        ]
    )
    assert [(of.name, of.reason) for of in found] == [
        ("News Corp", "owner"),
        ("News Corp", "owner"),
        ("orlan.example", "outlet"),
    ]
    assert independent(found) == 2


def test_copies_are_one_source_whoever_prints_them() -> None:
    found = origins(
        [
            report(1, "a.example", BODY),
            report(2, "b.example", f"{BODY}, it says"),
            report(3, "c.example", OTHER),
        ]
    )
    assert [(of.name, of.copy_of) for of in found] == [
        ("a.example", None),
        ("a.example", 1),
        ("c.example", None),
    ]


def test_the_same_headline_is_a_copy() -> None:
    title = "Old Harrow dam bursts after heavy rain"
    assert sources(report(1, "a.example", BODY, title=title), report(2, "b.example", OTHER, title=title)) == [
        "a.example",
        "a.example",
    ]


@pytest.mark.parametrize(
    ("changes", "agency"),
    [
        ({"summary": f"HARROW, March 3 (Reuters) - {BODY}"}, "Reuters"),
        ({"summary": f"HARROW (AP) — {BODY}"}, "AP"),
        ({"summary": f"{BODY} (Xinhua)"}, "Xinhua"),
        ({"summary": f"{BODY} – Agence France-Presse"}, "AFP"),
        ({"summary": BODY, "title": "Dam bursts - Reuters"}, "Reuters"),
        ({"summary": BODY, "author": "Jo Doe, Associated Press"}, "AP"),
        ({"summary": BODY, "author": "AFP"}, "AFP"),
        ({"summary": BODY, "full_text": f"HARROW (dpa) - {BODY} {THIRD} {OTHER}"}, "dpa"),
        ({"summary": BODY, "url": "https://www.reuters.com/world/1"}, "Reuters"),
        # what quotes an agency, or only looks like one, is the outlet's own
        ({"summary": f"{BODY}, the governor told Reuters on Friday"}, None),
        ({"summary": f"The Associated Press had reported it first. {BODY}"}, None),
        ({"summary": f"{BODY} {THIRD} (AP) {OTHER} {BODY}"}, None),
        ({"summary": BODY, "author": "Ani Tass"}, None),
    ],
)
def test_agencies_sign_what_they_report(changes: dict[str, Any], agency: str | None) -> None:
    (found,) = origins([report(1, "a.example", **changes)])
    assert (found.name, found.reason) == ((agency, "agency") if agency else ("a.example", "outlet"))


def test_a_copy_that_is_signed_tells_whose_the_others_are() -> None:
    signed = report(2, "b.example", f"HARROW (Reuters) - {BODY}")
    own = report(3, "www.reuters.com", OTHER)
    found = origins([report(1, "a.example", BODY), signed, own])
    assert {of.name for of in found} == {"Reuters"}
    assert independent(found) == 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a.example", "www.wsj.com", "nypost.com"]), st.sampled_from([BODY, OTHER, THIRD])
        )
    ),
    st.integers(),
)
def test_the_order_of_items_is_of_no_account(rows: list[tuple[str, str]], seed: int) -> None:
    items = [report(n, host, text) for n, (host, text) in enumerate(rows, 1)]
    found = origins(items)
    assert [of.item_id for of in found] == [of.id for of in items]
    assert independent(found) <= len({text for _, text in rows})
    mixed = items[:]
    Random(seed).shuffle(mixed)
    assert origins(mixed) == found


def test_the_table_names_each_domain_once_and_is_dated() -> None:
    told = tomllib.loads(Path(monitor.sources.__file__).with_name("owners.toml").read_text(encoding="utf-8"))
    agencies = told["agencies"].values()
    domains = [name for of in told["owners"].values() for name in of]
    domains += [name for of in agencies for name in of["domains"]]
    assert [name for name, times in Counter(domains).items() if times > 1] == []
    # what is no registrable domain would never be looked up
    assert [name for name in domains if outlet(item(url=f"https://www.{name}/")) != name] == []
    assert all(len(of) > 1 for of in told["owners"].values())
    assert list(told["owners"]) == sorted(told["owners"], key=str.casefold)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", str(told["as_of"]))
