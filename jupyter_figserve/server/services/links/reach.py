"""Where a link that opens only on this machine could open for others, and what that needs. Server process."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ....model.environment_variables import SERVICE_VARIABLE
from ..addresses import ServerAddresses
from .team import TeamSharing

_TEAM = ", or connect to your team's server once: `jupyter figserve connect URL`."
_OF_PROGRAM = (
    "This link opens only on this machine, while the program that called figserve.serve() runs. For a server that"
    " stays, and that your network reaches, run `jupyter figserve serve --ip=0.0.0.0 --port=8765` in a terminal;"
    ' scripts find it, and notebooks publish there after `figserve.connect("http://127.0.0.1:8765", key)`, with a key'
    " that `jupyter figserve keys create` prints"
)
_ELSEWHERE = ("192.0.2.1", 9)
"""An address for documentation (RFC 5737), to which no packet is sent."""


@dataclass(frozen=True)
class Reach:
    """Ways by which others could open a link.

    Parameters
    ----------
    team
        URL of the team's server that the user has connected to.
    service
        URL of the JupyterHub's service.
    network
        URL of our routes for the machines of the network; None where this machine has no address.
    is_listening
        Whether the server listens on that address.
    is_of_program
        Whether the server is that of ``figserve.serve()``, which ends with the program that called it.
    """

    team: str | None = None
    service: str | None = None
    network: str | None = None
    is_listening: bool = False
    is_of_program: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "team": self.team,
            "service": self.service,
            "network": self.network,
            "listening": self.is_listening,
        }

    def describe(self) -> str:
        """Return the ways as sentences, without the secret address; clients offer the team's server."""
        if self.is_of_program:
            return f"{_OF_PROGRAM}{'.' if self.team else _TEAM}"
        said = ["This link opens only on this machine."]
        if self.service:
            said.append(
                f"This JupyterHub has a figserve service, {self.service}: publish the figure again from a new kernel,"
                " and share it there."
            )
        if self.network and self.is_listening:
            said.append(f"In your network its address begins with {self.network} instead, if the firewall allows that.")
        elif self.network:
            said.append(
                "To let your network reach this server, start it with `--ip=0.0.0.0`; then the address begins with"
                f" {self.network} instead."
            )
        said.append(
            "To share with others, make this server reachable for them (through a proxy or a tunnel) and set"
            " `c.FigServe.public_url` to its address" + ("." if self.team else _TEAM)
        )
        return " ".join(said)


def find_reach(addresses: ServerAddresses, team: TeamSharing, environment: Mapping[str, str] = os.environ) -> Reach:
    """Return the ways from this server to others."""
    stored, host = team.find_server(), find_network_address()
    return Reach(
        stored.url if stored else None,
        environment.get(SERVICE_VARIABLE) or None,
        addresses.at_host(host) if host else None,
        addresses.listens_on_network,
        addresses.ends_with_program,
    )


def find_network_address() -> str | None:
    """Return this machine's address in its network, as the system would choose it; None without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
            address = str(probe.getsockname()[0])
        except OSError:
            return None
    return None if address.startswith("127.") or address == "0.0.0.0" else address  # noqa: S104 - compared with
