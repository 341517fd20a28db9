"""A thread of its own for a blocking library, so that the event loop never waits for it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class OwnThread:
    """Runs blocking calls one after the other in one thread: SQLite's single writer, the encoder's turn."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def __call__(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what ``call`` returns, or raise what it raises.

        A call that has begun runs to its end even if the caller is cancelled: a transaction is never cut.
        """
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._executor, lambda: call(*args, **kwargs)))

    def close(self) -> None:
        """Wait for what was handed over, and end the thread."""
        self._executor.shutdown(wait=True)
