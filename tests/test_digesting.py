"""When a digest is due, which time it covers, and what it says."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from builders import HOUR, NOW, item, score, topic
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.digesting import SHOWN, composed, ending, last_due, leading
from monitor.records import ChannelStory, DigestPlan, Match

DAY = timedelta(days=1)
MORNING = DigestPlan(period="daily", at=time(8), time_zone="Europe/London")
ZONES = ("Europe/London", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe", "UTC")
PLANS = st.builds(
    DigestPlan,
    period=st.sampled_from(("daily", "weekly")),
    at=st.times().map(lambda at: at.replace(second=0, microsecond=0, fold=0)),
    time_zone=st.sampled_from(ZONES),
    weekday=st.integers(0, 6),
)
MOMENTS = st.timedeltas(timedelta(0), 11_000 * DAY).map(
    lambda since: datetime(2005, 1, 1, tzinfo=UTC) + since
)
# On 30 December 2011 Samoa left a day out.
OVER_THE_DATE_LINE = datetime(2011, 12, 31, 12, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def london(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/London"))


@pytest.mark.parametrize(
    ("plan", "now", "since", "until"),
    [
        (MORNING, "2026-11-20 08:00", "2026-11-19 08:00", "2026-11-20 08:00"),
        (MORNING, "2026-11-20 07:59:59", "2026-11-18 08:00", "2026-11-19 08:00"),
        # The clocks go forward on 29 March, and back on 25 October.
        (MORNING, "2026-03-29 07:30", "2026-03-28 08:00", "2026-03-29 07:00"),
        (MORNING, "2026-10-25 08:00", "2026-10-24 07:00", "2026-10-25 08:00"),
        (replace(MORNING, at=time(1, 30)), "2026-03-29 12:00", "2026-03-28 01:30", "2026-03-29 01:30"),
        (replace(MORNING, at=time(1, 30)), "2026-10-25 12:00", "2026-10-24 00:30", "2026-10-25 00:30"),
        # 20 November 2026 is a Friday.
        (replace(MORNING, period="weekly"), "2026-11-20 12:00", "2026-11-09 08:00", "2026-11-16 08:00"),
        (
            replace(MORNING, period="weekly", weekday=4),
            "2026-11-20 12:00",
            "2026-11-13 08:00",
            "2026-11-20 08:00",
        ),
        (
            replace(MORNING, period="weekly", weekday=4),
            "2026-11-20 07:00",
            "2026-11-06 08:00",
            "2026-11-13 08:00",
        ),
        # In New York it is still Thursday.
        (
            replace(MORNING, at=time(22), time_zone="America/New_York"),
            "2026-11-20 03:30",
            "2026-11-19 03:00",
            "2026-11-20 03:00",
        ),
    ],
)
def test_the_last_digest_due_and_the_time_it_covers(
    plan: DigestPlan, now: str, since: str, until: str
) -> None:
    span = last_due(plan, utc(now))
    assert (span.since, span.until) == (utc(since), utc(until))


@given(plan=PLANS, now=MOMENTS)
@example(plan=DigestPlan(period="daily", at=time(9), time_zone="Pacific/Apia"), now=OVER_THE_DATE_LINE)
def test_spans_end_in_the_past_and_the_next_one_has_not(plan: DigestPlan, now: datetime) -> None:
    span = last_due(plan, now)
    longest = timedelta(days=7 if plan.period == "weekly" else 1) + DAY
    assert span.since < span.until <= now
    assert now - span.until < longest
    assert span.until - span.since < longest
    assert span.days == tuple(sorted(set(span.days)))
    assert len(span.days) == 7
    assert span.days[0] <= span.since <= span.days[-1] < span.until
    assert span.until.astimezone(ZoneInfo(plan.time_zone)).minute % 30 == plan.at.minute % 30


@given(plan=PLANS, now=MOMENTS)
@example(plan=DigestPlan(period="daily", at=time(9), time_zone="Pacific/Apia"), now=OVER_THE_DATE_LINE)
def test_spans_follow_each_other_without_a_gap(plan: DigestPlan, now: datetime) -> None:
    span = last_due(plan, now)
    assert last_due(plan, span.until) == span
    before = last_due(plan, span.until - timedelta(microseconds=1))
    assert before.until == span.since


@given(plan=PLANS, now=MOMENTS)
def test_who_cannot_wait_gets_one_that_ends_now(plan: DigestPlan, now: datetime) -> None:
    assert last_due(ending(plan, now), now).until == now


# --- what it says ----------------------------------------------------------------------------------


SPAN = last_due(MORNING, utc("2026-11-20 12:00"))
NOON = SPAN.until - 20 * HOUR
PATROLS, RAIDS = topic(), topic(id="raids", name="Raids")


def story(id_: int, **changes: Any) -> ChannelStory:
    plain = ChannelStory(id=id_, topic_id="patrols", told_at=NOON, items=1, score=80.0)
    return replace(plain, **changes)


def test_counts_are_of_the_span_and_days_of_the_week() -> None:
    told = [
        story(1, items=3),
        story(2, told_at=SPAN.since),
        story(3, told_at=SPAN.since - timedelta(microseconds=1), items=9),
        story(4, told_at=SPAN.days[0]),
        story(5, topic_id="gone", told_at=SPAN.until - HOUR),
    ]
    items = {n: [item(id=n)] for n in range(1, 6)}
    digest = composed(MORNING, SPAN, [RAIDS, PATROLS], told, items, [], 7)
    counts = [(count.topic_name, count.stories, count.items, count.per_day) for count in digest.topics]
    assert counts == [
        ("Patrols", 2, 4, (1, 0, 0, 0, 0, 1, 2)),
        ("gone", 1, 1, (0, 0, 0, 0, 0, 0, 1)),
        ("Raids", 0, 0, (0,) * 7),
    ]
    assert digest.items_read == 7
    assert digest.until == london("2026-11-20 08:00")
    assert (digest.since.utcoffset(), digest.time_zone) == (timedelta(0), "Europe/London")


def test_the_story_of_most_independent_sources_comes_first() -> None:
    told = [story(1, items=2), story(2, items=2, score=60.0), story(3), story(4, score=90.0)]
    items = {
        # One report, printed twice: a single source.
        1: [item(id=1), item(id=2, url="https://other.example/1", feed_name="Other")],
        2: [
            item(id=3, url="https://one.example/1", title="Convoy stopped at the river", summary=""),
            item(
                id=4, url="https://two.example/1", title="Bridge closed after army finds rifles", summary=""
            ),
        ],
        3: [item(id=5)],
        4: [item(id=6, title="Fishermen report gunfire")],
    }
    top = composed(MORNING, SPAN, [PATROLS], told, items, [], 7).top
    assert [(entry.title, entry.sources, entry.score) for entry in top] == [
        ("Convoy stopped at the river", 2, 60.0),
        ("Report number 1 of the patrol", 1, 80.0),
        ("Fishermen report gunfire", 1, 90.0),
        ("Report number 1 of the patrol", 1, 80.0),
    ]


def test_a_story_is_named_by_the_item_that_told_it_first() -> None:
    late = item(id=1, title="Later words", first_seen=NOW)
    first = item(id=2, title="First words", first_seen=NOW - HOUR)
    (entry,) = composed(MORNING, SPAN, [PATROLS], [story(1)], {1: [late, first]}, [], 1).top
    assert (entry.title, entry.source, entry.topic_name) == ("First words", "Wire", "Patrols")


def test_few_are_named_and_of_many_the_sources_of_those_with_most_items_are_counted() -> None:
    told = [story(n, items=n) for n in range(1, 101)]
    found = leading([*told, story(200, items=500, told_at=SPAN.until)], SPAN)
    assert [known.id for known in found] == list(range(100, 50, -1))
    items = {known.id: [item(id=known.id)] for known in found}
    assert len(composed(MORNING, SPAN, [PATROLS], told, items, [], 1).top) == SHOWN


def test_near_misses_are_those_closest_to_their_own_cut() -> None:
    strict = topic(id="raids", name="Raids", cut=65.0)

    def missed(n: int, points: float, topic_id: str = "patrols") -> Match:
        return Match(item=item(id=n, title=f"Miss {n}"), score=score(n, score=points, topic_id=topic_id))

    found = [missed(1, 40), missed(2, 30), missed(3, 60, "raids"), *(missed(n, 26) for n in range(4, 9))]
    misses = composed(MORNING, SPAN, [PATROLS, strict], [], {}, found, 1).near_misses
    assert [(miss.title, miss.topic_name, miss.score) for miss in misses][:3] == [
        ("Miss 3", "Raids", 60),
        ("Miss 1", "Patrols", 40),
        ("Miss 2", "Patrols", 30),
    ]
    assert len(misses) == SHOWN
