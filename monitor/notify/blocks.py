"""How a message looks in Slack. Pure.

Text from a feed is only ever put where Slack takes it literally: ``plain_text`` objects and the ``text`` and
``link`` elements of ``rich_text``. The top-level ``text`` is what notifications and screen readers show; it
has no literal form, so it is escaped and sent with all parsing switched off.
"""

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from monitor.records import Digest, Entry, Message, Notice, NoticeEntry, TopicCount

MAX_TITLE = 300
MAX_TEXT = 600
"""Characters; Slack refuses long messages well below the limits it documents, so we stay far away."""
MAX_URL = 3000
MAX_HOST = 253
MAX_NAME = 60

Block = dict[str, Any]


def slack_text(message: Message | Notice | Digest) -> str:
    """Return the notification text: one line, escaped so that Slack sees no control sequence in it."""
    if isinstance(message, Digest):
        return escaped(" · ".join(_digest_head(message)))
    if isinstance(message, Notice):
        return escaped(_summed_up(message))
    return escaped(f"{_cut(message.topic_name, MAX_TITLE)}: {_headline(message)}")


def slack_blocks(message: Message | Notice | Digest, *, chart: str | None = None) -> list[Block]:
    """Return the message as Block Kit; ``chart`` is the id of a file in Slack with a digest's chart."""
    if isinstance(message, Digest):
        return _digest_blocks(message, chart)
    if isinstance(message, Notice):
        return [_context(_summed_up(message)), *(_entry_block(entry) for entry in message.entries)]
    blocks = [_context(_heading(message)), _headline_block(message)]
    if message.summary:
        blocks.append({"type": "section", "text": _plain(message.summary)})
    blocks.append(_context(f"Why: close to “{_cut(message.sentence, MAX_TITLE)}”"))
    blocks.append(_context(" · ".join(_known(message))))
    return blocks


def slack_lines(message: Message | Notice | Digest) -> str:
    """Return the whole message as escaped text, for when Slack takes no blocks of it."""
    return escaped(_cut("\n".join(plain_lines(message)), MAX_TEXT))


def plain_lines(message: Message | Notice | Digest) -> list[str]:
    """Return the message as lines of plain text, for a terminal or a channel without any layout."""
    if isinstance(message, Digest):
        parts = (("Top stories", message.top), ("Just missed", message.near_misses))
        told = [line for title, of in parts if of for line in (title, *map(_entry_line, of))]
        return [*_digest_head(message), *_digest_counts(message), *told]
    if isinstance(message, Notice):
        told = [f"{_mark(entry)} {entry.subject}: {' '.join(_said(entry))}" for entry in message.entries]
        return [_summed_up(message), *told]
    link = [message.url] if message.url else []
    summary = [_cut(message.summary, MAX_TEXT)] if message.summary else []
    why = f"Why: close to “{message.sentence}”"
    return [_heading(message), _headline(message), *link, *summary, why, " · ".join(_known(message))]


def escaped(text: str) -> str:
    """Return text with Slack's three control characters made harmless, and nothing else changed."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _summed_up(notice: Notice) -> str:
    begun = [entry.subject for entry in notice.entries if not entry.over]
    over = [entry.subject for entry in notice.entries if entry.over]
    told = [f"{what}: {_listed(names)}" for what, names in (("Trouble", begun), ("Over", over)) if names]
    return _cut(" · ".join(told), MAX_TITLE)


def _listed(names: list[str]) -> str:
    shown = ", ".join(_cut(name, MAX_NAME) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _entry_block(entry: NoticeEntry) -> Block:
    """A rich text: the feed's name as a link, what is the matter, and what can be done."""
    name = _cut(entry.subject, MAX_TITLE)
    head: list[Block] = [{"type": "text", "text": f"{_mark(entry)} "}]
    if entry.url and _host(entry.url):
        head.append(_link(entry.url, name))
    else:
        head.append({"type": "text", "text": name, "style": {"bold": True}})
    head.append({"type": "text", "text": _cut("\n".join(("", *_said(entry))), MAX_TEXT)})
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": head}]}


def _said(entry: NoticeEntry) -> list[str]:
    since = f"Since {_time(entry.since)}." if not entry.over else None
    return [part for part in (entry.text, entry.remedy, since) if part]


def _mark(entry: NoticeEntry) -> str:
    return "✓" if entry.over else "⚠"


def _heading(message: Message) -> str:
    return f"{message.topic_name} · score {message.score:.0f} (cut {message.cut:.0f}) · {message.watchlist}"


def _headline(message: Message) -> str:
    return _cut(message.title, MAX_TITLE) or "(no title)"


