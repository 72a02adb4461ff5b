"""`link` and `revoke`: share figures without a login. A process of its own."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from ..figure_lookup import FIGURE_HELP, find_figure
from ..output import format_time, print_json, print_line, print_status, print_table, to_expiry
from ..parser import parse_count
from ..registry import FAILED, OK, command
from ..server_selection import select_server, server_options

if TYPE_CHECKING:
    from ...kernel.client.client import FigServeClient

_MAX_URL_LENGTH = 4_096
_FIELDS = ("expires", "label", "views", "version", "data", "code")


def _link_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("figure", metavar="FIGURE", help=FIGURE_HELP)
    parser.add_argument("--expires", metavar="WHEN", help='"12h", "7d", a date (its end), or "never" (default: 30d)')
    parser.add_argument("--label", help="label, only visible to you")
    parser.add_argument("--views", type=parse_count, metavar="N", help="view limit (default: unlimited)")
    parser.add_argument("--version", type=parse_count, metavar="N", help="show this version instead of the newest")
    parser.add_argument("--data", action="store_true", help="let viewers read the figure's data")
    parser.add_argument("--code", action="store_true", help="let viewers read the code that made it")
    parser.add_argument(
        "--on",
        metavar="URL",
        help='publish and share on this connected server instead; "team" is the last connected one',
    )
    parser.add_argument("--list", action="store_true", help="list the figure's links")
    parser.add_argument("--urls", action="store_true", help="with --list: print the URLs of the links too")
    parser.add_argument("--json", action="store_true", help="print the link with its snippets, or the list")
    server_options(parser)


def _check(options: argparse.Namespace) -> None:
    given = [name for name in (*_FIELDS, "on") if getattr(options, name)]
    if options.list and given:
        raise ValueError(f"--list does not make a link. Remove {', '.join(f'--{name}' for name in given)}.")
    if options.urls and not options.list:
        raise ValueError("--urls belongs to --list.")


@command(
    "link",
    "jupyter figserve link sales",
    'jupyter figserve link sales --expires 7d --views 20 --label "for Ada"',
    "jupyter figserve link sales > link.txt",
    "jupyter figserve link sales --on team",
    "jupyter figserve link sales --list",
    "jupyter figserve link sales --list --urls",
    options=_link_options,
    check=_check,
)
def link(options: argparse.Namespace) -> int:
    """Make a link that shows a figure without a login, and print only its URL.

    The URL is secret: anyone who has it can see the figure. Use --list --urls to print the URLs of its links again.
    """
    client = select_server(options).client
    record = find_figure(client, options.figure)
    if options.list:
        return _list(client, record, as_json=options.json, with_urls=options.urls)
    fields = {name: getattr(options, name) or None for name in _FIELDS}
    if options.expires is not None:
        fields["expires"] = to_expiry(options.expires)
    if options.on is not None:
        fields["server"] = options.on
    made = client.post(f"api/figures/{record['id']}/links", {k: v for k, v in fields.items() if v is not None})
    if options.json:
        print_json(made)
        return OK
    print_line(made["url"])
    server = f" --server {made['server']}" if made.get("server") else ""
    revoke = f"`jupyter figserve revoke {made['id']}{server}`"
    print_status(f"Link {made['id']} is valid {_until(made)}. To revoke it: {revoke}")
    if made.get("note"):
        print_status(made["note"])
    team = (made.get("reach") or {}).get("team")
    if team:
        print_status(f"Your team reaches {team}. To share there: `jupyter figserve link {made['figure']} --on team`")
    return OK


def _list(client: FigServeClient, record: dict[str, Any], *, as_json: bool, with_urls: bool) -> int:
    found = client.get(f"api/figures/{record['id']}/links")["links"]
    if with_urls:
        found = [{**one, "url": _find_url(client, one["id"])} for one in found]
    if as_json:
        print_json({"links": found})
    elif not found:
        print_status("The figure has no links yet.")
    else:
        rows = [
            (
                one["id"],
                one["label"],
                f"{one['seen']} of {one['views']}" if one["views"] else one["seen"],
                format_time(one["last_seen"], "never"),
                "paused" if one["paused"] else format_time(one["expires"], "never"),
                *((one["url"] or "unknown",) if with_urls else ()),
            )
            for one in found
        ]
        columns = ("ID", "LABEL", "SEEN", "LAST SEEN", "EXPIRES", *(("URL",) if with_urls else ()))
        print_table(columns, rows, flexible=("LABEL",))
    return OK


def _find_url(client: FigServeClient, link_id: str) -> str | None:
    """Return the URL of a link, None when the server cannot derive it any more."""
    from ...errors import Conflict

    try:
        return str(client.get(f"api/links/{link_id}/url")["url"])
    except Conflict:
        return None


def _until(made: dict[str, Any]) -> str:
    views = "" if made["views"] is None else f", for {made['views']} views"
    return ("until it is revoked" if made["expires"] is None else f"until {format_time(made['expires'])}") + views


def _revoke_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "links", nargs="*", metavar="LINK", help="id of a link (default: read its URL from standard input)"
    )
    parser.add_argument("--figure", help="revoke all links of this figure")
    server_options(parser)


def _check_revoke(options: argparse.Namespace) -> None:
    if options.links and options.figure:
        raise ValueError("Use either the ids of links or --figure.")
    if [one for one in options.links if "/" in one or "://" in one]:
        raise ValueError("Use the id of the link; its URL is secret, so pass it on standard input.")
    if [one for one in options.links if not (one.isascii() and one.isalnum())]:
        raise ValueError("An id has letters and digits only. `jupyter figserve link FIGURE --list` has the ids.")


@command(
    "revoke",
    "jupyter figserve revoke < link.txt",
    "jupyter figserve revoke --figure sales",
    options=_revoke_options,
    check=_check_revoke,
)
def revoke(options: argparse.Namespace) -> int:
    """Revoke links permanently.

    Without an argument, read URLs from standard input, or prompt for one without echo.
    """
    from ...errors import FigServeError

    client = select_server(options).client
    failed = False
    for link_id in _selected_ids(client, options):
        try:
            client.delete(f"api/links/{link_id}")
            print_line(f"Revoked {link_id}.")
        except FigServeError as error:
            print_status(f"{link_id}: {error}")
            failed = True
    return FAILED if failed else OK


def _selected_ids(client: FigServeClient, options: argparse.Namespace) -> list[str]:
    if options.figure:
        record = find_figure(client, options.figure)
        found = [str(one["id"]) for one in client.get(f"api/figures/{record['id']}/links")["links"]]
        if not found:
            print_status("The figure has no links.")
        return found
    if options.links:
        return list(options.links)
    return [str(client.post("api/links/find", {"url": url})["id"]) for url in _read_urls()]


def _read_urls() -> list[str]:
    """Read URLs from standard input, one per line; at a terminal, prompt for one without echo.

    Raises
    ------
    InvalidInput
        There is none.
    """
    from ...errors import InvalidInput

    if sys.stdin.isatty():
        import getpass

        lines = [getpass.getpass("URL of the link (hidden): ")]
    else:
        lines = sys.stdin.read(_MAX_URL_LENGTH * 1_000).splitlines()
    urls = [line.strip() for line in lines if line.strip()]
    if not urls:
        raise InvalidInput("No URL was given. Use the ids of links, or pass their URLs on standard input.")
    return urls
