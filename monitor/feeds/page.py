"""What one address answered with, and the narrow door through which single addresses are asked by hand."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from monitor.records import Fetched, FetchFailed, NotModified

__all__ = ["Discovery", "FoundFeed", "Page", "Pages", "Redirect"]

_BOMS = {b"\xef\xbb\xbf": "utf-8", b"\xfe\xff": "utf-16", b"\xff\xfe": "utf-16"}
_DECLARED = re.compile(
    rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})"""
    rb"""|<meta[^<>]{0,200}?charset\s*=\s*["']?([\w.:-]{1,40})""",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """One hop: the status that ordered it, and the address it led to."""

    status: int
    url: str

    @property
    def permanent(self) -> bool:
        """Whether the server wants the old address forgotten."""
        return self.status in (301, 308)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A successful answer: the decompressed body, the last address of its redirects, headers in lower case.

    ``charset`` is what the Content-Type header says.
    """

    content: bytes
    url: str
    status: int
    headers: Mapping[str, str]
    charset: str | None
    redirects: tuple[Redirect, ...] = ()

    @property
    def declared_charset(self) -> tuple[str, str] | None:
        """The charset and who says so, in the order in which readers believe it; None if nobody does."""
        for bom, name in _BOMS.items():
            if self.content.startswith(bom):
                return name, "byte order mark"
        if self.charset:
            return self.charset.lower(), "HTTP header"
        if found := _DECLARED.search(self.content, 0, 4096):
            return (found[1] or found[2]).decode().lower(), "document"
        return None

    def lasting_url(self, asked: str) -> str:
        """Return the address to keep after having asked at ``asked``."""
        return lasting_url(asked, self.redirects)


def lasting_url(asked: str, redirects: Iterable[Redirect]) -> str:
    """Return where permanent redirects led from ``asked``, up to a passing one, or one that holds a login."""
    for redirect in redirects:
        if not redirect.permanent or "@" in urlsplit(redirect.url).netloc:
            break
        asked = redirect.url
    return asked


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFeed:
    """A feed that can be read; ``url`` is the address to keep."""

    url: str
    fetched: Fetched


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What lives at an address; ``unreadable`` are feeds that the page names and that cannot be read."""

    found: tuple[FoundFeed, ...]
    unreadable: tuple[tuple[str, FetchFailed], ...] = ()


class Pages(Protocol):
    """Something that single addresses can be asked from, and their answers read as feeds."""

    async def get(
        self, url: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> Page | NotModified | FetchFailed:
        """Fetch whatever lives at an address; with validators, ``NotModified`` is an HTTP 304."""
        ...

    async def read(self, page: Page) -> Fetched | FetchFailed:
        """Read an answer as a feed."""
        ...
