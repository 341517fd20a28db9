"""Serves captured feed bodies from a local server, as if it were the time of their capture.

A capture set is a folder or tar archive of bodies, and an index of JSON lines:
``{"feed": "bbc", "captured_at": "20200421T004301Z", "file": "bbc/20200421T004301Z.xml"}``, in any order,
with ``name`` and ``tags`` of the feed where they are known.
"""

import hashlib
import json
import math
import tarfile
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from aiohttp import web

from monitor.errors import MonitorError
from monitor.records import FeedSpec

EVERY = timedelta(seconds=0.5)
"""A feed's captures are a second apart at least, so that each is due when its time comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One body of one feed, as it was at one time; ``file`` is relative to the folder of bodies."""

    feed: str
    captured_at: datetime
    file: str
    name: str
    tags: frozenset[str]


def parse_speed(text: str) -> float:
    """Return how many times faster than the captures; ``max`` is infinity, as fast as it goes."""
    try:
        speed = math.inf if text == "max" else float(text.removesuffix("x"))
    except ValueError:
        speed = math.nan
    if not speed > 0:
        raise MonitorError(f"--speed {text}: write a number above 0, such as 3600, or max")
    return speed


def read_index(path: Path) -> list[Capture]:
    """Return the captures in order of time; raise MonitorError naming the line that can't be read."""
    captures = []
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    captures.append(_capture(line, f"{path}:{number}"))
    except OSError as error:
        raise MonitorError(f"{path}: cannot be read: {error.strerror}") from error
    return sorted(captures, key=lambda capture: (capture.captured_at, capture.feed))


def _capture(line: str, place: str) -> Capture:
    try:
        row = json.loads(line)
        moment = datetime.strptime(row["captured_at"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return Capture(
            feed=row["feed"],
            captured_at=moment,
            file=row["file"],
            name=row.get("name", row["feed"]),
            tags=frozenset(row.get("tags", ())),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise MonitorError(f"{place}: not a line of an index of captures: {error!r}") from error


def by_time(captures: list[Capture]) -> list[tuple[datetime, list[Capture]]]:
    """Return captures grouped by the moment of their capture, in order."""
    return [(moment, list(group)) for moment, group in groupby(captures, key=attrgetter("captured_at"))]


@contextmanager
def unpacked(bodies: Path) -> Iterator[Path]:
    """Yield the folder of bodies; an archive is unpacked for as long as the context lasts."""
    if bodies.is_dir():
        yield bodies
        return
    with tempfile.TemporaryDirectory(prefix="monitor-bodies-") as folder:
        try:
            with tarfile.open(bodies) as archive:
                archive.extractall(folder, filter="data")
        except (OSError, tarfile.TarError) as error:
            raise MonitorError(f"{bodies}: neither a folder nor a tar archive of bodies: {error}") from error
        yield Path(folder)


class FeedServer:
    """A local web server whose feeds show the body of their latest capture."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shown: dict[str, bytes] = {}
        self._base = ""
        self.specs: dict[str, FeedSpec] = {}

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[None]:
        """Serve on a port of the loopback interface, 0 for any free one; OSError when it is taken."""
        application = web.Application()
        application.add_routes([web.get("/{feed}/feed.xml", self._answer)])
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            self._base = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield
        finally:
            await runner.cleanup()

    def show(self, capture: Capture) -> None:
        """From now on, the capture's feed has this body."""
        try:
            self._shown[capture.feed] = (self._folder / capture.file).read_bytes()
        except OSError as error:
            raise MonitorError(f"{capture.file}: this body cannot be read: {error.strerror}") from error
        self.specs[capture.feed] = FeedSpec(
            url=f"{self._base}/{capture.feed}/feed.xml",
            name=capture.name,
            tags=capture.tags,
            every=EVERY,
            alert_backlog=timedelta(0),
            paced=True,
        )

    async def _answer(self, request: web.Request) -> web.Response:
        body = self._shown.get(request.match_info["feed"])
        if body is None:
            raise web.HTTPNotFound
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        # What the capture's server declared is not known; a parser must find the charset in the document.
        return web.Response(body=body, headers={"ETag": etag, "Content-Type": "application/xml"})
