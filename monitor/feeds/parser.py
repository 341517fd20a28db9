"""The parser's worker processes, seen from the service: started when needed, ended when they hang.

idle worker ──► document in, answer out ──► idle again
                    │ too slow, dead, or the caller gave up
                    └──► killed; the next document starts another
"""

import asyncio
import json
import math
import os
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress

from monitor.feeds.frames import LENGTH, MAX_ANSWER, READY, Answer, Document, framed, unpack_answer
from monitor.feeds.limits import FetchLimits
from monitor.records import Article, FetchFailed, NoArticle

_START_TIMEOUT = 60.0
# feedparser keeps nothing, but a process that reads hostile input for weeks should not have to prove it.
_DOCUMENTS_PER_PROCESS = 2_000
# A worker that hostile input has taken over may answer anything.
_CONFUSED = FetchFailed(kind="parse", message="The parser process answered a question that was not asked.")


class Parser:
    """Reads documents in ``limits.parsers`` worker processes at most."""

    def __init__(self, limits: FetchLimits) -> None:
        self._idle: asyncio.LifoQueue[_Worker] = asyncio.LifoQueue()
        self._workers = [_Worker(limits.parse_timeout) for _ in range(limits.parsers)]
        for worker in self._workers:
            self._idle.put_nowait(worker)

    async def parse(self, body: bytes, *, url: str, charset: str | None) -> Document | FetchFailed:
        """Read a feed that came from ``url``; waiting for a free worker is not counted as its time."""
        answer = await self._ask(body, read="feed", url=url, charset=charset)
        return answer if isinstance(answer, Document | FetchFailed) else _CONFUSED

    async def extract(self, page: bytes, *, charset: str | None) -> Article | NoArticle:
        """Read the article of a page; a worker that fails at it is a reason to have none."""
        match await self._ask(page, read="article", charset=charset):
            case Article() | NoArticle() as answer:
                return answer
            case FetchFailed(message=message):
                return NoArticle(reason=message)
            case _:
                return NoArticle(reason=_CONFUSED.message)

    async def _ask(self, body: bytes, **about: str | None) -> Answer:
        request = framed(json.dumps(about).encode()) + framed(body)
        worker = await self._idle.get()
        try:
            return await worker.answer(request)
        finally:
            self._idle.put_nowait(worker)

    async def close(self) -> None:
        """End the workers."""
        for worker in self._workers:
            await worker.end()


class _Worker:
    """One process at a time, and how long it may take over a document."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._process: Process | None = None
        self._documents = 0

    async def answer(self, request: bytes) -> Answer:
        """Hand over one document and wait for what it holds; a process that fails at it is ended."""
        finished = False
        try:
            process = self._process or await self._start()
            async with asyncio.timeout(self._timeout):
                answer = unpack_answer(await _exchange(process, request))
            self._documents += 1
            finished = self._documents < _DOCUMENTS_PER_PROCESS
            return answer
        except TimeoutError:
            message = f"Reading the document took over {self._timeout:g} s, so it was given up."
            return FetchFailed(kind="hang", message=message)
        except (OSError, EOFError, ValueError, TypeError) as error:
            message = f"The parser process was lost while reading the document ({error})."
            return FetchFailed(kind="parse", message=message)
        finally:
            if not finished:
                await self.end()

    async def _start(self) -> Process:
        process = self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "monitor.feeds.parse", str(math.ceil(self._timeout) + 5)),
            stdin=PIPE,
            stdout=PIPE,
            # An environment of its own: what reads hostile input has no tokens to lose.
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._documents = 0
        try:
            ready = await asyncio.wait_for(_frame(process), _START_TIMEOUT)
        except TimeoutError as error:
            raise OSError(f"it did not start within {_START_TIMEOUT:g} s") from error
        if ready != READY:
            raise OSError("it did not start")
        return process

    async def end(self) -> None:
        """Kill the process, if there is one, and see it off."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def _exchange(process: Process, request: bytes) -> bytes:
    assert process.stdin is not None
    process.stdin.write(request)
    await process.stdin.drain()
    return await _frame(process)


async def _frame(process: Process) -> bytes:
    assert process.stdout is not None
    (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
    if length > MAX_ANSWER:
        raise ValueError("its answer is too long")
    return await process.stdout.readexactly(length)
