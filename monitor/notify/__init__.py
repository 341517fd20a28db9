"""The door of notification: bring a message to a channel, and say what became of it.

A notifier never retries: the outbox owns every further attempt.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from monitor.records import Delivery, Digest, PostOutcome

__all__ = ["Notifier", "digest_chart", "digest_lines", "open_console", "open_slack"]


class Notifier(Protocol):
    """Brings deliveries to their channels; no exception but a cancellation leaves either method."""

    async def post(self, delivery: Delivery) -> PostOutcome:
        """Try once to post the delivery."""

    async def look_up(self, delivery: Delivery) -> PostOutcome:
        """Find out whether an earlier attempt posted the delivery; ``InDoubt`` if one can't look now."""


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


def digest_chart(digest: Digest) -> bytes | None:
    """Return a digest's chart as PNG, None where it would show nothing."""
    from monitor.notify.charts import chart_png

    return chart_png(digest)


def digest_lines(digest: Digest) -> list[str]:
    """Return a digest as lines of plain text."""
    from monitor.notify.blocks import plain_lines

    return plain_lines(digest)
