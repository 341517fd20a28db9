"""Hears over Slack's Socket Mode what people do: a WebSocket that we open, so that nobody need reach us.

auth.test ──► apps.connections.open ──► wss: hello, then envelopes; each is acknowledged when it is on record

The SDK's own client is not used: it answers for itself in tasks that nobody awaits, in any order, and tries
again at a pace of its own. Here one envelope follows the other, an end is a value, and a stop stops.
"""

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from monitor.notify.gestures import Ourselves, feedback_from
from monitor.records import Feedback, HungUp

logger = logging.getLogger(__name__)

TIMEOUT = 10.0
"""Seconds for one call of Slack's API."""
HEARTBEAT = 20.0
"""Seconds between two pings; a connection that does not answer one within half of that is dead."""
LONGEST_WAIT = 3600
"""Seconds that a ``Retry-After`` counts at most."""
LAST_WORDS = 2.0
"""Seconds that Slack has to say goodbye."""
LONGEST_ENVELOPE = 2**20


class _RefusedError(Exception):
    """Slack said no to a call."""

    def __init__(self, reason: str, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class SocketMode:
    """One connection at a time, with an app-level token; the bot's token tells who we are."""

    def __init__(self, session: aiohttp.ClientSession, api_url: str, app_token: str, bot_token: str) -> None:
        self._session = session
        self._api_url = api_url.rstrip("/")
        self._app_token = app_token
        self._bot_token = bot_token
        self._us: Ourselves | None = None

    @classmethod
    @asynccontextmanager
    async def open(cls, api_url: str, app_token: str, bot_token: str) -> AsyncIterator[Self]:
        """Keep one session for all connections, until the context ends."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT)) as session:
            yield cls(session, api_url, app_token, bot_token)

    async def hear(self, take: Callable[[Feedback], Awaitable[None]]) -> HungUp:
        """Connect, and hand over what people say, one by one, until the connection ends.

        Slack is told that something has arrived when ``take`` has returned; what ``take`` raises ends the
        connection, and comes out here.
        """
        try:
            us = self._us = self._us or await self._ourselves()
            url = str((await self._call("apps.connections.open", self._app_token)).get("url"))
            async with self._session.ws_connect(
                url,
                heartbeat=HEARTBEAT,
                max_msg_size=LONGEST_ENVELOPE,
                timeout=aiohttp.ClientWSTimeout(ws_close=LAST_WORDS),
                proxy=_proxy_for(url),
            ) as socket:
                return await _attend(socket, us, take)
        except _RefusedError as refused:
            return HungUp(reason=refused.reason, retry_after=refused.retry_after)
        except (aiohttp.ClientError, TimeoutError) as error:
            return HungUp(reason=_told(error))

    async def _ourselves(self) -> Ourselves:
        match await self._call("auth.test", self._bot_token):
            case {"team_id": str(team_id), "user_id": str(user_id)}:
                return Ourselves(team_id=team_id, user_id=user_id)
        raise _RefusedError("auth.test: Slack does not say who we are")

    async def _call(self, method: str, token: str) -> dict[str, Any]:
        """Return what Slack answers with ``ok: true``."""
        url, headers = f"{self._api_url}/{method}", {"Authorization": f"Bearer {token}"}
        async with self._session.post(url, headers=headers, proxy=_proxy_for(url)) as response:
            if response.status == 429:
                raise _RefusedError(f"{method}: ratelimited", _retry_after(response))
            answer = _object(await response.text(errors="replace"))
        if answer is None or answer.get("ok") is not True:
            reason = (answer or {}).get("error", f"HTTP {response.status} without JSON")
            raise _RefusedError(f"{method}: {reason}")
        return answer


async def _attend(
    socket: aiohttp.ClientWebSocketResponse, us: Ourselves, take: Callable[[Feedback], Awaitable[None]]
) -> HungUp:
    async for frame in socket:
        envelope = _object(frame.data) if frame.type is aiohttp.WSMsgType.TEXT else None
        match envelope:
            case {"type": "hello"}:
                logger.info("listening")
            case {"type": "disconnect", **more}:
                return HungUp(reason=f"Slack hangs up: {more.get('reason')}")
            case {"envelope_id": str(envelope_id), **more}:
                if feedback := feedback_from(envelope_id, more.get("payload"), us):
                    await take(feedback)
                await socket.send_json({"envelope_id": envelope_id})
            case _:
                logger.warning("unreadable_envelope", extra={"frame": frame.type.name})
    return HungUp(reason=f"the connection closed with code {socket.close_code}")


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _told(error: Exception) -> str:
    """Return what went wrong without the socket's address, which is a secret for as long as it is new."""
    match error:
        case aiohttp.ClientConnectorError():
            return f"cannot reach Slack: {error}"
        case aiohttp.ClientResponseError():
            return f"HTTP {error.status} instead of a WebSocket"
    return f"connection to Slack broke: {type(error).__name__}"


def _retry_after(response: aiohttp.ClientResponse) -> timedelta:
    try:
        asked = int(response.headers.get("Retry-After", "1"))
    except ValueError:
        return timedelta(seconds=30)
    return timedelta(seconds=min(max(1, asked), LONGEST_WAIT))


def _proxy_for(url: str) -> str | None:
    """Return the environment's proxy, which the SDK asks through too; aiohttp knows none for ``wss:``."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get("https" if parts.scheme in ("https", "wss") else "http")
