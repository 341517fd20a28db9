"""The door of notification: bring a message to a channel, and say what became of it.

A notifier never retries: the outbox owns every further attempt.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from monitor.records import Delivery, PostOutcome, Problem

__all__ = ["Notifier", "open_console", "open_slack", "read_templates"]


NO_TEMPLATES: Mapping[str, str] = {}


class Notifier(Protocol):
    """Brings deliveries to their channels; no exception but a cancellation leaves either method."""

    async def post(self, delivery: Delivery) -> PostOutcome:
        """Try once to post the delivery."""

    async def look_up(self, delivery: Delivery) -> PostOutcome:
        """Find out whether an earlier attempt posted the delivery; ``InDoubt`` if one can't look now."""


@asynccontextmanager
async def open_slack(
    api_url: str, token: str, *, buttons: bool = False, templates: Mapping[str, str] = NO_TEMPLATES
) -> AsyncIterator[Notifier]:
    """Post to Slack, or to whatever answers like it at ``api_url``.

    ``buttons`` puts some below each story; somebody must listen to them. ``templates`` are layouts of one's
    own, as ``read_templates`` returns them.
    """
    from monitor.notify.slack import SlackNotifier

    layouts = None
    if templates:
        from monitor.notify.templates import Templates

        layouts = Templates(templates)
    async with SlackNotifier.open(api_url, token, buttons=buttons, layouts=layouts) as notifier:
        yield notifier


@asynccontextmanager
async def open_console() -> AsyncIterator[Notifier]:
    """Print messages, for those who have no Slack token yet."""
    from monitor.notify.console import ConsoleNotifier

    yield ConsoleNotifier()


def read_templates(folder: Path) -> tuple[Mapping[str, str], tuple[Problem, ...]]:
    """Return a folder's message layouts by what they are for, and what is wrong with the others.

    The folder need not exist.
    """
    if not folder.is_dir():
        return NO_TEMPLATES, ()
    from monitor.notify.templates import read_templates

    return read_templates(folder)
