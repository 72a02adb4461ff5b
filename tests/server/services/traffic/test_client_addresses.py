"""What counts as one client."""

from __future__ import annotations

import pytest

from jupyter_figserve.server.services.traffic.client_addresses import group_address


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("", "192.0.2.1", False),
    ],
)
def test_one_client_cannot_choose_among_many_addresses(one: str, other: str, *, is_same: bool):
    """The lower half of an IPv6 address is the client's own; an IPv4 address counts as such in either form."""
    assert (group_address(one) == group_address(other)) is is_same
