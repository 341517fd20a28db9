"""Every reason to tell, to add to a thread and to stay quiet, and what holds whatever the story."""

import re
from dataclasses import fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import HOUR, NOW, item, post, topic
from hypothesis import given
from hypothesis import strategies as st

from monitor import grouping
from monitor.policy import (
    LISTED,
    LOUD,
    REASONS,
    Facts,
    Rules,
    Step,
    Traffic,
    gate,
    step,
    told_since,
    verdict,
)
from monitor.records import Destination, Item, Level, Post

MAX_AGE = timedelta(hours=48)
MOMENT = timedelta(microseconds=1)
RULES = Rules(max_age=MAX_AGE, cooldown=HOUR, late_after=3 * HOUR, most_per_topic=10, most_per_channel=20)
CALM = Traffic(of_topic=0, of_channel=0)
MANUAL = Path(__file__).parent.parent / "docs" / "alerts.md"


def facts(**changes: Any) -> Facts:
    return replace(Facts(sources=1, score=60.0, toll=0, copied=False, told=False), **changes)


def to(level: Level = "routine") -> Destination:
    return Destination(
        channel="#news-alerts",
        level=level,
        mention=None,
        wait_before_first=timedelta(0),
        update_every=timedelta(minutes=5),
        remind_after=None,
    )


def taken(
    known: Post | None = None,
    *,
    of: Item | None = None,
    level: Level = "routine",
    traffic: Traffic = CALM,
    quiet_until: datetime | None = None,
    now: datetime = NOW,
    **changes: Any,
) -> Step:
    """The step of a channel that knows the story by this post, or does not know it."""
    return step(of or item(), facts(**changes), to(level), known, traffic, quiet_until, RULES, now)


# --- may anybody be told? ---------------------------------------------------------------------------------


def why_quiet(found: Item, *, silenced: bool = False, now: datetime = NOW) -> str | None:
    return gate(found, topic(), silenced=silenced, max_age=MAX_AGE, now=now)


@pytest.mark.parametrize(
    ("published", "first_seen", "expected"),
    [
        (NOW - HOUR, NOW, None),
        (NOW - MAX_AGE, NOW, None),
        (NOW - MAX_AGE - MOMENT, NOW, "too_old"),
        (NOW + 10 * HOUR, NOW, None),
        (None, NOW, None),
        (None, NOW - MAX_AGE, None),
        (None, NOW - MAX_AGE - MOMENT, "too_old"),
        (NOW - HOUR, NOW - MAX_AGE - MOMENT, None),
    ],
)
def test_age_is_counted_from_publication_else_from_first_sight(
    published: datetime | None, first_seen: datetime, expected: str | None
) -> None:
    assert why_quiet(item(published=published, first_seen=first_seen)) == expected


@pytest.mark.parametrize(
    ("published", "alert_backlog", "expected"),
    [
        (NOW - MOMENT, timedelta(0), "backlog"),
        (NOW, timedelta(0), None),
        (NOW - 6 * HOUR, 6 * HOUR, None),
        (NOW - 6 * HOUR - MOMENT, 6 * HOUR, "backlog"),
        (None, 6 * HOUR, "backlog"),
        (NOW - 60 * HOUR, 72 * HOUR, "too_old"),
    ],
)
def test_a_first_poll_alerts_as_far_back_as_its_feed_says(
    published: datetime | None, alert_backlog: timedelta, expected: str | None
) -> None:
    assert why_quiet(item(backlog=True, published=published, alert_backlog=alert_backlog)) == expected


def test_a_topic_that_has_left_the_watchlists_stays_quiet() -> None:
    assert gate(item(), None, silenced=True, max_age=MAX_AGE, now=NOW) == "topic_gone"


def test_a_silence_weighs_more_than_age() -> None:
    old = item(backlog=True, published=NOW - 2 * MAX_AGE)
    assert why_quiet(old, silenced=True) == "silenced"
    assert why_quiet(item(), silenced=False) is None


