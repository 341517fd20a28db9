from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp
from builders import HOUR, NOW, feed, fetched, stored_matches

from monitor.health import Health
from monitor.poll import PollReport
from monitor.storage import Storage
from monitor.threads import OwnThread
from monitor.web import serve


@dataclass
class Clock:
    now: datetime = NOW
    health: Health = field(default_factory=lambda: Health(started_at=NOW))

    def __call__(self) -> datetime:
        return self.now


@asynccontextmanager
async def served(storage: Storage, database: OwnThread, clock: Clock) -> AsyncIterator[str]:
    async with serve(
        "127.0.0.1",
        0,
        health=clock.health,
        ledger=storage.ledger,
        database=database,
        now=clock,
        longest_interval=HOUR,
    ) as port:
        yield f"http://127.0.0.1:{port}"


async def answer(url: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.json()


async def test_healthz_answers_while_the_loop_turns(storage: Storage, database: OwnThread) -> None:
    async with served(storage, database, Clock()) as url:
        assert await answer(f"{url}/healthz") == (200, {"status": "alive"})


async def test_readyz_follows_the_work(storage: Storage, database: OwnThread) -> None:
    clock = Clock()
    stored_matches(storage, 2)
    async with served(storage, database, clock) as url:
        status, body = await answer(f"{url}/readyz")
        assert (status, body["ready"]) == (503, False)
        assert "no feed has been polled" in body["trouble"]
        assert body["waiting"]["undecided"] == 2

        clock.health.note(PollReport(feed=feed(), outcome=fetched(), new=4), NOW)
        status, body = await answer(f"{url}/readyz")
        assert (status, body["ready"], body["trouble"]) == (200, True, None)
        assert body["since_start"]["items_new"] == 4

        clock.now = NOW + 2 * HOUR
        assert (await answer(f"{url}/readyz"))[0] == 503


async def test_the_port_is_free_again_afterwards(storage: Storage, database: OwnThread) -> None:
    async with served(storage, database, Clock()) as url:
        port = int(url.rpartition(":")[2])
    async with serve(
        "127.0.0.1",
        port,
        health=Health(started_at=NOW),
        ledger=storage.ledger,
        database=database,
        now=Clock(),
        longest_interval=HOUR,
    ) as again:
        assert again == port


async def test_readyz_names_the_channels_that_are_closed_to_us(storage: Storage, database: OwnThread) -> None:
    storage.deliveries.record_closed("#desk", "It takes no messages (is_archived).", NOW)
    async with served(storage, database, Clock()) as url:
        _, body = await answer(f"{url}/readyz")
    assert body["closed_channels"] == {"#desk": "It takes no messages (is_archived)."}
