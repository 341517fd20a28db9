"""Messages as they wait in the outbox."""

from dataclasses import fields
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from monitor.records import Content, Digest, Listing, Message, NewDelivery, Notice, Reminder, Update

_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (Message, Update, Listing, Digest, Reminder, Notice)
}
_KIND = "kind"


def delivery_columns(delivery: NewDelivery, now: datetime) -> dict[str, Any]:
    """Return a new delivery as columns."""
    return {
        "id": delivery.id,
        "channel": delivery.channel,
        "message": message_columns(delivery.message),
        "kind": delivery.kind,
        "parent_id": delivery.parent_id,
        "broadcast": delivery.broadcast,
        "not_before": delivery.not_before,
        "state": "pending",
        "created_at": now,
    }


def message_columns(message: Content) -> dict[str, Any]:
    """Return a message as JSON; ``message_from`` reads it back."""
    columns: dict[str, Any] = _plain(message)
    return {_KIND: type(message).__name__, **columns}


def message_from(stored: dict[str, Any]) -> Content:
    """Return a message from the JSON that ``message_columns`` made, or an earlier version of it."""
    columns = dict(stored)
    earlier = "Notice" if "entries" in stored else "Message"
    kind = _KINDS[columns.pop(_KIND, earlier)]
    message: Content = _read(kind, columns)
    return message


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case tuple():
            return [_plain(part) for part in value]
        case None | bool() | int() | float() | str():
            return value
        case _:
            return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}


def _read(kind: Any, value: Any) -> Any:
    """Return a JSON value as what a field's type says."""
    if value is None:
        return None
    if get_origin(kind) in (Union, UnionType):
        return _read(next(part for part in get_args(kind) if part is not type(None)), value)
    if get_origin(kind) is tuple:
        return tuple(_read(get_args(kind)[0], part) for part in value)
    if kind is datetime:
        return datetime.fromisoformat(value)
    if isinstance(value, dict):
        # What a field was called before is left out.
        return kind(**{name: _read(of, value[name]) for name, of in _types(kind).items() if name in value})
    return value


@cache
def _types(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)
