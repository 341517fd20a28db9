"""Which IP addresses a feed may live at. Pure: an address in, a reason to refuse it or None out.

``ipaddress.is_global`` alone will not do: it calls multicast, site-local and the tunnels' addresses global,
and an IPv6 address can carry a private IPv4 address inside.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# They hand out a machine's credentials to whoever asks from inside it, so no setting opens them.
_METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd20:ce::254",
        ),
    )
)

# From the IANA special-purpose registries; the first network that holds an address names it.
_SPECIAL = tuple(
    (ip_network(network), name)
    for network, name in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("2001::/32", "Teredo tunnel"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4 tunnel"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
_UNICAST = ip_network("2000::/3")

# IPv6 forms whose last four bytes are the IPv4 address that is really spoken to.
_CARRIERS = tuple(map(IPv6Network, ("::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")))


def why_refused(address: Address, allowed: Iterable[Network]) -> str | None:
    """Return what makes an address unfit for a feed (``loopback``, ``private``, …), or None if it is fit.

    ``allowed`` networks are fit whatever they are, but for the clouds' metadata addresses.
    """
    forms = tuple(_forms(address))
    if not _METADATA.isdisjoint(forms):
        return "cloud metadata"
    if any(form in network for network in allowed for form in forms):
        return None
    innermost = forms[-1]
    for network, name in _SPECIAL:
        if innermost in network:
            return name
    fit = innermost in _UNICAST if innermost.version == 6 else innermost.is_global
    return None if fit else "reserved"


def _forms(address: Address) -> Iterator[Address]:
    """Yield the address, then the IPv4 address inside it if it is only a way of writing one."""
    plain = IPv6Address(int(address)) if isinstance(address, IPv6Address) else address  # without its scope
    yield plain
    if any(plain in carrier for carrier in _CARRIERS):
        yield IPv4Address(int(plain) & 0xFFFFFFFF)
