"""The door of notification: bring a message to a channel, and say what became of it.

A notifier never retries: the outbox owns every further attempt.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from monitor.records import Delivery, PostOutcome

__all__ = ["Notifier", "open_console", "open_slack"]


class Notifier(Protocol):
    """Brings deliveries to their channels; no exception but a cancellation leaves either method."""

    async def post(self, delivery: Delivery) -> PostOutcome:
        """Try once to post the delivery."""

    async def look_up(self, delivery: Delivery) -> PostOutcome:
        """Find out whether an earlier attempt posted the delivery; ``InDoubt`` if one can't look now."""


@asynccontextmanager
async def open_slack(api_url: str, token: str, *, buttons: bool = False) -> AsyncIterator[Notifier]:
    """Post to Slack, or to whatever answers like it at ``api_url``.

    ``buttons`` puts some below each story; somebody must listen to them.
    """
    from monitor.notify.slack import SlackNotifier

    async with SlackNotifier.open(api_url, token, buttons=buttons) as notifier:
        yield notifier


@asynccontextmanager
async def open_console() -> AsyncIterator[Notifier]:
    """Print messages, for those who have no Slack token yet."""
    from monitor.notify.console import ConsoleNotifier

    yield ConsoleNotifier()
