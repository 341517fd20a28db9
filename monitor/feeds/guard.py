"""Where connections may go: the one function that opens sockets, and what stands in for it behind a proxy.

By the time a socket is opened every name and redirect has been resolved, so nothing can be swapped any
more. Behind a proxy only the proxy resolves names; all that can be refused here is an address written out.
"""

import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from monitor.feeds.addresses import Address, why_refused
from monitor.feeds.limits import FetchLimits

# No system uses it, so it is still known after asyncio has merged the errors of several addresses.
REFUSED_ERRNO = -1000
_PORTS = {"http": 80, "https": 443}


class AddressError(OSError):
    """An address is not fit for a feed. aiohttp expects no error but an ``OSError`` here."""

    def __init__(self, message: str) -> None:
        super().__init__(REFUSED_ERRNO, message)

    def __str__(self) -> str:
        return str(self.strerror)


def guarded(limits: FetchLimits) -> Callable[[tuple[Any, ...]], socket.socket]:
    """Make the function that opens sockets for ``getaddrinfo`` tuples; it raises AddressError."""

    def open_socket(addr_info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, endpoint = addr_info
        # With a proxy every connection goes to it, and whoever set it meant it.
        problem = None if limits.proxy else _problem(ip_address(str(endpoint[0])), endpoint[1], limits)
        if problem:
            raise AddressError(problem)
        return socket.socket(family, kind, protocol)

    return open_socket


def target_problem(url: str, limits: FetchLimits) -> str | None:
    """Say why a proxy may not be asked for a URL, or None; ValueError if it is not one."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or _PORTS[parts.scheme]
    if host == "localhost" or host.endswith(".localhost"):
        host = "127.0.0.1"
    address = _written_out(host)
    if address is None:
        return None if port in limits.ports else _port_problem(port, limits)
    return _problem(address, port, limits)


def _written_out(host: str) -> Address | None:
    """Return the address that a host spells, in any way that systems read (``127.1``, ``0x7f000001``)."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return ip_address(socket.inet_aton(host))
    except OSError:
        return None


def _problem(address: Address, port: int, limits: FetchLimits) -> str | None:
    reason = why_refused(address, limits.allow_private)
    if reason == "cloud metadata":
        return f"{address} is a cloud's metadata address, which is never fetched."
    if reason is not None:
        return (
            f"{address} is not a public address ({reason}); if the feed is meant to live there, "
            f"add {address}/{address.max_prefixlen} to fetch.allow_private."
        )
    if port not in limits.ports and not any(address in network for network in limits.allow_private):
        return _port_problem(port, limits)
    return None


def _port_problem(port: int, limits: FetchLimits) -> str:
    ports = ", ".join(map(str, sorted(limits.ports)))
    return f"Port {port} is not one of those that feeds are fetched from ({ports})."
