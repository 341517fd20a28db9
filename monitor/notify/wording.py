"""What messages say, in plain words, whatever the layout: sentences, counts, times, addresses. Pure."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from monitor.records import (
    STORIES_PER_PAGE,
    Digest,
    Entry,
    Listing,
    Message,
    Notice,
    NoticeEntry,
    Reminder,
    TopicCount,
    Update,
)

MAX_TITLE = 300
MAX_TEXT = 600
"""Characters; Slack refuses long messages well below the limits it documents, so we stay far away."""
MAX_LINE = 120
"""Characters of a title that is one of many."""
MAX_NAME = 60
MAX_NAMES = 5
MAX_URL = 3000
MAX_HOST = 253

_DOTS = 5
_SPARKS = "▁▂▃▄▅▆▇█"
_CHANGES = {
    "escalated": "Now urgent",
    "development": "New development",
    "more_sources": "Now {sources}",
    "higher_score": "Surer now: score {score:.0f}",
}
_LISTED = {
    "burst": ("{stories} at once", "Too many for a message each."),
    "late": ("{stories}, late", "Published some time before they could be read."),
    "held": ("{stories} from quiet hours", "Held until now."),
}
_PERIODS = {"daily": "Daily digest", "weekly": "Weekly digest"}


# --- anything ----------------------------------------------------------------------------------------


def cut(text: str, limit: int) -> str:
    """Return the text in at most ``limit`` characters, with a mark where it was cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def counted(number: int, thing: str, things: str | None = None) -> str:
    """Return a number with its noun: 1 story, 2 stories."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def listed(names: Sequence[str], most: int = MAX_NAMES) -> str:
    """Return the first names as one phrase, and how many more there are."""
    shown = ", ".join(cut(name, MAX_NAME) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def shown_time(moment: datetime) -> str:
    """Return a moment in UTC, to the minute."""
    return f"{moment:%-d %b %Y %H:%M} UTC"


def _later(moment: datetime, first: datetime) -> str:
    return f"{moment:%H:%M} UTC" if moment.date() == first.date() else shown_time(moment)


def shown_span(since: datetime, until: datetime, zone: str) -> str:
    """Return a stretch of time, the day only once where both ends share it."""
    zone = cut(zone, MAX_NAME)
    if f"{since:%F %H:%M}" == f"{until:%F %H:%M}":
        return f"{since:%-d %b %Y %H:%M} {zone}"
    end = f"{until:%H:%M}" if since.date() == until.date() else f"{until:%-d %b %Y %H:%M}"
    return f"{since:%-d %b %Y %H:%M} – {end} {zone}"


def host(url: str | None) -> str | None:
    """Return the host of a web address without its ``www.``, None for what cannot be linked.

    In punycode: a look-alike of another script is seen for what it is.
    """
    try:
        parts = urlsplit(url or "")
        name = parts.hostname or ""
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not 0 < len(name) <= MAX_HOST or len(url or "") > MAX_URL:
        return None
    if re.search(r"\s", url or ""):
        # `urlsplit` passes over line breaks; Slack does not.
        return None
    try:
        shown = name.encode("idna").decode()
    except UnicodeError:
        shown = name.encode("ascii", "backslashreplace").decode()
    return shown.removeprefix("www.") or shown


def dots(score: float) -> str:
    """Return a score (0–100) as five dots, for a glance."""
    full = max(0, min(_DOTS, round(score * _DOTS / 100)))
    return "●" * full + "○" * (_DOTS - full)


def sparkline(counts: Sequence[int], highest: int) -> str:
    """Return counts as a line of bars; ``highest`` is as high as a bar can be."""
    steps = len(_SPARKS) - 1
    return "".join(_SPARKS[-(-count * steps // max(highest, 1))] for count in counts)


# --- a story -----------------------------------------------------------------------------------------


def headline(title: str, limit: int = MAX_TITLE) -> str:
    """Return a title as it is shown."""
    return cut(title, limit).strip() or "(no title)"


def is_pressing(message: Message) -> bool:
    """Whether somebody ought to acknowledge the story."""
    return message.level == "urgent" and not message.acknowledged_by


def story_heading(message: Message) -> str:
    """Return what a story is about, and who has taken it up."""
    named = [cut(name, MAX_TITLE) for name in (message.topic_name, message.watchlist) if name]
    if message.acknowledged_by:
        return " · ".join((f"✓ Acknowledged by {cut(message.acknowledged_by, MAX_NAME)}", *named))
    return " · ".join(named) or "(no topic)"


def independent(number: int) -> str:
    """Return how many independent sources there are."""
    return counted(number, "independent source")


def growth(message: Message) -> list[str]:
    """Return how a story has grown beyond its first item."""
    if message.items <= 1:
        return []
    told = [independent(len(message.sources))] if message.sources else []
    return [*told, counted(message.items, "item")]


def why(message: Message) -> str:
    """Return why the story is told."""
    return f"Why: close to “{cut(message.sentence, MAX_TITLE)}” (cut {message.cut:.0f})"


def origin(message: Message) -> str:
    """Return where a story's first item comes from, and when."""
    known = [cut(message.source, MAX_NAME)]
    if message.author:
        known.append(f"by {cut(message.author, MAX_NAME)}")
    known.append(f"published {shown_time(message.published)}" if message.published else "undated")
    known.append(f"first seen {shown_time(message.first_seen)}")
    if message.latest:
        known.append(f"latest {_later(message.latest.first_seen, message.first_seen)}")
    return " · ".join(part for part in known if part)


