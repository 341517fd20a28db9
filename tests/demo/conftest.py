"""A running Slack stand-in, and the real client to talk to it."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from monitor.demo.slack import SlackStandIn


@pytest.fixture
async def standin() -> AsyncIterator[SlackStandIn]:
    async with SlackStandIn(["news-alerts", "isis-watch"], token="xoxb-1", burst=None) as running:
        yield running


@pytest.fixture
def connect() -> Callable[..., AsyncWebClient]:
    """Makes a client that never retries, unless told otherwise."""

    def connect(standin: SlackStandIn, **options: Any) -> AsyncWebClient:
        settings = {"token": "xoxb-1", "base_url": standin.api_url, "retry_handlers": [], **options}
        return AsyncWebClient(**settings)

    return connect


@pytest.fixture
def slack(standin: SlackStandIn, connect: Callable[..., AsyncWebClient]) -> AsyncWebClient:
    return connect(standin)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1_750_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()
