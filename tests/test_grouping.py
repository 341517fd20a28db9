from collections import defaultdict
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from builders import HOUR, NOW
from grouped import LEXICON, grouped, told
from hypothesis import given
from hypothesis import strategies as st

from monitor import grouping
from monitor.copies import shared
from monitor.grouping import REASONS, STORIES, WINDOW, Placement, Story, Telling, grown, place, story
from monitor.vectors import points

DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
BODY = "Engineers say the northern spillway of the old Harrow dam gave way after nine days of heavy rain"
QUAKE = "Magnitude 4.3 quake shakes Orlan valley"
SEED: dict[str, Any] = {"id": 1, "title": "Harrow dam bursts", "summary": BODY, "url": "https://a.example/1"}

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # what is told first, and what comes an hour later from elsewhere
    "known": (SEED, {"id": 1}),
    "same_address": (
        SEED,
        {"url": "https://a.example/1?utm_source=x", "title": "Live", "summary": "", "feed_id": 2},
    ),
    "same_headline": (
        {"title": "Council of Orlan votes on bridge", "summary": ""},
        {"title": "Council of Orlan votes on bridge!", "summary": "Nine against four said a clerk"},
    ),
    "copy": (SEED, {"title": "Flood", "summary": BODY + " in the hills"}),
    "same_event": (
        {"title": "Harrow dam bursts after rain", "summary": ""},
        {"title": "Rain bursts Harrow dam", "summary": ""},
    ),
    "months_differ": (
        {"title": "Strikes on Harrow depot in January", "summary": ""},
        {"title": "February strikes on Harrow depot", "summary": ""},
    ),
    "magnitudes_differ": (
        {"title": QUAKE, "summary": ""},
        {"title": "Orlan valley quake shakes magnitude 5.0", "summary": ""},
    ),
    "too_far": (SEED, {"title": "Minister opens school", "summary": "Children sang"}),
}


def later(**changes: Any) -> Telling:
    moments: dict[str, Any] = {"first_seen": NOW + HOUR, "published": NOW + HOUR / 2}
    return told(**moments | {"id": 2, "outlet": "other.example"} | changes)


def after(first: dict[str, Any], then: dict[str, Any]) -> Placement:
    return grouped([told(**first), later(**then)])[0][1]


@pytest.mark.parametrize("reason", CASES)
def test_every_reason(reason: str) -> None:
    placement = after(*CASES[reason])
    assert placement.reason == reason
    joins = reason in ("known", "same_address", "same_headline", "copy", "same_event")
    assert (placement.story_id == 1) == joins
    assert (placement.nearest, placement.like) == (1, 1)
    assert (placement.score >= 50.0) == (reason != "too_far")


def test_the_first_story_of_a_topic() -> None:
    (placement,), _ = grouped([told()])
    assert placement == Placement(story_id=None, reason="first", parts={})


def test_every_reason_is_explained_and_tested() -> None:
    assert CASES.keys() | {"first", "by_hand"} == REASONS.keys()


@pytest.mark.parametrize(
    ("first", "then", "joins"),
    [
        # the same month, or one of two; "May" may be a verb; a toll may rise
        ("Strikes on Harrow depot in January", "January strikes on Harrow depot", True),
        ("Strikes on Harrow depot in January", "Strikes on Harrow depot in January not February", True),
        ("Strikes may go on Harrow depot", "March strikes on Harrow depot", True),
        ("Strikes on Harrow depot kill 9", "Strikes on Harrow depot kill 14", True),
        ("Magnitude 4.3 quake shakes Orlan", "Orlan shakes in 4.3-magnitude quake", True),
        ("Magnitude-5 quake shakes Orlan", "Orlan shakes in 4.3-magnitude quake", False),
    ],
)
def test_names_and_numbers_that_part_look_alikes(first: str, then: str, *, joins: bool) -> None:
    placement = after({"title": first, "summary": ""}, {"title": then, "summary": ""})
    assert (placement.story_id is not None) == joins


