"""Posts to Slack, classifies its answers, and looks up what it can't be sure of.

answer                                        outcome
--------------------------------------------  ---------------------------------------------------------
``ok: true`` with a ``ts``                    Posted
no connection came about; HTTP 429            NotPosted: try again
``channel_not_found``, ``invalid_auth``, …    NotPosted with a remedy: the channel takes no message at all
``ok: false`` (even in an HTTP 200)           NotPosted: try again, or hopeless if the message is at fault
connection lost, time-out, 5xx, not JSON,     InDoubt: Slack may have stored the message
``internal_error`` and its like

An edit can be made twice, so it is never in doubt. Where a thread is gone or locked, what was to be shown in
the channel too, or lists stories, is posted by itself; what else was to go there is given up.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Protocol, Self

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from monitor.notify.blocks import slack_blocks, slack_buttons, slack_lines, slack_text
from monitor.notify.lists import chart_block
from monitor.notify.literal import Block, paragraph
from monitor.notify.plain import plain_lines
from monitor.notify.slack_files import Charts
from monitor.records import Content, Delivery, InDoubt, NotPosted, Posted, PostOutcome, Receipt, Update

logger = logging.getLogger(__name__)

TIMEOUT = 10.0
"""Seconds for one call of Slack's API."""
CLOCK_SKEW = timedelta(hours=1)
"""How far our clock may be ahead of Slack's when looking for a message by the time of its first attempt."""
LONGEST_WAIT = 3600
"""Seconds that a ``Retry-After`` counts at most: no mistake of somebody between us silences a channel."""
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
_NO_THREAD = "thread_not_found"
_CLOSED = {
    _NO_THREAD,
    "restricted_action_thread_locked",
    "restricted_action_non_threadable_channel",
    "cannot_reply_to_message",
}
# What was to be edited is not there, or not to be changed any more.
_UNCHANGEABLE = {"message_not_found", "cant_update_message", "edit_window_closed"}
# Posting is allowed and looking is not; waiting will not change that.
_BLIND = {"missing_scope", "not_allowed_token_type", "no_permission"}
_GRANT = "Give the app that scope, install it again, and copy its bot token (docs/slack.md)."
_COPY_TOKEN = "Copy the bot token from the app's page into SLACK_BOT_TOKEN again, and restart."  # noqa: S105
_INVITE = "Say `/invite @monitor` in the channel."
_ALLOW = "Let the app post there: an admin has restricted who may."
# Nothing gets through before somebody has done something.
_REMEDIES = {
    "channel_not_found": "Make the channel, or name another one; if it is there and private, invite the app.",
    "not_in_channel": _INVITE,
    "is_archived": "Unarchive the channel, or name another one.",
    "is_inactive": "Unarchive the channel, or name another one.",
    "restricted_action": _ALLOW,
    "restricted_action_read_only_channel": _ALLOW,
    "restricted_action_thread_only_channel": _ALLOW,
    "missing_scope": _GRANT,
    "no_permission": _GRANT,
    "not_allowed_token_type": "SLACK_BOT_TOKEN must be the bot token (xoxb-).",
    "invalid_auth": _COPY_TOKEN,
    "not_authed": _COPY_TOKEN,
    "account_inactive": _COPY_TOKEN,
    "token_expired": _COPY_TOKEN,
    "token_revoked": _COPY_TOKEN,
}


class Layouts(Protocol):
    """Layouts that somebody has made of their own."""

    def blocks(self, message: Content) -> list[Block] | None:
        """Return a message in its layout, None where there is none for it."""


