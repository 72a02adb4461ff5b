"""`keys create|list|revoke`: credentials of programs. A process of its own."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..output import say, say_json, say_table, tell, when
from ..registry import OK, command
from ..server_selection import SelectedServer, find_target, server_options

if TYPE_CHECKING:
    from ...kernel.client.client import FigServeClient

_ID = re.compile(r"[a-z0-9]{8}")
_MOST = 1_000
HOW_TO_LOG_IN = (
    "A key cannot make, list or revoke keys; a login can. Run this as the server's user on its machine without"
    " FIGSERVE_API_KEY, where the login is found by itself, or put the token of a login (it stands in the server's log,"
    " behind ?token=) into FIGSERVE_API_KEY or a file for --key-file."
)


def _create_options(parser: argparse.ArgumentParser) -> None:
    from ...model.keys import SCOPES

    parser.add_argument(
        "--scopes",
        type=_scopes,
        default=["read", "publish"],
        metavar="LIST",
        help=f"what it may do, of {', '.join(SCOPES)} (default: read,publish)",
    )
    parser.add_argument("--label", help="for you, to know it again")
    parser.add_argument("--expires", metavar="WHEN", help='"12h", "90d", a date, or "never" (default: 90d)')
    parser.add_argument(
        "--to-file", type=Path, metavar="FILE", help="write it into a new file of mode 600 instead of printing it"
    )
    parser.add_argument("--json", action="store_true", help="print the key with its id, scopes and end")
    server_options(parser)


def _scopes(text: str) -> list[str]:
    from ...model.keys import SCOPES

    found = [scope.strip() for scope in text.split(",") if scope.strip()]
    unknown = [scope for scope in found if scope not in SCOPES]
    if unknown or not found:
        raise argparse.ArgumentTypeError(f"{(unknown or [text])[0]!r} is not a scope; they are {', '.join(SCOPES)}")
    return found


def _check_create(options: argparse.Namespace) -> None:
    if options.json and options.to_file:
        raise ValueError("--json prints the key and --to-file does not; choose one")


@command(
    "keys create",
    "jupyter figserve keys create --label nightly --to-file nightly.key",
    "jupyter figserve keys create --scopes publish --expires 7d",
    options=_create_options,
    check=_check_create,
)
def create(options: argparse.Namespace) -> int:
    """Make a key for a program, and print it: the only time that it is shown."""
    target = _logged_in(options)
    wishes = {"scopes": options.scopes, "label": options.label, "expires": options.expires}
    file = None if options.to_file is None else _new_file(options.to_file)
    try:
        made = target.client.post("api/keys", {name: value for name, value in wishes.items() if value is not None})
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
        say_json(made)
    elif options.to_file is None:
        say(made["key"])
    until = "until it is revoked" if made["expires"] is None else f"until {when(made['expires'])}"
    tell(f"Key {made['id']} may {' and '.join(made['scopes'])} at {target.url} {until}.")
    return OK


def _new_file(path: Path) -> int:
    """Made before the key, so that none is lost, and never in the place of another file.

    Raises
    ------
    Conflict
        When there is one.
    """
    from ...errors import Conflict

    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise Conflict(f"{str(path)!r} is there already; a key goes into a file of its own.") from error


def _list_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    server_options(parser)


@command("keys list", "jupyter figserve keys list", "jupyter figserve keys list --json", options=_list_options)
def list_keys(options: argparse.Namespace) -> int:
    """List keys, without their secrets."""
    found = _find_all(_logged_in(options).client)
    if options.json:
        say_json({"keys": found})
    elif not found:
        tell("There are no keys.")
    else:
        rows = [
            (
                one["id"],
                one["label"],
                " ".join(one["scopes"]),
                when(one["created"]),
                when(one["expires"], "never"),
                when(one["last_used"], "never"),
            )
            for one in found
        ]
        say_table(("ID", "LABEL", "SCOPES", "CREATED", "EXPIRES", "LAST USED"), rows, flexible=("LABEL",))
    return OK


def _revoke_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("keys", nargs="*", metavar="ID", help="id of a key, as `keys list` shows it")
    parser.add_argument("--label", help="all keys with exactly this label")
    server_options(parser)


def _check_revoke(options: argparse.Namespace) -> None:
    if bool(options.keys) == bool(options.label):
        raise ValueError("name keys by their ids, or by --label")
    wrong = [one for one in options.keys if not _ID.fullmatch(one)]
    if wrong:
        raise ValueError("the id of a key has eight small letters and digits; `keys list` shows it")


@command("keys revoke", "jupyter figserve keys revoke --label nightly", options=_revoke_options, check=_check_revoke)
def revoke(options: argparse.Namespace) -> int:
    """Revoke keys, for good and at once."""
    from ...errors import NotFound

    client = _logged_in(options).client
    ids = options.keys or [one["id"] for one in _find_all(client) if one["label"] == options.label]
    if not ids:
        raise NotFound("There is no key with that label; `jupyter figserve keys list` shows all.")
    for key_id in ids:
        client.delete(f"api/keys/{key_id}")
        say(f"Revoked {key_id}.")
    return OK


def _find_all(client: FigServeClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("api/keys", limit=_MOST)["keys"]
    return found


def _logged_in(options: argparse.Namespace) -> SelectedServer:
    """A server with a login.

    Raises
    ------
    Forbidden
        When all there is, is a key.
    """
    from ...errors import Forbidden, Unauthorized

    target = find_target(options)
    if target.client.has_key:
        raise Forbidden(HOW_TO_LOG_IN, code="keys_make_no_keys")
    if not target.client.has_credential:
        raise Unauthorized(f"{target.url} wants a login. {HOW_TO_LOG_IN}", code="no_login")
    return target