def test_what_is_told_counts_as_told_for_twice_the_age_limit() -> None:
    assert told_since(MAX_AGE, NOW) == NOW - 2 * MAX_AGE


# --- what a channel is told -------------------------------------------------------------------------------

OLD = item(published=NOW - 3 * HOUR - MOMENT)
KNOWN = post(loud_at=NOW - 3 * HOUR, loud_sources=2, loud_score=60.0, loud_toll=8)

STEPS: dict[str, list[tuple[dict[str, Any], str]]] = {
    # what is known of the story, and what the channel does
    "new": [
        ({}, "post"),
        ({"copied": True}, "post"),
        ({"of": item(published=NOW - 3 * HOUR)}, "post"),
        ({"of": OLD, "level": "urgent"}, "post"),
        ({"traffic": Traffic(of_topic=9, of_channel=19)}, "post"),
        ({"traffic": Traffic(of_topic=19, of_channel=39), "level": "urgent"}, "post"),
    ],
    "routed": [({"told": True}, "post")],
    "burst": [
        ({"traffic": Traffic(of_topic=10, of_channel=10)}, "list"),
        ({"traffic": Traffic(of_topic=0, of_channel=20)}, "list"),
        ({"traffic": Traffic(of_topic=20, of_channel=20), "level": "urgent"}, "list"),
        ({"traffic": Traffic(of_topic=0, of_channel=40), "level": "urgent", "told": True}, "list"),
        ({"of": OLD, "traffic": Traffic(of_topic=99, of_channel=99)}, "list"),
    ],
    "late": [
        ({"of": OLD}, "list"),
        ({"of": item(published=None, first_seen=NOW - 3 * HOUR - MOMENT)}, "list"),
    ],
    "held": [({"quiet_until": NOW + HOUR}, "list"), ({"of": OLD, "quiet_until": NOW + HOUR}, "list")],
    "escalated": [
        ({"known": KNOWN, "level": "urgent"}, "reply"),
        ({"known": KNOWN, "level": "urgent", "sources": 99, "toll": 99}, "reply"),
        ({"known": KNOWN, "level": "urgent", "copied": True}, "reply"),
    ],
    "development": [
        ({"known": KNOWN, "toll": 16}, "reply"),
        ({"known": replace(KNOWN, loud_toll=0), "toll": 10}, "reply"),
        ({"known": replace(KNOWN, loud_toll=100), "toll": 200, "sources": 99}, "reply"),
    ],
    "more_sources": [
        ({"known": KNOWN, "sources": 6}, "reply"),
        ({"known": replace(KNOWN, loud_sources=1), "sources": 5}, "reply"),
        ({"known": replace(KNOWN, loud_sources=10), "sources": 30, "score": 99.0}, "reply"),
    ],
    "higher_score": [
        ({"known": KNOWN, "score": 80.0}, "reply"),
        ({"known": replace(KNOWN, loud_score=50.0), "score": 74.0}, "reply"),
    ],
    "follow_up": [
        ({"known": KNOWN}, "reply"),
        ({"known": KNOWN, "toll": 15, "sources": 5, "score": 79.9}, "reply"),
        ({"known": replace(KNOWN, loud_toll=0), "toll": 9}, "reply"),
        ({"known": replace(KNOWN, loud_toll=10), "toll": 19}, "reply"),
        ({"known": replace(KNOWN, loud_sources=1), "sources": 4}, "reply"),
        ({"known": replace(KNOWN, loud_sources=10), "sources": 29}, "reply"),
        ({"known": replace(KNOWN, loud_score=50.0), "score": 73.9}, "reply"),
        ({"known": replace(KNOWN, level="urgent"), "level": "urgent"}, "reply"),
        ({"known": replace(KNOWN, level="urgent")}, "reply"),
        ({"known": KNOWN, "of": OLD, "traffic": Traffic(of_topic=99, of_channel=99)}, "reply"),
    ],
    "duplicate": [
        ({"known": KNOWN, "copied": True}, "count"),
        ({"known": KNOWN, "copied": True, "toll": 99, "sources": 99, "score": 99.0}, "count"),
    ],
}


