"""Examines an installation from the files to the channels; each room says what it finds.

configuration ──► secrets ──► model ──► storage ──► Slack, if it may be asked
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from itertools import chain
from pathlib import Path

from monitor.clock import Clock
from monitor.configuration import Configuration, load_configuration
from monitor.errors import ConfigurationError
from monitor.notify import check_slack
from monitor.records import Check
from monitor.scoring import check_model
from monitor.settings import fetch_proxy, slack_app_token, slack_bot_token, target_of
from monitor.storage import check_storage
from monitor.targets import named_channels

__all__ = ["check_lines", "examine"]

_MARKS = {"ok": "ok      ", "warning": "warning ", "failed": "FAILED  "}
_FILES = "docs/configuration.md has every key"
_SET_IT = "set it, or the variable with _FILE that names a file with it"


async def examine(
    folder: Path, environ: Mapping[str, str], now: Clock, *, live: bool
) -> AsyncIterator[Check]:
    """Yield one finding after the other; nothing leaves the machine unless ``live``, which asks Slack too."""
    try:
        config = load_configuration(folder, environ)
    except ConfigurationError as error:
        for problem in error.problems:
            yield Check(subject="configuration", state="failed", text=str(problem), remedy=_FILES)
        return
    for check in chain(_configuration(config, folder), _secrets(config, environ), _parts(config)):
        yield check
    if live:
        async for check in _slack(config, environ, now):
            yield check


def check_lines(check: Check) -> list[str]:
    """Return a finding as text."""
    lines = [f"{_MARKS[check.state]}{check.subject}: {check.text}"]
    return [*lines, f"{'':<8}→ {check.remedy}"] if check.remedy else lines


def _configuration(config: Configuration, folder: Path) -> Iterator[Check]:
    for problem in config.warnings:
        yield Check(subject="configuration", state="warning", text=str(problem))
    counts = f"{len(config.feeds)} feeds, {len(config.topics)} topics, {len(config.routes)} routes"
    if config.feeds and config.topics:
        yield Check(subject="configuration", state="ok", text=f"{folder}: {counts}")
    else:
        remedy = "add feeds to feeds.yaml and topics to watchlists/"
        yield Check(subject="configuration", state="warning", text=f"{folder}: {counts}", remedy=remedy)


def _secrets(config: Configuration, environ: Mapping[str, str]) -> Iterator[Check]:
    unset = {
        "SLACK_BOT_TOKEN": "not set: what is Slack's goes to the terminal",
        "SLACK_APP_TOKEN": "not set: there are no buttons, and nobody is heard",
    }
    for name, read in (("SLACK_BOT_TOKEN", slack_bot_token), ("SLACK_APP_TOKEN", slack_app_token)):
        try:
            found = read(environ)
        except ConfigurationError as error:
            yield Check(subject=name, state="failed", text=_told(error))
        else:
            missing = found is None and name == "SLACK_BOT_TOKEN"
            yield Check(
                subject=name,
                state="warning" if missing else "ok",
                text="set" if found else unset[name],
                remedy=f"{_SET_IT} (docs/slack.md)" if missing else None,
            )
    try:
        fetch_proxy(config.settings.fetch, environ)
    except ConfigurationError as error:
        yield Check(subject="FETCH_PROXY", state="failed", text=_told(error))
    for channel in sorted(channel for channel in named_channels(config) if "://" in channel):
        try:
            target_of(channel, environ)
        except ConfigurationError as error:
            yield Check(subject=channel, state="failed", text=_told(error), remedy="docs/targets.md")
        else:
            yield Check(subject=channel, state="ok", text="its secrets are set")


def _parts(config: Configuration) -> Iterator[Check]:
    encoder = config.settings.encoder
    yield check_model(
        encoder.model,
        query_prompt=encoder.query_prompt,
        passage_prompt=encoder.passage_prompt,
        max_tokens=encoder.max_tokens,
    )
    yield from check_storage(config.settings.storage.url)


async def _slack(config: Configuration, environ: Mapping[str, str], now: Clock) -> AsyncIterator[Check]:
    try:
        token, app_token = slack_bot_token(environ), slack_app_token(environ)
    except ConfigurationError:
        return  # which is among the findings
    if token is None:
        return
    async for check in check_slack(
        config.settings.slack.api_url,
        token.get_secret_value(),
        app_token.get_secret_value() if app_token else None,
        [channel for channel in named_channels(config) if "://" not in channel],
        now,
    ):
        yield check


def _told(error: ConfigurationError) -> str:
    return "; ".join(problem.message for problem in error.problems)
