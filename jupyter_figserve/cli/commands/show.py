"""`list` and `show`: list figures, and show the details of one. A process of its own."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from ..figure_lookup import FIGURE_HELP, find_figure
from ..output import clean, colourize, format_size, format_time, print_json, print_line, print_status, print_table
from ..parser import parse_count
from ..registry import FAILED, OK, command
from ..server_selection import select_server, server_options

if TYPE_CHECKING:
    from ...kernel.client.client import FigServeClient

_DEFAULT_ROWS = 50
_MAX_ROWS = 1_000


def _list_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--notebook", metavar="PATH", help="only figures of this notebook")
    parser.add_argument("--session", metavar="ID", help="only figures that this kernel published")
    parser.add_argument("--name", help="only figures with exactly this name")
    parser.add_argument(
        "--search", metavar="TEXT", help="only figures whose name, title or notebook contains this text"
    )
    parser.add_argument(
        "--limit", type=parse_count, default=_DEFAULT_ROWS, metavar="N", help="rows per page (default: %(default)s)"
    )
    parser.add_argument("--cursor", help="cursor of the page, as printed by the previous one")
    parser.add_argument("--all", action="store_true", help="all pages")
    parser.add_argument("--json", action="store_true", help="print the records")
    server_options(parser)


@command(
    "list",
    "jupyter figserve list",
    "jupyter figserve list --search sales --limit 10",
    "jupyter figserve list --all --json",
    options=_list_options,
)
def list_figures(options: argparse.Namespace) -> int:
    """List figures, newest first."""
    client = select_server(options).client
    found, following = _pages(client, options)
    if options.json:
        print_json({"figures": found, "next": following})
        return OK
    if not found:
        print_status("No figures match." if _is_filtered(options) else "There are no figures yet.")
        return OK
    heads = ("ID", "NAME", "TITLE", "PLACE", "VERSION", "FILES", "UPDATED")
    print_table(heads, [_row(record) for record in found], flexible=("PLACE", "TITLE", "NAME", "FILES"))
    if following:
        print_status(f"There are more. Use --all, or --cursor {following}")
    return OK


def _pages(client: FigServeClient, options: argparse.Namespace) -> tuple[list[dict[str, Any]], str | None]:
    query = {"notebook": options.notebook, "session": options.session, "name": options.name, "q": options.search}
    found: list[dict[str, Any]] = []
    cursor = options.cursor
    while True:
        limit = _MAX_ROWS if options.all else options.limit
        page = client.get("api/figures", **query, limit=limit, cursor=cursor)
        found += page["figures"]
        cursor = page["next"]
        if cursor is None or not options.all:
            return found, cursor


def _is_filtered(options: argparse.Namespace) -> bool:
    return any((options.notebook, options.session, options.name, options.search, options.cursor))


def _row(record: dict[str, Any]) -> tuple[object, ...]:
    files = " ".join(_format(part).upper() for part in record["representations"])
    return (
        record["id"],
        record["name"],
        record["title"],
        record["notebook"] or record.get("collection") or "",
        record["version"],
        files,
        format_time(record["updated"]),
    )


def _format(part: dict[str, Any]) -> str:
    from ...errors import UnsupportedType
    from ...model.formats import get_format_of_mimetype

    try:
        return get_format_of_mimetype(str(part["mimetype"])).name
    except UnsupportedType:
        return str(part["mimetype"])


def _show_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("figure", metavar="FIGURE", help=FIGURE_HELP)
    parser.add_argument("--versions", action="store_true", help="also list its versions")
    parser.add_argument("--open", action="store_true", help="open its page in the browser")
    parser.add_argument("--json", action="store_true", help="print the record")
    server_options(parser)


@command(
    "show",
    "jupyter figserve show sales",
    "jupyter figserve show sales --versions --json",
    "jupyter figserve show sales --open",
    options=_show_options,
)
def show(options: argparse.Namespace) -> int:
    """Show a figure: its metadata, URLs, files and versions."""
    client = select_server(options).client
    record = find_figure(client, options.figure)
    versions = client.get(f"api/figures/{record['id']}/versions")["versions"] if options.versions else None
    if options.json:
        print_json(record if versions is None else record | {"versions": versions})
    else:
        _show(record)
        if versions is not None:
            _show_versions(versions)
    return _open(str(record["url"])) if options.open else OK


def _show(record: dict[str, Any]) -> None:
    print(colourize(clean(record["title"] or record["name"]), "bold"))
    for label, value in (
        ("id", record["id"]),
        ("name", record["name"]),
        ("alt text", record["alt"] or "none"),
        _place(record),
        ("version", f"{record['version']}, of {format_time(record['updated'])}"),
        ("page", record["url"]),
    ):
        print_line(f"{label}: {value}")
    for part in record["representations"]:
        sizes = f"{part['width']} × {part['height']}, " if part["width"] and part["height"] else ""
        print_line(f"{_format(part).upper()} ({sizes}{format_size(part['size'])}): {part['url']}")


def _place(record: dict[str, Any]) -> tuple[str, str]:
    collection = record.get("collection")
    return ("collection", collection) if collection else ("notebook", record["notebook"] or "none")


def _show_versions(versions: list[dict[str, Any]]) -> None:
    print()
    rows = [(one["version"], format_time(one["created"]), format_size(one["size"]), one["title"]) for one in versions]
    print_table(("VERSION", "CREATED", "SIZE", "TITLE"), rows, flexible=("TITLE",))


def _open(url: str) -> int:
    """Open the URL in the browser without a token, which would be visible on the browser's command line."""
    import webbrowser

    if not url.startswith(("http://", "https://")) or any(letter.isspace() for letter in url):
        print_status("The browser cannot open this URL.")
        return FAILED
    if not webbrowser.open(url):
        print("No browser was found. Open the URL above yourself.", file=sys.stderr)
        return FAILED
    return OK
