"""Messages as they wait in the outbox."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from monitor.records import Message, NewDelivery, Notice, NoticeEntry


def delivery_columns(delivery: NewDelivery, now: datetime) -> dict[str, Any]:
    """Return a new delivery as columns."""
    return {
        "id": delivery.id,
        "channel": delivery.channel,
        "message": message_columns(delivery.message),
        "state": "pending",
        "created_at": now,
    }


def message_columns(message: Message | Notice) -> dict[str, Any]:
    """Return a message as JSON; ``message_from`` reads it back."""
    if isinstance(message, Notice):
        entries = [asdict(entry) | {"since": entry.since.isoformat()} for entry in message.entries]
        return {"entries": entries}
    published = message.published.isoformat() if message.published else None
    return asdict(message) | {"published": published, "first_seen": message.first_seen.isoformat()}


def message_from(stored: dict[str, Any]) -> Message | Notice:
    """Return a message from the JSON that ``message_columns`` made."""
    if "entries" in stored:
        return Notice(entries=tuple(map(_entry_from, stored["entries"])))
    published = stored["published"]
    return Message(
        **stored
        | {
            "published": datetime.fromisoformat(published) if published else None,
            "first_seen": datetime.fromisoformat(stored["first_seen"]),
            "also_in": tuple(stored["also_in"]),
        }
    )


def _entry_from(stored: dict[str, Any]) -> NoticeEntry:
    return NoticeEntry(**stored | {"since": datetime.fromisoformat(stored["since"])})
