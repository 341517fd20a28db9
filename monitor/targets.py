"""Owns which targets there are beside Slack: gathers their secrets, and opens who brings messages there."""

import logging
import uuid
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager

from monitor.clock import Clock
from monitor.configuration import Configuration
from monitor.errors import ConfigurationError, MonitorError
from monitor.notify import Notifier, open_console, open_notifiers, open_slack
from monitor.records import Delivery, Notice, NoticeEntry, Posted, Problem, Target
from monitor.settings import slack_app_token, slack_bot_token, target_of

__all__ = ["named_channels", "open_notifier", "read_targets", "send_test"]

logger = logging.getLogger(__name__)


def named_channels(config: Configuration) -> frozenset[str]:
    """Return every channel that the configuration names."""
    slack = config.settings.slack
    named = {slack.channel, slack.ops_channel, *config.channels}
    named |= {topic.channel for topic in config.topics}
    named |= {channel for route in config.routes for channel in route.channels}
    return frozenset(channel for channel in named if channel)


def read_targets(channels: Iterable[str], environ: Mapping[str, str]) -> tuple[Target, ...]:
    """Return where those channels lead that are none of Slack's.

    ConfigurationError with every channel whose secrets are missing or of no use.
    """
    targets: list[Target] = []
    problems: list[Problem] = []
    for channel in sorted(channels):
        try:
            target = target_of(channel, environ)
        except ConfigurationError as error:
            problems += error.problems
        else:
            targets += [target] if target else []
    if problems:
        raise ConfigurationError(problems)
    return tuple(targets)


def open_notifier(
    config: Configuration, channels: Iterable[str], environ: Mapping[str, str], now: Clock
) -> AbstractAsyncContextManager[Notifier]:
    """Bring messages to these channels; what is Slack's goes to the console while there is no token.

    ConfigurationError if a secret is missing or of no use.
    """
    targets = read_targets(channels, environ)
    token = slack_bot_token(environ)
    if token is None:
        logger.warning("no_slack_token", extra={"hint": "set SLACK_BOT_TOKEN; messages go to the console"})
        slack = open_console()
    else:
        slack = open_slack(
            config.settings.slack.api_url,
            token.get_secret_value(),
            # Without somebody who listens a button would do nothing.
            buttons=slack_app_token(environ) is not None,
            templates=config.templates,
        )
    return open_notifiers(slack, targets, now=now)


async def send_test(config: Configuration, channel: str, environ: Mapping[str, str], now: Clock) -> None:
    """Post a message to one channel, past outbox and database; MonitorError, which says why, if it fails."""
    at = now()
    entry = NoticeEntry(
        subject="Test",
        url=None,
        over=True,
        text="This is a test message; messages reach this channel.",
        remedy=None,
        since=at,
    )
    delivery = Delivery(
        id=f"test-{uuid.uuid4().hex}",
        channel=channel,
        message=Notice(entries=(entry,)),
        attempt=1,
        first_try_at=at,
    )
    async with open_notifier(config, [channel], environ, now) as notifier:
        outcome = await notifier.post(delivery)
    if not isinstance(outcome, Posted):
        raise MonitorError(f"{channel}: {outcome.reason}")
