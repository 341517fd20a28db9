"""What one fetch may cost, and where it may go."""

from dataclasses import dataclass, field

from monitor import __version__
from monitor.feeds.addresses import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """Bounds on fetching: sizes in bytes, times in seconds.

    ``max_bytes`` counts what comes out of decompression, so a compressed bomb needs no bound of its own.
    ``allow_private`` are networks that feeds may live in although they are not public; ``ports`` bind
    everywhere else. ``proxy`` is the URL of the HTTP proxy that everything goes through, and may hold a
    password. ``article_…`` bound the pages of articles: after each its host is left alone for a pause.
    """

    max_bytes: int = 5 * 1024 * 1024
    total_timeout: float = 30.0
    connect_timeout: float = 5.0
    read_timeout: float = 10.0
    max_redirects: int = 5
    concurrency: int = 32
    concurrency_per_host: int = 2
    article_max_bytes: int = 3 * 1024 * 1024
    article_concurrency: int = 8
    article_pause: float = 1.0
    parse_timeout: float = 10.0
    parsers: int = 2
    allow_private: tuple[Network, ...] = ()
    ports: frozenset[int] = frozenset({80, 443, 8080, 8443})
    proxy: str | None = field(default=None, repr=False)
    user_agent: str = f"monitor/{__version__} (news feed monitor)"