class SlackNotifier:
    """Slack's Web API with a bot token. The SDK's own retries are off: they post twice."""

    def __init__(
        self, client: AsyncWebClient, *, buttons: bool = False, layouts: Layouts | None = None
    ) -> None:
        self._client = client
        self._buttons = buttons
        self._layouts = layouts
        self._charts = Charts(client)
        self._channel_ids: dict[str, str] = {}

    @classmethod
    @asynccontextmanager
    async def open(
        cls, api_url: str, token: str, *, buttons: bool = False, layouts: Layouts | None = None
    ) -> AsyncIterator[Self]:
        """Talk to the API at ``api_url`` over one session, until the context ends."""
        # An idle connection that the other end closes makes a message doubtful: soon open a fresh one.
        connector = aiohttp.TCPConnector(keepalive_timeout=5)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            client = AsyncWebClient(token=token, base_url=api_url, session=session, retry_handlers=[])
            yield cls(client, buttons=buttons, layouts=layouts)

    async def post(self, delivery: Delivery) -> PostOutcome:
        """Try once to post the delivery; a message that Slack finds malformed goes again as plain text."""
        chart = await self._charts.uploaded(delivery)
        if chart is not None:
            outcome = await self._post(delivery, self._blocks(delivery, chart), None)
            if _fault(outcome) is None:
                return outcome
            if self._charts.may_come(delivery):
                return NotPosted(reason="Slack does not show the chart yet", retry_after=CHART_PAUSE)
        blocks = self._blocks(delivery)
        match delivery.kind, delivery.parent:
            case "edit", Receipt() as parent:
                return await self._edit(delivery, parent, blocks)
            case "reply", Receipt() as parent:
                outcome = await self._post_or_shrink(delivery, blocks, parent)
                if not isinstance(outcome, NotPosted) or outcome.reason not in _CLOSED:
                    return outcome
                logger.warning("thread_gone", extra={"delivery": delivery.id, "reason": outcome.reason})
                # Somebody did not want the message: what follows in its story is not to take its place.
                if isinstance(delivery.message, Update) and not delivery.broadcast:
                    return replace(outcome, hopeless=True)
        return await self._post_or_shrink(delivery, blocks, None)

    async def look_up(self, delivery: Delivery) -> PostOutcome:
        """Look for the delivery's id in the metadata of what was posted since the first attempt.

        What is there twice is made one message again.
        """
        if delivery.first_try_at is None:
            return NotPosted(reason="never tried")
        if delivery.kind == "edit":
            return NotPosted(reason="an edit can be made again")
        if delivery.parent and delivery.kind == "reply":
            in_thread = await self._look_in_thread(delivery, delivery.parent)
            if not isinstance(in_thread, NotPosted) or in_thread.reason != _NO_THREAD:
                return in_thread
        channel = await self._channel_id(delivery.channel)
        if not isinstance(channel, str):
            return channel
        return await self._find(delivery, channel, self._client.conversations_history)

    def _blocks(self, delivery: Delivery, chart: str | None = None) -> list[Block]:
        own = self._layouts.blocks(delivery.message) if self._layouts else None
        if own is not None and chart is not None:
            own = [*own, chart_block(chart)]
        blocks = slack_blocks(delivery.message, chart=chart) if own is None else own
        return [*blocks, *slack_buttons(delivery.message, delivery.id)] if self._buttons else blocks

    async def _post_or_shrink(
        self, delivery: Delivery, blocks: list[Block], parent: Receipt | None
    ) -> PostOutcome:
        outcome = await self._post(delivery, blocks, parent)
        if (fault := _fault(outcome)) is None:
            return outcome
        logger.warning("message_shrunk", extra={"delivery": delivery.id, "reason": fault})
        return _hopeless_if_malformed(await self._post(delivery, None, parent))

    async def _post(
        self, delivery: Delivery, blocks: list[Block] | None, parent: Receipt | None
    ) -> PostOutcome:
        answer = await _answer(
            self._client.chat_postMessage(
                channel=parent.channel if parent else delivery.channel,
                thread_ts=parent.ts if parent else None,
                reply_broadcast=delivery.broadcast if parent else None,
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

    async def _edit(self, delivery: Delivery, parent: Receipt, blocks: list[Block]) -> PostOutcome:
        outcome: PostOutcome = await self._update(delivery, parent, blocks)
        if fault := _fault(outcome):
            logger.warning("message_shrunk", extra={"delivery": delivery.id, "reason": fault})
            # Not as text alone, as a post would be: only a post can tell Slack not to format it.
            shrunk = paragraph("\n".join(plain_lines(delivery.message)))
            outcome = _hopeless_if_malformed(await self._update(delivery, parent, [shrunk]))
        return outcome

    async def _update(self, delivery: Delivery, parent: Receipt, blocks: list[Block]) -> Posted | NotPosted:
        """Edit the message at ``parent``; it keeps its metadata, and so the id by which it is found."""
        answer = await _answer(
            self._client.chat_update(
                channel=parent.channel,
                ts=parent.ts,
                text=slack_text(delivery.message),
                blocks=blocks,
                parse="none",
                link_names=False,
            )
        )
        match answer:
            case NotPosted(reason=reason) if reason in _UNCHANGEABLE:
                return NotPosted(reason=reason, hopeless=True)
            case NotPosted():
                return answer
            case InDoubt(reason=reason, retry_after=retry_after):
                return NotPosted(reason=reason, retry_after=retry_after)
        return Posted(receipt=parent)

    async def _look_in_thread(self, delivery: Delivery, parent: Receipt) -> PostOutcome:
        return await self._find(
            delivery, parent.channel, partial(self._client.conversations_replies, ts=parent.ts)
        )

    async def _find(
        self, delivery: Delivery, channel: str, pages: Callable[..., Awaitable[Any]]
    ) -> PostOutcome:
        """Look through a channel's messages or a thread's, page by page."""
        assert delivery.first_try_at is not None
        found = list[dict[str, Any]]()
        oldest = (delivery.first_try_at - CLOCK_SKEW).timestamp()
        cursor = ""
        while True:
            page = await _answer(
                pages(
                    channel=channel,
                    oldest=f"{oldest:.6f}",
                    inclusive=True,
                    include_all_metadata=True,
                    limit=200,
                    cursor=cursor or None,
                )
            )
            if isinstance(page, NotPosted) and page.reason == _NO_THREAD:
                return page
            if not isinstance(page, dict):
                return _unseen(page)
            found += [each for each in page.get("messages", []) if _delivery_id(each) == delivery.id]
            cursor = _next_cursor(page)
            if not cursor:
                break
        if not found:
            return NotPosted(reason="looked, and it is not there")
        return Posted(receipt=Receipt(channel=channel, ts=await self._one_of(delivery, channel, found)))

    async def _one_of(self, delivery: Delivery, channel: str, copies: list[dict[str, Any]]) -> str:
        """Remove all copies but the first, or what somebody has done something with; return what is kept."""
        in_order = sorted(copies, key=lambda message: str(message["ts"]))
        kept = next(filter(_touched, in_order), in_order[0])
        for message in in_order:
            if message is kept or _touched(message):
                continue
            gone = await _answer(self._client.chat_delete(channel=channel, ts=message["ts"]))
            problem = None if isinstance(gone, dict) else gone.reason
            extra = {"delivery": delivery.id, "ts": message["ts"], "problem": problem}
            logger.warning("copy_stays" if problem else "copy_removed", extra=extra)
        return str(kept["ts"])

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
    return NotPosted(reason=code, remedy=_REMEDIES.get(code))


def _retry_after(headers: Any) -> timedelta:
    try:
        asked = int(headers.get("Retry-After", "1"))
    except ValueError:
        return timedelta(seconds=30)
    return timedelta(seconds=min(max(1, asked), LONGEST_WAIT))


def _fault(outcome: PostOutcome) -> str | None:
    """What Slack finds wrong with the message itself, if anything."""
    return outcome.reason if isinstance(outcome, NotPosted) and outcome.reason in _MALFORMED else None


def _hopeless_if_malformed(outcome: PostOutcome) -> PostOutcome:
    fault = _fault(outcome)
    return outcome if fault is None else NotPosted(reason=fault, hopeless=True)


def _unseen(outcome: NotPosted | InDoubt) -> NotPosted | InDoubt:
    """A failure to look, as an answer about the message.

    Where looking will never be allowed the message is sent again: better twice than not at all.
    """
    if isinstance(outcome, NotPosted) and outcome.reason in _BLIND:
        return NotPosted(reason=f"cannot look ({outcome.reason}): it may appear twice")
    reason = f"cannot look now: {outcome.reason}"
    return InDoubt(reason=reason, retry_after=outcome.retry_after, remedy=outcome.remedy)


def _delivery_id(message: dict[str, Any]) -> str | None:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") != EVENT_TYPE:
        return None
    found = (metadata.get("event_payload") or {}).get("d")
    return found if isinstance(found, str) else None


def _touched(message: dict[str, Any]) -> bool:
    """Whether anybody has replied or reacted to a message, or it was edited."""
    return any(message.get(trace) for trace in ("reply_count", "reactions", "edited"))


def _next_cursor(page: dict[str, Any]) -> str:
    return (page.get("response_metadata") or {}).get("next_cursor") or ""
