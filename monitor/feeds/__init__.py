"""The feeds room: a feed in, its items or the reason why there are none out.

http ── fetches, guarded by addresses
parser ── keeps the worker processes that run parse, and ends those that hang
"""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from monitor.feeds.limits import FetchLimits
from monitor.records import Feed, FetchOutcome

__all__ = ["FetchLimits", "Source", "open_source"]


class Source(Protocol):
    """Something that feeds can be fetched from."""

    async def fetch(self, feed: Feed) -> FetchOutcome:
        """Fetch and read one feed; whatever goes wrong is a ``FetchFailed``."""
        ...


def open_source(limits: FetchLimits) -> AbstractAsyncContextManager[Source]:
    """Open the source that reads feeds over HTTP; leaving it ends its connections and processes."""
    from monitor.feeds.http import open_http

    return open_http(limits)
