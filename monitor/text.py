"""Clean plain text: what a feed wrote, without its markup, its invisible characters and its line breaks.

Everything past this module is text that a person would read: NFC, single spaces, no controls, nothing
that turns the reading direction, no markup. A text that has been cleaned stays the same when cleaned again.
"""

import html
import re
import unicodedata

_ELLIPSIS = "…"

# Scripts that spell with joiners (Persian, Indic) and emoji, whose sequences are held together by them.
_JOINING = "\u0590-\u1dff\u2190-\ufe0f\U00010000-\U000dffff"
_STRAY_JOINER = re.compile(f"(?<![{_JOINING}])[\u200c\u200d]+|[\u200c\u200d]+(?![{_JOINING}])")

# Controls, zero-width and direction marks, fillers that draw nothing, lone surrogates, noncharacters.
# Whitespace controls are not here: they part words. Arabic number signs are format characters one can see.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)

# What is cut off at the end belongs to the markup too: feeds shorten summaries in the middle of a tag.
_MARKUP = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(script|style|template|iframe|noscript)\b[^>]*>.*?(?:</\1\s*>|\Z)"
    r"|</?(?P<tag>[a-z][a-z0-9:-]*+)(?:(?:[^<>\"']++|\"[^\"]*\"|'[^']*')*+>|[^>]*>|\s[^<>]*\Z)"
    r"|<[!?/][^>]*(?:>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
# fmt: off
_INLINE = frozenset(
    {
        "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn",
        "em", "font", "i", "ins", "kbd", "label", "mark", "q", "s", "samp", "small", "span",
        "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr",
    }
)
# fmt: on


def clean(text: str, limit: int | None = None) -> str:
    """Return the text in NFC with single spaces and nothing invisible, at most ``limit`` characters long."""
    text = _STRAY_JOINER.sub("", _INVISIBLE.sub("", unicodedata.normalize("NFC", text)))
    text = " ".join(unicodedata.normalize("NFC", text).split())
    return text if limit is None or len(text) <= limit else text[: limit - 1].rstrip() + _ELLIPSIS


def without_markup(markup: str) -> str:
    """Return the text of an HTML fragment: tags out, block tags as spaces, entities resolved once."""
    return html.unescape(_MARKUP.sub(_gap, markup))


def _gap(found: re.Match[str]) -> str:
    tag = found["tag"]
    return "" if tag is None or tag.lower() in _INLINE else " "
