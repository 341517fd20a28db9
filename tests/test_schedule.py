import asyncio
import threading
from datetime import timedelta

from monitor.schedule import ticking

SOON = timedelta(milliseconds=5)


class Bell:
    """Counts its rings; ``rung(n)`` waits for the nth."""

    def __init__(self) -> None:
        self.count = 0
        self.threads: set[int] = set()
        self._changed = asyncio.Event()

    def __call__(self) -> None:
        self.count += 1
        self.threads.add(threading.get_ident())
        self._changed.set()

    async def rung(self, times: int) -> None:
        async with asyncio.timeout(10):
            while self.count < times:
                self._changed.clear()
                await self._changed.wait()


async def test_every_tick_comes_again_and_again_on_the_loop() -> None:
    often, also = Bell(), Bell()
    with ticking({"often": (SOON, often), "also": (SOON, also)}):
        await often.rung(3)
        await also.rung(3)
    assert often.threads | also.threads == {threading.get_ident()}


async def test_no_tick_comes_after_the_end() -> None:
    bell = Bell()
    with ticking({"bell": (SOON, bell)}):
        await bell.rung(1)
    rung = bell.count
    await asyncio.sleep(0.03)
    assert bell.count == rung


async def test_a_tick_that_crashes_comes_again_and_does_not_stop_the_others() -> None:
    crashing, other = Bell(), Bell()

    def crash() -> None:
        crashing()
        raise RuntimeError("a tick's own trouble")

    with ticking({"crash": (SOON, crash), "other": (SOON, other)}):
        await crashing.rung(2)
        await other.rung(2)
