"""Messages as lines of plain text, for terminals and channels without any layout. Pure."""

from collections.abc import Iterator

import monitor.notify.wording as wording
from monitor.records import Content, Digest, Entry, Listing, Message, Notice, Reminder, Update

__all__ = ["plain_lines", "plain_title"]


def plain_title(message: Content) -> str:
    """Return a message in one line, as a notification shows it."""
    match message:
        case Message():
            urgent = "Urgent: " if wording.is_pressing(message) else ""
            return f"{urgent}{_topic(message.topic_name)}: {wording.headline(message.title)}"
        case Update():
            said = wording.change(message) or wording.more(message)
            return f"{_topic(message.topic_name)}: {said}: {wording.headline(message.title)}"
        case Listing(page=0):
            return wording.listing_title(message)
        case Listing():
            return f"{wording.listing_title(message)}: {wording.listing_place(message).lower()}"
        case Digest():
            return f"{wording.digest_title(message)}: {wording.digest_sum(message)}"
        case Reminder():
            return f"{_topic(message.topic_name)}: not acknowledged yet: {wording.headline(message.title)}"
        case Notice():
            return wording.notice_sum(message)


def plain_lines(message: Content) -> list[str]:
    """Return a message as lines of plain text; the first is its heading."""
    match message:
        case Message():
            return list(_story(message))
        case Update():
            return [plain_title(message), *(line for entry in message.entries for line in _full(entry))]
        case Listing():
            return list(_listing(message))
        case Digest():
            return list(_digest(message))
        case Reminder():
            return [plain_title(message), wording.reminder_note(message)]
        case Notice():
            return [plain_title(message), *_notice(message)]


def _story(message: Message) -> Iterator[str]:
    pressing = "Urgent" if wording.is_pressing(message) else ""
    acknowledged = f"✓ Acknowledged by {message.acknowledged_by}" if message.acknowledged_by else ""
    named = (
        pressing or acknowledged,
        _topic(message.topic_name),
        f"score {message.score:.0f} (cut {message.cut:.0f})",
        message.watchlist,
    )
    yield " · ".join(part for part in named if part)
    yield wording.headline(message.title)
    if message.url:
        yield message.url
    if message.summary:
        yield wording.cut(message.summary, wording.MAX_TEXT)
    if grown := wording.growth(message):
        yield ", ".join(grown) + (f": {wording.listed(message.sources)}" if message.sources else "")
    if message.latest:
        yield f"Latest: {_line(message.latest)}"
    yield wording.why(message)
    yield wording.origin(message)


def _listing(listing: Listing) -> Iterator[str]:
    yield plain_title(listing)
    if not listing.page:
        yield wording.listing_note(listing, len(listing.stories))
        for name, number in wording.listing_counts(listing):
            yield f"{_topic(name)}: {number}"
    for story in listing.stories:
        yield f"• {_topic(story.topic_name)}: {_line(story)} ({wording.measure(story)})"


def _digest(digest: Digest) -> Iterator[str]:
    yield plain_title(digest)
    yield wording.shown_span(digest.since, digest.until, digest.time_zone)
    for topic in digest.topics:
        yield f"{_topic(topic.topic_name)}: {wording.topic_sum(topic)}"
    for title, entries in (("Top stories", digest.top), ("Just below the cut", digest.near_misses)):
        if entries:
            yield f"{title}:"
            yield from (f"• {_line(entry)} ({wording.measure(entry)})" for entry in entries)


def _notice(notice: Notice) -> Iterator[str]:
    for entry in notice.entries:
        yield f"{wording.notice_mark(entry)} {entry.subject}: {' '.join(wording.notice_text(entry))}"


def _full(entry: Entry) -> Iterator[str]:
    yield wording.headline(entry.title)
    if entry.url:
        yield entry.url
    yield wording.seen(entry)


def _line(entry: Entry) -> str:
    place = (
        entry.url if entry.url and wording.host(entry.url) else wording.cut(entry.source, wording.MAX_NAME)
    )
    return " ".join(part for part in (wording.headline(entry.title, wording.MAX_LINE), place) if part)


def _topic(name: str) -> str:
    return wording.cut(name, wording.MAX_TITLE)
