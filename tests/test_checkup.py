"""What one look at a feed says about it."""

from datetime import timedelta
from typing import Any

import pytest
from builders import HOUR, NOW, parsed

from monitor.checkup import examine, remarks

DAY = timedelta(days=1)
LONG = " ".join(["word"] * 40)


def items(count: int, every: timedelta, **changes: Any) -> list[Any]:
    return [
        parsed(n, **{"published": NOW - 3 * HOUR - n * every, "summary": LONG, **changes})
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "every", "rhythm"),
    [
        (60, timedelta(minutes=10), "about 6 items per hour, last 3 h ago"),
        (30, timedelta(hours=2), "about 12 items per day, last 3 h ago"),
        (10, DAY, "about 7 items per week, last 3 h ago"),
        (10, 10 * DAY, "about 3 items per month, last 3 h ago"),
        (5, 300 * DAY, "about 1 items per month, last 3 h ago"),
        (2, DAY, "unknown: too few dates; last 3 h ago"),
        (3, timedelta(0), "unknown: too few dates; last 3 h ago"),
        (0, DAY, "unknown: no item has a date"),
    ],
)
def test_the_rhythm_in_words(count: int, every: timedelta, rhythm: str) -> None:
    assert examine(items(count, every), NOW).rhythm == rhythm


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (items(5, HOUR), []),
        ([], ["holds no items"]),
        (items(5, HOUR, title="", summary=""), ["no item has a title or a summary", "summaries of 0 words"]),
        (items(5, HOUR, title=""), ["5 of 5 items have no title"]),
        (items(5, HOUR, url=None), ["5 of 5 items have no link"]),
        (items(4, HOUR) + items(1, HOUR, published=None, guid="x"), ["1 of 5 items have no date"]),
        (
            items(4, HOUR) + items(1, HOUR, published=NOW + DAY, guid="x"),
            ["1 of 5 items are dated in the future"],
        ),
        (items(5, HOUR, published=NOW - 40 * DAY), ["the newest item is 40 d old"]),
        (items(5, HOUR, guid="same"), ["4 items repeat the guid"]),
        (
            items(5, HOUR, summary="Only these five words here"),
            ["summaries of 5 words: full_text recommended"],
        ),
    ],
)
def test_what_deserves_a_word_is_said(shown: list[Any], said: list[str]) -> None:
    found = list(remarks(examine(shown, NOW), NOW))
    assert len(found) == len(said), found
    for sentence, words in zip(found, said, strict=True):
        assert words in sentence


def test_only_a_feed_without_words_is_unusable() -> None:
    assert examine(items(3, HOUR), NOW).usable
    assert examine([], NOW).usable
    assert not examine(items(3, HOUR, title="", summary=""), NOW).usable


def test_guids_and_dates_are_counted() -> None:
    checked = examine(items(4, HOUR, guid="same") + items(2, HOUR, guid=None, published=None), NOW)
    assert (checked.items, checked.with_guid, checked.repeated_guids, checked.dated) == (6, 4, 3, 4)
    assert (checked.newest, checked.oldest) == (NOW - 3 * HOUR, NOW - 6 * HOUR)
