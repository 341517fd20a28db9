"""How Slack reads its markup: mrkdwn in, spans with their styles, links and mentions out.

Errs on the side of finding too much: what Slack might link or might take for a mention counts as linked and
mentioned, because the tests that ask here want to know what text from a feed could set off.

Reads ``*bold* _italic_ ~strike~``, code and fenced code, quotes (an escaped ``&gt;`` at a line's start quotes
too), ``<url|label>``, ``<@U…>``, ``<!here>``, ``<!subteam^S…>``, ``<#C…>``, ``<!date^…|…>``, ``:emoji:``, and
bare addresses and names where Slack is asked to look for them. Only ``&amp; &lt; &gt;`` are escapes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

__all__ = ["Mention", "Paragraph", "Span", "Style", "emoji", "emoji_spans", "mrkdwn"]

Style = Literal["bold", "italic", "strike", "code", "underline"]
_MARKS: dict[str, Style] = {"*": "bold", "_": "italic", "~": "strike"}
_BROADCASTS = ("here", "channel", "everyone")
_GLYPHS = {
    "+1": "👍",
    "-1": "👎",
    "bell": "🔔",
    "eyes": "👀",
    "fire": "🔥",
    "heart": "❤️",
    "heavy_check_mark": "✔️",
    "information_source": "ℹ️",
    "mag": "🔍",
    "mute": "🔇",
    "no_bell": "🔕",
    "no_entry_sign": "🚫",
    "red_circle": "🔴",
    "rotating_light": "🚨",
    "tada": "🎉",
    "thumbsdown": "👎",
    "thumbsup": "👍",
    "warning": "⚠️",
    "white_check_mark": "✅",
    "x": "❌",
}
_ATOM = "\ufffc"

_CONTROL = r"<(?P<control>(?:[@#!]|[A-Za-z][A-Za-z0-9+.-]*:)[^<>\n]*)>"
_ADDRESS = (
    r"(?P<url>https?://(?:(?!&[lg]t;)[^\s<>|])+)"
    r"|(?P<email>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?P<domain>(?<![\w@./-])(?:[\w-]+\.)+[a-z]{2,}(?![\w])(?:/(?:(?!&[lg]t;)[^\s<>|])*)?)"
)
_BROADCAST_NAME = r"(?P<name>(?<!\w)@(?:here|channel|everyone)\b)"
_NAME = r"(?P<name>(?<!\w)[@#]\w[\w.-]*)"
_EMOJI = r":(?P<emoji>[a-z0-9_+'-]*[a-z+-][a-z0-9_+'-]*):(?::skin-tone-[2-6]:)?"
_FORMAT = re.compile(
    rf"`(?P<code>[^`\n]+)`|(?<!\w)(?P<mark>[*_~])(?P<body>\S|\S.*?\S)(?P=mark)(?!\w)|{_EMOJI}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """Somebody or something named; ``target`` is an id, a name, or here, channel or everyone."""

    kind: Literal["user", "usergroup", "broadcast", "channel"]
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Visible text that is all of one kind; ``emoji`` is the name of a shortcode that Slack would replace."""

    text: str
    styles: tuple[Style, ...] = ()
    url: str | None = None
    mention: Mention | None = None
    emoji: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """Spans that stand together; ``indent`` counts list levels from 0, ``action`` is what a button sends,
    ``file`` is that of an image."""

    kind: Literal["text", "quote", "preformatted", "bullet", "ordered", "field", "button", "image"]
    spans: tuple[Span, ...]
    indent: int = 0
    file: str | None = None
    action: str | None = None


def mrkdwn(
    source: str, *, formatted: bool = True, addresses: bool = True, names: Literal["none", "broadcast", "all"]
) -> tuple[Paragraph, ...]:
    """The paragraphs of a text as sent on the wire.

    ``formatted`` reads ``*_~`` and the like, ``addresses`` links bare URLs, domains and e-mail addresses,
    ``names`` says which of ``@here``, ``@name`` and ``#name`` are taken for mentions; control sequences
    always count.
    """
    text, atoms = _atoms(source, _finder(addresses=addresses, names=names))
    if not formatted:
        return (Paragraph(kind="text", spans=_merged(_plain(text, atoms, 0, ()))),)
    return tuple(_paragraphs(text, atoms))


def emoji_spans(text: str, styles: tuple[Style, ...] = ()) -> tuple[Span, ...]:
    """Literal text in which only emoji shortcodes are read, as in ``plain_text`` with ``emoji``."""
    spans: list[Span] = []
    position = 0
    for match in re.finditer(_EMOJI, text):
        spans.append(Span(text=text[position : match.start()], styles=styles))
        spans.append(emoji(match["emoji"], styles))
        position = match.end()
    return tuple(span for span in (*spans, Span(text=text[position:], styles=styles)) if span.text)


def emoji(name: str, styles: tuple[Style, ...] = ()) -> Span:
    """One emoji; those the page has no picture for keep their colons."""
    return Span(text=_GLYPHS.get(name, f":{name}:"), emoji=name, styles=styles)


