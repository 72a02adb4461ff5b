"""Discovery of the server that this process publishes to. Kernel."""

from __future__ import annotations

import json
import os
import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

from ...errors import InvalidInput, NotConnected
from ...model.environment_variables import (
    API_KEY_VARIABLE,
    KERNEL_CA_VARIABLE,
    KERNEL_KEY_VARIABLE,
    KERNEL_URL_VARIABLE,
    LOCAL_CA_VARIABLE,
    LOCAL_KEY_VARIABLE,
    LOCAL_URL_VARIABLE,
    SERVICE_VARIABLE,
    URL_VARIABLE,
)
from ..arguments import describe_type
from .address import PREFIX, Address, parse_exact, parse_pasted
from .client import FigServeClient
from .connection import Connection, open_verified
from .running_servers import find_running_server
from .service_client import HubServiceClient
from .stored_servers import find_stored_key, find_stored_server, make_team_client

HOW_TO_CONNECT = (
    "No figserve server was found. Start one with figserve.serve(), connect to one with figserve.connect(url, key), or"
    " set FIGSERVE_URL and FIGSERVE_API_KEY."
)
_Settings = tuple[str | None, ...]
_lock = threading.Lock()
_explicit: Connection | None = None
_kept: dict[str, tuple[_Settings, Connection]] = {}
"""The connection of each kind that was used last, with the settings that it follows from."""
_warned: set[str] = set()


def connect(url: str, key: str | None = None) -> Connection:
    """Publish to the server at ``url`` from now on, after checking that it responds.

    Parameters
    ----------
    url
        As a browser shows it: ``http://host:8888``, ``…/lab?token=…`` or ``…/figserve``.
    key
        An ``fsk_`` API key of the server, or a Jupyter token (the one after ``?token=``); without one, the key that
        `jupyter figserve connect` stored for that server.

    Returns
    -------
    Connection
        The server, with its ``url``.

    Raises
    ------
    NotConnected
        Nothing responds there.
    ServerError
        A server without jupyter_figserve responds.
    Unauthorized
        The server rejects the key.
    """
    address, token = parse_pasted(url)
    if not isinstance(key, str | None):
        raise InvalidInput(f"The key must be text that starts with fsk_, or a Jupyter token, not {describe_type(key)}.")
    credential, ca_file = key or token, os.environ.get(KERNEL_CA_VARIABLE)
    if not credential and (stored := find_stored_key(address)) is not None:
        credential, ca_file = stored.key, stored.ca_file or ca_file
    _warn_of_plain_http(address, credential)
    connection = open_verified(address, credential, "figserve.connect", ca_file)
    use(connection)
    return connection


def use(connection: Connection | None) -> None:
    """Give ``connection`` precedence over the environment; None restores discovery from the environment."""
    global _explicit
    with _lock:
        _explicit = connection


def find_connection(environment: Mapping[str, str] | None = None) -> Connection | None:
    """Find a connection: ``connect()``, ``FIGSERVE_URL``, the kernel's variables, its parent's runtime file, a Hub."""
    if _explicit is not None:
        return _explicit
    environment = os.environ if environment is None else environment
    ca_file = environment.get(KERNEL_CA_VARIABLE)
    if url := environment.get(URL_VARIABLE):
        return _from_user_variables(url, environment.get(API_KEY_VARIABLE), ca_file)
    url, key = environment.get(KERNEL_URL_VARIABLE), environment.get(KERNEL_KEY_VARIABLE)
    if url and key:
        source, is_service = "the kernel's environment (KERNEL_FIGSERVE_URL)", LOCAL_URL_VARIABLE in environment
        if is_service:
            source += ", which names the JupyterHub's service"
        return _keep_main((url, key, ca_file), parse_exact(url), source, is_own=True, is_service=is_service)
    found = _from_runtime_file(environment.get("JPY_PARENT_PID", ""), ca_file)
    return _from_hub_service(environment, ca_file) if found is None else found


