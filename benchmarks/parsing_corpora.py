"""Fetches every captured body over HTTP with the real source, and compares what was read with the baseline.

The bodies and their indices (what feedparser alone made of each) lie in two folders, `parsing` and `replay`;
a local server serves each once. Fails unless 99.5 % of the bodies with entries give at least as many, nothing
crashes or hangs, and no process of the source speaks to anybody but that server.
"""

import argparse
import asyncio
import json
import lzma
import resource
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from itertools import islice
from pathlib import Path
from typing import Any

from aiohttp import web

from monitor.feeds import FetchLimits, Source, open_source
from monitor.records import Feed, FeedSpec, Fetched, FetchFailed, FetchOutcome

DATA = Path(__file__).parents[2] / "shared" / "data"
FLOOR = 0.995
AT_ONCE = 16
FIELDS = ("entries", "title", "link", "date")
# Runs in every parser process before anything else, and notes whom it tries to speak to.
WATCH = """
import sys
def note(event, _arguments):
    if event.startswith(("socket.", "subprocess.", "os.system")):
        with open({log!r}, "a") as log:
            log.write(event + "\\n")
sys.addaudithook(note)
with open({log!r}, "a") as log:
    log.write("watching\\n")
"""


@dataclass(kw_only=True)
class Tally:
    """What became of the bodies of one corpus."""

    bodies: int = 0
    unread: Counter[str] = field(default_factory=Counter)
    having: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)

    def add(self, name: str, outcome: FetchOutcome, expected: Mapping[str, int]) -> None:
        self.bodies += 1
        if isinstance(outcome, FetchFailed):
            self.unread[outcome.kind] += 1
        found = counts(outcome)
        for what, count in expected.items():
            self.having[what] += count > 0
            self.kept[what] += found[what] >= count > 0
        if short := {what: (found[what], count) for what, count in expected.items() if found[what] < count}:
            told = f" {outcome.kind}: {outcome.message}" if isinstance(outcome, FetchFailed) else ""
            self.misses.append(f"{name}: (found, expected) {short}{told}")

    @property
    def good(self) -> bool:
        return self.kept["entries"] >= FLOOR * self.having["entries"] and not self.unread["hang"]


def counts(outcome: FetchOutcome) -> dict[str, int]:
    items = outcome.items if isinstance(outcome, Fetched) else ()
    return {
        "entries": len(items),
        "title": sum(bool(item.title) for item in items),
        "link": sum(item.url is not None for item in items),
        "date": sum(item.published is not None for item in items),
    }


def expectations(folder: Path) -> dict[str, dict[str, int]]:
    """Read an index: what is expected of each body, by its path."""
    if (packed := folder / "index.jsonl.xz").exists():
        with lzma.open(packed, "rt") as lines:
            rows = [json.loads(line) for line in lines]
        return {
            row["path"]: dict(
                zip(FIELDS, (row["fp_entries"], row["n_title"], row["n_link"], row["n_date"]), strict=True)
            )
            for row in rows
        }
    rows = [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]
    return {row["file"]: {"entries": row["entries"]} for row in rows}


def bodies(folder: Path, expected: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(folder / "bodies.tar.xz") as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            if name in expected and (content := archive.extractfile(member)):
                yield name, content.read()


@asynccontextmanager
async def serving(shelf: Mapping[str, bytes]) -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=shelf[request.path], content_type="application/xml")

    app = web.Application()
    app.router.add_get("/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def fetch_corpus(
    source: Source, origin: str, shelf: dict[str, bytes], folder: Path, every: int
) -> Tally:
    tally, expected = Tally(), expectations(folder)
    chosen = islice(bodies(folder, expected), 0, None, every)
    while some := list(islice(chosen, AT_ONCE)):
        shelf.clear()
        shelf |= {f"/{n}": body for n, (_, body) in enumerate(some)}
        outcomes = await asyncio.gather(*(source.fetch(feed(origin + path)) for path in shelf))
        for (name, _), outcome in zip(some, outcomes, strict=True):
            tally.add(f"{folder.name}/{name}", outcome, expected[name])
    return tally


def feed(url: str) -> Feed:
    spec = FeedSpec(
        url=url, name="Captured", tags=frozenset(), every=timedelta(minutes=10), alert_backlog=timedelta()
    )
    return Feed(id=1, spec=spec, next_poll_at=datetime.now(UTC))


async def measure(data: Path, every: int) -> dict[str, Tally]:
    limits = FetchLimits(
        allow_private=(ip_network("127.0.0.0/8"),),
        concurrency_per_host=AT_ONCE,
        max_bytes=32 * 1024**2,
    )
    shelf: dict[str, bytes] = {}
    async with serving(shelf) as origin, open_source(limits) as source:
        return {
            "parsing": await fetch_corpus(source, origin, shelf, data / "parsing", 1),
            "replay": await fetch_corpus(source, origin, shelf, data / "replay", every),
        }


@contextmanager
def watched() -> Iterator[list[str]]:
    """Gather what this process and its parsers do to reach anybody but the local server."""
    strangers: list[str] = []
    sys.addaudithook(lambda event, arguments: strangers.extend(_stranger(event, arguments)))
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        Path(folder, "sitecustomize.py").write_text(WATCH.format(log=str(log)))
        sys.path.insert(0, folder)
        yield strangers
        events = log.read_text().split()
    assert "watching" in events, "nobody watched the parser processes"
    strangers += [event for event in events if event != "watching"]


def _stranger(event: str, arguments: tuple[Any, ...]) -> Iterator[str]:
    if event == "socket.connect" and arguments[1][0] != "127.0.0.1":
        yield f"{event} {arguments[1]}"
    if event == "socket.getaddrinfo" and arguments[0] != "127.0.0.1":
        yield f"{event} {arguments[0]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder that holds parsing/ and replay/")
    parser.add_argument(
        "--every", type=int, default=1, help="fetch only every so many of the replay's bodies"
    )
    parser.add_argument("--misses", action="store_true", help="name every body that falls short, and how")
    asked = parser.parse_args()
    with watched() as strangers:
        tallies = asyncio.run(measure(asked.data, asked.every))
    print(f"{'corpus':<8} {'bodies':>6} {'with':>8} {'number':>7} {'all kept':>9} {'share':>8}   unread")
    for corpus, tally in tallies.items():
        for what in tally.having:
            having, kept = tally.having[what], tally.kept[what]
            print(f"{corpus:<8} {tally.bodies:6} {what:>8} {having:7} {kept:9} {kept / having:8.2%}", end="")
            print(f"   {dict(tally.unread)}" if what == "entries" else "")
    for whose, label in (
        (resource.RUSAGE_SELF, "this process"),
        (resource.RUSAGE_CHILDREN, "a parser process"),
    ):
        peak = resource.getrusage(whose).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
        print(f"memory at most, {label}: {peak:.0f} MiB")
    print(f"attempts to reach anybody else: {len(strangers)} {strangers[:5]}")
    if asked.misses:
        print(*(miss for tally in tallies.values() for miss in tally.misses), sep="\n")
    if strangers or not all(tally.good for tally in tallies.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
