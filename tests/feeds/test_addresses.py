from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.feeds.addresses import why_refused


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1", "loopback"),
        ("0.0.0.0", "unspecified"),
        ("10.1.2.3", "private"),
        ("100.64.0.1", "carrier-grade NAT"),
        ("169.254.1.1", "link-local"),
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "reserved"),
        ("192.88.99.1", "6to4 relay"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::7f00:1", "reserved"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:0:10.0.0.1", "private"),
        ("64:ff9b::7f00:1", "loopback"),
        ("64:ff9b:1::1", "reserved"),
        ("2002:7f00:1::", "6to4 tunnel"),
        ("2001:0:7f00:1::", "Teredo tunnel"),
        ("3fff::1", "documentation"),
        ("fd12::1", "private"),
        ("fe80::1%eth0", "link-local"),
        ("fec0::1", "site-local"),
        ("ff02::1", "multicast"),
    ],
)
def test_refused(address: str, reason: str) -> None:
    assert why_refused(ip_address(address), ()) == reason


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:2800::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_fit(address: str) -> None:
    assert why_refused(ip_address(address), ()) is None


def test_allowed_networks_open_what_is_written_in_any_form() -> None:
    allowed = [ip_network("10.0.0.0/8")]
    assert why_refused(ip_address("10.0.0.7"), allowed) is None
    assert why_refused(ip_address("::ffff:10.0.0.7"), allowed) is None
    assert why_refused(ip_address("192.168.0.1"), allowed) == "private"


@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254"])
def test_nothing_opens_the_metadata_addresses(address: str) -> None:
    everything = [ip_network("0.0.0.0/0"), ip_network("::/0")]
    assert why_refused(ip_address(address), everything) == "cloud metadata"


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_whatever_python_knows_as_not_global_is_refused(address: IPv4Address | IPv6Address) -> None:
    if not address.is_global or address.is_multicast or address.is_private:
        assert why_refused(address, ()) is not None or (
            isinstance(address, IPv6Address) and address.ipv4_mapped
        )


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:0:0", "::ffff:0:0:0", "64:ff9b::"]))
def test_an_ipv4_address_inside_ipv6_is_judged_as_itself(address: IPv4Address, carrier: str) -> None:
    inside = IPv6Address(int(IPv6Address(carrier)) | int(address))
    assert why_refused(inside, ()) == why_refused(address, ())
