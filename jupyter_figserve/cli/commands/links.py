"""`link` and `revoke`: who may see a figure without a login. A process of its own."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from ..figure_lookup import FIGURE, find_figure
from ..output import say, say_json, say_table, tell, when
from ..registry import FAILED, OK, command
from ..server_selection import find_target, server_options
from .show import count

if TYPE_CHECKING:
    from ...kernel.client.client import FigServeClient

_URL_LENGTH = 4_096


def _link_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("figure", metavar="FIGURE", help=FIGURE)
    parser.add_argument("--expires", metavar="WHEN", help='"12h", "7d", a date, or "never" (default: 30d)')
    parser.add_argument("--label", help="for you, to know it again")
    parser.add_argument("--views", type=_whole, metavar="N", help="how often it may be seen")
    parser.add_argument("--version", type=_whole, metavar="N", help="always show this version, not the newest")
    parser.add_argument("--list", action="store_true", help="list the figure's links instead of making one")
    parser.add_argument("--json", action="store_true", help="print the link, with snippets for pages, or the list")
    server_options(parser)


def _check(options: argparse.Namespace) -> None:
    if options.list and any((options.expires, options.label, options.views, options.version)):
        raise ValueError("--list makes no link; leave out --expires, --label, --views and --version")


def _whole(text: str) -> int:
    return count(text)


@command(
    "link",
    "jupyter figserve link sales",
    'jupyter figserve link sales --expires 7d --views 20 --label "for Ada"',
    "jupyter figserve link sales > link.txt",
    "jupyter figserve link sales --list",
    options=_link_options,
    check=_check,
)
def link(options: argparse.Namespace) -> int:
    """Make a link that shows a figure without a login, and print its URL and nothing else.

    The URL is a secret: whoever has it sees the figure. It is shown this once.
    """
    client = find_target(options).client
    record = find_figure(client, options.figure)
    if options.list:
        return _list(client, record, as_json=options.json)
    wishes = {name: getattr(options, name) for name in ("expires", "label", "views", "version")}
    made = client.post(f"api/figures/{record['id']}/links", {k: v for k, v in wishes.items() if v is not None})
    if options.json:
        say_json(made)
        return OK
    say(made["url"])
    tell(f"Link {made['id']} is open {_until(made)}; `jupyter figserve revoke {made['id']}` closes it.")
    if made.get("note"):
        tell(made["note"])
    return OK


def _list(client: FigServeClient, record: dict[str, Any], *, as_json: bool) -> int:
    found = client.get(f"api/figures/{record['id']}/links")["links"]
    if as_json:
        say_json({"links": found})
    elif not found:
        tell("It has no links yet.")
    else:
        rows = [
            (
                one["id"],
                one["label"],
                f"{one['seen']} of {one['views']}" if one["views"] else one["seen"],
                when(one["last_seen"], "never"),
                "paused" if one["paused"] else when(one["expires"], "never"),
            )
            for one in found
        ]
        say_table(("ID", "LABEL", "SEEN", "LAST SEEN", "EXPIRES"), rows, flexible=("LABEL",))
    return OK


def _until(made: dict[str, Any]) -> str:
    views = "" if made["views"] is None else f", for {made['views']} views"
    return ("until it is revoked" if made["expires"] is None else f"until {when(made['expires'])}") + views


def _revoke_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("links", nargs="*", metavar="LINK", help="id of a link; without any, its URL is asked for")
    parser.add_argument("--figure", help="all links of this figure")
    server_options(parser)


def _check_revoke(options: argparse.Namespace) -> None:
    if options.links and options.figure:
        raise ValueError("name links, or --figure for all of a figure's")
    if [one for one in options.links if "/" in one or "://" in one]:
        raise ValueError("a link is named by its id; its URL is a secret, and goes to standard input")


@command(
    "revoke",
    "jupyter figserve revoke < link.txt",
    "jupyter figserve revoke --figure sales",
    options=_revoke_options,
    check=_check_revoke,
)
def revoke(options: argparse.Namespace) -> int:
    """Revoke links, for good and at once.

    Without an argument, the URL is read from standard input, or asked for without showing it.
    """
    from ...errors import FigServeError

    client = find_target(options).client
    failed = False
    for link_id in _which(client, options):
        try:
            client.delete(f"api/links/{link_id}")
            say(f"Revoked {link_id}.")
        except FigServeError as error:
            tell(f"{link_id}: {error}")
            failed = True
    return FAILED if failed else OK


def _which(client: FigServeClient, options: argparse.Namespace) -> list[str]:
    from urllib.parse import quote

    if options.figure:
        record = find_figure(client, options.figure)
        found = [str(one["id"]) for one in client.get(f"api/figures/{record['id']}/links")["links"]]
        if not found:
            tell("It has no links.")
        return found
    if options.links:
        return [quote(one, safe="") for one in options.links]
    return [str(client.post("api/links/find", {"url": url})["id"]) for url in _read_urls()]


def _read_urls() -> list[str]:
    """From standard input, one a line; from a person, one that is not shown.

    Raises
    ------
    InvalidInput
        When there is none.
    """
    from ...errors import InvalidInput

    if sys.stdin.isatty():
        import getpass

        lines = [getpass.getpass("URL of the link (not shown): ")]
    else:
        lines = sys.stdin.read(_URL_LENGTH * 1_000).splitlines()
    urls = [line.strip() for line in lines if line.strip()]
    if not urls:
        raise InvalidInput("No URL came in; name links by id, or give their URLs on standard input.")
    return urls
