"""Hands each delivery to the notifier of its channel."""

from collections.abc import Mapping
from typing import Protocol

from monitor.records import Delivery, NotPosted, PostOutcome


class _Notifier(Protocol):
    async def post(self, delivery: Delivery) -> PostOutcome: ...

    async def look_up(self, delivery: Delivery) -> PostOutcome: ...


class _NoTarget:
    """Stands for a target that was there when the message was written, and is named no more."""

    async def post(self, delivery: Delivery) -> PostOutcome:
        return NotPosted(reason=f"the configuration does not name {delivery.channel} any more")

    look_up = post


class Switchboard:
    """Slack's channels go to ``slack``, the others each to a notifier of their own."""

    def __init__(self, slack: _Notifier, targets: Mapping[str, _Notifier]) -> None:
        self._slack = slack
        self._targets = targets

    async def post(self, delivery: Delivery) -> PostOutcome:
        """Try once to post the delivery where its channel leads."""
        return await self._notifier(delivery.channel).post(delivery)

    async def look_up(self, delivery: Delivery) -> PostOutcome:
        """Have the channel's notifier find out what became of an earlier attempt."""
        return await self._notifier(delivery.channel).look_up(delivery)

    def _notifier(self, channel: str) -> _Notifier:
        if "://" in channel:
            return self._targets.get(channel, _NoTarget())
        return self._slack
