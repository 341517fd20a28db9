"""What the service and its parser process say to each other: frames of a length and that many bytes.

The worker says ``READY`` once. Then, for every document: a JSON frame about it (what to ``read`` it as, a
``feed`` or an ``article``) and a frame with its body go to the worker, one JSON frame comes back. JSON,
because the worker read hostile input and is not trusted.
"""

import json
import struct
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from monitor.records import Article, FetchFailed, NoArticle, ParsedItem, PollHints

LENGTH = struct.Struct(">I")
READY = b"ready"

# Text of a body at the default size cap, with room; entities could make far more of it.
MAX_ANSWER = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What was read from a body; ``whole`` says that it was well-formed to its end.

    ``hub`` and ``self_url`` are the document's own links to its WebSub hub and to itself.
    """

    format: str
    title: str = ""
    items: tuple[ParsedItem, ...]
    whole: bool
    hints: PollHints | None = None
    hub: str | None = None
    self_url: str | None = None


Answer = Document | Article | NoArticle | FetchFailed


def framed(payload: bytes) -> bytes:
    """Return the payload with its length in front."""
    return LENGTH.pack(len(payload)) + payload


def read_frame(stream: BinaryIO) -> bytes | None:
    """Read one frame, or None when the stream has ended."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    payload = stream.read(length)
    return payload if len(payload) == length else None


def pack_answer(answer: Answer) -> bytes:
    """Write the worker's answer as JSON; one that grew beyond all measure becomes a failure."""
    if isinstance(answer, FetchFailed):
        return _packed({"failed": [answer.kind, answer.message]})
    if isinstance(answer, Article | NoArticle):
        return _packed({type(answer).__name__: asdict(answer)})
    items = [{**asdict(item), "published": _iso(item.published)} for item in answer.items]
    hints = answer.hints and [answer.hints.min_interval.total_seconds(), answer.hints.source]
    about = {"whole": answer.whole, "hints": hints, "hub": answer.hub, "self_url": answer.self_url}
    packed = _packed({"format": answer.format, "title": answer.title, "items": items, **about})
    if len(packed) > MAX_ANSWER:
        return pack_answer(
            FetchFailed(kind="size", message="The document unfolds to more text than a feed has.")
        )
    return packed


def unpack_answer(packed: bytes) -> Answer:
    """Read the worker's answer back."""
    answer: dict[str, Any] = json.loads(packed)
    if "failed" in answer:
        kind, message = answer["failed"]
        return FetchFailed(kind=kind, message=message)
    if "Article" in answer:
        return Article(**answer["Article"])
    if "NoArticle" in answer:
        return NoArticle(**answer["NoArticle"])
    items = tuple(ParsedItem(**{**item, "published": _moment(item["published"])}) for item in answer["items"])
    return Document(
        format=answer["format"],
        title=answer["title"],
        items=items,
        whole=answer["whole"],
        hints=answer["hints"] and _hints(*answer["hints"]),
        hub=answer["hub"],
        self_url=answer["self_url"],
    )


def _packed(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


def _hints(seconds: float, source: str) -> PollHints:
    return PollHints(min_interval=timedelta(seconds=seconds), source=source)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(iso: str | None) -> datetime | None:
    return None if iso is None else datetime.fromisoformat(iso)
