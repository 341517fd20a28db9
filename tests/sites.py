"""A site on this machine whose pages are set by the test, and documents to put there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from aiohttp import web

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Site:
    """Pages by path; ``asked`` is every path that was requested, in order. Answers wait for ``gate``."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, bytes, dict[str, str]]] = {}
        self.asked: list[str] = []
        self.origin = ""
        self.gate = asyncio.Event()
        self.gate.set()

    def page(self, path: str, body: bytes | str = b"", status: int = 200, **headers: str) -> str:
        spelled = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[path] = (status, body.encode() if isinstance(body, str) else body, spelled)
        return self.origin + path

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        status, body, headers = self.pages.get(request.path, (404, b"", {}))
        if headers.get("ETag", "-") == request.headers.get("If-None-Match"):
            status, body = 304, b""
        await self.gate.wait()
        return web.Response(status=status, body=body, headers=headers)


@asynccontextmanager
async def running_site() -> AsyncIterator[Site]:
    site = Site()
    app = web.Application()
    app.router.add_get("/{tail:.*}", site.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield site
    await runner.cleanup()


def rss(title: str = "Harbour Wire", items: int = 3, words: int = 40, every_hours: float = 2) -> str:
    """An RSS feed whose newest item is of ``NOON``."""
    entries = "".join(_entry(n, words, NOON - n * timedelta(hours=every_hours)) for n in range(items))
    return f'<rss version="2.0"><channel><title>{title}</title>{entries}</channel></rss>'


def _entry(n: int, words: int, published: datetime) -> str:
    return (
        f"<item><guid>g{n}</guid><title>Report {n}</title><link>/item/{n}</link>"
        f"<description>{' '.join(['word'] * words)}</description>"
        f"<pubDate>{format_datetime(published)}</pubDate></item>"
    )


def html(*links: str, body: str = "") -> str:
    """A web page with these elements in its head."""
    return f"<!DOCTYPE html><html><head><title>Site</title>{''.join(links)}</head><body>{body}</body></html>"


def link(href: str, kind: str = "application/rss+xml") -> str:
    return f'<link rel="alternate" type="{kind}" href="{href}">'
