"""The outbox by hand: what has not reached its channel and why, and another try, beside a running service."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from monitor.configuration import Configuration
from monitor.errors import MonitorError
from monitor.notify import one_line
from monitor.records import DeliveryState, UnsentDelivery
from monitor.storage import OutboxStore, open_storage

__all__ = ["retry", "unsent", "unsent_lines", "unsent_rows"]


def unsent(config: Configuration, state: DeliveryState | None, channel: str | None) -> list[UnsentDelivery]:
    """Return what is not known to be in its channel, the oldest first; of one state or channel, or of all.

    The # of a channel may be left out. StorageError if there is no database.
    """
    with _opened(config, read_only=True) as outbox:
        return [
            delivery
            for delivery in outbox.unsent()
            if state in (None, delivery.status.state)
            and (channel is None or _bare(channel) == _bare(delivery.status.channel))
        ]


def retry(config: Configuration, delivery_id: str | None) -> int:
    """Have deliveries tried again that their channel refused, one or all of them, and return how many.

    MonitorError if the one that is named was not refused, or must not be tried again.
    """
    with _opened(config) as outbox:
        tried = outbox.retry(delivery_id)
    if not tried and delivery_id is not None:
        raise MonitorError(
            f"there is no delivery {delivery_id} that was refused and that nothing has replaced; "
            "`monitor deliveries list --state failed` shows those that have failed"
        )
    return tried


def unsent_lines(deliveries: Sequence[UnsentDelivery]) -> list[str]:
    """Return deliveries as text."""
    return [line for delivery in deliveries for line in _lines(delivery)] or ["everything has been delivered"]


def unsent_rows(deliveries: Sequence[UnsentDelivery]) -> list[Mapping[str, Any]]:
    """Return deliveries as plain JSON values."""
    return [
        {
            "id": delivery.id,
            "channel": delivery.status.channel,
            "kind": delivery.status.kind,
            "state": delivery.status.state,
            "attempts": delivery.status.attempt,
            "last_error": delivery.status.last_error,
            "message": one_line(delivery.message),
            "created_at": delivery.created_at.isoformat(),
            "not_before": delivery.not_before and delivery.not_before.isoformat(),
        }
        for delivery in deliveries
    ]


def _lines(delivery: UnsentDelivery) -> Iterator[str]:
    status = delivery.status
    facts = [status.kind, f"made {_time(delivery.created_at)}"]
    facts += [f"goes {_time(delivery.not_before)} at the earliest"] if delivery.not_before else []
    facts += [f"attempts: {status.attempt}"] if status.attempt else []
    yield f"{status.state:<8}  {status.channel}  {delivery.id}  ({', '.join(facts)})"
    yield f"          {one_line(delivery.message)}"
    if status.last_error:
        yield f"          {status.last_error}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _bare(channel: str) -> str:
    return channel.removeprefix("#")


@contextmanager
def _opened(config: Configuration, *, read_only: bool = False) -> Iterator[OutboxStore]:
    # A service that is running need not be stopped: it looks at the table again within a second.
    storage = open_storage(config.settings.storage.url, read_only=read_only, guest=not read_only)
    try:
        yield storage.outbox
    finally:
        storage.close()
