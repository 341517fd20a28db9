"""How good a feed is as a source, judged from one look at it. Pure.

What can be counted goes into a ``Checkup``; ``remarks`` says in words what deserves some.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from monitor.records import ParsedItem

__all__ = ["Checkup", "examine", "remarks", "written_age"]

SHORT_SUMMARY = 30
"""Words; a median under it says little more than the headline."""
SILENT = timedelta(days=30)
AHEAD = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """What one document of a feed holds; counts are of items, ``ahead`` those dated in the future.

    ``summary_words`` is the median per item. ``per_day`` is None where fewer than three dated items, or no
    time between them, tell no rhythm. ``usable`` is false if no item has words to score.
    """

    items: int
    dated: int
    ahead: int
    with_guid: int
    repeated_guids: int
    with_link: int
    with_title: int
    newest: datetime | None
    oldest: datetime | None
    per_day: float | None
    rhythm: str
    summary_words: int
    usable: bool


def examine(items: Sequence[ParsedItem], now: datetime) -> Checkup:
    """Judge the items of one document of a feed, seen at ``now``."""
    moments = sorted(item.published for item in items if item.published)
    past = [moment for moment in moments if moment <= now + AHEAD]
    guids = [item.guid for item in items if item.guid]
    per_day = _per_day(past)
    return Checkup(
        items=len(items),
        dated=len(moments),
        ahead=len(moments) - len(past),
        with_guid=len(guids),
        repeated_guids=len(guids) - len(set(guids)),
        with_link=sum(item.url is not None for item in items),
        with_title=sum(bool(item.title) for item in items),
        newest=moments[-1] if moments else None,
        oldest=moments[0] if moments else None,
        per_day=per_day,
        rhythm=_rhythm(per_day, past, now),
        summary_words=int(median(len(item.summary.split()) for item in items)) if items else 0,
        usable=not items or any(item.title or item.summary for item in items),
    )


def _per_day(moments: Sequence[datetime]) -> float | None:
    if len(moments) < 3 or moments[0] == moments[-1]:
        return None
    return (len(moments) - 1) / ((moments[-1] - moments[0]) / DAY)


def _rhythm(per_day: float | None, past: Sequence[datetime], now: datetime) -> str:
    if not past:
        return "unknown: no item has a date"
    last = f"last {written_age(now - past[-1])} ago"
    if per_day is None:
        return f"unknown: too few dates; {last}"
    for unit, days in (("hour", 1 / 24), ("day", 1.0), ("week", 7.0)):
        # From two an hour, two a day, two a week: below, the next unit says it better.
        if per_day * days >= 2:
            return f"about {per_day * days:.0f} items per {unit}, {last}"
    return f"about {max(per_day * 30, 1):.0f} items per month, {last}"


def written_age(age: timedelta) -> str:
    """Write a time span as people say it, in its largest unit."""
    for unit, span in (("d", DAY), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1))):
        if age >= span:
            return f"{age // span} {unit}"
    return "less than a minute"


def remarks(checkup: Checkup, now: datetime) -> Iterator[str]:
    """Say what deserves a word about a feed, with its remedy where there is one."""
    count, newest = checkup.items, checkup.newest
    if not count:
        yield "the feed holds no items; if it stays so, look for another of this outlet"
        return
    if not checkup.usable:
        yield "no item has a title or a summary, so there is nothing to score"
    elif untitled := count - checkup.with_title:
        yield f"{untitled} of {count} items have no title; their summary speaks for them"
    if unlinked := count - checkup.with_link:
        yield f"{unlinked} of {count} items have no link, so their alerts lead nowhere"
    if undated := count - checkup.dated:
        yield f"{undated} of {count} items have no date, so they never count as too old"
    if checkup.ahead:
        yield f"{checkup.ahead} of {count} items are dated in the future, so their age cannot be told"
    if newest and now - newest > SILENT:
        yield f"the newest item is {written_age(now - newest)} old; the outlet may have moved to another feed"
    if checkup.repeated_guids:
        yield f"{checkup.repeated_guids} items repeat the guid of another; address and title tell them apart"
    if checkup.summary_words < SHORT_SUMMARY:
        yield f"summaries of {checkup.summary_words} words: full_text recommended"
