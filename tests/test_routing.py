"""Routes: which fit, why others do not, and what several to one channel come to."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from builders import topic
from hypothesis import given
from hypothesis import strategies as st

from monitor.records import Destination, Level, Route, Topic
from monitor.routing import Facts, Timing, destinations, why

MINUTE = timedelta(minutes=1)
TIMING = Timing(wait_before_first=MINUTE, update_every=5 * MINUTE, remind_after=30 * MINUTE)


def route(**changes: Any) -> Route:
    return replace(Route(name="Duty", channels=("#duty",)), **changes)


def facts(told: Topic | None = None, **changes: Any) -> Facts:
    plain = Facts(topic=told or topic(), tags=frozenset({"world"}), score=80.0, sources=2)
    return replace(plain, **changes)


def channels(*routes: Route, **changes: Any) -> list[str]:
    return [to.channel for to in destinations(facts(**changes), routes, TIMING)]


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        ({}, None),
        ({"topics": frozenset({"patrols", "floods"})}, None),
        ({"topics": frozenset({"floods", "fires"})}, "it is for fires or floods, not for patrols"),
        ({"watchlists": frozenset({"Desk"})}, None),
        ({"watchlists": frozenset({"Other"})}, "it is for the topics of Other, not of Desk"),
        ({"tags": frozenset({"asia", "world"})}, None),
        ({"tags": frozenset({"asia"})}, "no feed tagged asia brought it"),
        ({"least_score": 80.0}, None),
        ({"least_score": 80.5}, "its score 80 is under 80.5"),
        ({"most_score": 80.01}, None),
        ({"most_score": 80.0}, "its score 80 is not under 80"),
        ({"least_sources": 2}, None),
        ({"least_sources": 3}, "only 2 of 3 independent sources tell it"),
        # The first of several is named.
        ({"tags": frozenset({"asia"}), "least_sources": 3}, "no feed tagged asia brought it"),
    ],
)
def test_every_condition_must_hold(conditions: dict[str, Any], reason: str | None) -> None:
    assert why(facts(), route(**conditions)) == reason
    assert channels(route(**conditions)) == (["#news-alerts"] if reason else ["#news-alerts", "#duty"])


def test_bands_meet_and_the_last_holds_a_hundred() -> None:
    low, high = route(least_score=50.0, most_score=80.0), route(least_score=80.0, most_score=100.0)
    for score, fits in ((79.99, low), (80.0, high), (100.0, high)):
        assert [one for one in (low, high) if why(facts(score=score), one) is None] == [fits]


@pytest.mark.parametrize(
    ("mention", "level", "remind_after"), [(None, "routine", None), ("here", "urgent", 30 * MINUTE)]
)
def test_the_topics_own_channel_is_urgent_if_the_topic_mentions_somebody(
    mention: str | None, level: Level, remind_after: timedelta | None
) -> None:
    (own,) = destinations(facts(topic(mention=mention)), [], TIMING)
    assert own == Destination(
        channel="#news-alerts",
        level=level,
        mention=mention,
        wait_before_first=MINUTE,
        update_every=5 * MINUTE,
        remind_after=remind_after,
    )


def test_instead_leaves_the_own_channel_out_if_the_route_fits() -> None:
    instead = route(instead=True)
    assert channels(instead) == ["#duty"]
    assert channels(instead, score=10.0) == ["#duty"]
    assert channels(replace(instead, least_score=90.0)) == ["#news-alerts"]
    # A second route may bring it back.
    assert channels(instead, route(name="B", channels=("#news-alerts",))) == ["#duty", "#news-alerts"]


@pytest.mark.parametrize(
    ("level", "by_route", "by_topic", "mentioned"),
    [
        ("urgent", "here", "U1", "here"),
        ("urgent", None, "U1", "U1"),
        ("urgent", None, None, None),
        ("routine", None, "U1", None),
    ],
)
def test_only_urgent_stories_mention(
    level: Any, by_route: str | None, by_topic: str | None, mentioned: str | None
) -> None:
    told = facts(topic(mention=by_topic))
    _, duty = destinations(told, [route(level=level, mention=by_route)], TIMING)
    assert (duty.level, duty.mention) == (level, mentioned)
    assert duty.remind_after == (30 * MINUTE if level == "urgent" else None)


def test_a_route_says_how_it_is_told_in_the_own_channel() -> None:
    slow = route(channels=("#news-alerts",), wait_before_first=10 * MINUTE, update_every=60 * MINUTE)
    (own,) = destinations(facts(), [slow], TIMING)
    assert (own.route, own.wait_before_first, own.update_every) == ("Duty", 10 * MINUTE, 60 * MINUTE)


def test_of_several_routes_the_most_urgent_counts_then_the_first_and_the_shortest_waits() -> None:
    routes = [
        route(name="A", wait_before_first=timedelta(0), update_every=9 * MINUTE),
        route(name="B", level="urgent", mention="here", remind_after=20 * MINUTE),
        route(name="C", level="urgent", mention="channel", remind_after=10 * MINUTE),
    ]
    _, duty = destinations(facts(), routes, TIMING)
    assert duty == Destination(
        channel="#duty",
        level="urgent",
        mention="here",
        wait_before_first=timedelta(0),
        update_every=5 * MINUTE,
        remind_after=10 * MINUTE,
        route="B",
    )


# --- properties --------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c"])
WAITS = st.none() | st.integers(0, 60).map(lambda minutes: minutes * MINUTE)
ROUTES = st.lists(
    st.builds(
        Route,
        name=st.text(max_size=3),
        channels=st.lists(NAMES, min_size=1, unique=True).map(tuple),
        topics=st.frozensets(NAMES),
        watchlists=st.frozensets(NAMES),
        tags=st.frozensets(NAMES),
        least_score=st.floats(0, 100),
        most_score=st.sampled_from([60.0, 100.0]),
        least_sources=st.integers(1, 4),
        level=st.sampled_from(["routine", "urgent"]),
        mention=st.sampled_from([None, "here"]),
        instead=st.booleans(),
        wait_before_first=WAITS,
        update_every=WAITS,
        remind_after=WAITS,
    ),
    max_size=4,
)
FACTS = st.builds(
    Facts,
    topic=st.builds(lambda id_, desk, own: topic(id=id_, watchlist=desk, channel=own), NAMES, NAMES, NAMES),
    tags=st.frozensets(NAMES),
    score=st.floats(0, 100),
    sources=st.integers(1, 5),
)


@given(FACTS, ROUTES)
def test_a_story_always_goes_somewhere_and_nowhere_twice(told: Facts, routes: list[Route]) -> None:
    found = [to.channel for to in destinations(told, routes, TIMING)]
    assert found
    assert len(found) == len(set(found))
    fitting = [one for one in routes if why(told, one) is None]
    asked = {channel for one in fitting for channel in one.channels}
    kept = set() if any(one.instead for one in fitting) else {told.topic.channel}
    assert set(found) == asked | kept


@given(FACTS, ROUTES)
def test_one_more_route_delays_nothing_and_hushes_nothing(told: Facts, routes: list[Route]) -> None:
    *before, last = [*routes, Route(name="all", channels=("a", "b", "c"))]
    without = {to.channel: to for to in destinations(told, before, TIMING) if to.route is not None}
    after = {to.channel: to for to in destinations(told, [*before, last], TIMING)}
    for channel, to in without.items():
        more = after[channel]
        assert more.wait_before_first <= to.wait_before_first
        assert more.update_every <= to.update_every
        assert (more.level, more.mention, more.remind_after, more.route) == (
            to.level,
            to.mention,
            to.remind_after,
            to.route,
        )


@given(FACTS, ROUTES)
def test_the_order_of_routes_matters_only_to_mentions(told: Facts, routes: list[Route]) -> None:
    def plain(order: tuple[Route, ...]) -> set[Destination]:
        return {replace(to, mention=None, route=None) for to in destinations(told, order, TIMING)}

    assert all(plain(order) == plain(tuple(routes)) for order in permutations(routes))
