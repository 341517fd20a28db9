"""The door of notification: bring a message to a channel, say what became of it, and hear what people say.

A notifier never retries: the outbox owns every further attempt.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from monitor.records import (
    AppriseTarget,
    Check,
    Content,
    Delivery,
    Digest,
    Feedback,
    HungUp,
    PostOutcome,
    Problem,
    Target,
    WebhookTarget,
)

__all__ = [
    "Listener",
    "Notifier",
    "check_slack",
    "digest_chart",
    "digest_lines",
    "one_line",
    "open_console",
    "open_listener",
    "open_notifiers",
    "open_slack",
    "read_templates",
]


NO_TEMPLATES: Mapping[str, str] = {}


class Notifier(Protocol):
    """Brings deliveries to their channels; no exception but a cancellation leaves either method."""

    async def post(self, delivery: Delivery) -> PostOutcome:
        """Try once to post the delivery."""

    async def look_up(self, delivery: Delivery) -> PostOutcome:
        """Find out whether an earlier attempt posted the delivery; ``InDoubt`` if one can't look now.

        Where that can be seen, what is there twice is made one message again.
        """
        ...


class Listener(Protocol):
    """Hears what people say of messages."""

    async def hear(self, take: Callable[[Feedback], Awaitable[None]]) -> HungUp:
        """Connect, and hand over what people say, one by one, until the connection ends.

        The channel is told that something has arrived when ``take`` has returned; what ``take`` raises ends
        the connection, and comes out here.
        """
        ...


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


def check_slack(
    api_url: str, token: str, app_token: str | None, channels: Collection[str], now: Callable[[], datetime]
) -> AsyncIterator[Check]:
    """Ask Slack about its tokens, their scopes, our clock, and each of these channels; post nothing."""
    from monitor.notify.preflight import check_slack

    return check_slack(api_url, token, app_token, channels, now)


@asynccontextmanager
async def open_console() -> AsyncIterator[Notifier]:
    """Print messages, for those who have no Slack token yet."""
    from monitor.notify.console import ConsoleNotifier

    yield ConsoleNotifier()


@asynccontextmanager
async def open_notifiers(
    slack: AbstractAsyncContextManager[Notifier], targets: Iterable[Target], *, now: Callable[[], datetime]
) -> AsyncIterator[Notifier]:
    """Bring messages to Slack and to other targets, each by its channel; ``now`` dates what is signed.

    ConfigurationError if Apprise can make nothing of a target's URL.
    """
    from monitor.notify.switchboard import Switchboard

    async with AsyncExitStack() as stack:
        entered: dict[str, Notifier] = {}
        for target in targets:
            entered[target.channel] = await stack.enter_async_context(_open_target(target, now))
        yield Switchboard(await stack.enter_async_context(slack), entered)


def _open_target(target: Target, now: Callable[[], datetime]) -> AbstractAsyncContextManager[Notifier]:
    match target:
        case WebhookTarget():
            from monitor.notify.webhook import WebhookNotifier

            return WebhookNotifier.open(target, now)
        case AppriseTarget():
            from monitor.notify.apprise import AppriseNotifier

            return AppriseNotifier.open(target)


def read_templates(folder: Path) -> tuple[Mapping[str, str], tuple[Problem, ...]]:
    """Return a folder's message layouts by what they are for, and what is wrong with the others.

    The folder need not exist.
    """
    if not folder.is_dir():
        return NO_TEMPLATES, ()
    from monitor.notify.templates import read_templates

    return read_templates(folder)


def digest_chart(digest: Digest) -> bytes | None:
    """Return a digest's chart as PNG, None where it would show nothing."""
    from monitor.notify.charts import chart_png

    return chart_png(digest)


def one_line(message: Content) -> str:
    """Return a message as a line of plain text: what a notification of it shows."""
    from monitor.notify.plain import plain_title

    return plain_title(message)


def digest_lines(digest: Digest) -> list[str]:
    """Return a digest as lines of plain text."""
    from monitor.notify.blocks import plain_lines

    return plain_lines(digest)


@asynccontextmanager
async def open_listener(api_url: str, app_token: str, bot_token: str) -> AsyncIterator[Listener]:
    """Listen to people in Slack, or in whatever answers like it at ``api_url``."""
    from monitor.notify.socketmode import SocketMode

    async with SocketMode.open(api_url, app_token, bot_token) as listener:
        yield listener
