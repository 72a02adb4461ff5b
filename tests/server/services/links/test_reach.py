"""The ways to others: the sentences that a link's note has."""

from __future__ import annotations

import pytest

from jupyter_figserve.server.services.links.reach import Reach, find_network_address


@pytest.mark.parametrize(
    ("reach", "said", "unsaid"),
    [
        (Reach(), ["only on this machine", "public_url", "figserve connect URL"], ["--ip", "network", "JupyterHub"]),
        (Reach(team="https://t/figserve"), ["public_url"], ["figserve connect URL"]),
        (Reach(service="https://hub/services/figserve"), ["This JupyterHub has a figserve service"], ["--ip"]),
        (
            Reach(network="http://192.168.1.5:8888/figserve", is_of_program=True),
            ["figserve.serve() runs", "jupyter figserve serve --ip", "keys create", "figserve connect URL"],
            ["public_url", "192.168", "start it with"],
        ),
        (Reach(network="http://192.168.1.5:8888/figserve"), ["start it with `--ip=0.0.0.0`", "192.168.1.5:8888"], []),
        (
            Reach(network="http://192.168.1.5:8888/figserve", is_listening=True),
            ["begins with http://192.168.1.5:8888/figserve instead", "firewall"],
            ["--ip"],
        ),
    ],
)
def test_the_note_names_what_is_there(reach, said, unsaid):
    """And what has to be switched on; nothing that is not there."""
    note = reach.describe()
    assert [text for text in said if text not in note] == []
    assert [text for text in unsaid if text in note] == []


def test_this_machines_address_is_not_loopback():
    """None without a network."""
    address = find_network_address()
    assert address is None or not address.startswith("127.")
