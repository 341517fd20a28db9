"""The door of notification: bring a message to a channel, say what became of it, and hear what people say.

A notifier never retries: the outbox owns every further attempt.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from monitor.records import Delivery, Feedback, HungUp, PostOutcome

__all__ = ["Listener", "Notifier", "open_console", "open_listener", "open_slack"]


class Notifier(Protocol):
    """Brings deliveries to their channels; no exception but a cancellation leaves either method."""

    async def post(self, delivery: Delivery) -> PostOutcome:
        """Try once to post the delivery."""

    async def look_up(self, delivery: Delivery) -> PostOutcome:
        """Find out whether an earlier attempt posted the delivery; ``InDoubt`` if one can't look now."""


class Listener(Protocol):
    """Hears what people say of messages."""

    async def hear(self, take: Callable[[Feedback], Awaitable[None]]) -> HungUp:
        """Connect, and hand over what people say, one by one, until the connection ends.

        The channel is told that something has arrived when ``take`` has returned; what ``take`` raises ends
        the connection, and comes out here.
        """
        ...


@asynccontextmanager
async def open_slack(api_url: str, token: str) -> AsyncIterator[Notifier]:
    """Post to Slack, or to whatever answers like it at ``api_url``."""
    from monitor.notify.slack import SlackNotifier

    async with SlackNotifier.open(api_url, token) as notifier:
        yield notifier


@asynccontextmanager
async def open_console() -> AsyncIterator[Notifier]:
    """Print messages, for those who have no Slack token yet."""
    from monitor.notify.console import ConsoleNotifier

    yield ConsoleNotifier()


@asynccontextmanager
async def open_listener(api_url: str, app_token: str, bot_token: str) -> AsyncIterator[Listener]:
    """Listen to people in Slack, or in whatever answers like it at ``api_url``."""
    from monitor.notify.socketmode import SocketMode

    async with SocketMode.open(api_url, app_token, bot_token) as listener:
        yield listener