@pytest.mark.parametrize(
    ("known", "action", "reason"),
    [(known, action, reason) for reason, cases in STEPS.items() for known, action in cases],
)
def test_every_reason(known: dict[str, Any], action: str, reason: str) -> None:
    found = taken(**known)
    assert (found.action, found.reason) == (action, reason)
    assert (found.loud_at is not None) == (reason in LOUD)


def test_every_reason_is_tested() -> None:
    assert STEPS.keys() | {"silenced", "backlog", "too_old", "topic_gone"} == REASONS.keys()


def test_a_channel_is_shown_something_again_when_it_has_been_calm() -> None:
    known = replace(KNOWN, loud_at=NOW)
    assert taken(known, sources=99).loud_at == NOW + HOUR
    assert taken(known, sources=99, now=NOW + 2 * HOUR).loud_at == NOW + 2 * HOUR
    assert taken(known, sources=99, quiet_until=NOW + 8 * HOUR).loud_at == NOW + 8 * HOUR
    assert taken(known, sources=99, quiet_until=NOW + MOMENT).loud_at == NOW + HOUR


def test_what_is_material_goes_with_what_waits_to_be_shown() -> None:
    waiting = replace(KNOWN, loud_at=NOW + HOUR / 2)
    assert taken(waiting, sources=99).loud_at == NOW + HOUR / 2
    assert taken(waiting, sources=99, now=NOW + HOUR / 2).loud_at == NOW + 3 * HOUR / 2


def test_what_has_become_urgent_waits_for_nothing_but_quiet_hours() -> None:
    known = replace(KNOWN, loud_at=NOW)
    assert taken(known, level="urgent").loud_at == NOW
    assert taken(known, level="urgent", quiet_until=NOW + 8 * HOUR).loud_at == NOW + 8 * HOUR


def test_the_loudest_channel_says_the_decision() -> None:
    by_weight = [
        Step(action="post", reason="new"),
        Step(action="post", reason="routed"),
        Step(action="list", reason="burst"),
        Step(action="reply", reason="development"),
        Step(action="reply", reason="follow_up"),
        Step(action="count", reason="duplicate"),
    ]
    for n, loudest in enumerate(by_weight):
        for steps in (by_weight[n:], by_weight[n:][::-1]):
            found = verdict(steps)
            assert (found.decision, found.reason) == (REASONS[loudest.reason][0], loudest.reason)


# --- whatever the story -----------------------------------------------------------------------------------

SPANS = st.integers(-200, 200).map(lambda quarters: quarters * HOUR / 4)
MOMENTS = SPANS.map(lambda span: NOW + span)
LEVELS = st.sampled_from(["routine", "urgent"])
ITEMS = st.builds(
    lambda published, seen, backlog: item(published=published, first_seen=seen, backlog=backlog),
    st.none() | MOMENTS,
    MOMENTS,
    st.booleans(),
)
POSTS = st.builds(
    lambda level, loud_at, sources, score, toll: post(
        level=level, loud_at=loud_at, loud_sources=sources, loud_score=score, loud_toll=toll
    ),
    LEVELS,
    MOMENTS,
    st.integers(1, 20),
    st.floats(50, 100),
    st.integers(0, 50),
)
STORIES = st.fixed_dictionaries(
    {
        "of": ITEMS,
        "level": LEVELS,
        "traffic": st.builds(Traffic, of_topic=st.integers(0, 50), of_channel=st.integers(0, 50)),
        "sources": st.integers(1, 60),
        "score": st.floats(50, 100),
        "toll": st.integers(0, 200),
        "copied": st.booleans(),
        "told": st.booleans(),
    }
)
ACTIONS = {"post": "alert", "list": "alert", "reply": "thread", "count": "quiet"}


