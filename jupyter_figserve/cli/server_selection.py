"""Selects the server and the credential of a command. Any process."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FigServeError, InvalidInput, NotConnected
from ..model.environment_variables import (
    API_KEY_VARIABLE,
    KERNEL_CA_VARIABLE,
    KERNEL_KEY_VARIABLE,
    KERNEL_URL_VARIABLE,
    SERVICE_VARIABLE,
    URL_VARIABLE,
)

if TYPE_CHECKING:
    from ..kernel.client.address import Address
    from ..kernel.client.client import FigServeClient
    from ..kernel.client.running_servers import RunningServer
    from ..model.team_servers import TeamServer

_MAX_KEY_LENGTH = 4096
HOW_TO_SELECT = (
    "Start one with `jupyter lab` or `jupyter figserve serve`, or use --server URL (or FIGSERVE_URL), with its key in"
    " FIGSERVE_API_KEY or --key-file."
)


@dataclass(frozen=True)
class SelectedServer:
    """The server of a command.

    Parameters
    ----------
    found
        How it was found, for messages.
    status
        Its public status.
    """

    client: FigServeClient
    found: str
    status: dict[str, Any]
    running: RunningServer | None = None

    @property
    def url(self) -> str:
        return self.client.address.url


def server_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that use a server."""
    group = parser.add_argument_group("server")
    group.add_argument(
        "--server",
        metavar="URL",
        help="URL of the server, as in the browser (default: FIGSERVE_URL, else your own)",
    )
    group.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help="file of mode 600 with the key or a login token (default: FIGSERVE_API_KEY)",
    )
    tls_options(group)


def tls_options(group: argparse._ArgumentGroup) -> None:
    """Add the options about the network between here and the server."""
    group.add_argument("--ca-file", type=Path, metavar="FILE", help="PEM file of the certificate authority to trust")
    group.add_argument(
        "--insecure", action="store_true", help="allow sending the key to another machine over unencrypted http"
    )


def select_server(options: argparse.Namespace) -> SelectedServer:
    """Select the server of a command.

    Raises
    ------
    FigServeError
        There is no server or more than one, or the key must not be sent to it; the message says what to do.
    """
    url = os.environ.get(URL_VARIABLE) if options.server is None else options.server
    if url or options.server is not None:
        return _from_url(options, url or "")
    own = _from_kernel_environment(options) or _from_hub_service(options)
    return own if own is not None else _single_running_server(options)


def make_client(options: argparse.Namespace, address: Address, credential: str | None) -> FigServeClient:
    """Make a client.

    Raises
    ------
    InvalidInput
        The key would be sent over the network unencrypted, or the CA file does not exist.
    """
    from ..kernel.client.client import FigServeClient

    if credential and address.scheme == "http" and not address.is_loopback and not options.insecure:
        raise InvalidInput(
            f"The key would be sent to {address.origin} unencrypted. Use https, or add --insecure if you trust the"
            " network.",
            code="plain_http",
        )
    ca_file = options.ca_file or os.environ.get(KERNEL_CA_VARIABLE)
    if options.ca_file is not None and not options.ca_file.is_file():
        raise InvalidInput(f"The file {str(options.ca_file)!r} of --ca-file does not exist.")
    return FigServeClient(address, credential, ca_file=None if ca_file is None else str(ca_file))


def read_key_file(path: Path) -> str:
    """Read a key from a file.

    Raises
    ------
    InvalidInput
        Other users can read the file, or it does not contain one key.
    """
    from ..model.private_files import check_private

    with path.open(encoding="utf-8-sig", errors="replace") as file:
        check_private(file.fileno(), path, "key")
        key = file.read(_MAX_KEY_LENGTH).strip()
    if not key or len(key.split()) != 1:
        raise InvalidInput(f"{str(path)!r} must contain one key and nothing else.")
    return key


def find_credential(options: argparse.Namespace) -> str | None:
    if options.key_file is not None:
        return read_key_file(options.key_file)
    return os.environ.get(API_KEY_VARIABLE, "").strip() or None


