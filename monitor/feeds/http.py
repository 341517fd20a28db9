"""Fetches feeds over HTTP: conditional, bounded, and only from addresses fit for a feed.

    queue for the host ─► request ─► redirect? ─► request … ─► body, counted as it unfolds ─► parser
                             └── every connection, whatever led to it, is opened by ``_guarded``

Redirects are followed here, hop by hop. The total time covers the hops and the body, but not the queues.
"""

import asyncio
import hashlib
import re
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit
from weakref import WeakValueDictionary

import aiohttp

from monitor.feeds.addresses import why_refused
from monitor.feeds.limits import FetchLimits
from monitor.feeds.parser import Parser
from monitor.records import Feed, Fetched, FetchFailed, FetchOutcome, NotModified

_ACCEPT = (
    "application/rss+xml, application/atom+xml, application/rdf+xml;q=0.9, application/xml;q=0.8, */*;q=0.5"
)
_CHUNK = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REMEDIES = {
    401: "it wants a login",
    402: "it wants to be paid",
    403: "it turns this reader away, or wants a login",
    404: "there is no feed at this address; look for its new one",
    410: "the feed is gone for good; look for another or remove it",
    429: "it was asked too often; poll less often",
}
_MAX_RETRY_AFTER = timedelta(days=7)
# No system uses it, so it is still known after asyncio has merged the errors of several addresses.
_REFUSED_ERRNO = -1000


