"""What the demo says at its end: what the channels hold, by threads, and where to look first. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from monitor.demo.slack_state import StoredMessage
from monitor.records import Delivery, Listing, Message, Update, as_sent

__all__ = ["channel_lines", "sight", "sight_lines"]

_SIGHTS = {
    "thread": "a story with its thread",
    "urgent": "an urgent one, with a button that acknowledges it",
    "list": "several stories in one message",
}


def sight(delivery: Delivery) -> str | None:
    """Return what a message is an example of, None where it is nothing special."""
    match as_sent(delivery.message):
        case Update():
            return "thread"
        case Message(level="urgent"):
            return "urgent"
        case Listing():
            return "list"
        case _:
            return None


def sight_lines(sights: Mapping[str, str]) -> list[str]:
    """Return where to look first; ``sights`` are the channels of the first example of each."""
    found = [f"  {what}: {sights[kind]}" for kind, what in _SIGHTS.items() if kind in sights]
    return ["", "Look at", *found] if found else []


def channel_lines(channel: str, messages: Sequence[StoredMessage]) -> list[str]:
    """Return what a channel holds, the replies below their messages."""
    parents = [message for message in messages if message.thread_ts is None]
    lines = [f"#{channel}: messages {len(parents)}, replies in threads {len(messages) - len(parents)}"]
    for parent in parents:
        lines.append(f"  {_when(parent)}  {parent.text}")
        for reply in messages:
            if reply.thread_ts == parent.ts:
                also = " (shown in the channel too)" if reply.broadcast else ""
                lines.append(f"    ↳ {_when(reply)}  {reply.text}{also}")
    return lines


def _when(message: StoredMessage) -> str:
    return f"{datetime.fromtimestamp(float(message.ts), UTC):%-d %b %H:%M}"
