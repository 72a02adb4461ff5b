"""Addresses of clients, as limits count them. Server process."""

from __future__ import annotations

import ipaddress

_SUBSCRIBER_BITS = 64
"""Leading bits of an IPv6 address that a client cannot choose. Source: RFC 4291, section 2.5.4."""


def group_address(address: str) -> str:
    """Return what one client cannot change: an IPv4 address, or the network of an IPv6 address.

    Anything else, such as the name of a Unix socket, is returned unchanged.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _SUBSCRIBER_BITS), strict=False))
