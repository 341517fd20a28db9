"""What Slack refuses: texts, blocks and metadata over its limits, and posts over its rate.

Documented limits are taken as documented. Where Slack is known to refuse earlier than it documents, or
publishes no number, the stand-in is strict, so that what passes here passes there:

- ``text`` is cut at 40,000 characters by the documentation, and refused from about 4,000 by report. Here a
  post is refused over 12,000 and an update over 4,000, so the cut at 40,000 is never met.
- All blocks together: 13,200 characters, links and alt texts counted.
- Metadata: 1,024 bytes of JSON.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.demo.slack_state import Content, SlackError

__all__ = ["TokenBucket", "check_content"]

_POST_TEXT = 12_000
_UPDATE_TEXT = 4_000
_BLOCKS = 50
_BLOCKS_TEXT = 13_200
_METADATA_BYTES = 1_024
_FILE_ID = "^F[A-Z0-9]{8,}$"
_ANY_TEXT = ("plain_text", "mrkdwn")
_NOT_READ = {"type", "block_id", "action_id", "style"}
_KEYS = {
    "actions": {"elements"},
    "button": {"text", "action_id", "url", "value", "style", "confirm", "accessibility_label"},
    "context": {"elements"},
    "divider": set[str](),
    "header": {"text"},
    "image": {"image_url", "slack_file", "alt_text", "title"},
    "plain_text": {"text", "emoji"},
    "mrkdwn": {"text", "verbatim"},
    "rich_text": {"elements"},
    "section": {"text", "fields", "accessory", "expand"},
}
_RICH_CONTAINERS = {
    "rich_text_section": set[str](),
    "rich_text_quote": {"border"},
    "rich_text_preformatted": {"border", "language"},
    "rich_text_list": {"style", "indent", "offset", "border"},
}
_RICH_LEAVES = {
    "text": "text",
    "link": "url",
    "user": "user_id",
    "usergroup": "usergroup_id",
    "channel": "channel_id",
    "broadcast": "range",
    "emoji": "name",
    "date": "timestamp",
}


class TokenBucket:
    """Lets ``burst`` posts through at once and one more per second after that."""

    def __init__(self, burst: int) -> None:
        self._burst = burst
        self._tokens = float(burst)
        self._filled_at = -math.inf

    def take(self, now: float) -> int:
        """0 when a post may pass, else the whole seconds to wait; ``now`` is in seconds."""
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._filled_at))
        self._filled_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0
        return max(1, math.ceil(1 - self._tokens))


def check_content(content: Content, *, update: bool = False) -> None:
    """Raise the ``SlackError`` with which Slack would refuse this text, these blocks or this metadata."""
    if not content.text.strip() and not content.blocks:
        raise SlackError("no_text")
    if len(content.text) > (_UPDATE_TEXT if update else _POST_TEXT):
        raise SlackError("msg_too_long")
    if complaints := list(_message(content.blocks)):
        raise SlackError("invalid_blocks", errors=complaints, response_metadata={"messages": complaints})
    if _read_characters(content.blocks) > _BLOCKS_TEXT:
        raise SlackError("msg_blocks_too_long")
    if content.metadata is not None:
        _check_metadata(content.metadata)


def _check_metadata(metadata: Mapping[str, Any]) -> None:
    if not isinstance(metadata.get("event_type"), str) or not isinstance(metadata.get("event_payload"), dict):
        raise SlackError("invalid_metadata_schema")
    if len(json.dumps(metadata).encode()) > _METADATA_BYTES:
        raise SlackError("metadata_too_large")


def _read_characters(value: Any) -> int:
    match value:
        case str():
            return len(value)
        case Mapping():
            return sum(_read_characters(member) for key, member in value.items() if key not in _NOT_READ)
        case Sequence():
            return sum(map(_read_characters, value))
        case _:
            return 0


# --- blocks: each check yields one complaint per fault, in Slack's wording and with its JSON pointer ---


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    pointer: str

    def __truediv__(self, step: str | int) -> "_Place":
        return _Place(pointer=f"{self.pointer}/{step}")

    def complaint(self, text: str) -> str:
        return f"[ERROR] {text} [json-pointer:{self.pointer}]"


def _message(blocks: Sequence[Any]) -> Iterator[str]:
    at = _Place(pointer="/blocks")
    if len(blocks) > _BLOCKS:
        yield at.complaint(f"no more than {_BLOCKS} items allowed")
    seen: set[str] = set()
    for number, block in enumerate(blocks):
        yield from _block(block, at / number)
        block_id = block.get("block_id") if isinstance(block, dict) else None
        if isinstance(block_id, str):
            if block_id in seen:
                yield (at / number / "block_id").complaint(f"`block_id` must be unique: {block_id}")
            seen.add(block_id)


def _block(block: Any, at: _Place) -> Iterator[str]:
    checks = {
        "actions": _actions,
        "context": _context,
        "divider": _divider,
        "header": _header,
        "image": _image,
        "rich_text": _rich_text,
        "section": _section,
    }
    kind = block.get("type") if isinstance(block, dict) else None
    if kind not in checks:
        yield at.complaint(f"unsupported type: {kind}")
        return
    yield from _known_keys(block, at)
    if "block_id" in block:
        yield from _string(block["block_id"], at / "block_id", limit=255)
    yield from checks[kind](block, at)


def _section(block: Mapping[str, Any], at: _Place) -> Iterator[str]:
    if "text" not in block and "fields" not in block:
        yield at.complaint("must provide `text` or `fields`")
    if "text" in block:
        yield from _text(block["text"], at / "text", limit=3000)
    if "fields" in block:
        yield from _listed(block["fields"], at / "fields", most=10)
        for number, text in enumerate(_items(block["fields"])):
            yield from _text(text, at / "fields" / number, limit=2000)
    if (accessory := block.get("accessory")) is not None:
        check = _image if isinstance(accessory, dict) and accessory.get("type") == "image" else _button
        yield from check(accessory, at / "accessory")


def _header(block: Mapping[str, Any], at: _Place) -> Iterator[str]:
    yield from _text(block.get("text"), at / "text", limit=150, kinds=("plain_text",))


def _divider(block: Mapping[str, Any], at: _Place) -> Iterator[str]:
    yield from ()


def _context(block: Mapping[str, Any], at: _Place) -> Iterator[str]:
    yield from _listed(block.get("elements"), at / "elements", most=10)
    for number, element in enumerate(_items(block.get("elements"))):
        place = at / "elements" / number
        if isinstance(element, dict) and element.get("type") == "image":
            yield from _image(element, place)
        else:
            yield from _text(element, place, limit=2000)


def _actions(block: Mapping[str, Any], at: _Place) -> Iterator[str]:
    yield from _listed(block.get("elements"), at / "elements", most=25)
    seen: set[str] = set()
    for number, element in enumerate(_items(block.get("elements"))):
        place = at / "elements" / number
        yield from _button(element, place)
        action_id = element.get("action_id") if isinstance(element, dict) else None
        if isinstance(action_id, str):
            if action_id in seen:
                yield (place / "action_id").complaint(f"`action_id` must be unique: {action_id}")
            seen.add(action_id)


def _button(element: Any, at: _Place) -> Iterator[str]:
    if not isinstance(element, dict) or element.get("type") != "button":
        yield at.complaint("the stand-in knows no interactive element but `button`")
        return
    yield from _known_keys(element, at)
    yield from _text(element.get("text"), at / "text", limit=75, kinds=("plain_text",))
    for key, limit in (("action_id", 255), ("value", 2000), ("accessibility_label", 75)):
        if key in element:
            yield from _string(element[key], at / key, limit=limit)
    if "url" in element:
        yield from _url(element["url"], at / "url")
    if element.get("style", "primary") not in ("primary", "danger"):
        yield (at / "style").complaint("must be one of: primary, danger")


def _image(block: Mapping[str, Any], at: _Place) -> Iterator[str]:
    yield from _known_keys(block, at)
    if ("image_url" in block) == ("slack_file" in block):
        yield at.complaint("must provide either `image_url` or `slack_file`")
    if "image_url" in block:
        yield from _url(block["image_url"], at / "image_url")
    if "slack_file" in block:
        yield from _slack_file(block["slack_file"], at / "slack_file")
    yield from _string(block.get("alt_text"), at / "alt_text", limit=2000)
    if "title" in block:
        yield from _text(block["title"], at / "title", limit=2000, kinds=("plain_text",))


def _slack_file(value: Any, at: _Place) -> Iterator[str]:
    if not isinstance(value, dict) or value.keys() != {"id"}:
        yield at.complaint("the stand-in knows files by their `id` only")
    elif not isinstance(value["id"], str) or not re.fullmatch(_FILE_ID, value["id"]):
        yield (at / "id").complaint(f"input must match regex pattern: {_FILE_ID}")


def _rich_text(block: Mapping[str, Any], at: _Place) -> Iterator[str]:
    yield from _listed(block.get("elements"), at / "elements", most=1000)
    for number, element in enumerate(_items(block.get("elements"))):
        yield from _rich_container(element, at / "elements" / number)


def _rich_container(element: Any, at: _Place) -> Iterator[str]:
    kind = element.get("type") if isinstance(element, dict) else None
    if kind not in _RICH_CONTAINERS:
        yield at.complaint(f"unsupported type: {kind}")
        return
    for key in sorted(element.keys() - _RICH_CONTAINERS[kind] - {"type", "elements"}):
        yield at.complaint(f"invalid additional property: {key}")
    if kind == "rich_text_list" and element.get("style") not in ("bullet", "ordered"):
        yield (at / "style").complaint("must be one of: bullet, ordered")
    check = _rich_container if kind == "rich_text_list" else _rich_leaf
    for number, inner in enumerate(_items(element.get("elements"))):
        yield from check(inner, at / "elements" / number)


def _rich_leaf(element: Any, at: _Place) -> Iterator[str]:
    kind = element.get("type") if isinstance(element, dict) else None
    if kind not in _RICH_LEAVES:
        yield at.complaint(f"unsupported type: {kind}")
        return
    key = _RICH_LEAVES[kind]
    if kind == "date":
        if not isinstance(element.get(key), int):
            yield (at / key).complaint("must be an integer")
    elif kind == "link":
        yield from _url(element.get(key), at / key)
    else:
        yield from _string(element.get(key), at / key, limit=_BLOCKS_TEXT)
    if kind == "broadcast" and element.get(key) not in ("here", "channel", "everyone"):
        yield (at / key).complaint("must be one of: here, channel, everyone")


def _text(value: Any, at: _Place, *, limit: int, kinds: Sequence[str] = _ANY_TEXT) -> Iterator[str]:
    if not isinstance(value, dict) or value.get("type") not in kinds:
        yield at.complaint(f"must be one of: {', '.join(kinds)}")
        return
    yield from _known_keys(value, at)
    yield from _string(value.get("text"), at / "text", limit=limit)


def _string(value: Any, at: _Place, *, limit: int) -> Iterator[str]:
    if not isinstance(value, str):
        yield at.complaint("must be a string")
    elif not value:
        yield at.complaint("must be more than 0 characters")
    elif len(value) > limit:
        yield at.complaint(f"must be less than {limit + 1} characters")


def _url(value: Any, at: _Place) -> Iterator[str]:
    yield from _string(value, at, limit=3000)
    if isinstance(value, str) and not re.match(r"(https?://[^\s/]|mailto:)", value):
        yield at.complaint("must be a valid URL")


def _listed(value: Any, at: _Place, *, most: int) -> Iterator[str]:
    if not isinstance(value, list) or not value:
        yield at.complaint("must have at least 1 item")
    elif len(value) > most:
        yield at.complaint(f"no more than {most} items allowed")


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _known_keys(value: Mapping[str, Any], at: _Place) -> Iterator[str]:
    for key in sorted(value.keys() - _KEYS[value["type"]] - {"type", "block_id"}):
        yield at.complaint(f"invalid additional property: {key}")