def _from_url(options: argparse.Namespace, url: str) -> SelectedServer:
    """Use --server or FIGSERVE_URL; without a key, use the token of this user's own server."""
    from ..kernel.client.address import parse_pasted
    from ..kernel.client.connection import get_status
    from ..kernel.client.running_servers import find_running_server
    from ..kernel.client.stored_servers import find_stored_key

    address, token = parse_pasted(url)
    credential, running = find_credential(options) or token, None
    if credential is None:
        running = find_running_server(address)
        credential = running.token if running is not None else None
    if credential is None and (stored := find_stored_key(address)) is not None:
        return _to_stored(options, stored)
    found = URL_VARIABLE if options.server is None else "--server"
    client = make_client(options, address, credential)
    return SelectedServer(client, found, get_status(client), running)


def _from_kernel_environment(options: argparse.Namespace) -> SelectedServer | None:
    """Use the variables of the kernel, for a `!` line of a notebook."""
    from ..kernel.client.address import parse_exact
    from ..kernel.client.connection import get_status

    url, key = os.environ.get(KERNEL_URL_VARIABLE), os.environ.get(KERNEL_KEY_VARIABLE)
    if not url or not key:
        return None
    own = argparse.Namespace(**{**vars(options), "insecure": True})  # the administrator chose that network
    client = make_client(own, parse_exact(url), key)
    return SelectedServer(client, "the kernel's environment", get_status(client))


def _from_hub_service(options: argparse.Namespace) -> SelectedServer | None:
    """Use a JupyterHub's service, where the kernels of the user's server publish, in a terminal there."""
    from ..kernel.client.address import parse_exact
    from ..kernel.client.connection import get_status

    url, token = os.environ.get(SERVICE_VARIABLE), os.environ.get("JUPYTERHUB_API_TOKEN")
    if not url or not token:
        return None
    own = argparse.Namespace(**{**vars(options), "insecure": True})  # as above
    client = make_client(own, parse_exact(url), find_credential(options) or token)
    return SelectedServer(client, "the JupyterHub's service", get_status(client))


def _single_running_server(options: argparse.Namespace) -> SelectedServer:
    """Use the only running server that has the extension."""
    from ..kernel.client.connection import get_status
    from ..kernel.client.running_servers import find_running_servers
    from ..kernel.client.stored_servers import find_stored_server

    running, usable = find_running_servers(), []
    given = None if options.key_file is None else read_key_file(options.key_file)
    for server in running:
        client = make_client(options, server.address, given or server.token or None)
        try:
            usable.append(
                SelectedServer(client, f"the running server of process {server.process}", get_status(client), server)
            )
        except FigServeError:
            continue
    if len(usable) == 1:
        return usable[0]
    if usable:
        lines = [f"  --server {target.running.url}  {_description(target)}" for target in usable if target.running]
        raise InvalidInput("\n".join([f"You have {len(usable)} servers running. Choose one:", *lines]), code="several")
    if running:
        urls = ", ".join(server.url for server in running)
        raise NotConnected(
            f"A Jupyter server is running at {urls}, but without jupyter_figserve. Run `jupyter figserve doctor` to"
            f" find out why. {HOW_TO_SELECT}"
        )
    if (stored := find_stored_server()) is not None:
        return _to_stored(options, stored)
    raise NotConnected(f"You have no Jupyter server running on this machine. {HOW_TO_SELECT}")


def _to_stored(options: argparse.Namespace, stored: TeamServer) -> SelectedServer:
    """Use a team's server, whose user has accepted its network when connecting."""
    from ..kernel.client.address import parse_exact
    from ..kernel.client.connection import get_status

    own = {**vars(options), "insecure": True}
    if stored.ca_file is not None and options.ca_file is None:
        own["ca_file"] = Path(stored.ca_file)
    key = stored.key if options.key_file is None else read_key_file(options.key_file)
    client = make_client(argparse.Namespace(**own), parse_exact(stored.url), key)
    return SelectedServer(client, "your connected server", get_status(client))


def _description(target: SelectedServer) -> str:
    if target.status.get("host") == "standalone":
        return "(jupyter figserve serve)"
    return f"({target.running.root})" if target.running and target.running.root else ""