def _headline_block(message: Message) -> Block:
    elements: list[Block] = []
    if message.mention:
        elements += [_mention(message.mention), {"type": "text", "text": " "}]
    bold = {"bold": True}
    host = _host(message.url)
    if message.url and host:
        elements.append(_link(message.url, _headline(message)))
        # The address a link leads to is shown in plain sight, whatever its title says.
        elements.append({"type": "text", "text": f"  {host}"})
    else:
        elements.append({"type": "text", "text": _headline(message), "style": bold})
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}


def _link(url: str, text: str) -> Block:
    scheme, colon, rest = url.partition(":")
    # Slack knows a web address by how it begins, and only in small letters.
    return {"type": "link", "url": scheme.lower() + colon + rest, "text": text, "style": {"bold": True}}


def _mention(mention: str) -> Block:
    if mention in ("here", "channel", "everyone"):
        return {"type": "broadcast", "range": mention}
    if mention.startswith("S"):
        return {"type": "usergroup", "usergroup_id": mention}
    return {"type": "user", "user_id": mention}


def _known(message: Message) -> list[str]:
    known = [message.source]
    if message.author:
        known.append(f"by {message.author}")
    known.append(f"published {_time(message.published)}" if message.published else "undated")
    known.append(f"seen {_time(message.first_seen)}")
    if len(message.sources) > 1:
        known.append("also in " + ", ".join(message.sources[1:]))
    return known


def _time(moment: datetime) -> str:
    return f"{moment:%-d %b %Y %H:%M} UTC"


def _host(url: str | None) -> str | None:
    """The host of a web address, None for what cannot be linked.

    In punycode: a look-alike of another script is seen for what it is.
    """
    try:
        parts = urlsplit(url or "")
        host = parts.hostname or ""
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not 0 < len(host) <= MAX_HOST or len(url or "") > MAX_URL:
        return None
    if re.search(r"\s", url or ""):
        # `urlsplit` passes over line breaks; Slack does not.
        return None
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host.encode("ascii", "backslashreplace").decode()


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": _cut(text, MAX_TEXT), "emoji": False}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [_plain(text)]}


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


# --- digests ---------------------------------------------------------------------------------------


def _digest_head(digest: Digest) -> list[str]:
    stories = sum(count.stories for count in digest.topics)
    name = "Weekly digest" if digest.period == "weekly" else "Daily digest"
    told = _counted(stories, "story", "stories") if stories else "nothing matched"
    read = _counted(digest.items_read, "item was", "items were")
    span = f"{digest.since:%a %-d %b %H:%M} – {digest.until:%a %-d %b %H:%M} {digest.time_zone}"
    return [f"{name}: {told}; {read} read", span]


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _digest_counts(digest: Digest) -> list[str]:
    return [_told(count) for count in digest.topics if count.stories]


def _told(count: TopicCount) -> str:
    stories, items = _counted(count.stories, "story", "stories"), _counted(count.items, "item", "items")
    return f"{_cut(count.topic_name, MAX_NAME)}: {stories}, {items}"


def _digest_blocks(digest: Digest, chart: str | None) -> list[Block]:
    head, span = _digest_head(digest)
    blocks: list[Block] = [{"type": "header", "text": _plain(head)}, _context(span)]
    if counts := _digest_counts(digest):
        blocks.append({"type": "section", "text": _plain("\n".join(counts))})
    if chart is not None:
        image = {"type": "image", "slack_file": {"id": chart}, "alt_text": "Stories per day, by topic"}
        blocks.append(image)
    for title, entries in (("Top stories", digest.top), ("Just missed", digest.near_misses)):
        if entries:
            blocks += [_context(title), _listed_entries(entries)]
    return blocks


def _listed_entries(entries: tuple[Entry, ...]) -> Block:
    lines = [{"type": "rich_text_section", "elements": _entry_elements(entry)} for entry in entries]
    return {
        "type": "rich_text",
        "elements": [{"type": "rich_text_list", "style": "bullet", "elements": lines}],
    }


def _entry_elements(entry: Entry) -> list[Block]:
    title, host = _cut(entry.title, MAX_TITLE) or "(no title)", _host(entry.url)
    known = {"type": "text", "text": f"  {host or entry.source} · {_entry_known(entry)}"}
    if entry.url and host:
        return [_link(entry.url, title), known]
    return [{"type": "text", "text": title, "style": {"bold": True}}, known]


def _entry_known(entry: Entry) -> str:
    sources = f" · {entry.sources} sources" if entry.sources > 1 else ""
    return f"{_cut(entry.topic_name, MAX_NAME)} · score {entry.score:.0f}{sources}"


def _entry_line(entry: Entry) -> str:
    address = f" {entry.url}" if entry.url else ""
    return f"- {_cut(entry.title, MAX_TITLE)} ({entry.source} · {_entry_known(entry)}){address}"
