"""Somebody on this machine who takes what is posted to them, or answers something else."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """``status`` and ``headers`` are its answers; with 0 it hangs up. Requests wait for ``gate``."""

    port: int = 0
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[Taken] = field(default_factory=list)
    arrived: asyncio.Queue[Taken] = field(default_factory=asyncio.Queue)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        taken = Taken(path=request.path, headers=request.headers.copy(), body=body)
        self.requests.append(taken)
        self.arrived.put_nowait(taken)
        await self.gate.wait()
        if self.status == 0:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=self.status or 200, headers=self.headers)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver at a free port, whose gate is open."""
    receiver = Receiver()
    receiver.gate.set()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", receiver.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        receiver.port = runner.addresses[0][1]
        yield receiver
    finally:
        receiver.gate.set()
        await runner.cleanup()


def free_port_address() -> str:
    """An address at which nobody listens: its port was free a moment ago."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"
