"""Ports for servers that are told theirs before they start."""

from __future__ import annotations

import random
import socket

_RANGE = 20_000, 32_000
"""Below the ports that Linux gives to clients, and to servers that name none, so none takes it meanwhile."""
_random = random.SystemRandom()
"""Each process draws other ports, also where Hypothesis has seeded the common generator."""


def free_port(also: int = 0) -> int:
    """Return a port of loopback on which nothing listens, nor on the one whose number is ``also`` higher."""
    while True:
        port = _random.randint(*_RANGE)
        if _is_free(port) and _is_free(port + also):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
