"""Posts to Slack, classifies its answers, and looks up what it can't be sure of.

answer                                        outcome
--------------------------------------------  ---------------------------------------------------------
``ok: true`` with a ``ts``                    Posted
no connection came about; HTTP 429            NotPosted: try again
``ok: false`` (even in an HTTP 200)           NotPosted: try again, or hopeless if the message is at fault
connection lost, time-out, 5xx, not JSON,     InDoubt: Slack may have stored the message
``internal_error`` and its like
"""

import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Self

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from monitor.notify.blocks import slack_blocks, slack_lines, slack_text
from monitor.notify.slack_files import Charts
from monitor.records import Delivery, InDoubt, NotPosted, Posted, PostOutcome, Receipt

logger = logging.getLogger(__name__)

TIMEOUT = 10.0
"""Seconds for one call of Slack's API."""
CLOCK_SKEW = timedelta(hours=1)
"""How far our clock may be ahead of Slack's when looking for a message by the time of its first attempt."""
CHART_PAUSE = timedelta(seconds=2)
EVENT_TYPE = "monitor_alert"

# Slack: "possible some aspect of the operation succeeded before the error was raised".
_AMBIGUOUS = {"fatal_error", "internal_error", "request_timeout", "service_unavailable"}
# The message itself is at fault: a plain one may pass.
_MALFORMED = {
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "msg_too_long",
    "metadata_too_large",
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "invalid_arguments",
    "invalid_arg_name",
    "invalid_array_arg",
    "invalid_post_type",
    "no_text",
}
# Posting is allowed and looking is not; waiting will not change that.
_BLIND = {"missing_scope", "not_allowed_token_type", "no_permission"}


class SlackNotifier:
    """Slack's Web API with a bot token. The SDK's own retries are off: they post twice."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._charts = Charts(client)
        self._channel_ids: dict[str, str] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, api_url: str, token: str) -> AsyncIterator[Self]:
        """Talk to the API at ``api_url`` over one session, until the context ends."""
        # An idle connection that the other end closes makes a message doubtful: soon open a fresh one.
        connector = aiohttp.TCPConnector(keepalive_timeout=5)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            client = AsyncWebClient(token=token, base_url=api_url, session=session, retry_handlers=[])
            yield cls(client)

    async def post(self, delivery: Delivery) -> PostOutcome:
        """Try once to post the delivery; a message that Slack finds malformed goes again as plain text."""
        chart = await self._charts.uploaded(delivery)
        outcome = await self._post(delivery, blocks=slack_blocks(delivery.message, chart=chart))
        if chart and isinstance(outcome, NotPosted) and outcome.reason in _MALFORMED:
            if self._charts.may_come(delivery):
                return NotPosted(reason="Slack does not show the chart yet", retry_after=CHART_PAUSE)
            outcome = await self._post(delivery, blocks=slack_blocks(delivery.message))
        match outcome:
            case NotPosted(reason=reason) if reason in _MALFORMED:
                logger.warning("message_shrunk", extra={"delivery": delivery.id, "reason": reason})
                return _hopeless_if_malformed(await self._post(delivery, blocks=None))
        return outcome

    async def look_up(self, delivery: Delivery) -> PostOutcome:
        """Look for the delivery's id in the metadata of what this bot has posted since the first attempt."""
        if delivery.first_try_at is None:
            return NotPosted(reason="never tried")
        oldest = (delivery.first_try_at - CLOCK_SKEW).timestamp()
        channel = await self._channel_id(delivery.channel)
        if not isinstance(channel, str):
            return channel
        cursor = ""
        while True:
            page = await _answer(
                self._client.conversations_history(
                    channel=channel,
                    oldest=f"{oldest:.6f}",
                    inclusive=True,
                    include_all_metadata=True,
                    limit=200,
                    cursor=cursor or None,
                )
            )
            if not isinstance(page, dict):
                return _unseen(page)
            for message in page.get("messages", []):
                if _delivery_id(message) == delivery.id:
                    return Posted(receipt=Receipt(channel=channel, ts=message["ts"]))
            cursor = _next_cursor(page)
            if not cursor:
                return NotPosted(reason="looked, and it is not there")

    async def _post(self, delivery: Delivery, blocks: list[dict[str, Any]] | None) -> PostOutcome:
        answer = await _answer(
            self._client.chat_postMessage(
                channel=delivery.channel,
                text=slack_text(delivery.message) if blocks else slack_lines(delivery.message),
                blocks=blocks,
                metadata={
                    "event_type": EVENT_TYPE,
                    "event_payload": {"d": delivery.id, "a": delivery.attempt},
                },
                mrkdwn=False,
                parse="none",
                link_names=False,
                unfurl_links=False,
                unfurl_media=False,
            )
        )
        match answer:
            case {"ts": str(ts), "channel": str(channel)}:
                self._channel_ids[delivery.channel] = channel
                return Posted(receipt=Receipt(channel=channel, ts=ts))
            case dict():
                return InDoubt(reason="Slack said ok, but not where the message is")
        return answer

    async def _channel_id(self, channel: str) -> str | NotPosted | InDoubt:
        """Return the id of a channel given as ``#name`` or as an id."""
        name = channel.removeprefix("#")
        if name == channel:
            return channel
        cursor = ""
        while channel not in self._channel_ids:
            page = await _answer(
                self._client.conversations_list(
                    types="public_channel,private_channel", limit=1000, cursor=cursor or None
                )
            )
            if not isinstance(page, dict):
                return _unseen(page)
            self._channel_ids |= {f"#{found['name']}": found["id"] for found in page.get("channels", [])}
            cursor = _next_cursor(page)
            if not cursor:
                break
        return self._channel_ids.get(channel) or NotPosted(reason=f"there is no channel {channel}")


