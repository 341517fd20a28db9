"""What a channel is told of a story: messages that grow, replies that are joined, lists."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from builders import HOUR, NOW, item, message, score, topic
from hypothesis import given
from hypothesis import strategies as st

from monitor.compose import counted, entry_for, grown, joined, listed, message_for, update_for
from monitor.policy import LOUD
from monitor.records import Destination, Entry, Listing, Match, Message, ScoredItem, Update

MATCH = Match(item=item(author="R. Eporter"), score=score(score=77.0))
FIRST = ScoredItem(item=item(), score=70.0)
SECOND = ScoredItem(
    item=item(id=2, title="A second camp", url="https://daily.example/2", feed_name="Daily"), score=90.0
)


def to(**changes: Any) -> Destination:
    plain = Destination(
        channel="#duty",
        level="urgent",
        mention="here",
        wait_before_first=timedelta(0),
        update_every=timedelta(minutes=5),
        remind_after=None,
    )
    return replace(plain, **changes)


def entry(n: int = 1, topic_name: str = "Patrols") -> Entry:
    return replace(entry_for(FIRST, topic_name), title=f"Story {n}")


def update(*entries: Entry, **changes: Any) -> Update:
    plain = Update(
        topic_name="Patrols", title="T", reason="follow_up", entries=entries, sources=2, score=70.0
    )
    return replace(plain, **changes)


# --- a story's message ------------------------------------------------------------------------------------


def test_the_match_that_opens_a_story_says_what_it_is() -> None:
    told = message_for(MATCH, topic(), to())
    assert told == message(author="R. Eporter", score=77.0, level="urgent", mention="here")
    assert message_for(MATCH, topic(), to(level="routine", mention=None)).mention is None


def test_a_message_grows_with_its_story() -> None:
    told = grown(message(), [FIRST, SECOND], 2, ["Wire", "Daily"], None)
    assert told == message(
        score=90.0, sources=("Wire", "Daily"), items=2, latest=entry_for(SECOND, "Patrols")
    )


def test_a_story_of_one_item_has_no_latest() -> None:
    assert grown(message(), [FIRST], 1, ["Wire"], None) == message(score=70.0, sources=("Wire",))
    assert grown(message(title="As it was before an edit"), [FIRST], 1, ["Wire"], None).latest is None


def test_the_headline_is_not_repeated_as_the_latest() -> None:
    again = replace(FIRST, item=replace(FIRST.item, id=3))
    assert grown(message(), [FIRST, SECOND, again], 3, ["Wire", "Daily"], None).latest is None
    elsewhere = replace(again, item=replace(again.item, url="https://daily.example/3"))
    assert grown(message(), [FIRST, elsewhere], 2, ["Wire"], None).latest == entry_for(elsewhere, "Patrols")


def test_a_story_was_first_seen_with_its_first_item_whichever_opened_the_message() -> None:
    early = replace(FIRST, item=item(id=5, first_seen=NOW - HOUR))
    told = grown(message(), [early, FIRST], 2, ["Wire"], None)
    assert (told.first_seen, told.title, told.url) == (NOW - HOUR, message().title, message().url)


def test_who_has_acknowledged_a_story_is_in_its_message() -> None:
    told = grown(message(level="urgent", mention="here"), [FIRST], 1, ["Wire"], "Ana")
    assert (told.acknowledged_by, told.level, told.mention) == ("Ana", "urgent", "here")


@given(st.lists(st.tuples(st.floats(50, 100), st.integers(0, 99)), min_size=1), st.integers(0, 50))
def test_growing_twice_is_growing_once(items: list[tuple[float, int]], more: int) -> None:
    told = [
        ScoredItem(item=item(id=n, first_seen=NOW + minutes * HOUR / 60), score=points)
        for n, (points, minutes) in enumerate(items)
    ]
    count = len(told) + more
    whole = grown(message(), told, count, ["Wire"], None)
    assert grown(grown(message(), told[:1], 1, [], None), told, count, ["Wire"], None) == whole
    assert whole.score == max(points for points, _ in items)


# --- replies ----------------------------------------------------------------------------------------------


def test_a_reply_names_its_item_and_what_the_story_has_come_to() -> None:
    told = update_for(MATCH, topic(), "The story", "follow_up", 4, to())
    own = entry_for(ScoredItem(item=MATCH.item, score=77.0), "Patrols")
    assert told == update(own, title="The story", sources=4, score=77.0, level="urgent")


@pytest.mark.parametrize("reason", [*LOUD, "follow_up"])
def test_only_a_story_that_has_become_urgent_mentions_in_its_thread(reason: str) -> None:
    told = update_for(MATCH, topic(), "T", reason, 4, to())
    assert told.mention == ("here" if reason == "escalated" else None)


@pytest.mark.parametrize(
    ("waiting", "new", "reason"),
    [
        ("follow_up", "follow_up", "follow_up"),
        ("follow_up", "higher_score", "higher_score"),
        ("more_sources", "follow_up", "more_sources"),
        ("development", "escalated", "escalated"),
        ("higher_score", "development", "development"),
    ],
)
def test_of_two_replies_the_weightier_reason_counts(waiting: str, new: str, reason: str) -> None:
    told = joined(update(entry(1), reason=waiting), update(entry(2), reason=new))
    assert told is not None
    assert told.reason == reason


def test_two_replies_are_one_with_what_is_known_by_now() -> None:
    waiting = update(entry(1), entry(2), sources=3, score=90.0, mention="here", level="urgent")
    told = joined(waiting, update(entry(3), sources=5, score=80.0, level="urgent"))
    assert told == update(entry(1), entry(2), entry(3), sources=5, score=90.0, mention="here", level="urgent")
    assert joined(update(entry(1)), update(entry(2), mention="U1")) == update(
        entry(1), entry(2), mention="U1"
    )


def test_a_reply_that_is_full_takes_no_more() -> None:
    told: Update | None = update(entry(0))
    for n in range(1, 20):
        assert told is not None
        told = joined(told, update(entry(n)))
    assert told is not None
    assert [one.title for one in told.entries] == [f"Story {n}" for n in range(20)]
    assert joined(told, update(entry(20))) is None


# --- lists ------------------------------------------------------------------------------------------------


def listing(**changes: Any) -> Listing:
    return replace(listed("burst", entry(), NOW), **changes)


def test_a_list_begins_with_one_story_and_its_own_message() -> None:
    own: Message = message()
    assert listed("late", entry(), NOW, alone=own) == Listing(
        why="late",
        stories=(entry(),),
        total=1,
        since=NOW,
        until=NOW,
        counts=(("Patrols", 1),),
        alone=own,
    )


def test_a_further_page_leaves_counting_to_the_first() -> None:
    page = listed("burst", entry(21), NOW, page=1, total=21)
    assert (page.page, page.total, page.counts, page.alone) == (1, 21, (), None)


def test_the_first_page_counts_the_stories_of_all() -> None:
    before = listing(counts=(("Floods", 2), ("Patrols", 1)), total=3)
    after = counted(before, entry(2), NOW + HOUR)
    assert after == replace(before, total=4, until=NOW + HOUR, counts=(("Floods", 2), ("Patrols", 2))), (
        "which page holds the story is not its business"
    )
    assert counted(before, entry(2, "Fires"), NOW).counts == (("Floods", 2), ("Patrols", 1), ("Fires", 1))


@given(st.lists(st.sampled_from(["A", "B", "C"]), min_size=1))
def test_counts_add_up(names: list[str]) -> None:
    moments: list[datetime] = [NOW + n * HOUR for n in range(len(names))]
    told = listed("held", entry(topic_name=names[0]), moments[0])
    for name, moment in zip(names[1:], moments[1:], strict=True):
        told = counted(told, entry(topic_name=name), moment)
    assert told.total == len(names) == sum(count for _, count in told.counts)
    assert dict(told.counts) == {name: names.count(name) for name in names}
    assert (told.since, told.until) == (moments[0], moments[-1])
