"""Which server a command speaks to, with which credential, and when it must not. Any process."""

from __future__ import annotations

import argparse
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FigServeError, InvalidInput, NotConnected
from .running_servers import Running, find_running

if TYPE_CHECKING:
    from ..kernel.client.address import Address
    from ..kernel.client.client import FigServeClient

_KEY_LENGTH = 4096
HOW_TO_NAME = (
    "Start one with `jupyter lab` or `jupyter figserve serve`, or name one with --server URL (or FIGSERVE_URL) and its"
    " key in FIGSERVE_API_KEY or --key-file."
)


@dataclass(frozen=True)
class SelectedServer:
    """A server with what was found of it.

    Parameters
    ----------
    found
        How it was found, as words.
    status
        What it says of itself to everybody.
    """

    client: FigServeClient
    found: str
    status: dict[str, Any]
    running: Running | None = None

    @property
    def url(self) -> str:
        return self.client.address.url


def server_options(parser: argparse.ArgumentParser) -> None:
    """The options of every command that speaks to a server."""
    group = parser.add_argument_group("server")
    group.add_argument(
        "--server", metavar="URL", help="which server, as the browser shows it (default: FIGSERVE_URL, else yours here)"
    )
    group.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help="file of mode 600 with the key, or the token of a login (default: FIGSERVE_API_KEY)",
    )
    group.add_argument("--ca-file", type=Path, metavar="FILE", help="certificate of the authority to trust, as PEM")
    group.add_argument(
        "--insecure", action="store_true", help="send the key unencrypted over http to another machine, if it must be"
    )


def find_target(options: argparse.Namespace) -> SelectedServer:
    """The server that a command is for.

    Raises
    ------
    FigServeError
        When there is none, or several, or the key must not go there; the text says what to do.
    """
    named = options.server or os.environ.get("FIGSERVE_URL")
    if named:
        return _named(options, named)
    inside = _of_kernel(options)
    return inside if inside is not None else _single_running_server(options)


def make_client(options: argparse.Namespace, address: Address, credential: str | None) -> FigServeClient:
    """A client, unless the key would cross a network for all to read.

    Raises
    ------
    FigServeError
        When it would.
    """
    from ..kernel.client.client import FigServeClient

    if credential and address.scheme == "http" and not address.is_loopback and not options.insecure:
        raise InvalidInput(
            f"The key would go to {address.origin} unencrypted, for everybody on the way to read. Use https, or add"
            " --insecure if that network is your own.",
            code="plain_http",
        )
    ca_file = options.ca_file or os.environ.get("KERNEL_FIGSERVE_CA")
    if options.ca_file is not None and not options.ca_file.is_file():
        raise InvalidInput(f"There is no file {str(options.ca_file)!r} for --ca-file.")
    return FigServeClient(address, credential, ca_file=None if ca_file is None else str(ca_file))


def read_key_file(path: Path) -> str:
    """The key in a file that nobody else can read.

    Raises
    ------
    InvalidInput
        When others can, or it holds no key.
    """
    with path.open(encoding="utf-8", errors="replace") as file:
        found = os.fstat(file.fileno())
        if stat.S_ISREG(found.st_mode) and stat.S_IMODE(found.st_mode) & 0o077:
            raise InvalidInput(
                f"Others can read the key in {str(path)!r}; keep it to yourself with: chmod 600 {path}", code="open_key"
            )
        key = file.read(_KEY_LENGTH).strip()
    if not key or len(key.split()) != 1:
        raise InvalidInput(f"{str(path)!r} does not hold one key; write it there alone on a line.")
    return key


def credential_of(options: argparse.Namespace) -> str | None:
    if options.key_file is not None:
        return read_key_file(options.key_file)
    return os.environ.get("FIGSERVE_API_KEY", "").strip() or None


def ask_status(client: FigServeClient) -> dict[str, Any]:
    """What a server says of itself.

    Raises
    ------
    FigServeError
        When nobody answers, or not as jupyter_figserve does.
    """
    from ..errors import ServerError

    status = client.get("api/status")
    if not isinstance(status, dict) or "version" not in status:
        raise ServerError(f"{client.address.url} answers, but not as jupyter_figserve does.", code="not_figserve")
    return status


def match_running(address: Address) -> Running | None:
    """The running server of this user's that ``address`` names, by whichever of this machine's names."""
    for server in find_running():
        own = server.address
        same = (own.scheme, own.port, own.prefix) == (address.scheme, address.port, address.prefix)
        if same and (own.host == address.host or (own.is_loopback and address.is_loopback)):
            return server
    return None


def _named(options: argparse.Namespace, url: str) -> SelectedServer:
    """By --server or FIGSERVE_URL; one of this user's own lets its own token be read."""
    from ..kernel.client.address import parse_pasted

    address, token = parse_pasted(url)
    credential, running = credential_of(options) or token, None
    if credential is None:
        running = match_running(address)
        credential = running.token if running is not None else None
    found = "--server" if options.server else "FIGSERVE_URL"
    client = make_client(options, address, credential)
    return SelectedServer(client, found, ask_status(client), running)


def _of_kernel(options: argparse.Namespace) -> SelectedServer | None:
    """In a notebook's `!` line: what the kernel was told."""
    from ..kernel.client.address import parse_exact

    url, key = os.environ.get("KERNEL_FIGSERVE_URL"), os.environ.get("KERNEL_FIGSERVE_KEY")
    if not url or not key:
        return None
    own = argparse.Namespace(**{**vars(options), "insecure": True})  # its administrator chose that network
    client = make_client(own, parse_exact(url), key)
    return SelectedServer(client, "the kernel's environment", ask_status(client))


def _single_running_server(options: argparse.Namespace) -> SelectedServer:
    """The one server with the extension among those that run."""
    running, good = find_running(), []
    given = None if options.key_file is None else read_key_file(options.key_file)
    for server in running:
        client = make_client(options, server.address, given or server.token or None)
        try:
            good.append(
                SelectedServer(client, f"the running server of process {server.process}", ask_status(client), server)
            )
        except FigServeError:
            continue
    if len(good) == 1:
        return good[0]
    if good:
        lines = [f"  --server {target.running.url}  {_described(target)}" for target in good if target.running]
        raise InvalidInput("\n".join([f"You have {len(good)} servers running; choose one:", *lines]), code="several")
    if running:
        urls = ", ".join(server.url for server in running)
        raise NotConnected(
            f"A Jupyter server runs at {urls}, but jupyter_figserve does not answer there: `jupyter figserve doctor`"
            f" finds out why. {HOW_TO_NAME}"
        )
    raise NotConnected(f"You have no Jupyter server running on this machine. {HOW_TO_NAME}")


def _described(target: SelectedServer) -> str:
    if target.status.get("host") == "standalone":
        return "(jupyter figserve serve)"
    return f"({target.running.root})" if target.running and target.running.root else ""