async def _answer(call: Awaitable[Any]) -> dict[str, Any] | NotPosted | InDoubt:
    """Return what Slack answered with ``ok: true``, or what any other end of the call means."""
    try:
        response = await call
    except SlackApiError as error:
        return _refusal(error)
    except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
        return NotPosted(reason=f"cannot reach Slack: {error}")
    except TimeoutError:
        return InDoubt(reason=f"Slack did not answer within {TIMEOUT:.0f} s")
    except Exception as error:  # noqa: BLE001 - whatever came in between, Slack may have stored the message
        return InDoubt(reason=f"connection to Slack broke: {type(error).__name__}: {error}")
    return dict(response.data)


def _refusal(error: SlackApiError) -> NotPosted | InDoubt:
    """Classify an answer that is not ``ok: true``; the SDK passes two kinds of response objects."""
    response = error.response
    status = int(getattr(response, "status_code", None) or getattr(response, "status", None) or 0)
    data = getattr(response, "data", None)
    code = data.get("error") if isinstance(data, dict) else None
    if status == 429:
        return NotPosted(reason="ratelimited", retry_after=_retry_after(response.headers))
    if status >= 500 or not isinstance(code, str) or code in _AMBIGUOUS:
        return InDoubt(reason=f"Slack answered HTTP {status} {code or 'without JSON'}")
    return NotPosted(reason=code)


def _retry_after(headers: Any) -> timedelta:
    try:
        return timedelta(seconds=max(1, int(headers.get("Retry-After", "1"))))
    except ValueError:
        return timedelta(seconds=30)


def _hopeless_if_malformed(outcome: PostOutcome) -> PostOutcome:
    if isinstance(outcome, NotPosted) and outcome.reason in _MALFORMED:
        return NotPosted(reason=outcome.reason, hopeless=True)
    return outcome


def _unseen(outcome: NotPosted | InDoubt) -> NotPosted | InDoubt:
    """A failure to look, as an answer about the message.

    Where looking will never be allowed the message is sent again: better twice than not at all.
    """
    if isinstance(outcome, NotPosted) and outcome.reason in _BLIND:
        return NotPosted(reason=f"cannot look ({outcome.reason}): it may appear twice")
    return InDoubt(reason=f"cannot look now: {outcome.reason}", retry_after=outcome.retry_after)


def _delivery_id(message: dict[str, Any]) -> str | None:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") != EVENT_TYPE:
        return None
    found = (metadata.get("event_payload") or {}).get("d")
    return found if isinstance(found, str) else None


def _next_cursor(page: dict[str, Any]) -> str:
    return (page.get("response_metadata") or {}).get("next_cursor") or ""
