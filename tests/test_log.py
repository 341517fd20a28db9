import io
import json
import logging
from collections.abc import Iterator

import pytest

from monitor import log

SECRETS = [
    ("xoxb-12-34-AbC", "token xoxb-12-34-AbC refused"),
    ("xoxp-9-8", "xoxp-9-8"),
    ("xoxe.xoxp-1-Mi0y", "rotated xoxe.xoxp-1-Mi0y"),
    ("xapp-1-A0-99-ff", "socket: xapp-1-A0-99-ff"),
    ("T0/B0/s3cr3t", "POST https://hooks.slack.com/services/T0/B0/s3cr3t"),
    ("anna:hunter2", "GET https://anna:hunter2@feeds.example/rss"),
    ("abc123", "GET https://feeds.example/rss?token=abc123&page=2"),
    ("abc123", "https://feeds.example/?API_KEY=abc123"),
    ("abc123", "password=abc123 is wrong"),
    ("abc123", "https://feeds.example/?sig=abc123"),
]
HARMLESS = [
    "https://feeds.example/rss?page=2&section=world",
    "https://feeds.example:8443/rss",
    "the token was refused",
    "a monkey = a primate",
]


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    """What a service that is no terminal would write; logging is put back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    output = io.StringIO()
    log.configure("DEBUG", stream=output)
    yield output
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(("secret", "text"), SECRETS)
def test_secrets_are_redacted(secret: str, text: str) -> None:
    redacted = log.redacted(text)
    assert secret not in redacted
    assert "[secret]" in redacted


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_is_left_alone(text: str) -> None:
    assert log.redacted(text) == text


def test_a_line_is_json_with_the_event_and_its_fields(output: io.StringIO) -> None:
    logging.getLogger("monitor.poll").info("polled", extra={"feed": "Wire", "new": 3})
    line = json.loads(output.getvalue())
    assert (line["event"], line["feed"], line["new"], line["level"]) == ("polled", "Wire", 3, "info")
    assert line["timestamp"].endswith("Z")


def test_no_part_of_a_line_shows_a_secret(output: io.StringIO) -> None:
    logger = logging.getLogger("monitor.anything")
    logger.info("used xoxb-1-a", extra={"url": "https://u:xoxb-1-b@h.example/", "seen": ["xoxb-1-c"]})
    logger.info("used %s", "xoxb-1-d", extra={"cause": ValueError("xoxb-1-e"), "by": {"t": "xoxb-1-f"}})
    try:
        raise ValueError("bad xoxb-1-g")
    except ValueError:
        logger.exception("crashed")
    assert "crashed" in output.getvalue()
    assert "xoxb-1" not in output.getvalue()


@pytest.mark.parametrize(
    "chatty", ["slack_sdk.web.async_client", "aiohttp.access", "apscheduler.scheduler", "urllib3"]
)
def test_chatty_libraries_only_warn(output: io.StringIO, chatty: str) -> None:
    logging.getLogger(chatty).info("body")
    assert output.getvalue() == ""
    logging.getLogger(chatty).warning("trouble")
    assert "trouble" in output.getvalue()
