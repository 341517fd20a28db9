"""What a person would see of a message, and what it would set off: links, mentions, pictures, previews.

``rendered`` is the product's oracle for "text from a feed cannot mention, format or link its way out", and
the page draws what it says; so the page and the tests cannot disagree.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from monitor.demo.slack_mrkdwn import Mention, Paragraph, Span, Style, emoji, emoji_spans, mrkdwn
from monitor.demo.slack_state import StoredMessage

__all__ = ["Link", "Rendered", "RenderedBlock", "rendered"]

_STYLES: tuple[Style, ...] = ("bold", "italic", "strike", "code", "underline")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link as shown: where it goes and what it says."""

    url: str
    label: str

    @property
    def misleading(self) -> bool:
        """Whether the label names a host that the link does not go to."""
        named = re.findall(r"(?:[\w-]+\.)+[a-z]{2,}", self.label.lower())
        host = (urlsplit(self.url).hostname or "").removeprefix("www.")
        return any(name.removeprefix("www.") != host for name in named)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedBlock:
    """One block as paragraphs; a message without blocks has one of kind ``text``."""

    kind: str
    paragraphs: tuple[Paragraph, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What a message shows in its channel (``blocks``) and in the notification.

    ``previews`` are the URLs that Slack would fetch and expand below it.
    """

    blocks: tuple[RenderedBlock, ...]
    notification: tuple[Paragraph, ...]
    previews: tuple[str, ...]

    @property
    def spans(self) -> tuple[Span, ...]:
        """Every visible run of the message, in reading order."""
        return tuple(span for block in self.blocks for part in block.paragraphs for span in part.spans)

    @property
    def text(self) -> str:
        """The visible text, one line per paragraph."""
        parts = (part for block in self.blocks for part in block.paragraphs)
        return "\n".join("".join(span.text for span in part.spans).rstrip("\n") for part in parts)

    @property
    def mentions(self) -> tuple[Mention, ...]:
        """Whom the message names; a broadcast in the notification counts even below blocks, to be careful."""
        shown = tuple(span.mention for span in self.spans if span.mention)
        hidden = tuple(
            span.mention
            for part in self.notification
            for span in part.spans
            if span.mention and span.mention.kind == "broadcast" and span.mention not in shown
        )
        return shown + hidden

    @property
    def notifies(self) -> tuple[Mention, ...]:
        """The mentions that ring somewhere; naming a channel rings nowhere."""
        return tuple(mention for mention in self.mentions if mention.kind != "channel")

    @property
    def links(self) -> tuple[Link, ...]:
        """Every link the message shows."""
        return tuple(Link(url=span.url, label=span.text) for span in self.spans if span.url is not None)

    @property
    def emoji(self) -> tuple[str, ...]:
        """The names of the shortcodes that Slack would turn into pictures."""
        return tuple(span.emoji for span in self.spans if span.emoji)

    @property
    def styled(self) -> tuple[Span, ...]:
        """The runs that are bold, italic, struck or code."""
        return tuple(span for span in self.spans if span.styles)

    @property
    def invisible(self) -> tuple[str, ...]:
        """Characters in the text that show nothing or turn its direction, such as ``U+202E``."""
        odd = (c for c in self.text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs"))
        return tuple(f"U+{ord(character):04X}" for character in odd)


def rendered(message: StoredMessage) -> Rendered:
    """How Slack would show ``message``."""
    content = message.content
    full = content.parse == "full"
    notification = mrkdwn(
        content.text,
        formatted=content.mrkdwn and not full,
        addresses=content.parse != "none",
        names="all" if full or content.link_names else "none",
    )
    blocks = tuple(map(_block, content.blocks)) or (RenderedBlock(kind="text", paragraphs=notification),)
    shown = Rendered(blocks=blocks, notification=notification, previews=())
    if not content.unfurl_links and not content.unfurl_media:
        return shown
    previews = tuple(link.url for link in shown.links if link.url.startswith(("http://", "https://")))
    return Rendered(blocks=blocks, notification=notification, previews=previews)


def _block(block: Mapping[str, Any]) -> RenderedBlock:
    match block["type"]:
        case "header":
            parts: Sequence[Paragraph] = _text(block["text"])
        case "section":
            parts = [*_text(block.get("text")), *_fields(block), *_element(block.get("accessory"))]
        case "context" | "actions":
            parts = [part for element in block["elements"] for part in _element(element)]
        case "image":
            parts = [*_text(block.get("title")), *_element(block)]
        case "rich_text":
            parts = [part for element in block["elements"] for part in _rich(element)]
        case _:
            parts = ()
    return RenderedBlock(kind=block["type"], paragraphs=tuple(parts))


def _text(text: Mapping[str, Any] | None, kind: Literal["text", "field"] = "text") -> tuple[Paragraph, ...]:
    if text is None:
        return ()
    if text["type"] == "plain_text":
        literal = (Span(text=text["text"]),)
        spans = emoji_spans(text["text"]) if text.get("emoji", True) else literal
        return (Paragraph(kind=kind, spans=spans),)
    verbatim = text.get("verbatim", False)
    parts = mrkdwn(text["text"], addresses=not verbatim, names="none" if verbatim else "broadcast")
    if kind == "text":
        return parts
    return (Paragraph(kind=kind, spans=tuple(span for part in parts for span in part.spans)),)


def _fields(section: Mapping[str, Any]) -> Iterator[Paragraph]:
    for field in section.get("fields", ()):
        yield from _text(field, "field")


def _element(element: Mapping[str, Any] | None) -> Iterator[Paragraph]:
    if element is None:
        return
    match element["type"]:
        case "button":
            label = "".join(span.text for part in _text(element["text"]) for span in part.spans)
            spans = (Span(text=label, url=element.get("url")),)
            yield Paragraph(kind="button", spans=spans, action=element.get("action_id"))
        case "image":
            file = element.get("slack_file", {}).get("id")
            yield Paragraph(kind="image", spans=(Span(text=element["alt_text"]),), file=file)
        case _:
            yield from _text(element)


def _rich(element: Mapping[str, Any], indent: int = 0) -> Iterator[Paragraph]:
    kinds: Mapping[str, Literal["text", "quote", "preformatted"]] = {
        "rich_text_section": "text",
        "rich_text_quote": "quote",
        "rich_text_preformatted": "preformatted",
    }
    if element["type"] == "rich_text_list":
        style: Literal["bullet", "ordered"] = element["style"]
        for entry in element["elements"]:
            spans = tuple(span for part in _rich(entry) for span in part.spans)
            yield Paragraph(kind=style, spans=spans, indent=element.get("indent", 0))
    else:
        yield Paragraph(kind=kinds[element["type"]], spans=tuple(map(_leaf, element["elements"])))


def _leaf(leaf: Mapping[str, Any]) -> Span:
    styles = tuple(style for style in _STYLES if leaf.get("style", {}).get(style))
    match leaf["type"]:
        case "link":
            return Span(text=leaf.get("text") or leaf["url"], url=leaf["url"], styles=styles)
        case "user":
            return _named("@", "user", leaf["user_id"], styles)
        case "usergroup":
            return _named("@", "usergroup", leaf["usergroup_id"], styles)
        case "channel":
            return _named("#", "channel", leaf["channel_id"], styles)
        case "broadcast":
            return _named("@", "broadcast", leaf["range"], styles)
        case "emoji":
            return emoji(leaf["name"], styles)
        case "date":
            return Span(text=leaf.get("fallback") or str(leaf["timestamp"]), styles=styles)
        case _:
            return Span(text=leaf["text"], styles=styles)


def _named(
    sign: str,
    kind: Literal["user", "usergroup", "channel", "broadcast"],
    target: str,
    styles: tuple[Style, ...],
) -> Span:
    return Span(text=sign + target, mention=Mention(kind=kind, target=target), styles=styles)
