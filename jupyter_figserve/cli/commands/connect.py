"""`connect`: connect this user with a team's server. A process of its own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..output import format_time, print_json, print_line, print_status, print_table
from ..registry import OK, command
from ..server_selection import find_credential, make_client, read_key_file, tls_options

if TYPE_CHECKING:
    from ...kernel.client.address import Address
    from ...kernel.client.client import FigServeClient
    from ...model.team_servers import TeamServer

_MAX_KEY_LENGTH = 4_096


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", nargs="?", metavar="URL", help="URL of the server, as in the browser")
    parser.add_argument("--list", action="store_true", help="list the servers that you are connected to")
    parser.add_argument("--remove", action="store_true", help="forget the server and its key")
    parser.add_argument("--json", action="store_true", help="print the servers as JSON, without their keys")
    group = parser.add_argument_group("server")
    group.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help="file of mode 600 with the key (default: FIGSERVE_API_KEY, else it is asked for, or read from standard"
        " input)",
    )
    tls_options(group)


def _check(options: argparse.Namespace) -> None:
    if options.list and (options.url or options.remove):
        raise ValueError("--list takes no URL and cannot be combined with --remove.")
    if not options.list and not options.remove and not options.url:
        raise ValueError("Give the URL of the server, or --list or --remove.")


@command(
    "connect",
    "jupyter figserve connect --list",
    "jupyter figserve connect https://figures.example.org",
    "jupyter figserve connect https://figures.example.org --key-file team.key",
    "jupyter figserve connect https://figures.example.org --remove",
    options=_options,
    check=_check,
)
def connect(options: argparse.Namespace) -> int:
    """Connect to the server of your team, whose links work for others.

    The key is checked, and stored with the URL in a file that only you can read. Your notebooks keep publishing to
    their own server; if its links open only on this machine, share() offers this one. Programs publish there when no
    server of yours is running.
    """
    from ...errors import NotConnected
    from ...kernel.client.stored_servers import servers_path
    from ...model.team_servers import read_team_servers

    path = servers_path()
    if path is None:
        raise NotConnected("jupyter_core, which knows Jupyter's data directory, is missing: pip install jupyter_core")
    known = read_team_servers(path)
    if options.list:
        return _list(known, as_json=options.json)
    return _remove(path, known, options) if options.remove else _add(path, known, options)


def _add(path: Path, known: list[TeamServer], options: argparse.Namespace) -> int:
    from ...kernel.client.address import parse_pasted
    from ...model.team_servers import with_server, write_team_servers

    address, _ = parse_pasted(options.url)
    server = _verify(address, _read_key(options), options)
    write_team_servers(path, with_server(known, server))
    if options.json:
        print_json(server.as_json())
        return OK
    print_line(f"Connected to {server.url} as {server.owner} ({', '.join(server.scopes)}).")
    print_status(f"The key is in {path}, which only you can read.")
    return OK


def _read_key(options: argparse.Namespace) -> str:
    """Return the key from the file, the environment, a prompt without echo, or standard input.

    Raises
    ------
    InvalidInput
        There is none, or it is no API key.
    """
    from ...errors import InvalidInput

    if options.key_file is not None:
        key: str | None = read_key_file(options.key_file)
    elif (key := find_credential(options)) is None and sys.stdin.isatty():
        import getpass

        key = getpass.getpass("API key (hidden): ").strip()
    elif key is None:
        key = sys.stdin.read(_MAX_KEY_LENGTH).strip()
    if not key or not key.startswith("fsk_"):
        raise InvalidInput(
            "That is no API key, which begins with fsk_. Create one there, with the scopes read and publish: `jupyter"
            " figserve keys create`."
        )
    return key


def _verify(address: Address, key: str, options: argparse.Namespace) -> TeamServer:
    """Ask the server whose key it is.

    Raises
    ------
    Unauthorized, Forbidden
        The server rejects the key, or it may not publish.
    """
    from datetime import UTC, datetime

    from ...errors import Forbidden, Unauthorized
    from ...kernel.client.connection import get_status
    from ...model.team_servers import TeamServer

    client = _find_client(address, key, options)
    caller: dict[str, Any] | None = get_status(client).get("caller")
    if caller is None:
        raise Unauthorized(f"{client.address.url} rejects the key: it is wrong, expired or revoked.")
    if "publish" not in caller["scopes"]:
        raise Forbidden("The key has no scope publish, which sharing needs. Create one that has it.")
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    ca_file = None if options.ca_file is None else str(options.ca_file.resolve())
    return TeamServer(client.address.url, key, caller["owner"], tuple(caller["scopes"]), now, ca_file)


def _find_client(address: Address, key: str, options: argparse.Namespace) -> FigServeClient:
    """Return a client of the server, which as a JupyterHub's service has its routes at /services/figserve itself."""
    from dataclasses import replace

    from ...errors import ServerError
    from ...kernel.client.connection import get_status

    client = make_client(options, address, key)
    try:
        get_status(client)
    except ServerError:
        deeper = make_client(options, replace(address, prefix=f"{address.prefix}/figserve"), key)
        try:
            get_status(deeper)
        except ServerError:
            return client
        return deeper
    return client


def _remove(path: Path, known: list[TeamServer], options: argparse.Namespace) -> int:
    """Forget a server; without a URL the only one.

    Raises
    ------
    InvalidInput
        It is not known, or there are several.
    """
    from ...errors import InvalidInput
    from ...kernel.client.address import parse_pasted
    from ...model.team_servers import TEAM, find_team_server, write_team_servers

    urls = ", ".join(server.url for server in known)
    if not options.url and len(known) > 1:
        raise InvalidInput(f"You are connected to {len(known)} servers. Give the URL of one: {urls}")
    found = find_team_server(known, parse_pasted(options.url)[0].url if options.url else TEAM)
    if found is None:
        raise InvalidInput(f"You are not connected to that server, but to: {urls or 'none'}.")
    write_team_servers(path, [server for server in known if server != found])
    print_line(f"Disconnected from {found.url}.")
    key_id = found.key.split("_")[1]
    print_status(
        f"Its key stays valid there. To end it: `jupyter figserve keys revoke {key_id}`, or on the server's page."
    )
    return OK


def _list(known: list[TeamServer], *, as_json: bool) -> int:
    if as_json:
        print_json({"servers": [server.as_json() for server in known]})
    elif not known:
        print_status("You are connected to no server. Connect with `jupyter figserve connect URL`.")
    else:
        rows = [(one.url, one.owner, " ".join(one.scopes), format_time(one.connected)) for one in known]
        print_table(("URL", "AS", "SCOPES", "CONNECTED"), rows, flexible=("SCOPES",))
    return OK
