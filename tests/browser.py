"""A page in a real Chromium that stays open."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
from service_parts import until

QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Page:
    """A page in a browser that stays open, through Chromium's own protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        self._socket = socket
        self._numbers = count(1)

    async def call(self, method: str, **params: object) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while (answer := await self._socket.receive_json()).get("id") != number:
            pass
        result: dict[str, Any] = answer["result"]
        return result

    async def evaluate(self, expression: str) -> Any:
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    async def picture(self, first: str, last: str | None = None, *, most: float = 4000) -> bytes:
        """The page as PNG, from one element to another, both given by expressions; so high at most."""
        box = "(e => {const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]})"
        await self.evaluate(f"{first}.scrollIntoView()")
        left, top, right, _ = await self.evaluate(f"{box}({first})")
        bottom = (await self.evaluate(f"{box}({last or first})"))[3]
        clip = {"x": left, "y": top, "width": right - left, "height": min(bottom - top, most), "scale": 1}
        taken = await self.call("Page.captureScreenshot", format="png", clip=clip)
        return b64decode(taken["data"])

    async def comes(self, expression: str) -> None:
        """Wait until an expression is true."""
        async with asyncio.timeout(30):
            while not await self.evaluate(expression):  # noqa: ASYNC110 - it comes true in another process
                await asyncio.sleep(0.05)


@asynccontextmanager
async def opened(chromium: str, profile: Path, url: str) -> AsyncIterator[Page]:
    process = await asyncio.create_subprocess_exec(
        *(chromium, *QUIET, f"--user-data-dir={profile}", "--remote-debugging-port=0", url),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    port_file = profile / "DevToolsActivePort"
    try:
        await until(lambda: port_file.exists() and len(port_file.read_text().split()) == 2)
        port = port_file.read_text().split()[0]
        async with aiohttp.ClientSession() as session:
            targets = await (await session.get(f"http://127.0.0.1:{port}/json")).json()
            address = next(target for target in targets if target["type"] == "page")["webSocketDebuggerUrl"]
            async with session.ws_connect(address) as socket:
                yield Page(socket)
    finally:
        process.terminate()
        await process.wait()