def find_team_connection() -> Connection | None:
    """Return the connection to the server of `jupyter figserve connect`, for programs without another server."""
    stored = find_stored_server()
    if stored is None:
        return None
    settings = (stored.url, stored.key, stored.ca_file)
    return _keep("team", settings, lambda: Connection(make_team_client(stored), "`jupyter figserve connect`"))


def find_local_connection(environment: Mapping[str, str] | None = None) -> Connection | None:
    """Find the server that runs this kernel where another one stores its figures; None elsewhere."""
    environment = os.environ if environment is None else environment
    url, key = environment.get(LOCAL_URL_VARIABLE), environment.get(LOCAL_KEY_VARIABLE)
    if not url or not key or find_connection(environment) is None:
        return None
    ca_file = environment.get(LOCAL_CA_VARIABLE) or environment.get(KERNEL_CA_VARIABLE)
    address, source = parse_exact(url), f"the kernel's environment ({LOCAL_URL_VARIABLE})"
    return _keep(
        "local",
        (url, key, ca_file),
        lambda: Connection(FigServeClient(address, key, ca_file=ca_file), source, is_own=True),
    )


def _from_user_variables(url: str, key: str | None, ca_file: str | None) -> Connection:
    address, token = parse_pasted(url)
    credential = key or token
    if not credential and (running := find_running_server(address)) is not None:
        credential = running.token
    if not credential and (stored := find_stored_key(address)) is not None:
        credential, ca_file = stored.key, stored.ca_file or ca_file
    if not credential:
        raise NotConnected("FIGSERVE_URL is set without FIGSERVE_API_KEY. Set both, or use figserve.connect(url, key).")
    _warn_of_plain_http(address, credential)
    return _keep_main((url, credential, ca_file), address, URL_VARIABLE, is_own=False)


def _from_runtime_file(parent: str, ca_file: str | None) -> Connection | None:
    """Find the Jupyter server that started this kernel by its runtime file."""
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
    return _keep_main(
        (url, token, ca_file), parse_exact(f"{url}/{PREFIX}"), f"the runtime file {path.name}", is_own=True
    )


def _from_hub_service(environment: Mapping[str, str], ca_file: str | None) -> Connection | None:
    """Use a JupyterHub's service with the token of the user's server, in which this script or batch run started."""
    url, token = environment.get(SERVICE_VARIABLE), environment.get("JUPYTERHUB_API_TOKEN")
    if not url or not token:
        return None
    source = f"the environment of a JupyterHub's server ({SERVICE_VARIABLE})"
    return _keep_main((url, token, ca_file), parse_exact(url), source, is_own=False, is_service=True)


def _find_runtime_file(parent: str) -> Path | None:
    if not parent.isascii() or not parent.isdigit():
        return None
    try:
        from jupyter_core.paths import jupyter_runtime_dir
    except ImportError:
        return None
    path = Path(jupyter_runtime_dir()) / f"jpserver-{parent}.json"
    return path if path.is_file() else None


def _keep(kind: str, settings: _Settings, make: Callable[[], Connection]) -> Connection:
    """Return the same connection as long as the settings do not change, so that its sockets stay open."""
    with _lock:
        kept = _kept.get(kind)
        if kept is None or kept[0] != settings:
            kept = _kept[kind] = settings, make()
        return kept[1]


def _keep_main(
    settings: _Settings, address: Address, source: str, *, is_own: bool, is_service: bool = False
) -> Connection:
    """Return the connection to the server that this process publishes to; the settings are URL, key and authority."""
    client = HubServiceClient if is_service else FigServeClient
    return _keep(
        "main", settings, lambda: Connection(client(address, settings[1], ca_file=settings[2]), source, is_own)
    )


def _warn_of_plain_http(address: Address, credential: str | None) -> None:
    """Warn once per host about addresses that the user passed; a Hub's administrator chooses those that it injects."""
    if credential and address.scheme == "http" and not address.is_loopback and address.origin not in _warned:
        _warned.add(address.origin)
        text = f"The key is sent to {address.origin} unencrypted. Use https unless you trust the network."
        warnings.warn(text, UserWarning, stacklevel=3)


def _reset_after_fork() -> None:
    """Replace the lock: if another thread held it during the fork, it would stay locked in the child."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
