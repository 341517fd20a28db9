"""How lists and digests look in Slack. Pure.

A message has room for some 13,000 characters, addresses included. A line of a list takes 250 at most without
its address; what is left is for the addresses, so that most lines have one. A line without it still says its
host.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from monitor.notify.literal import (
    Block,
    addressed,
    bold,
    bullets,
    context,
    entry_line,
    header,
    rich,
    said,
    section,
)
from monitor.notify.wording import (
    MAX_NAME,
    cut,
    digest_sum,
    digest_title,
    listing_counts,
    listing_note,
    listing_place,
    listing_title,
    measure,
    shown_span,
    sparkline,
    topic_sum,
)
from monitor.records import STORIES_PER_PAGE, Digest, Entry, Listing, TopicCount

__all__ = ["MOST_ENTRIES", "digest_blocks", "entry_lines", "listing_blocks"]

MOST_ENTRIES = STORIES_PER_PAGE
_MOST_TOPICS = 12
_TREND = 3
"""Days that make a line of bars worth looking at."""


def listing_blocks(listing: Listing) -> list[Block]:
    """A list of stories by topic, headed on its first page by how many each topic has."""
    lines = entry_lines(listing.stories, by_topic=True)
    listed = [rich(*lines)] if lines else []
    if listing.page:
        return [context(listing_place(listing)), *listed]
    counted = listing_counts(listing)
    # Of one topic alone the title says it.
    counts = " · ".join(_numbers(counted)) if len(counted) > 1 else ""
    return [
        header(listing_title(listing)),
        context(listing_note(listing, len(listing.stories))),
        *([context(counts)] if counts else []),
        *listed,
    ]


def digest_blocks(digest: Digest, chart: str | None) -> list[Block]:
    """A digest; ``chart`` is the id of a file in Slack that shows its counts, if there is one."""
    shown = (*digest.top[:MOST_ENTRIES], *digest.near_misses)[:MOST_ENTRIES]
    top, missed = shown[: len(digest.top)], shown[len(digest.top) :]
    span = shown_span(digest.since, digest.until, digest.time_zone)
    blocks = [header(digest_title(digest)), context(f"{digest_sum(digest)} · {span}")]
    if chart:
        blocks.append(chart_block(chart))
    if digest.topics:
        blocks.append(rich(bullets(_topic_lines(digest.topics))))
    with_address = addressed(entry.url for entry in shown)
    for title, entries, style in (("Top stories", top, "ordered"), ("Just below the cut", missed, "bullet")):
        if entries:
            blocks.append(rich(section(bold(title)), _list(entries, with_address, style)))
    return blocks


def chart_block(chart: str) -> Block:
    """The picture of a digest; ``chart`` is the id of a file in Slack."""
    return {"type": "image", "slack_file": {"id": chart}, "alt_text": "Stories per day, by topic"}


def entry_lines(entries: Sequence[Entry], *, by_topic: bool = False) -> list[Block]:
    """Entries as lists of rich text, one for each topic if asked for; those too many are counted."""
    shown = entries[:MOST_ENTRIES]
    with_address = addressed(entry.url for entry in shown)
    found: list[Block] = []
    if by_topic:
        for name, group in _topics(shown):
            found += [
                section(bold(cut(name, MAX_NAME) or "(no topic)")),
                _list(group, with_address, "bullet"),
            ]
    elif shown:
        found.append(_list(shown, with_address, "bullet"))
    if len(entries) > len(shown):
        found.append(section(said(f"and {len(entries) - len(shown)} more")))
    return found


def _list(entries: Iterable[Entry], with_address: set[str], style: str) -> Block:
    lines = (
        [*entry_line(entry, with_address=entry.url in with_address), said(f" · {measure(entry)}")]
        for entry in entries
    )
    return bullets(lines, style)


def _topics(entries: Sequence[Entry]) -> Iterator[tuple[str, list[Entry]]]:
    """Entries by topic, in the order in which the topics appear."""
    names = list(dict.fromkeys(entry.topic_name for entry in entries))
    ordered = sorted(entries, key=lambda entry: names.index(entry.topic_name))
    for name, group in groupby(ordered, key=lambda entry: entry.topic_name):
        yield name, list(group)


def _numbers(counts: Sequence[tuple[str, int]]) -> Iterator[str]:
    for name, number in counts[:_MOST_TOPICS]:
        yield f"{cut(name, MAX_NAME)} {number}"
    if len(counts) > _MOST_TOPICS:
        yield f"{len(counts) - _MOST_TOPICS} more topics"


def _topic_lines(topics: Sequence[TopicCount]) -> Iterator[list[Block]]:
    highest = max((count for topic in topics for count in topic.per_day), default=0)
    for topic in topics[:_MOST_TOPICS]:
        days = topic.per_day[-31:]
        trend = [said(f"  {sparkline(days, highest)}")] if len(days) >= _TREND else []
        name = cut(topic.topic_name, MAX_NAME) or "(no topic)"
        yield [bold(name), said(f"  {topic_sum(topic)}"), *trend]
    if len(topics) > _MOST_TOPICS:
        yield [said(f"{len(topics) - _MOST_TOPICS} more topics")]