def _finder(*, addresses: bool, names: Literal["none", "broadcast", "all"]) -> re.Pattern[str]:
    parts = [_CONTROL]
    if addresses:
        parts.append(_ADDRESS)
    if names != "none":
        parts.append(_NAME if names == "all" else _BROADCAST_NAME)
    return re.compile("|".join(parts))


def _atoms(source: str, finder: re.Pattern[str]) -> tuple[str, dict[int, Span]]:
    """The text with every link and mention replaced by one character, and what stands at those places."""
    text = ""
    atoms: dict[int, Span] = {}
    position = 0
    for match in finder.finditer(source):
        span, end = _atom(match)
        text += _unescaped(source[position : match.start()])
        atoms[len(text)] = span
        text += _ATOM
        position = end
    return text + _unescaped(source[position:]), atoms


def _atom(match: re.Match[str]) -> tuple[Span, int]:
    """A link or a mention, and where the text goes on behind it."""
    found = match.group()
    match match.lastgroup:
        case "control":
            return _control(match["control"]), match.end()
        case "name":
            bare = found.rstrip(".-")
            return Span(text=bare, mention=_name(bare)), match.start() + len(bare)
        case _:
            bare = found.rstrip(".,;:!?)'\"*_~`")
            scheme = {"email": "mailto:", "domain": "http://"}.get(match.lastgroup or "", "")
            return Span(text=_unescaped(bare), url=scheme + _unescaped(bare)), match.start() + len(bare)


def _name(name: str) -> Mention:
    if name.startswith("#"):
        return Mention(kind="channel", target=name[1:])
    return Mention(kind="broadcast" if name[1:] in _BROADCASTS else "user", target=name[1:])


def _control(inner: str) -> Span:
    target, _, label = _unescaped(inner).partition("|")
    if target.startswith("@"):
        return Span(text=target, mention=Mention(kind="user", target=target[1:]))
    if target.startswith("#"):
        return Span(text="#" + (label or target[1:]), mention=Mention(kind="channel", target=target[1:]))
    if target.startswith("!"):
        return _special(target[1:], label)
    return Span(text=label or target, url=target)


def _special(command: str, label: str) -> Span:
    name, _, argument = command.partition("^")
    if name in _BROADCASTS:
        return Span(text=f"@{name}", mention=Mention(kind="broadcast", target=name))
    if name == "subteam":
        return Span(text=label or f"@{argument}", mention=Mention(kind="usergroup", target=argument))
    return Span(text=label or command)


def _paragraphs(text: str, atoms: dict[int, Span]) -> Iterator[Paragraph]:
    position = 0
    for match in re.finditer(r"```\n?(?P<code>.+?)\n?```", text, re.DOTALL):
        yield from _lines(text[position : match.start()], atoms, position)
        spans = _plain(match["code"], atoms, match.start("code"), ())
        yield Paragraph(kind="preformatted", spans=_merged(spans))
        position = match.end()
    yield from _lines(text[position:], atoms, position)


def _lines(text: str, atoms: dict[int, Span], offset: int) -> Iterator[Paragraph]:
    """Neighbouring lines of one kind make one paragraph."""
    lines = re.finditer(r"(?P<quote>>{1,3} ?)?(?P<said>[^\n]*\n|[^\n]+)", text)
    for quoted, group in groupby(lines, key=lambda line: line["quote"] is not None):
        spans: list[Span] = []
        for line in group:
            spans += _inline(line["said"], atoms, offset + line.start("said"), ())
        yield Paragraph(kind="quote" if quoted else "text", spans=_merged(spans))


def _inline(text: str, atoms: dict[int, Span], offset: int, styles: tuple[Style, ...]) -> Iterator[Span]:
    position = 0
    for match in _FORMAT.finditer(text):
        yield from _plain(text[position : match.start()], atoms, offset + position, styles)
        if match["code"] is not None:
            yield from _plain(match["code"], atoms, offset + match.start("code"), (*styles, "code"))
        elif match["mark"] is not None:
            style = _MARKS[match["mark"]]
            yield from _inline(match["body"], atoms, offset + match.start("body"), (*styles, style))
        else:
            yield emoji(match["emoji"], styles)
        position = match.end()
    yield from _plain(text[position:], atoms, offset + position, styles)


def _plain(text: str, atoms: dict[int, Span], offset: int, styles: tuple[Style, ...]) -> Iterator[Span]:
    """One span per atom and per stretch of text between them."""
    start = 0
    for place, character in enumerate(text):
        if character != _ATOM or (atom := atoms.get(offset + place)) is None:
            continue
        yield Span(text=text[start:place], styles=styles)
        yield Span(text=atom.text, styles=styles, url=atom.url, mention=atom.mention)
        start = place + 1
    yield Span(text=text[start:], styles=styles)


def _merged(spans: Iterator[Span] | list[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for span in spans:
        last = merged[-1] if merged else None
        if last and _is_text(last) and _is_text(span) and last.styles == span.styles:
            merged[-1] = Span(text=last.text + span.text, styles=span.styles)
        elif span.text:
            merged.append(span)
    return tuple(merged)


def _is_text(span: Span) -> bool:
    return span.url is None and span.mention is None and span.emoji is None


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
