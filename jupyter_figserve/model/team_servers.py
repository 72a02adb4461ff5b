"""The team servers that a user has connected to: a file of mode 0600 with their addresses and keys. Any process."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import InvalidInput
from .private_files import check_private, is_own

FILE_NAME = "figserve_servers.json"
"""Name of the file in Jupyter's data directory."""
TEAM = "team"
"""Stands for the server that was connected last, in place of a URL."""
_MAX_BYTES = 2**20


@dataclass(frozen=True)
class TeamServer:
    """A server of a team, and this user's key there.

    Parameters
    ----------
    url
        Of its routes, as clients connect to it.
    scopes
        Of the key when it was stored.
    ca_file
        Certificates to trust; None for the system's.
    """

    url: str
    key: str
    owner: str
    scopes: tuple[str, ...]
    connected: str
    ca_file: str | None = None

    def __repr__(self) -> str:
        return f"<team server {self.url}, as {self.owner}>"

    @property
    def name(self) -> str:
        """Its name in messages."""
        return urlsplit(self.url).netloc

    @property
    def headers(self) -> dict[str, str]:
        """What identifies the user there."""
        return {"X-API-Key": self.key}

    def as_json(self) -> dict[str, object]:
        """Return what may be shown of it."""
        return {"url": self.url, "owner": self.owner, "scopes": list(self.scopes), "connected": self.connected}


def read_team_servers(path: Path) -> list[TeamServer]:
    """Return the servers, the last connected first; an empty list without a file.

    Raises
    ------
    InvalidInput
        Other users can read the keys or own the file, or it is damaged.
    """
    try:
        with path.open("rb") as file:
            check_private(file.fileno(), path, "keys")
            if not is_own(os.fstat(file.fileno())):
                raise PermissionError("it belongs to another user")
            rows = json.loads(file.read(_MAX_BYTES))["servers"]
        return [TeamServer(**{**row, "scopes": tuple(row["scopes"])}) for row in rows]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{str(path)!r} cannot be read ({error}). Remove it, and connect again with `jupyter figserve connect URL`."
        ) from error


def write_team_servers(path: Path, servers: Sequence[TeamServer]) -> None:
    """Replace the file; without servers, remove it."""
    if not servers:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump({"servers": [asdict(server) for server in servers]}, file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def with_server(servers: Sequence[TeamServer], server: TeamServer) -> list[TeamServer]:
    """Return the servers with this one first, in place of an earlier connection to it."""
    return [server, *(other for other in servers if other.url != server.url)]


def find_team_server(servers: Sequence[TeamServer], name: str = TEAM) -> TeamServer | None:
    """Return the server at a URL, or for ``"team"`` the one connected last; None if there is none."""
    if name == TEAM:
        return servers[0] if servers else None
    wanted = name.rstrip("/")
    return next((one for one in servers if wanted in (one.url, one.url.removesuffix("/figserve"))), None)
