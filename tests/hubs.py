"""A WebSub hub on this machine: it verifies, distributes and signs, or it misbehaves."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import aiohttp
from aiohttp import web


class Hub:
    """``forms`` are the requests it got, ``subscribers`` the secrets by topic and callback.

    ``verifies`` says when it asks back; ``status`` and ``headers`` are its answer to requests; ``lease`` is
    what it grants, whatever it was asked for; requests wait for ``gate``.
    """

    def __init__(self) -> None:
        self.url = ""
        self.forms: list[dict[str, str]] = []
        self.subscribers: dict[str, dict[str, str]] = {}
        self.verifies: Literal["before answering", "later", "never"] = "later"
        self.status = 202
        self.headers: dict[str, str] = {}
        self.lease: str | None = "864000"
        self.gate = asyncio.Event()
        self.gate.set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def modes(self) -> list[str]:
        return [form["hub.mode"] for form in self.forms]

    @property
    def callback(self) -> str:
        """The callback of the last request."""
        return self.forms[-1]["hub.callback"]

    async def handle(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append(form)
        await self.gate.wait()
        if self.status == 202 and self.verifies == "before answering":
            await self._verify(form)
        elif self.status == 202 and self.verifies == "later":
            self._tasks.add(asyncio.create_task(self._verify(form)))
        return web.Response(status=self.status, headers=self.headers, text="no more" * (self.status >= 400))

    async def settled(self) -> None:
        """Wait until nothing is left to verify."""
        while self._tasks:
            await self._tasks.pop()

    async def _verify(self, form: dict[str, str]) -> None:
        mode, topic, callback = form["hub.mode"], form["hub.topic"], form["hub.callback"]
        question = {"mode": mode, "topic": topic, "challenge": "prove it"}
        if mode == "subscribe" and self.lease is not None:
            question["lease_seconds"] = self.lease
        if await self.ask(callback, **question) != (200, "prove it"):
            return
        known = self.subscribers.setdefault(topic, {})
        if mode == "subscribe":
            known[callback] = form["hub.secret"]
        else:
            known.pop(callback, None)

    async def ask(self, callback: str, **question: str) -> tuple[int, str]:
        """Ask a subscriber something; return what it answers."""
        query = {f"hub.{name}": value for name, value in question.items()}
        async with aiohttp.ClientSession() as session, session.get(callback, params=query) as response:
            return response.status, await response.text()

    async def publish(self, topic: str, body: bytes = b"<rss/>", algorithm: str = "sha256") -> list[int]:
        """Send a body to everyone who has subscribed, signed; return what they answer."""
        return [
            await self.send(
                callback, body, f"{algorithm}={hmac.new(key.encode(), body, algorithm).hexdigest()}"
            )
            for callback, key in self.subscribers.get(topic, {}).items()
        ]

    async def send(self, callback: str, body: bytes, signature: str | None) -> int:
        """Send a body to one callback with a signature, be it right or wrong."""
        headers = {"Content-Type": "application/rss+xml"}
        if signature is not None:
            headers["X-Hub-Signature"] = signature
        async with (
            aiohttp.ClientSession() as session,
            session.post(callback, data=body, headers=headers) as response,
        ):
            return response.status


@asynccontextmanager
async def running_hub() -> AsyncIterator[Hub]:
    hub = Hub()
    application = web.Application()
    application.router.add_post("/hub", hub.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hub.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hub"
    try:
        yield hub
    finally:
        hub.gate.set()
        await hub.settled()
        await runner.cleanup()
