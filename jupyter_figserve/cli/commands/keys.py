"""`keys create|list|revoke`: API keys of programs. A process of its own."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..output import format_time, print_json, print_line, print_status, print_table, to_expiry
from ..registry import OK, command
from ..server_selection import SelectedServer, select_server, server_options

if TYPE_CHECKING:
    from ...kernel.client.client import FigServeClient

_ID = re.compile(r"[a-z0-9]{8}")
_MAX_KEYS = 1_000
HOW_TO_LOG_IN = (
    "Managing keys requires a login, not a key. Run this as the server's user on its machine without"
    " FIGSERVE_API_KEY, so that the login is found automatically, or pass a login token (in the server's log, after"
    " ?token=) in FIGSERVE_API_KEY or with --key-file."
)


def _create_options(parser: argparse.ArgumentParser) -> None:
    from ...model.keys import SCOPES

    parser.add_argument(
        "--scopes",
        type=_scopes,
        default=["read", "publish"],
        metavar="LIST",
        help=f"comma-separated list of {', '.join(SCOPES)} (default: read,publish)",
    )
    parser.add_argument("--label", help="label, only visible to you")
    parser.add_argument("--expires", metavar="WHEN", help='"12h", "90d", a date (its end), or "never" (default: 90d)')
    parser.add_argument(
        "--to-file", type=Path, metavar="FILE", help="write the key to a new file of mode 600 instead of printing it"
    )
    parser.add_argument("--json", action="store_true", help="print the key with its id, scopes and expiry")
    server_options(parser)


def _scopes(text: str) -> list[str]:
    from ...model.keys import SCOPES

    found = [scope.strip() for scope in text.split(",") if scope.strip()]
    unknown = [scope for scope in found if scope not in SCOPES]
    if unknown or not found:
        raise argparse.ArgumentTypeError(f"{(unknown or [text])[0]!r} is not a scope. Use {', '.join(SCOPES)}.")
    return found


def _check_create(options: argparse.Namespace) -> None:
    if options.json and options.to_file:
        raise ValueError("Use either --json, which prints the key, or --to-file, which does not.")


@command(
    "keys create",
    "jupyter figserve keys create --label nightly --to-file nightly.key",
    "jupyter figserve keys create --scopes publish --expires 7d",
    options=_create_options,
    check=_check_create,
)
def create(options: argparse.Namespace) -> int:
    """Create a key for a program, and print it; it is shown only once."""
    server = _logged_in(options)
    expires = None if options.expires is None else to_expiry(options.expires)
    fields = {"scopes": options.scopes, "label": options.label, "expires": expires}
    file = None if options.to_file is None else _new_file(options.to_file)
    try:
        made = server.client.post("api/keys", {name: value for name, value in fields.items() if value is not None})
        if file is not None:
            os.write(file, f"{made['key']}\n".encode())
    except BaseException:
        if options.to_file is not None:
            options.to_file.unlink()
        raise
    finally:
        if file is not None:
            os.close(file)
    if options.json:
        print_json(made)
    elif options.to_file is None:
        print_line(made["key"])
    until = "until it is revoked" if made["expires"] is None else f"until {format_time(made['expires'])}"
    print_status(f"Key {made['id']} for {server.url} has the scopes {', '.join(made['scopes'])}, valid {until}.")
    return OK


def _new_file(path: Path) -> int:
    """Create the file before the key, so that no key is lost.

    Raises
    ------
    Conflict
        The file already exists.
    """
    from ...errors import Conflict
    from ...model.open_flags import NEW_FILE

    try:
        return os.open(path, NEW_FILE, 0o600)
    except FileExistsError as error:
        raise Conflict(f"{str(path)!r} already exists. Choose a new file.") from error


def _list_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    server_options(parser)


@command("keys list", "jupyter figserve keys list", "jupyter figserve keys list --json", options=_list_options)
def list_keys(options: argparse.Namespace) -> int:
    """List keys without their secrets."""
    found = _find_all(_logged_in(options).client)
    if options.json:
        print_json({"keys": found})
    elif not found:
        print_status("There are no keys.")
    else:
        rows = [
            (
                one["id"],
                one["label"],
                " ".join(one["scopes"]),
                one["maker"],
                format_time(one["created"]),
                format_time(one["expires"], "never"),
                format_time(one["last_used"], "never"),
            )
            for one in found
        ]
        print_table(("ID", "LABEL", "SCOPES", "MAKER", "CREATED", "EXPIRES", "LAST USED"), rows, flexible=("LABEL",))
    return OK


def _revoke_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("keys", nargs="*", metavar="ID", help="id of a key, as in `keys list`")
    parser.add_argument("--label", help="revoke all keys with exactly this label")
    server_options(parser)


def _check_revoke(options: argparse.Namespace) -> None:
    if bool(options.keys) == bool(options.label):
        raise ValueError("Use either the ids of keys or --label.")
    wrong = [one for one in options.keys if not _ID.fullmatch(one)]
    if wrong:
        raise ValueError("The id of a key has eight lowercase letters and digits, as shown by `keys list`.")


@command("keys revoke", "jupyter figserve keys revoke --label nightly", options=_revoke_options, check=_check_revoke)
def revoke(options: argparse.Namespace) -> int:
    """Revoke keys permanently."""
    from ...errors import NotFound

    client = _logged_in(options).client
    ids = options.keys or [one["id"] for one in _find_all(client) if one["label"] == options.label]
    if not ids:
        raise NotFound("There is no key with that label. List all with `jupyter figserve keys list`.")
    for key_id in ids:
        client.delete(f"api/keys/{key_id}")
        print_line(f"Revoked {key_id}.")
    return OK


def _find_all(client: FigServeClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("api/keys", limit=_MAX_KEYS)["keys"]
    return found


def _logged_in(options: argparse.Namespace) -> SelectedServer:
    """Select a server, with a login.

    Raises
    ------
    Forbidden, Unauthorized
        The only credential is a key, or there is none.
    """
    from ...errors import Forbidden, Unauthorized

    server = select_server(options)
    if server.client.has_key:
        raise Forbidden(HOW_TO_LOG_IN, code="keys_make_no_keys")
    if not server.client.has_credential:
        raise Unauthorized(f"{server.url} requires a login. {HOW_TO_LOG_IN}", code="no_login")
    return server