@given(st.none() | POSTS, STORIES, MOMENTS)
def test_a_step_is_what_its_reason_says(known: Post | None, story: dict[str, Any], now: datetime) -> None:
    found = taken(known, **story, now=now)
    assert ACTIONS[found.action] == REASONS[found.reason][0]
    assert (found.action in ("post", "list")) == (known is None), "a channel is told of a story once"
    assert (found.action == "list") == (found.reason in LISTED)
    assert (found.loud_at is not None) == (found.reason in LOUD)


@given(POSTS, STORIES, MOMENTS)
def test_a_copy_is_loud_only_where_its_story_has_become_urgent(
    known: Post, story: dict[str, Any], now: datetime
) -> None:
    found = taken(known, **story | {"copied": True}, now=now)
    urgent_now = story["level"] == "urgent" and known.level == "routine"
    assert found.reason == ("escalated" if urgent_now else "duplicate")


@given(POSTS, STORIES, MOMENTS, st.none() | MOMENTS)
def test_nothing_is_loud_before_its_time(
    known: Post, story: dict[str, Any], now: datetime, quiet_until: datetime | None
) -> None:
    found = taken(known, **story, now=now, quiet_until=quiet_until)
    if found.loud_at is not None:
        assert found.loud_at >= max(now, quiet_until or now)
        # What waits for its time already takes the new along.
        calm = known.loud_at + (RULES.cooldown if known.loud_at <= now else timedelta(0))
        assert found.reason == "escalated" or found.loud_at >= calm


@given(POSTS, STORIES, MOMENTS, MOMENTS)
def test_time_alone_makes_nothing_loud(
    known: Post, story: dict[str, Any], one: datetime, other: datetime
) -> None:
    now, later = sorted((one, other))
    before, after = taken(known, **story, now=now), taken(known, **story, now=later)
    assert (before.action, before.reason) == (after.action, after.reason)
    if before.loud_at is not None and after.loud_at is not None:
        assert before.loud_at <= after.loud_at


@given(ITEMS, MOMENTS, MOMENTS)
def test_what_is_too_old_grows_no_younger(found: Item, one: datetime, other: datetime) -> None:
    now, later = sorted((one, other))
    if why_quiet(found, now=now):
        assert why_quiet(found, now=later)


@given(POSTS, STORIES, st.sampled_from(["sources", "score", "toll"]), st.integers(0, 40))
def test_what_is_loud_stays_loud_with_more_of_it(
    known: Post, story: dict[str, Any], what: str, more: int
) -> None:
    if taken(known, **story).reason in LOUD:
        assert taken(known, **story | {what: story[what] + more}).reason in LOUD


@given(POSTS, STORIES)
def test_what_a_channel_has_been_shown_is_not_shown_again(known: Post, story: dict[str, Any]) -> None:
    shown = replace(
        known,
        level=story["level"],
        loud_sources=story["sources"],
        loud_score=story["score"],
        loud_toll=story["toll"],
    )
    assert taken(shown, **story).reason in ("follow_up", "duplicate")


# --- the manual -------------------------------------------------------------------------------------------


def table(heading: str) -> list[tuple[str, ...]]:
    """The rows of the table below a heading of the manual, the reason without its quotes."""
    _, _, section = MANUAL.read_text().partition(f"\n## {heading}\n")
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section.partition("\n## ")[0], re.MULTILINE)
    return [(reason, *rest.split(" | ")) for reason, rest in rows]


def test_the_manual_has_every_reason_to_tell_and_not_to() -> None:
    told = [(reason, decision, meaning) for reason, (decision, meaning) in REASONS.items()]
    assert table("When it tells, and when not") == told


def test_the_manual_has_every_reason_to_join_a_story() -> None:
    assert table("Why an item is in a story") == list(grouping.REASONS.items())


def test_reasons_say_which_setting_they_are_about() -> None:
    for _, meaning in REASONS.values():
        for setting in re.findall(r"alerts\.(\w+)", meaning):
            assert setting in {field.name for field in fields(Rules)}
