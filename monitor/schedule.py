"""Ticks. What is due lives in the tables; the scheduler only makes sure that nobody waits for ever."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler


@contextmanager
def ticking(ticks: Mapping[str, tuple[timedelta, Callable[[], None]]]) -> Iterator[None]:
    """Call each tick, which must return at once, at its interval, until the context ends.

    A late tick is not dropped (``misfire_grace_time=None``) and late ones become one (``coalesce``).
    """
    scheduler = AsyncIOScheduler(
        timezone="UTC", job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    )
    for name, (interval, tick) in ticks.items():
        scheduler.add_job(_on_loop(tick), "interval", seconds=interval.total_seconds(), id=name)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)


def _on_loop(tick: Callable[[], None]) -> Callable[[], object]:
    # APScheduler runs a plain function in a thread; a coroutine function it runs on the loop.
    async def on_loop() -> None:
        tick()

    return on_loop
