"""Posts JSON to an address of the operator's, signed, and classifies the answer by its status alone.

answer                                     outcome
-----------------------------------------  ---------------------------------------------------------------
2xx                                        Posted
no connection came about; 429; 503         NotPosted: try again, when ``Retry-After`` says
400, 413, 422                              NotPosted, hopeless: this message will never be taken
any other status below 500 (401, 404, a    NotPosted: try again; the address, the secret or the receiver has
redirect, …)                               to be set right first, and messages wait for that
408, 5xx, time-out, connection lost        InDoubt: sent again under the same id, by which receivers tell

Private addresses are allowed, other than for feeds: the operator chose this one.
"""

import hashlib
import hmac
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Self

import aiohttp

from monitor import __version__
from monitor.records import Delivery, InDoubt, NotPosted, Posted, PostOutcome, Receipt, WebhookTarget

SCHEMA = 1
TIMEOUT = 10.0
"""Seconds for one request, from the look-up of the name to the status of the answer."""
LONGEST_WAIT = timedelta(hours=1)
"""What a ``Retry-After`` counts at most: one that is mistaken must not silence a channel for days."""

_MALFORMED = {400, 413, 422}
_BUSY = {429, 503}

Clock = Callable[[], datetime]


class WebhookNotifier:
    """One address, with connections of its own."""

    def __init__(self, target: WebhookTarget, session: aiohttp.ClientSession, now: Clock) -> None:
        self._target = target
        self._session = session
        self._now = now

    @classmethod
    @asynccontextmanager
    async def open(cls, target: WebhookTarget, now: Clock) -> AsyncIterator[Self]:
        """Post to the target until the context ends; ``now`` dates the signatures."""
        # An idle connection that the other end closes makes a message doubtful: soon open a fresh one.
        connector = aiohttp.TCPConnector(keepalive_timeout=5)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=jar) as session:
            yield cls(target, session, now)

    async def post(self, delivery: Delivery) -> PostOutcome:
        """Try once to post the delivery; posts, replies and edits alike."""
        body = webhook_body(delivery)
        timestamp = str(int(self._now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"monitor/{__version__}",
            "X-Monitor-Delivery": delivery.id,
            "X-Monitor-Timestamp": timestamp,
            "X-Monitor-Signature": f"sha256={signature(self._target.secret, timestamp, body)}",
        }
        try:
            async with self._session.post(
                self._target.url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                return _outcome(delivery, answer.status, answer.headers)
        # Errors of the client hold the address, which nobody may read: only their kind is told.
        except (aiohttp.ClientConnectorError, aiohttp.InvalidURL) as error:
            return NotPosted(reason=f"cannot reach the webhook: {_kind(error)}")
        except TimeoutError:
            return InDoubt(reason=f"the webhook did not answer within {TIMEOUT:.0f} s")
        except Exception as error:  # noqa: BLE001 - whatever came in between, the message may be there
            return InDoubt(reason=f"the connection to the webhook broke: {type(error).__name__}")

    async def look_up(self, delivery: Delivery) -> PostOutcome:
        """Send it again: whoever received it knows it by its id."""
        return NotPosted(reason="sent again under the same id")


def webhook_body(delivery: Delivery) -> bytes:
    """Return a delivery as the JSON that ``docs/targets.md`` describes, the same at every attempt."""
    first_try = delivery.first_try_at
    content: dict[str, Any] = {
        "version": SCHEMA,
        "id": delivery.id,
        "kind": delivery.kind,
        "parent": delivery.parent.ts if delivery.parent else None,
        "broadcast": delivery.broadcast,
        "channel": delivery.channel,
        "time": first_try,
        "message": {"type": type(delivery.message).__name__.lower()} | asdict(delivery.message),
    }
    return json.dumps(content, default=datetime.isoformat).encode()


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the HMAC-SHA256 of timestamp, full stop and body, in hexadecimal."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def _outcome(delivery: Delivery, status: int, headers: Mapping[str, str]) -> PostOutcome:
    told = f"the webhook answered HTTP {status}"
    if 200 <= status < 300:
        return Posted(receipt=Receipt(channel=delivery.channel, ts=delivery.id))
    if status in _BUSY:
        return NotPosted(reason=told, retry_after=_retry_after(headers))
    if status == 408 or status >= 500:
        return InDoubt(reason=told)
    if status in _MALFORMED:
        return NotPosted(reason=told, hopeless=True)
    if 300 <= status < 400:
        return NotPosted(reason=f"{told}; redirects are not followed: name the address that it leads to")
    return NotPosted(reason=f"{told}; set address, secret or receiver right, the message waits")


def _kind(error: Exception) -> str:
    number = getattr(error, "errno", None)
    return os.strerror(number) if isinstance(number, int) and number > 0 else type(error).__name__


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    asked = headers.get("Retry-After", "").strip()
    # Nine digits are more than the longest wait already.
    if not (asked.isascii() and asked.isdigit()):
        return None
    return min(timedelta(seconds=max(1, int(asked[:9]))), LONGEST_WAIT)
