"""Beside the stages: feeds that name a hub are subscribed to there, and a hub's ping makes its feed due.

want what the feeds' documents name ──► ask the hub ──► it verifies, by asking back ──► renew in time
a ping, signed with the subscription's secret ──► the feed is polled at once

Nothing here holds up a poll, and nothing that a hub sends is taken for news: only polls bring items.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Literal
from urllib.parse import quote

from monitor.feeds import FetchLimits, Hubs, open_hubs
from monitor.records import Subscription
from monitor.storage import SubscriptionStore
from monitor.text import clean
from monitor.threads import OwnThread
from monitor.websub import (
    DENIED_FOR,
    PING_SPACING,
    RENEWED_AFTER,
    granted_lease,
    next_ask,
    request_form,
    signature,
    signed,
)

logger = logging.getLogger(__name__)

CALLBACKS = "/websub/"
"""The path below the public URL under which hubs find us."""
LONGEST_CHALLENGE = 1_000
LONGEST_REASON = 200

PingAnswer = Literal["heard", "ignored", "unknown", "ended", "too_large"]


@asynccontextmanager
async def open_subscribe(
    public_url: str | None,
    *,
    store: SubscriptionStore,
    database: OwnThread,
    limits: FetchLimits,
    now: Callable[[], datetime],
    on_ping: Callable[[], None],
) -> AsyncIterator["Subscribe | None"]:
    """Yield what asks hubs and answers them, and end its requests; None without an address to reach us at."""
    base = None if public_url is None else public_url.rstrip("/") + CALLBACKS
    await database(store.keep_under, base)
    if base is None:
        yield None
        return
    async with open_hubs(limits) as hubs:
        subscribe = Subscribe(
            store=store,
            database=database,
            hubs=hubs,
            base=base,
            max_bytes=limits.max_bytes,
            now=now,
            on_ping=on_ping,
        )
        try:
            yield subscribe
        finally:
            await subscribe.abandon()


class Subscribe:
    """Asks hubs side by side, and answers what they ask and send."""

    def __init__(
        self,
        *,
        store: SubscriptionStore,
        database: OwnThread,
        hubs: Hubs,
        base: str,
        max_bytes: int,
        now: Callable[[], datetime],
        on_ping: Callable[[], None],
    ) -> None:
        self._store = store
        self._database = database
        self._hubs = hubs
        self._base = base
        self._max_bytes = max_bytes
        self._now = now
        self._on_ping = on_ping
        self._under_way: dict[int, asyncio.Task[None]] = {}

    async def start_due(self) -> int:
        """Begin asking the hubs that are to be asked; return how many requests that makes."""
        await self._database(self._store.reconcile, self._issue, self._now())
        due = await self._database(self._store.due, self._now())
        fresh = [subscription for subscription in due if subscription.id not in self._under_way]
        for subscription in fresh:
            task = asyncio.create_task(self._ask(subscription), name=f"ask hub {subscription.id}")
            self._under_way[subscription.id] = task
            task.add_done_callback(partial(self._forget, subscription.id))
        return len(fresh)

    def _issue(self) -> tuple[str, str]:
        return self._base + secrets.token_urlsafe(32), secrets.token_urlsafe(32)

    def _forget(self, subscription_id: int, _task: asyncio.Task[None]) -> None:
        del self._under_way[subscription_id]

    async def settled(self) -> None:
        """Wait until no request is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way.values())

    async def work(self) -> int:
        """Ask the hubs that are to be asked, to the end; return how many requests that took."""
        started = await self.start_due()
        await self.settled()
        return started

    async def abandon(self) -> None:
        """Stop the requests under way; their hubs are asked again some minutes later."""
        for task in self._under_way.values():
            task.cancel()
        await self.settled()

    async def _ask(self, subscription: Subscription) -> None:
        extra = {"feed": subscription.feed_name, "wanted": subscription.wanted}
        try:
            # Ahead, since the hub may verify before it answers.
            ask_at = next_ask(subscription.asks, self._now())
            await self._database(self._store.record_ask, subscription.id, ask_at)
            refused = await self._hubs.post(
                subscription.hub, request_form(subscription), home=subscription.feed_url
            )
            if refused is None:
                logger.info("hub_asked", extra=extra)
                return
            reason = _without_secrets(refused.message, subscription)
            logger.warning("hub_refused", extra=extra | {"reason": reason})
            ask_at = next_ask(subscription.asks, self._now(), refused.retry_after)
            await self._database(self._store.record_refusal, subscription.id, reason, ask_at)
        except Exception:
            # One hub's surprise must not cost the others; it is asked again as after a refusal.
            logger.exception("ask_crashed", extra=extra)

    async def answer(self, token: str, question: Mapping[str, str]) -> str | None:
        """Answer a hub that asks whether we meant it: what to echo, or None if we did not."""
        known = await self._find(token)
        if known is None or question.get("hub.topic") != known.topic:
            return None
        challenge = question.get("hub.challenge", "")
        match question.get("hub.mode"), known.wanted:
            case "denied", _:
                await self._denied(known, clean(question.get("hub.reason", ""), LONGEST_REASON))
                return ""
            case ("subscribe", True) | ("unsubscribe", False) if not 0 < len(challenge) <= LONGEST_CHALLENGE:
                return None
            case "subscribe", True:
                await self._verified(known, question.get("hub.lease_seconds"))
                return challenge
            case "unsubscribe", False:
                await self._database(self._store.remove, known.id)
                logger.info("unsubscribed", extra={"feed": known.feed_name})
                return challenge
        return None

    async def _verified(self, known: Subscription, lease_seconds: str | None) -> None:
        now, lease = self._now(), granted_lease(lease_seconds)
        renew_at = now + RENEWED_AFTER * lease
        await self._database(self._store.record_verified, known.id, now + lease, renew_at)
        logger.info("subscribed", extra={"feed": known.feed_name, "lease": lease.total_seconds()})

    async def _denied(self, known: Subscription, reason: str) -> None:
        logger.warning("hub_denied", extra={"feed": known.feed_name, "reason": reason})
        if not known.wanted:
            await self._database(self._store.remove, known.id)
            return
        told = f"The hub denies the subscription: {reason or 'it gives no reason'}"
        ask_at = self._now() + DENIED_FOR
        await self._database(self._store.record_refusal, known.id, told, ask_at, ended=True)

    async def ping(self, token: str, header: str | None, body: AsyncIterable[bytes]) -> PingAnswer:
        """Take what a hub sends: a body signed with the subscription's secret makes its feed due."""
        known = await self._find(token)
        if known is None:
            return "unknown"
        if not known.wanted:
            return "ended"
        match await self._is_signed(known.secret, header, body):
            case None:
                return "too_large"
            case False:
                await self._database(self._store.record_forged, known.id)
                logger.warning("ping_ignored", extra={"feed": known.feed_name, "before": known.forged})
                return "ignored"
        await self._database(self._store.record_ping, known.id, self._now(), PING_SPACING)
        logger.info("pinged", extra={"feed": known.feed_name})
        self._on_ping()
        return "heard"

    async def _is_signed(self, secret: str, header: str | None, body: AsyncIterable[bytes]) -> bool | None:
        """Say whether a body has the signature that its header claims; None if it is longer than any feed."""
        if (claim := signature(secret, header)) is None:
            return False
        computed, claimed = claim
        length = 0
        async for chunk in body:
            length += len(chunk)
            if length > self._max_bytes:
                return None
            computed.update(chunk)
        return signed(computed, claimed)

    async def _find(self, token: str) -> Subscription | None:
        return await self._database(self._store.find, self._base + token)


def _without_secrets(told: str, subscription: Subscription) -> str:
    """Return what a hub says without what only it and we may know: some repeat the form they were sent."""
    token = subscription.callback.rpartition("/")[2]
    for secret in (subscription.secret, subscription.callback, token):
        told = told.replace(secret, "…").replace(quote(secret, safe=""), "…")
    return told
