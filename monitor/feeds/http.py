"""Fetches feeds over HTTP: conditional, bounded, and only from addresses fit for a feed.

    queue for the host ─► request ─► redirect? ─► request … ─► body, counted as it unfolds ─► parser
                             └── every connection, whatever led to it, is opened by ``guard``

Redirects are followed here, hop by hop. The total time covers the hops and the body, but not the queues.
"""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TypeVar
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import aiohttp
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDict

from monitor.feeds.charsets import decode
from monitor.feeds.frames import Document
from monitor.feeds.guard import REFUSED_ERRNO, guarded, target_problem
from monitor.feeds.headers import links, retry_after, validator
from monitor.feeds.hints import header_hints, longest
from monitor.feeds.limits import FetchLimits
from monitor.feeds.page import Page
from monitor.feeds.parser import Parser
from monitor.feeds.redirects import REDIRECTS, REPEATING, Route, host_of
from monitor.feeds.refusals import challenged, sent_to_login, turned_away
from monitor.records import Feed, Fetched, FetchFailed, FetchOutcome, NotModified, Trust
from monitor.text import clean

Answer = TypeVar("Answer")

_ACCEPT = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, */*;q=0.5"
)
_CHUNK = 64 * 1024
# Enough of a refusal to tell a challenge or a login from others.
_REFUSAL = 64 * 1024
# Some sites send hundreds of harmless ones.
_MOST_HEADERS = 1_000
_UNKNOWN_AUTHORITY = "it is signed by an authority that this machine does not know"
# What OpenSSL's commonest verdicts mean to a person; for others its own words stand.
_CERTIFICATES = {
    9: "it is not valid yet, or this machine's clock is wrong",
    10: "it has expired",
    18: "it is signed by itself (self-signed)",
    19: _UNKNOWN_AUTHORITY,
    20: f"{_UNKNOWN_AUTHORITY}, or the server leaves out a link of its chain",
    21: f"{_UNKNOWN_AUTHORITY}, or the server leaves out a link of its chain",
    23: "it has been revoked",
    62: "it was made out for another host",
    64: "it was made out for another host",
}


@asynccontextmanager
async def open_http(
    limits: FetchLimits, *, accept: str = _ACCEPT, resolver: AbstractResolver | None = None
) -> AsyncIterator["HttpSource"]:
    """Open a source with its connections and parser processes, and end them on the way out.

    ``accept`` are the kinds of document it asks for; ``resolver`` looks names up in the place of the system.
    """
    parser = Parser(limits)
    # Read now and not at import, so that SSL_CERT_FILE can name authorities of one's own.
    trust = await asyncio.to_thread(ssl.create_default_context)
    trust.set_alpn_protocols(["http/1.1"])
    public = replace(limits, allow_private=())
    async with (
        _session(limits, accept, trust, resolver) as session,
        _session(public, accept, trust, resolver) as elsewhere,
    ):
        try:
            yield HttpSource(session, elsewhere, parser, limits)
        finally:
            await parser.close()


def _session(
    limits: FetchLimits, accept: str, trust: ssl.SSLContext, resolver: AbstractResolver | None
) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, socket_factory=guarded(limits), ssl=trust, resolver=resolver),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        proxy=limits.proxy,
        timeout=aiohttp.ClientTimeout(
            total=None, sock_connect=limits.connect_timeout, sock_read=limits.read_timeout
        ),
        headers={"User-Agent": limits.user_agent, "Accept": accept, "Accept-Encoding": "gzip, deflate"},
        max_headers=_MOST_HEADERS,
    )


class HttpSource:
    """Feeds and single pages over HTTP."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        public_session: aiohttp.ClientSession,
        parser: Parser,
        limits: FetchLimits,
    ) -> None:
        self._session = session
        self._public_session = public_session
        self._parser = parser
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._host_slots: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def fetch(self, feed: Feed, trust: Trust = "full") -> FetchOutcome:
        """Fetch and read one feed; whatever goes wrong is a ``FetchFailed``.

        ``trust`` says how far the server's word is taken that nothing has changed.
        """
        conditions = {} if trust == "none" else _conditions(feed.etag, feed.last_modified)
        async with self._slot(feed.health.address or feed.spec.url):
            outcome = await self._fetch(feed, conditions)
            if trust == "verify" and isinstance(outcome, NotModified) and not outcome.whole:
                verified = await self._fetch(feed, {})
                match verified:
                    case Fetched():
                        return replace(verified, denied=True)
                    case NotModified():
                        return verified
            return outcome

    async def _fetch(self, feed: Feed, conditions: Mapping[str, str]) -> FetchOutcome:
        route = Route(feed.health.address or feed.spec.url, self._limits.max_redirects)
        page = await self._request(route, conditions)
        return _judged(await self._outcome(feed, page) if isinstance(page, Page) else page, route)

    async def get(
        self, url: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> Page | NotModified | FetchFailed:
        """Fetch whatever lives at an address, within the same bounds as a feed."""
        async with self._slot(url):
            route = Route(url, self._limits.max_redirects)
            return await self._request(route, _conditions(etag, last_modified))

    async def post(self, url: str, form: Mapping[str, str], *, home: str) -> FetchFailed | None:
        """Send a form to an address; None if it is taken.

        Networks that were opened for feeds are open to it only at the host of ``home``, whose feed names it.
        """
        async with self._slot(url):
            route = Route(url, self._limits.max_redirects)
            return await self._bounded(route, self._posted(route, form, host_of(home)))

    async def read(self, page: Page) -> Fetched | FetchFailed:
        """Read an answer as a feed."""
        document = await self._parser.parse(page.content, url=page.url, charset=page.charset)
        return document if isinstance(document, FetchFailed) else _fetched(document, page)

    async def _outcome(self, feed: Feed, page: Page) -> FetchOutcome:
        if _hash(page) != feed.body_hash:
            return await self.read(page)
        return NotModified(
            etag=validator(page.headers.get("etag")),
            last_modified=validator(page.headers.get("last-modified")),
            hints=header_hints(CIMultiDict(page.headers)),
            whole=True,
        )

    @asynccontextmanager
    async def _slot(self, url: str) -> AsyncIterator[None]:
        # Kept while used: the dictionary does not.
        host_slots = self._host_slots.setdefault(
            host_of(url), asyncio.Semaphore(self._limits.concurrency_per_host)
        )
        # Reading a body is inside too, so that no more bodies wait for the parser than there are slots.
        async with host_slots, self._slots:
            yield

    async def _request(self, route: Route, conditions: Mapping[str, str]) -> Page | NotModified | FetchFailed:
        return await self._bounded(route, self._followed(route, conditions))

    async def _bounded(self, route: Route, asking: Awaitable[Answer]) -> Answer | FetchFailed:
        try:
            async with asyncio.timeout(self._limits.total_timeout):
                return await asking
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return self._explained(error, host_of(route.url))

    async def _followed(
        self, route: Route, conditions: Mapping[str, str]
    ) -> Page | NotModified | FetchFailed:
        home = host_of(route.url)
        while True:
            if problem := self._unfit(route.url):
                return FetchFailed(kind="address", message=problem)
            session = self._session_for(route.url, home)
            async with session.get(route.url, headers=conditions, allow_redirects=False) as response:
                location = response.headers.get("Location")
                if response.status not in REDIRECTS or not location:
                    return await self._answer(response, conditions, route)
            if problem := route.follow(location, response.status):
                return FetchFailed(kind="redirect", message=problem, status=response.status)

    async def _posted(self, route: Route, form: Mapping[str, str], home: str) -> FetchFailed | None:
        while True:
            if problem := self._unfit(route.url):
                return FetchFailed(kind="address", message=problem)
            session = self._session_for(route.url, home)
            async with session.post(route.url, data=form, allow_redirects=False) as response:
                location = response.headers.get("Location")
                if response.status not in REPEATING or not location:
                    return await _taken(response)
            if problem := route.follow(location, response.status):
                return FetchFailed(kind="redirect", message=problem, status=response.status)

    def _unfit(self, url: str) -> str | None:
        """Say why an address cannot be asked at all, as far as it shows before it is resolved."""
        if urlsplit(url).scheme not in ("http", "https"):
            return "The address is not a web address (http or https)."
        return target_problem(url, self._limits) if self._limits.proxy else None

    def _session_for(self, url: str, home: str) -> aiohttp.ClientSession:
        # A public feed must not be able to send us into a network that was opened for another feed.
        return self._session if host_of(url) == home else self._public_session

    async def _answer(
        self, response: aiohttp.ClientResponse, conditions: Mapping[str, str], route: Route
    ) -> Page | NotModified | FetchFailed:
        headers = response.headers
        # Unasked, 304 says nothing about what we have.
        if response.status == 304 and conditions:
            return NotModified(
                etag=validator(headers.get("ETag")) or conditions.get("If-None-Match"),
                last_modified=validator(headers.get("Last-Modified")) or conditions.get("If-Modified-Since"),
                hints=header_hints(headers),
            )
        if challenged(headers) or not 200 <= response.status < 300:
            return turned_away(response.status, response.reason, headers, await _beginning(response))
        content = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            content += chunk
            if len(content) > self._limits.max_bytes:
                return FetchFailed(
                    kind="size", message=f"The document is larger than {_size(self._limits.max_bytes)}."
                )
        if not content.strip():
            return FetchFailed(kind="empty", message="The server answers with an empty document.")
        return Page(
            content=bytes(content),
            url=str(response.url),
            status=response.status,
            headers=_headers(response),
            charset=response.charset,
            redirects=tuple(route.hops),
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


async def _taken(response: aiohttp.ClientResponse) -> FetchFailed | None:
    """Say why a server does not take what was sent to it, in its own words if it has any."""
    if 200 <= response.status < 300:
        return None
    message = f"The server answers HTTP {response.status} {clean(response.reason or '', 100)}".rstrip()
    words = clean(await _beginning(response), 200)
    return FetchFailed(
        kind="http",
        message=f"{message}: {words}" if words else f"{message}.",
        status=response.status,
        retry_after=retry_after(response.headers),
    )


def _fetched(document: Document, page: Page) -> Fetched:
    # A broken document may have been cut off on its way. Without its validators, the next poll asks for
    # all of it again instead of hearing that nothing changed.
    headers = page.headers if document.whole else {}
    linked = links(page.headers.get("link", ""), page.url)
    return Fetched(
        items=document.items,
        format=document.format,
        title=document.title,
        etag=validator(headers.get("etag")),
        last_modified=validator(headers.get("last-modified")),
        body_hash=_hash(page),
        hints=longest(header_hints(CIMultiDict(page.headers)), document.hints),
        hub=linked.get("hub") or document.hub,
        self_url=linked.get("self") or document.self_url,
    )


def _judged(outcome: FetchOutcome, route: Route) -> FetchOutcome:
    """Add to an outcome what the way to it tells."""
    match outcome:
        case Fetched() | NotModified():
            return replace(outcome, moved_to=route.moved_to)
        case FetchFailed(kind="html" | "redirect" | "http") if route.login_host:
            return sent_to_login(outcome, route.login_host)
        case _:
            return outcome


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """Return how a refusal begins; one that breaks off is a refusal all the same."""
    content = bytearray()
    with suppress(aiohttp.ClientError):
        async for chunk in response.content.iter_chunked(_CHUNK):
            content += chunk
            if len(content) >= _REFUSAL:
                break
    return decode(bytes(content[:_REFUSAL]), response.charset)


def _distrust(error: BaseException, host: str) -> str:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return f"The secure connection to {host} failed: {error}."
    reason = _CERTIFICATES.get(error.verify_code, error.verify_message)
    return f"The certificate of {host} cannot be trusted: {reason}."


def _broken(error: Exception, host: str) -> FetchFailed:
    match error:
        case aiohttp.ClientConnectorDNSError():
            message = f"The name {error.host} cannot be resolved; check its spelling and this machine's DNS."
            return FetchFailed(kind="connect", message=message)
        case aiohttp.ClientSSLError() | aiohttp.ClientConnectorCertificateError():
            return FetchFailed(kind="tls", message=_distrust(error.__cause__ or error, host))
        case aiohttp.ClientHttpProxyError() | aiohttp.ClientProxyConnectionError():
            return _proxy_broken(error)
        case aiohttp.ClientConnectorError(errno=errno) if errno == REFUSED_ERRNO:
            return FetchFailed(
                kind="address", message=str(error.strerror).removeprefix("Multiple exceptions: ")
            )
        case aiohttp.ClientConnectorError():
            message = f"No connection to {host}: {error.strerror or error.os_error}."
            return FetchFailed(kind="connect", message=message)
        case ValueError():
            return FetchFailed(kind="address", message="The address is not a valid web address.")
        case aiohttp.ClientResponseError():
            # The lines after the first quote what the server said.
            fault = clean(error.message.partition("\n")[0], 200).rstrip(":.")
            return FetchFailed(kind="http", message=f"{host} does not answer in valid HTTP ({fault}).")
        case aiohttp.ClientPayloadError():
            message = f"{host} broke off in the middle of the document, or compressed it in an unknown way."
            return FetchFailed(kind="connect", message=message)
        case _:
            return FetchFailed(kind="connect", message=f"The connection to {host} broke: {error}.")


def _proxy_broken(error: aiohttp.ClientError) -> FetchFailed:
    message = "There is no connection to the proxy; check fetch.proxy."
    if isinstance(error, aiohttp.ClientHttpProxyError):
        remedy = "it wants a login" if error.status == 407 else "it may not let this address through"
        message = f"The proxy answers HTTP {error.status}: {remedy}; check fetch.proxy."
    return FetchFailed(kind="connect", message=message)


def _conditions(etag: str | None, last_modified: str | None) -> dict[str, str]:
    conditions = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    return {header: value for header, value in conditions.items() if value}


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Write headers as a plain mapping; one that is sent twice means a list."""
    return {name.lower(): ", ".join(response.headers.getall(name)) for name in response.headers}


def _hash(page: Page) -> str:
    return hashlib.sha256(page.content).hexdigest()


def _size(count: int) -> str:
    return f"{count / 1024**2:g} MiB"
