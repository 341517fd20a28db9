"""Sends messages through Apprise to one or several of the services that it knows, as plain text.

None of them can be asked for threads, edits or what it has: posts, and replies that everybody is to see,
become new notifications; other replies and edits count as posted at once. What a service has taken is
remembered while this process lives, so that of several services only those get a message again that failed.
After a crash in between, it may appear twice.

Apprise blocks, so each service has a thread of its own: none waits for another.
"""

import asyncio
import logging
import re
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

with warnings.catch_warnings():
    # Its modules, and what they import, lean on what Python has deprecated.
    warnings.simplefilter("ignore")
    from apprise import Apprise, AppriseAsset, NotifyFormat, OverflowMode

from monitor.errors import ConfigurationError
from monitor.notify.blocks import plain_lines
from monitor.records import (
    AppriseTarget,
    Content,
    Delivery,
    InDoubt,
    Message,
    NotPosted,
    Posted,
    PostOutcome,
    Problem,
    Receipt,
    Reminder,
    Update,
)
from monitor.threads import OwnThread

TIMEOUT = 10.0
"""Seconds after which a service that still has not answered is left to itself, and looked at later."""

_STATUS = re.compile(r"error=([1-5][0-9]{2})\b")
_ACTIVE = re.compile(r"(?<=[@<])(?=\S)|(?<=\])(?=[(\[:])|(?P<url>(?i:https?)://\S+)")
_IN_URL = str.maketrans({"@": "%40", "<": "%3C", ">": "%3E", "[": "%5B", "]": "%5D"})
_NOTHING_SEEN = "\u200b"


class AppriseNotifier:
    """One target, and the services behind it."""

    def __init__(self, services: tuple["_Service", ...]) -> None:
        self._services = services

    @classmethod
    @asynccontextmanager
    async def open(cls, target: AppriseTarget) -> AsyncIterator[Self]:
        """Send to the target until the context ends; ConfigurationError if Apprise does not know a URL."""
        # Its warnings name hosts and channels; what may be known of them is in the outcome.
        logging.getLogger("apprise").propagate = False
        services = tuple(_Service(apprise) for apprise in await asyncio.to_thread(_loaded, target))
        try:
            yield cls(services)
        finally:
            for service in services:
                service.close()

    async def post(self, delivery: Delivery) -> PostOutcome:
        """Send the delivery to each service that has not got it, if it is one that makes a notification."""
        if delivery.kind == "edit" or (delivery.kind == "reply" and not delivery.broadcast):
            return _posted(delivery)
        title, body = notification(delivery.message)
        for service in self._services:
            service.begin(delivery.id, title, body)
        return await self.look_up(delivery)

    async def look_up(self, delivery: Delivery) -> PostOutcome:
        """Say what became of the delivery, as far as this process knows."""
        outcomes = await asyncio.gather(*(service.outcome(delivery.id) for service in self._services))
        troubles = [outcome for outcome in outcomes if outcome is not None]
        in_doubt = [outcome for outcome in troubles if isinstance(outcome, InDoubt)]
        return next(iter(in_doubt or troubles), _posted(delivery))


class _Service:
    """One of Apprise's services, its thread, and the message that it was given last."""

    def __init__(self, apprise: Apprise) -> None:
        self._apprise = apprise
        self._thread = OwnThread("apprise")
        self._delivery_id: str | None = None
        self._sending: asyncio.Task[NotPosted | None] | None = None

    def begin(self, delivery_id: str, title: str, body: str) -> None:
        """Begin to send, unless that is under way or done."""
        if delivery_id == self._delivery_id and self._sending and not self._has_failed(self._sending):
            return
        self._delivery_id = delivery_id
        self._sending = asyncio.create_task(self._thread(self._send, title, body))

    async def outcome(self, delivery_id: str) -> NotPosted | InDoubt | None:
        """Wait a little for what becomes of a message; None if the service has taken it."""
        if self._sending is None or delivery_id != self._delivery_id:
            return NotPosted(reason="nobody can look there: it may appear twice")
        done, _ = await asyncio.wait({self._sending}, timeout=TIMEOUT)
        if not done:
            return InDoubt(reason=f"{self._name()} has not answered within {TIMEOUT:.0f} s")
        return self._sending.result()

    @staticmethod
    def _has_failed(sending: asyncio.Task[NotPosted | None]) -> bool:
        return sending.done() and sending.result() is not None

    def close(self) -> None:
        """End the thread, after what it is sending."""
        self._thread.close()

    def _send(self, title: str, body: str) -> NotPosted | None:
        try:
            result = self._apprise.notify(title=title, body=body, body_format=NotifyFormat.TEXT)
            statuses = [_STATUS.search(entry.message) for sent in result for entry in sent.logs()]
        except Exception as error:  # noqa: BLE001 - a service may raise what it likes, and the text hold its URL
            return NotPosted(reason=f"{self._name()} failed: {type(error).__name__}")
        if result:
            return None
        answered = next((f" (HTTP {found[1]})" for found in reversed(statuses) if found), "")
        return NotPosted(reason=f"{self._name()} did not take it{answered}")

    def _name(self) -> str:
        return str(self._apprise[0].service_name)


def notification(message: Content) -> tuple[str, str]:
    """Return a message as title and text, with nothing in it that a service could take for its own markup."""
    lines = plain_lines(message)
    if isinstance(message, Message | Update | Reminder):
        title = f"{message.topic_name}: {message.title}"
        lines = [line for line in lines if line != message.title]
    else:
        title, *lines = lines
    return inert(" ".join(title.split())), inert("\n".join(lines))


def inert(text: str) -> str:
    """Return text in which mentions, tags and links with a text of their own are none any more.

    Apprise escapes what it knows a service to read; some of them read even plain text.
    """
    split = _ACTIVE.sub(lambda found: (found["url"] or _NOTHING_SEEN).translate(_IN_URL), text)
    return split.encode(errors="replace").decode()


def _posted(delivery: Delivery) -> Posted:
    return Posted(receipt=Receipt(channel=delivery.channel, ts=delivery.id))


def _loaded(target: AppriseTarget) -> list[Apprise]:
    """Load each URL as a service; blocks for some tenths of a second, since Apprise reads all its modules."""
    asset = AppriseAsset(
        app_id="monitor",
        app_desc="monitor",
        async_mode=False,
        # Given here it cannot be turned on by a URL.
        interpret_emojis=False,
        # A redirected POST becomes a GET, and a message lost.
        http_redirects=False,
        # Sent in the thread that calls, which is our own, and which we do not wait for.
        service_timeout=0,
    )
    loaded = []
    for number, url in enumerate(target.urls, start=1):
        apprise = Apprise(asset=asset)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            usable = apprise.add(url) and len(apprise) == 1
        if not usable:
            message = f"{target.channel}: Apprise can make nothing of its URL number {number}"
            raise ConfigurationError([Problem(path=Path("environment"), line=1, column=1, message=message)])
        if apprise[0].overflow_mode == OverflowMode.UPSTREAM:
            # Refused for its length a message would wait for ever, and hold up all behind it.
            apprise[0].overflow_mode = OverflowMode.SPLIT
        loaded.append(apprise)
    return loaded
