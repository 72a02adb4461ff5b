"""Which server this process publishes to, how it was found, and whether it is there. Kernel."""

from __future__ import annotations

import json
import os
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import FigServeError, Forbidden, NotConnected, ServerError, Unauthorized
from .address import PREFIX, Address, parse_exact, parse_pasted
from .client import FigServeClient

CA_VARIABLE = "KERNEL_FIGSERVE_CA"
HOW_TO_CONNECT = (
    "No figserve server was found. Start one with figserve.serve(), name one with figserve.connect(url, key), or set"
    " FIGSERVE_URL and FIGSERVE_API_KEY."
)


@dataclass(frozen=True)
class Connection:
    """A server and how it was found.

    Parameters
    ----------
    found
        Words for ``%figserve status``.
    is_own
        Whether it is the server that this kernel's notebook is shown by, so that a path is a link there.
    """

    client: FigServeClient
    found: str
    is_own: bool = False

    def __repr__(self) -> str:
        return f"<figserve connection to {self.url}, found by {self.found}>"

    @property
    def url(self) -> str:
        return self.client.address.url


_lock = threading.Lock()
_explicit: Connection | None = None
_kept: dict[tuple[str | None, ...], Connection] = {}
_warned: set[str] = set()


def connect(url: str, key: str | None = None) -> Connection:
    """Publish to the server at ``url`` from now on; it is asked at once whether it is there.

    Parameters
    ----------
    url
        As a browser shows it: ``http://host:8888``, ``…/lab?token=…`` and ``…/figserve`` are all understood.
    key
        An ``fsk_`` key of the server's, or a token of Jupyter's (the one after ``?token=``).

    Raises
    ------
    NotConnected
        When nobody answers there.
    ServerError
        When a server answers that has no jupyter_figserve.
    Unauthorized
        When the key is refused.
    """
    address, token = parse_pasted(url)
    credential = key or token
    _warn_of_plain_http(address, credential)
    connection = _verified(address, credential, "figserve.connect")
    use(connection)
    return connection


def use(connection: Connection | None) -> None:
    """Make ``connection`` the one before all others, or None to look in the environment again."""
    global _explicit
    with _lock:
        _explicit = connection


def get_connection() -> Connection:
    """The connection that a publish uses now.

    Raises
    ------
    NotConnected
        When there is none; its text says what to do.
    """
    connection = find_connection()
    if connection is None:
        raise NotConnected(HOW_TO_CONNECT)
    return connection


def find_connection(environment: Mapping[str, str] | None = None) -> Connection | None:
    """What ``connect`` named, else ``FIGSERVE_URL``, else the kernel's own pair, else the parent's runtime file."""
    if _explicit is not None:
        return _explicit
    environment = os.environ if environment is None else environment
    ca_file = environment.get(CA_VARIABLE)
    if url := environment.get("FIGSERVE_URL"):
        return _of_user_variables(url, environment.get("FIGSERVE_API_KEY"), ca_file)
    url, key = environment.get("KERNEL_FIGSERVE_URL"), environment.get("KERNEL_FIGSERVE_KEY")
    if url and key:
        found = "the kernel's environment (KERNEL_FIGSERVE_URL)"
        return _keep((url, key, ca_file), parse_exact(url), found, is_own=True)
    return _of_runtime_file(environment.get("JPY_PARENT_PID", ""), ca_file)


def check(connection: Connection) -> dict[str, Any]:
    """The server's status, once both the server and the key are known to be good.

    Raises
    ------
    NotConnected, ServerError, Unauthorized
        As ``connect``.
    """
    status = connection.client.get("api/status")
    if not isinstance(status, dict) or "version" not in status:
        raise ServerError(f"{connection.url} answers, but not as jupyter_figserve does.", code="not_figserve")
    try:
        connection.client.get("api/figures", limit=1)
    except Forbidden as error:
        # A good key without the scope "read" may still publish; Jupyter answers 403 to a wrong token.
        if error.code == Forbidden.code and connection.client.has_key:
            return status
        raise Unauthorized(_refused(connection)) from error
    except Unauthorized as error:
        raise Unauthorized(_refused(connection)) from error
    return status


def _refused(connection: Connection) -> str:
    if connection.client.has_credential:
        return f"{connection.url} refuses the key: it is wrong, has expired or was revoked."
    return f"{connection.url} wants a key: give one as figserve.connect(url, key)."


def _verified(address: Address, credential: str | None, found: str) -> Connection:
    """The connection at an address, or one ``figserve`` further down where the base URL itself ends so."""
    ca_file = os.environ.get(CA_VARIABLE)
    connection = Connection(FigServeClient(address, credential, ca_file=ca_file), found)
    try:
        check(connection)
        return connection
    except ServerError as error:
        deeper = replace(address, prefix=f"{address.prefix}/{PREFIX}")
        connection = Connection(FigServeClient(deeper, credential, ca_file=ca_file), found)
        try:
            check(connection)
        except FigServeError:
            raise error from None
        return connection


def _of_user_variables(url: str, key: str | None, ca_file: str | None) -> Connection:
    address, token = parse_pasted(url)
    credential = key or token
    if not credential:
        raise NotConnected("FIGSERVE_URL is set without FIGSERVE_API_KEY; set both, or use figserve.connect(url, key).")
    _warn_of_plain_http(address, credential)
    return _keep((url, credential, ca_file), address, "FIGSERVE_URL", is_own=False)


def _of_runtime_file(parent: str, ca_file: str | None) -> Connection | None:
    """The Jupyter server that started this kernel, by the file that it leaves for programs of the same user."""
    path = _find_runtime_file(parent)
    if path is None:
        return None
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
        url, token = str(info["url"]).rstrip("/"), str(info["token"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not token:
        return None
    return _keep((url, token, ca_file), parse_exact(f"{url}/{PREFIX}"), f"the runtime file {path.name}", is_own=True)


def _find_runtime_file(parent: str) -> Path | None:
    if not parent.isascii() or not parent.isdigit():
        return None
    try:
        from jupyter_core.paths import jupyter_runtime_dir
    except ImportError:
        return None
    path = Path(jupyter_runtime_dir()) / f"jpserver-{parent}.json"
    return path if path.is_file() else None


def _keep(found_in: tuple[str | None, ...], address: Address, found: str, *, is_own: bool) -> Connection:
    """The same connection as long as the environment says the same, so that its sockets stay open."""
    with _lock:
        connection = _kept.get(found_in)
        if connection is None:
            _kept.clear()
            client = FigServeClient(address, found_in[1], ca_file=found_in[2])
            connection = _kept[found_in] = Connection(client, found, is_own)
        return connection


def _warn_of_plain_http(address: Address, credential: str | None) -> None:
    """Once for a host: what the user named may cross a network; what a Hub injected is its administrator's choice."""
    if credential and address.scheme == "http" and not address.is_loopback and address.origin not in _warned:
        _warned.add(address.origin)
        text = f"The key goes to {address.origin} unencrypted; use https where the network is not your own."
        warnings.warn(text, UserWarning, stacklevel=3)


def _reset_after_fork() -> None:
    """A lock held by another thread at the time of the fork would stay locked in the child."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
