"""What a layout of one's own may consist of: blocks that Slack takes literally, within its limits. Pure.

A layout is trusted to look as its author likes, not with what feeds write: nothing in it may format text by
its characters, mention anybody but whom the message itself mentions, fetch a picture, or be pressed.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from monitor.notify.literal import mention_leaf
from monitor.notify.wording import host

__all__ = ["MOST_BLOCKS", "block_faults", "characters"]

MOST_BLOCKS = 47
"""Slack takes 50; a picture and the buttons are put below."""
_MOST_RICH = 1_000
_STYLES = {"bold", "italic", "strike", "code"}
_MENTIONS = {"user", "usergroup", "broadcast"}
_CONTAINERS = {
    "rich_text_section": set[str](),
    "rich_text_quote": {"border"},
    "rich_text_preformatted": {"border"},
    "rich_text_list": {"style", "indent", "offset", "border"},
}

Faults = Iterator[str]


def block_faults(block: object, mention: str | None) -> Faults:
    """Yield what is wrong with a block, with its place inside; ``mention`` is whom the message mentions."""
    checks: dict[str, Callable[[Mapping[str, Any]], Faults]] = {
        "context": _context,
        "divider": lambda divider: _only(divider, "the block", set()),
        "header": _header,
        "rich_text": lambda rich: _rich(rich, mention),
        "section": _section,
    }
    if not isinstance(block, dict):
        yield "a block is an object"
    elif (kind := _kind(block)) in checks:
        yield from checks[kind](block)
    else:
        yield f"a layout has no block of type {kind or 'nothing'}; there are {', '.join(checks)}"


def characters(value: object) -> int:
    """Return how many characters of a block Slack counts, addresses included."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(characters(member) for name, member in value.items() if name != "type")
    return sum(map(characters, value)) if isinstance(value, list) else 0


def _header(block: Mapping[str, Any]) -> Faults:
    yield from _only(block, "the block", {"text"})
    yield from _plain(block.get("text"), "text", 150)


def _section(block: Mapping[str, Any]) -> Faults:
    yield from _only(block, "the block", {"text", "fields"})
    if "text" in block or "fields" not in block:
        yield from _plain(block.get("text"), "text", 3_000)
    if "fields" in block:
        yield from _texts(block["fields"], "fields")


def _context(block: Mapping[str, Any]) -> Faults:
    yield from _only(block, "the block", {"elements"})
    yield from _texts(block.get("elements"), "elements")


def _texts(texts: object, place: str) -> Faults:
    if not isinstance(texts, list) or not 0 < len(texts) <= 10:
        yield f"{place} is a list of 1 to 10 texts"
        return
    for number, text in enumerate(texts):
        yield from _plain(text, f"{place}[{number}]", 2_000)


def _plain(text: object, place: str, limit: int) -> Faults:
    if not isinstance(text, dict) or _kind(text) != "plain_text":
        yield f"{place} must be of type plain_text"
        return
    yield from _only(text, place, {"text", "emoji"})
    if text.get("emoji") is not False:
        yield f'{place} must say "emoji": false'
    yield from _string(text.get("text"), f"{place}.text", limit)


def _rich(block: Mapping[str, Any], mention: str | None) -> Faults:
    yield from _only(block, "the block", {"elements"})
    yield from _each(block, "the block", lambda element, place: _container(element, place, mention))


def _container(element: object, place: str, mention: str | None) -> Faults:
    kind = _kind(element)
    if not isinstance(element, dict) or kind not in _CONTAINERS:
        yield f"{place} must be one of {', '.join(_CONTAINERS)}"
        return
    yield from _only(element, place, {"elements", *_CONTAINERS[kind]})
    if kind != "rich_text_list":
        yield from _each(element, place, lambda leaf, at: _leaf(leaf, at, mention))
        return
    if element.get("style") not in ("bullet", "ordered"):
        yield f"{place}.style must be bullet or ordered"
    for name in ("indent", "offset", "border"):
        if not isinstance(element.get(name, 0), int):
            yield f"{place}.{name} must be a number"
    yield from _each(element, place, lambda inner, at: _line(inner, at, mention))


def _line(element: object, place: str, mention: str | None) -> Faults:
    if _kind(element) == "rich_text_section":
        yield from _container(element, place, mention)
    else:
        yield f"{place} must be a rich_text_section"


def _leaf(leaf: object, place: str, mention: str | None) -> Faults:
    kind = _kind(leaf)
    if not isinstance(leaf, dict) or kind not in {"text", "link", *_MENTIONS}:
        yield f"{place} must be a text, a link, or the message's own mention"
    elif kind in _MENTIONS:
        if mention is None or leaf != mention_leaf(mention):
            yield f"{place} mentions somebody; only {{{{ mention | mention }}}} may"
    else:
        yield from _only(leaf, place, {"text", "style", "url"} if kind == "link" else {"text", "style"})
        yield from _string(leaf.get("text"), f"{place}.text", 3_000)
        if kind == "link" and host(_text(leaf.get("url"))) is None:
            yield f"{place}.url is no web address; test it with {{% if url | host %}}"
        style = leaf.get("style", {})
        known = isinstance(style, dict) and not style.keys() - _STYLES
        if not known or not all(isinstance(on, bool) for on in style.values()):
            yield f"{place}.style may set {', '.join(sorted(_STYLES))} to true or false"


def _each(element: Mapping[str, Any], place: str, check: Callable[[object, str], Faults]) -> Faults:
    inner = element.get("elements")
    if not isinstance(inner, list) or not 0 < len(inner) <= _MOST_RICH:
        yield f"{place} needs elements, {_MOST_RICH:,} at most"
        return
    for number, value in enumerate(inner):
        yield from check(
            value, f"elements[{number}]" if place == "the block" else f"{place}.elements[{number}]"
        )


def _only(value: Mapping[str, Any], place: str, names: set[str]) -> Faults:
    for name in sorted(value.keys() - names - {"type"}):
        yield f"{place} may not have {name!r}"


def _string(value: object, place: str, limit: int) -> Faults:
    if not isinstance(value, str):
        yield f"{place} must be a text"
    elif not 0 < len(value) <= limit:
        yield f"{place} must have 1 to {limit:,} characters; it has {len(value):,}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _kind(value: object) -> str:
    return _text(value.get("type")) if isinstance(value, dict) else ""
