"""The team servers that `jupyter figserve connect` has stored, as connections. Kernel and command line."""

from __future__ import annotations

import warnings
from pathlib import Path

from ...errors import InvalidInput
from ...model.team_servers import FILE_NAME, TEAM, TeamServer, find_team_server, read_team_servers
from .address import Address, parse_exact
from .client import FigServeClient

_warned: set[str] = set()


def servers_path() -> Path | None:
    """Return the path of the file; None without Jupyter."""
    try:
        from jupyter_core.paths import jupyter_data_dir
    except ImportError:
        return None
    return Path(jupyter_data_dir()) / FILE_NAME


def _find_stored_servers() -> list[TeamServer]:
    """Return the stored servers; of a file that cannot be used none, after a warning."""
    path = servers_path()
    try:
        return [] if path is None else read_team_servers(path)
    except InvalidInput as error:
        if str(error) not in _warned:
            _warned.add(str(error))
            warnings.warn(str(error), UserWarning, stacklevel=4)
        return []


def find_stored_server(name: str = TEAM) -> TeamServer | None:
    return find_team_server(_find_stored_servers(), name)


def find_stored_key(address: Address) -> TeamServer | None:
    """Return the stored server at an address, for a URL that was given without a key."""
    return find_stored_server(address.url)


def client_of_server(url: str) -> FigServeClient:
    """Return the client of a stored server; without credential where this kernel's machine does not know the server."""
    server = find_stored_server(url)
    return FigServeClient(parse_exact(url), None) if server is None else make_team_client(server)


def make_team_client(server: TeamServer) -> FigServeClient:
    return FigServeClient(parse_exact(server.url), server.key, ca_file=server.ca_file)
