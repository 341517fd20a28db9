"""How a message looks in Slack. Pure.

The top-level ``text`` is what notifications and screen readers show; it has no literal form, so it is escaped
and sent with all parsing switched off.
"""

from dataclasses import replace

from monitor.notify.lists import digest_blocks, entry_lines, listing_blocks
from monitor.notify.literal import (
    Block,
    addressed,
    bold,
    context,
    entry_line,
    link,
    linked,
    mentioned,
    paragraph,
    pill,
    rich,
    said,
    section,
)
from monitor.notify.plain import plain_lines, plain_title
from monitor.notify.wording import (
    MAX_LINE,
    MAX_TEXT,
    MAX_TITLE,
    change,
    cut,
    dots,
    growth,
    headline,
    is_pressing,
    listed,
    more,
    notice_mark,
    notice_sum,
    notice_text,
    origin,
    reminder_note,
    seen,
    story_heading,
    why,
)
from monitor.records import Content, Digest, Listing, Message, Notice, NoticeEntry, Reminder, Update

__all__ = ["escaped", "plain_lines", "slack_blocks", "slack_buttons", "slack_lines", "slack_text"]

ACK, VOTE_UP, VOTE_DOWN = "monitor_ack", "monitor_vote_up", "monitor_vote_down"
"""Of buttons; what is done when one is pressed is the listener's."""
_MAX_LINES = 3_500
"""Characters of a message without blocks; Slack has refused texts from about 4,000 on."""


def slack_text(message: Content) -> str:
    """Return the notification text: one line, escaped so that Slack sees no control sequence in it."""
    title = plain_title(message)
    if isinstance(message, Update) and len(message.entries) == 1 and not change(message):
        # Who reads it has the thread at hand; what they do not know is the headline.
        title = plain_title(replace(message, title=message.entries[0].title))
    return escaped(cut(title, 2 * MAX_TITLE))


def slack_lines(message: Content) -> str:
    """Return the whole message as escaped text, for when Slack takes no blocks of it."""
    limit = _MAX_LINES if isinstance(message, Listing | Digest) else MAX_TEXT
    text = cut("\n".join(plain_lines(message)), limit)
    safe = escaped(text)
    # Escaping makes a character five at most.
    return safe if len(safe) <= _MAX_LINES else escaped(cut(text, _MAX_LINES // 5))


def slack_blocks(message: Content, *, chart: str | None = None) -> list[Block]:
    """Return the message as Block Kit; ``chart`` is the id of a file in Slack, for a digest."""
    match message:
        case Message():
            return _story(message)
        case Update():
            return _update(message)
        case Listing():
            return listing_blocks(message)
        case Digest():
            return digest_blocks(message, chart)
        case Reminder():
            return _reminder(message)
        case Notice():
            linked_to = addressed(entry.url for entry in message.entries)
            said_of = (_notice(entry, linked_to) for entry in message.entries)
            return [context(notice_sum(message)), *said_of]


def slack_buttons(message: Content, delivery_id: str) -> list[Block]:
    """Return what a reader can press below a story, nothing below anything else."""
    if not isinstance(message, Message):
        return []
    buttons = [
        _button(VOTE_UP, "Relevant", delivery_id),
        _button(VOTE_DOWN, "Not relevant", delivery_id),
    ]
    if is_pressing(message):
        buttons.insert(0, _button(ACK, "Acknowledge", delivery_id) | {"style": "primary"})
    return [{"type": "actions", "elements": buttons}]


def escaped(text: str) -> str:
    """Return text with Slack's three control characters made harmless, and nothing else changed."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _story(message: Message) -> list[Block]:
    pressing = [pill("URGENT"), said(" ")] if is_pressing(message) else []
    # Who has taken it up is named instead of those who were called.
    pressing += [] if message.acknowledged_by else mentioned(message.mention)
    summary = [paragraph(message.summary)] if message.summary else []
    return [
        context(story_heading(message)),
        rich(section(*pressing, *linked(message.title, message.url))),
        *summary,
        rich(*_measured(message)),
        context(why(message)),
        context(origin(message)),
    ]


def _measured(message: Message) -> list[Block]:
    """How sure we are, how far the story has spread, and what came last."""
    sure = [said(f"{dots(message.score)}  "), bold(f"Score {message.score:.0f}")]
    spread = [leaf for fact in growth(message) for leaf in (said("  ·  "), bold(fact))]
    lines = [section(*sure, *spread)]
    if spread and (names := [name for name in message.sources if name.strip()]):
        lines.append(section(said(listed(names))))
    if message.latest:
        lines.append(section(said("Latest: "), *entry_line(message.latest, with_address=True)))
    return lines


def _update(update: Update) -> list[Block]:
    """In the thread its story is at hand; what is shown in the channel says whose news it is."""
    blocks = []
    if changed := change(update):
        about = [*mentioned(update.mention), bold(changed), said(f": {headline(update.title)}")]
        blocks = [context(cut(update.topic_name, MAX_TITLE)), rich(section(*about))]
    if len(update.entries) == 1:
        (entry,) = update.entries
        return [*blocks, rich(section(*linked(entry.title, entry.url))), context(seen(entry))]
    if not changed:
        blocks.append(context(more(update)))
    return [*blocks, *([rich(*lines)] if (lines := entry_lines(update.entries)) else [])]


def _reminder(reminder: Reminder) -> list[Block]:
    told = [*mentioned(reminder.mention), bold("Not acknowledged yet"), said(f": {headline(reminder.title)}")]
    return [rich(section(*told)), context(reminder_note(reminder))]


def _notice(entry: NoticeEntry, with_address: set[str]) -> Block:
    """The feed's name as a link, what is the matter, and what can be done."""
    name = headline(entry.subject, MAX_LINE)
    named = link(entry.url, name) | {"style": {"bold": True}} if entry.url in with_address else bold(name)
    text = cut("\n".join(("", *notice_text(entry))), MAX_TEXT)
    return rich(section(said(f"{notice_mark(entry)} "), named, said(text)))


def _button(action_id: str, label: str, delivery_id: str) -> Block:
    text = {"type": "plain_text", "text": label, "emoji": False}
    return {"type": "button", "action_id": action_id, "text": text, "value": delivery_id}
