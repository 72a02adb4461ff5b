"""A connection to a server, and its verification. Kernel and command line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ...errors import FigServeError, Forbidden, ServerError, Unauthorized
from .address import PREFIX, Address
from .client import FigServeClient


@dataclass(frozen=True)
class Connection:
    """A server and how it was found.

    Parameters
    ----------
    client
        What sends the requests.
    found
        Where the address comes from, for ``%figserve status``.
    is_own
        Whether this server also serves this kernel's notebook, so that relative links work.
    """

    client: FigServeClient
    found: str
    is_own: bool = False

    def __repr__(self) -> str:
        return f"<figserve connection to {self.url}, found by {self.found}>"

    @property
    def url(self) -> str:
        """URL of the server, ending in ``/figserve``."""
        return self.client.address.url


def check(connection: Connection) -> dict[str, Any]:
    """Verify the server and the key; return the server's status.

    Raises
    ------
    NotConnected
        Nothing responds.
    ServerError
        A server without jupyter_figserve responds.
    Unauthorized
        The server rejects the key.
    """
    status = get_status(connection.client)
    try:
        connection.client.get("api/figures", limit=1)
    except Forbidden as error:
        # A valid key without the scope "read" can still publish; Jupyter responds 403 to a wrong token.
        if error.code == Forbidden.code and connection.client.has_key:
            return status
        raise Unauthorized(_rejection(connection)) from error
    except Unauthorized as error:
        raise Unauthorized(_rejection(connection)) from error
    return status


def get_status(client: FigServeClient) -> dict[str, Any]:
    """Return a server's status.

    Raises
    ------
    FigServeError
        Nothing responds, or it is not a jupyter_figserve server.
    """
    status = client.get("api/status")
    if not isinstance(status, dict) or "version" not in status:
        raise ServerError(f"{client.address.url} is not a jupyter_figserve server.", code="not_figserve")
    return status


def _rejection(connection: Connection) -> str:
    if connection.client.has_credential:
        return f"{connection.url} rejects the key: it is wrong, expired or revoked."
    return f"{connection.url} requires a key. Pass one with figserve.connect(url, key)."


def open_verified(address: Address, credential: str | None, source: str, ca_file: str | None) -> Connection:
    """Return the connection to an address, or to ``/figserve`` below it if the base URL itself ends in ``figserve``."""
    connection = Connection(FigServeClient(address, credential, ca_file=ca_file), source)
    try:
        check(connection)
        return connection
    except ServerError as error:
        deeper = replace(address, prefix=f"{address.prefix}/{PREFIX}")
        connection = Connection(FigServeClient(deeper, credential, ca_file=ca_file), source)
        try:
            check(connection)
        except FigServeError:
            raise error from None
        return connection
