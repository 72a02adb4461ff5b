"""`restore`: undo a deletion. A process of its own."""

from __future__ import annotations

import argparse
from typing import Any

from ..output import format_time, print_json, print_line, print_status, print_table
from ..registry import OK, command
from ..server_selection import select_server, server_options

_MAX_ROWS = 1_000


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("item", nargs="?", metavar="NAME", help="name or id of what was deleted (default: list all)")
    parser.add_argument("--json", action="store_true", help="print the record, or the list")
    server_options(parser)


@command("restore", "jupyter figserve restore", "jupyter figserve restore sales", options=_options)
def restore(options: argparse.Namespace) -> int:
    """Restore what was deleted, with its versions and links; without a name, list what can be restored."""
    from ...model.links import KIND_FOLDERS, KIND_NOUNS

    client = select_server(options).client
    found = client.get("api/trash", limit=_MAX_ROWS)["trash"]
    if options.item is None:
        _print(found, as_json=options.json)
        return OK
    item = _choose(found, options.item)
    record = client.post(f"api/{KIND_FOLDERS[item['kind']]}/{item['id']}/restore", {})
    if options.json:
        print_json(record)
    else:
        print_line(f"Restored {KIND_NOUNS[item['kind']]} {item['name']!r}: {record['url']}")
    return OK


def _print(found: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json({"trash": found})
    elif not found:
        print_status("There is nothing to restore.")
    else:
        from ...model.links import KIND_NOUNS

        rows = [
            (
                one["id"],
                KIND_NOUNS[one["kind"]],
                one["name"],
                one["notebook"] or one["collection"],
                format_time(one["deleted"]),
                format_time(one["expires"]),
            )
            for one in found
        ]
        print_table(("ID", "KIND", "NAME", "PLACE", "DELETED", "UNTIL"), rows, flexible=("PLACE", "NAME"))


def _choose(found: list[dict[str, Any]], text: str) -> dict[str, Any]:
    """Return the deletion with this id, else the one of something with this name.

    Raises
    ------
    NotFound
        There is none.
    InvalidInput
        There are several of this name.
    """
    from ...errors import InvalidInput, NotFound
    from ...model.links import KIND_NOUNS

    chosen = [one for one in found if one["id"] == text] or [one for one in found if one["name"] == text]
    if not chosen:
        raise NotFound(f"Nothing named {text!r:.120} can be restored. List all with `jupyter figserve restore`.")
    if len(chosen) > 1:
        lines = [f"  {one['id']}  {KIND_NOUNS[one['kind']]}, deleted {format_time(one['deleted'])}" for one in chosen]
        raise InvalidInput("\n".join([f"{len(chosen)} deletions are of {text!r:.120}. Use the id of one:", *lines]))
    return chosen[0]