def test_a_veto_leaves_the_next_best_story() -> None:
    strikes = [
        told(id=1, title="January strikes on Harrow depot", summary=""),
        told(id=2, title="Harrow depot strikes go on in February", summary=""),
        later(id=3, title="February strikes on Harrow depot", summary=""),
    ]
    placements, _ = grouped(strikes)
    assert [placement.story_id for placement in placements] == [None, None, 2]


def test_parts_add_up_to_the_score() -> None:
    placement = after(*CASES["same_event"])
    assert placement.parts.keys() == {"closeness", "words", "days", "outlet", "bias"}
    assert placement.score == pytest.approx(points(sum(placement.parts.values())))


def test_the_same_few_words_are_as_alike_as_can_be() -> None:
    few = {"title": "Harrow dam bursts", "summary": "", "published": NOW}
    parts = after(few, few).parts
    assert parts == pytest.approx({"closeness": 4.0, "words": 5.0, "days": 0.0, "outlet": 0.0, "bias": -1.75})


@pytest.mark.parametrize(
    ("changes", "days"),
    [
        ({"published": NOW - DAY}, 1.0),
        ({"published": NOW + DAY}, 0.0),  # announced for later
        ({"published": NOW - 30 * DAY}, 0.0),  # a date nobody believes
        ({"published": None}, 0.0),
        ({"published": None, "backlog": True}, 3.5),
    ],
)
def test_days_apart_are_between_believable_times(changes: dict[str, Any], days: float) -> None:
    first = told(id=1, title="Harrow dam bursts", summary="", published=NOW)
    then = told(id=2, title="Harrow dam bursts", summary="", **changes)
    assert grouping._days(first.when, then.when) == days


def test_time_and_the_same_outlet_part_what_is_alike() -> None:
    first, then = CASES["same_event"]
    sure = after(first, then).score
    assert after(first, then | {"outlet": "wire.example"}).score < sure
    assert after(first | {"published": NOW - 3 * DAY}, then).score < sure
    # who published it is not known: nothing can be held against it
    assert after(first | {"outlet": ""}, then | {"outlet": ""}).score == sure


def test_what_all_of_the_topics_stories_say_tells_nothing() -> None:
    towns = ("Arbel", "Bruna", "Cordo", "Dalem", "Eskil", "Fargo", "Gomel", "Halin", "Irkut", "Jorda")
    tellings = [
        told(
            id=n,
            outlet=f"{n}.example",
            title=f"{town} council strike talks",
            summary="",
            published=NOW - n * DAY,
        )
        for n, town in enumerate(towns, 1)
    ]
    alike = [told(title=f"{town} council strike talks", summary="") for town in ("Kiruna", "Lodz")]
    _, stories = grouped(tellings)
    alone = place(later(title="Lodz council strike talks", summary=""), [story(99, alike[:1])], LEXICON)
    among = place(
        later(id=77, title="Lodz council strike talks", summary=""), [*stories, story(99, alike[:1])], LEXICON
    )
    assert among.parts["closeness"] < alone.parts["closeness"]
    assert among.parts["words"] < alone.parts["words"]


def test_a_burst_is_one_story() -> None:
    title = "Harrow dam bursts after rain"
    details = ("nine hurt", "villages under water", "army sent", "road cut off", "minister visits")
    burst = [
        told(
            id=n,
            outlet=f"{n}.example",
            title=title.rsplit(" ", n % 2)[0],
            summary=details[n % 5] + f" report{n}",
        )
        for n in range(1, 41)
    ]
    placements, stories = grouped(burst)
    assert {placement.story_id for placement in placements[1:]} == {1}
    assert len(stories) == 1


def test_a_large_story_keeps_its_first_item_and_the_last_ones() -> None:
    tellings = [told(id=n, first_seen=NOW + n * HOUR) for n in range(100)]
    kept = [of.item_id for of in story(1, tellings).tellings]
    assert kept == [0, *range(41, 100)]


def test_what_is_left_behind_is_forgotten() -> None:
    stories: tuple[Story, ...] = ()
    for n in range(STORIES + 50):
        stories = grown(stories, told(id=n, first_seen=NOW + n * HOUR), n)
    assert len(stories) == STORIES + 50, "they may still be needed"
    stories = grown(stories, told(id=999, first_seen=NOW + 60 * DAY), 999)
    assert [of.id for of in stories] == [*range(51, STORIES + 50), 999]