@asynccontextmanager
async def open_http(limits: FetchLimits, accept: str = _ACCEPT) -> AsyncIterator["HttpSource"]:
    """Open a source with its connections and parser processes, and end them on the way out."""
    parser = Parser(limits)
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, socket_factory=_guarded(limits)),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        timeout=aiohttp.ClientTimeout(
            total=None, sock_connect=limits.connect_timeout, sock_read=limits.read_timeout
        ),
        headers={"User-Agent": limits.user_agent, "Accept": accept, "Accept-Encoding": "gzip, deflate"},
    )
    async with session:
        try:
            yield HttpSource(session, parser, limits)
        finally:
            await parser.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A decompressed body of at most ``max_bytes``, where it came from and what its headers said."""

    content: bytes
    url: str
    content_type: str
    charset: str | None
    etag: str | None
    last_modified: str | None


class HttpSource:
    """Feeds over HTTP."""

    def __init__(self, session: aiohttp.ClientSession, parser: Parser, limits: FetchLimits) -> None:
        self._session = session
        self._parser = parser
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._host_slots: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def fetch(self, feed: Feed) -> FetchOutcome:
        """Fetch and read one feed; whatever goes wrong is a ``FetchFailed``."""
        host = _host(feed.spec.url)
        # Kept while used: the dictionary does not.
        host_slots = self._host_slots.setdefault(host, asyncio.Semaphore(self._limits.concurrency_per_host))
        # Reading the body is inside too, so that no more bodies wait for the parser than there are slots.
        async with host_slots, self._slots:
            answer = await self.get(feed.spec.url, _conditions(feed))
            return await self._read(feed, answer) if isinstance(answer, Body) else answer

    async def get(self, url: str, conditions: Mapping[str, str]) -> Body | NotModified | FetchFailed:
        """Fetch what is at an address; ``conditions`` are the headers of a conditional request."""
        try:
            async with asyncio.timeout(self._limits.total_timeout):
                return await self._request(url, conditions)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return self._explained(error, _host(url))

    async def _request(self, url: str, conditions: Mapping[str, str]) -> Body | NotModified | FetchFailed:
        seen = set[str]()
        while True:
            if urlsplit(url).scheme not in ("http", "https"):
                return FetchFailed(
                    kind="address", message="The address is not a web address (http or https)."
                )
            seen.add(url)
            async with self._session.get(url, headers=conditions, allow_redirects=False) as response:
                location = response.headers.get("Location")
                if response.status not in _REDIRECTS or not location:
                    return await self._answer(response, conditions)
            url, before = urljoin(url, location), url
            if problem := self._astray(url, before, seen):
                return FetchFailed(kind="redirect", message=problem, status=response.status)

    def _astray(self, url: str, before: str, seen: set[str]) -> str | None:
        if urlsplit(url).scheme not in ("http", "https"):
            return "The server redirects to something that is not a web address."
        if urlsplit(before).scheme == "https" and urlsplit(url).scheme == "http":
            return (
                f"The server redirects from https to unprotected http at {_host(url)}, which is not followed."
            )
        if url in seen:
            return "The server redirects in a circle."
        if len(seen) > self._limits.max_redirects:
            return f"The server redirects more than {self._limits.max_redirects} times."
        return None

    async def _answer(
        self, response: aiohttp.ClientResponse, conditions: Mapping[str, str]
    ) -> Body | NotModified | FetchFailed:
        etag = _validator(response.headers.get("ETag"))
        last_modified = _validator(response.headers.get("Last-Modified"))
        # Unasked, 304 says nothing about what we have.
        if response.status == 304 and conditions:
            return NotModified(
                etag=etag or conditions.get("If-None-Match"),
                last_modified=last_modified or conditions.get("If-Modified-Since"),
            )
        if not 200 <= response.status < 300:
            return _turned_away(response.status, response.reason, response.headers)
        content = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            content += chunk
            if len(content) > self._limits.max_bytes:
                return FetchFailed(
                    kind="size", message=f"The document is larger than {_size(self._limits.max_bytes)}."
                )
        if not content.strip():
            return FetchFailed(kind="empty", message="The server answers with an empty document.")
        return Body(
            content=bytes(content),
            url=str(response.url),
            content_type=response.content_type,
            charset=response.charset,
            etag=etag,
            last_modified=last_modified,
        )

    async def _read(self, feed: Feed, body: Body) -> FetchOutcome:
        body_hash = hashlib.sha256(body.content).hexdigest()
        if body_hash == feed.body_hash:
            return NotModified(etag=body.etag, last_modified=body.last_modified)
        document = await self._parser.parse(body.content, url=body.url, charset=body.charset)
        if isinstance(document, FetchFailed):
            return document
        # A broken document may have been cut off on its way. Without its validators, the next poll asks for
        # all of it again instead of hearing that nothing changed.
        return Fetched(
            items=document.items,
            format=document.format,
            etag=body.etag if document.whole else None,
            last_modified=body.last_modified if document.whole else None,
            body_hash=body_hash,
        )

    def _explained(self, error: Exception, host: str) -> FetchFailed:
        limits = self._limits
        match error:
            case aiohttp.ConnectionTimeoutError():
                message = f"{host} did not accept a connection within {limits.connect_timeout:g} s."
                return FetchFailed(kind="timeout", message=message)
            case aiohttp.SocketTimeoutError():
                message = f"{host} sent nothing for {limits.read_timeout:g} s."
                return FetchFailed(kind="timeout", message=message)
            case TimeoutError():
                message = f"{host} did not deliver the document within {limits.total_timeout:g} s."
                return FetchFailed(kind="timeout", message=message)
            case _:
                return _broken(error, host)


def _broken(error: Exception, host: str) -> FetchFailed:
    match error:
        case aiohttp.ClientConnectorDNSError():
            message = f"The name {host} cannot be resolved; check its spelling and this machine's DNS."
            return FetchFailed(kind="connect", message=message)
        case aiohttp.ClientSSLError():
            return FetchFailed(
                kind="tls", message=f"The secure connection to {host} failed: {error.os_error}."
            )
        case aiohttp.ClientConnectorCertificateError():
            message = f"The certificate of {host} cannot be trusted: {error.certificate_error}."
            return FetchFailed(kind="tls", message=message)
        case aiohttp.ClientConnectorError(errno=errno) if errno == _REFUSED_ERRNO:
            return FetchFailed(
                kind="address", message=str(error.strerror).removeprefix("Multiple exceptions: ")
            )
        case aiohttp.ClientConnectorError():
            message = f"No connection to {host}: {error.strerror or error.os_error}."
            return FetchFailed(kind="connect", message=message)
        case ValueError():
            return FetchFailed(kind="address", message="The address is not a valid web address.")
        case aiohttp.ClientResponseError():
            return FetchFailed(kind="http", message=f"{host} does not answer in valid HTTP: {error.message}.")
        case aiohttp.ClientPayloadError():
            message = f"{host} broke off in the middle of the document, or compressed it in an unknown way."
            return FetchFailed(kind="connect", message=message)
        case _:
            return FetchFailed(kind="connect", message=f"The connection to {host} broke: {error}.")


class _AddressError(OSError):
    """An address is not fit for a feed. aiohttp expects no error but an ``OSError`` here."""

    def __init__(self, message: str) -> None:
        super().__init__(_REFUSED_ERRNO, message)

    def __str__(self) -> str:
        return str(self.strerror)


def _guarded(limits: FetchLimits) -> Callable[[aiohttp.AddrInfoType], socket.socket]:
    """Make the one function that opens sockets; by then every name and redirect has been resolved."""

    def open_socket(addr_info: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, endpoint = addr_info
        address, port = ip_address(str(endpoint[0])), endpoint[1]
        reason = why_refused(address, limits.allow_private)
        if reason == "cloud metadata":
            raise _AddressError(f"{address} is a cloud's metadata address, which is never fetched.")
        if reason is not None:
            raise _AddressError(
                f"{address} is not a public address ({reason}); if the feed is meant to live there, "
                f"add {address}/{address.max_prefixlen} to fetch.allow_private."
            )
        if port not in limits.ports and not any(address in network for network in limits.allow_private):
            ports = ", ".join(map(str, sorted(limits.ports)))
            raise _AddressError(f"Port {port} is not one of those that feeds are fetched from ({ports}).")
        return socket.socket(family, kind, protocol)

    return open_socket


def _turned_away(status: int, reason: str | None, headers: Mapping[str, str]) -> FetchFailed:
    if headers.get("cf-mitigated") == "challenge":
        remedy = "it asks for proof of a human reader, so this address cannot be watched"
    elif status >= 500:
        remedy = "the trouble is the server's own, and may pass"
    else:
        remedy = _REMEDIES.get(status, "it does not give out the feed")
    return FetchFailed(
        kind="http",
        message=f"The server answers HTTP {status} {reason or ''}".rstrip() + f": {remedy}.",
        status=status,
        retry_after=_retry_after(headers),
    )


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """Read ``Retry-After``, seconds or a date; a date is measured against the answer's own clock."""
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return min(timedelta(seconds=int(value)), _MAX_RETRY_AFTER)
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):
        return None
    return min(max(wait, timedelta()), _MAX_RETRY_AFTER)


def _conditions(feed: Feed) -> dict[str, str]:
    conditions = {"If-None-Match": feed.etag, "If-Modified-Since": feed.last_modified}
    return {header: value for header, value in conditions.items() if value}


def _validator(value: str | None) -> str | None:
    # Anything else could not be stored, or not be sent back.
    return value if value and value.isascii() and value.isprintable() else None


def _host(url: str) -> str:
    """Name the host of a URL for a person; the rest may hold a password or a key."""
    try:
        return urlsplit(url).hostname or "the address"
    except ValueError:
        return "the address"


def _size(count: int) -> str:
    return f"{count / 1024**2:g} MiB"
