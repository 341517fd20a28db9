"""Logs: events with fields, as readable lines on a terminal and as JSON elsewhere, without secrets."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

_SECRETS = re.compile(
    r"xox[a-z]-[\w-]+|xoxe\.[\w.-]+|xapp-[\w-]+|(?<=hooks\.slack\.com/)\S+|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"
    r"|(?i:(?<=token=)|(?<=key=)|(?<=sig=)|(?<=secret=)|(?<=password=))[^&\s\"']+"
)
_ECHO = (
    structlog.stdlib.ExtraAdder(),
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def redacted(text: str) -> str:
    """Return the text with everything that looks like a secret replaced."""
    return _SECRETS.sub("[secret]", text)


def configure(level: str = "INFO", *, stream: TextIO = sys.stderr) -> None:
    """Send every library's log through one formatter to ``stream``."""
    pretty = stream.isatty()
    renderer = structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_ECHO,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _redact,
                renderer,
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # At DEBUG these print message bodies and query strings; their INFO is a line per tick or request.
    for chatty in ("slack_sdk", "aiohttp", "apscheduler", "sentence_transformers", "alembic", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: _without_secrets(value) for key, value in event.items()}


def _without_secrets(value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case dict():
            return {key: _without_secrets(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_without_secrets(inner) for inner in value]
        case _:
            return redacted(str(value))