TITLES = st.lists(
    st.sampled_from(
        ["dam", "Harrow", "bursts", "rain", "strike", "Orlan", "depot", "quake", "January", "March"]
    ),
    min_size=1,
    max_size=6,
).map(" ".join)
STREAMS = st.lists(
    st.tuples(TITLES, st.sampled_from(["", BODY]), st.integers(0, 24 * 12), st.sampled_from("ab")),
    min_size=1,
    max_size=14,
).map(
    lambda rows: [
        told(
            id=n,
            title=title,
            summary=text,
            first_seen=NOW + hours * HOUR,
            published=NOW + hours * HOUR,
            outlet=outlet,
        )
        for n, (title, text, hours, outlet) in enumerate(rows, 1)
    ]
)


def rebuilt(tellings: list[Telling], placements: list[Placement], seed: int) -> list[Story]:
    """The stories as the tables have them: who is in which, in any order."""
    members = defaultdict[int, list[Telling]](list)
    for of, placement in zip(tellings, placements, strict=True):
        members[of.item_id if placement.story_id is None else placement.story_id].append(of)
    stories = []
    for id_, of_story in members.items():
        Random(seed).shuffle(of_story)
        stories.append(story(id_, of_story))
    Random(seed).shuffle(stories)
    return stories


@given(STREAMS, TITLES, st.integers(0, 9))
def test_what_is_in_memory_and_what_is_rebuilt_answer_the_same(
    stream: list[Telling], title: str, seed: int
) -> None:
    placements, stories = grouped(stream)
    assert grouped(stream)[0] == placements
    then = told(id=99, title=title, summary="", first_seen=NOW + 9 * DAY)
    assert place(then, stories, LEXICON) == place(then, rebuilt(stream, placements, seed), LEXICON)


@given(STREAMS, st.integers(0, 99))
def test_a_copy_joins_the_story_of_what_it_copies(stream: list[Telling], n: int) -> None:
    wire = told(id=98, title="Dam", summary=BODY, first_seen=NOW, published=None)
    _, stories = grouped([*stream[: n % len(stream)], wire])
    copy = told(id=99, title="Elsewhere", summary=f"{BODY} Reuters", first_seen=NOW + HOUR, outlet="z")
    placement = place(copy, stories, LEXICON)
    assert placement.reason == "copy"
    (joined,) = (of for of in stories if of.id == placement.story_id)
    (copied,) = (of for of in joined.tellings if of.item_id == placement.like)
    assert shared(copy.triples, copied.triples) > 0.7


@given(STREAMS, TITLES)
def test_no_item_joins_a_story_that_is_closed(stream: list[Telling], title: str) -> None:
    _, stories = grouped(stream)
    last = max(of.touched for of in stories)
    closed = place(
        told(id=99, title=title, summary=BODY, first_seen=last + WINDOW + MOMENT), stories, LEXICON
    )
    assert closed.reason == "first"
    open_ = place(told(id=99, title=title, summary=BODY, first_seen=last + WINDOW), stories, LEXICON)
    assert open_.reason != "first"


@given(STREAMS)
def test_placing_an_item_again_changes_nothing(stream: list[Telling]) -> None:
    placements, stories = grouped(stream)
    again = place(stream[-1], stories, LEXICON)
    assert (again.reason, again.story_id) == ("known", placements[-1].story_id or stream[-1].item_id)
    assert again.story_id is not None
    same = grown(stories, stream[-1], again.story_id)
    assert [(of.id, [one.item_id for one in of.tellings]) for of in same] == [
        (of.id, [one.item_id for one in of.tellings]) for of in stories
    ]


@pytest.mark.parametrize("empty", [{"title": "", "summary": ""}, {"title": "", "summary": BODY}])
def test_an_item_without_words_or_headline_has_a_place(empty: dict[str, str]) -> None:
    assert after(SEED, empty).reason in REASONS
    assert after(empty, SEED | {"id": 2}).reason in REASONS