def seen(entry: Entry) -> str:
    """Return who brought an item, when, and how sure we are of it."""
    when = f"published {shown_time(entry.published)}" if entry.published else "undated"
    known = (cut(entry.source, MAX_NAME), when, f"score {entry.score:.0f}")
    return " · ".join(part for part in known if part)


# --- what follows, and what comes in numbers ---------------------------------------------------------


def change(update: Update) -> str | None:
    """Return what has changed in a story, None when it has merely gone on."""
    said = _CHANGES.get(update.reason)
    return said and said.format(sources=independent(update.sources), score=update.score)


def more(update: Update) -> str:
    """Return how many items an update brings."""
    return counted(len(update.entries), "more report")


def measure(entry: Entry) -> str:
    """Return what an entry of a list weighs."""
    sources = f"{entry.sources} sources · " if entry.sources > 1 else ""
    return f"{sources}score {entry.score:.0f}"


def listing_title(listing: Listing) -> str:
    """Return what a list is, in a few words."""
    return _LISTED[listing.why][0].format(stories=counted(listing.total, "story", "stories"))


def listing_note(listing: Listing, shown: int) -> str:
    """Return when the stories came, why they are in a list, and where those are that it does not show."""
    said = [shown_span(listing.since, listing.until, "UTC") + ".", _LISTED[listing.why][1]]
    if listing.total > shown:
        said.append("The others are in the thread.")
    return " ".join(said)


def listing_counts(listing: Listing) -> tuple[tuple[str, int], ...]:
    """Return how many stories each topic has over all pages, most first; nothing where that is not known."""
    if listing.counts or listing.total > len(listing.stories):
        return tuple(sorted(listing.counts, key=lambda pair: -pair[1]))
    return tuple(Counter(story.topic_name for story in listing.stories).most_common())


def listing_place(listing: Listing) -> str:
    """Return which stories a page has."""
    first = listing.page * STORIES_PER_PAGE + 1
    return f"Stories {first}–{first + len(listing.stories) - 1}"


def digest_title(digest: Digest) -> str:
    """Return what a digest is, with its last day."""
    return f"{_PERIODS[digest.period]}, {digest.until:%-d %b %Y}"


def digest_sum(digest: Digest) -> str:
    """Return what a period came to, in one line, and that somebody was looking."""
    told = _sum(sum(topic.stories for topic in digest.topics), sum(topic.items for topic in digest.topics))
    read = f"{counted(digest.items_read, 'item was', 'items were')} read"
    return f"{told}; {read}" if digest.items_read else told


def topic_sum(topic: TopicCount) -> str:
    """Return what a topic came to, in one line."""
    return _sum(topic.stories, topic.items)


def _sum(stories: int, items: int) -> str:
    if not stories and not items:
        return "no stories"
    return f"{counted(stories, 'story', 'stories')} from {counted(items, 'item')}"


def reminder_note(reminder: Reminder) -> str:
    """Return what a reminder is about."""
    nth = f" · reminder {reminder.count}" if reminder.count > 1 else ""
    return f"{cut(reminder.topic_name, MAX_TITLE)} · told {shown_time(reminder.told_at)}{nth}"


# --- notices -----------------------------------------------------------------------------------------


def notice_sum(notice: Notice) -> str:
    """Return what has begun and what is over, in one line."""
    begun = [entry.subject for entry in notice.entries if not entry.over]
    over = [entry.subject for entry in notice.entries if entry.over]
    told = [f"{what}: {listed(names, 3)}" for what, names in (("Trouble", begun), ("Over", over)) if names]
    return cut(" · ".join(told), MAX_TITLE)


def notice_text(entry: NoticeEntry) -> list[str]:
    """Return what is the matter, what can be done, and since when."""
    since = f"Since {shown_time(entry.since)}." if not entry.over else None
    return [part for part in (entry.text, entry.remedy, since) if part]


def notice_mark(entry: NoticeEntry) -> str:
    """Return the sign of a beginning or an end."""
    return "✓" if entry.over else "⚠"
