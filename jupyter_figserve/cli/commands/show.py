"""`list` and `show`: which figures there are, and all about one. A process of its own."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from ..figure_lookup import FIGURE, find_figure
from ..output import clean, paint, say, say_json, say_table, size, tell, when
from ..registry import FAILED, OK, command
from ..server_selection import find_target, server_options

if TYPE_CHECKING:
    from ...kernel.client.client import FigServeClient

_PAGE = 50
_MOST = 1_000


def count(text: str) -> int:
    """A whole number of rows."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {_MOST:,}")
    return int(text)


def _list_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--notebook", metavar="PATH", help="only figures of this notebook")
    parser.add_argument("--session", metavar="ID", help="only figures that this kernel made")
    parser.add_argument("--name", help="only figures of exactly this name")
    parser.add_argument("--search", metavar="TEXT", help="only figures with this in their name, title or notebook")
    parser.add_argument("--limit", type=count, default=_PAGE, metavar="N", help="rows on a page (default: %(default)s)")
    parser.add_argument("--cursor", help="the page that the one before named")
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
    """List figures, the newest first."""
    client = find_target(options).client
    found, following = _pages(client, options)
    if options.json:
        say_json({"figures": found, "next": following})
        return OK
    if not found:
        tell("There are no figures" + (" like that." if _is_filtered(options) else " yet."))
        return OK
    heads = ("ID", "NAME", "TITLE", "NOTEBOOK", "VERSION", "FILES", "UPDATED")
    say_table(heads, [_row(record) for record in found], flexible=("NOTEBOOK", "TITLE", "NAME", "FILES"))
    if following:
        tell(f"There are more: add --all, or --cursor {following}")
    return OK


def _pages(client: FigServeClient, options: argparse.Namespace) -> tuple[list[dict[str, Any]], str | None]:
    asked = {"notebook": options.notebook, "session": options.session, "name": options.name, "q": options.search}
    found: list[dict[str, Any]] = []
    cursor = options.cursor
    while True:
        limit = _MOST if options.all else options.limit
        page = client.get("api/figures", **asked, limit=limit, cursor=cursor)
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
        record["notebook"] or "",
        record["version"],
        files,
        when(record["updated"]),
    )


def _format(part: dict[str, Any]) -> str:
    from ...errors import UnsupportedType
    from ...model.formats import get_format_of_mimetype

    try:
        return get_format_of_mimetype(str(part["mimetype"])).name
    except UnsupportedType:
        return str(part["mimetype"])


def _show_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("figure", metavar="FIGURE", help=FIGURE)
    parser.add_argument("--versions", action="store_true", help="its versions too")
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
    """Show one figure: its words, addresses, files and versions."""
    client = find_target(options).client
    record = find_figure(client, options.figure)
    versions = client.get(f"api/figures/{record['id']}/versions")["versions"] if options.versions else None
    if options.json:
        say_json(record if versions is None else record | {"versions": versions})
    else:
        _show(record)
        if versions is not None:
            _show_versions(versions)
    return _open(str(record["url"])) if options.open else OK


def _show(record: dict[str, Any]) -> None:
    print(paint(clean(record["title"] or record["name"]), "bold"))
    for word, value in (
        ("id", record["id"]),
        ("name", record["name"]),
        ("alt text", record["alt"] or "none"),
        ("notebook", record["notebook"] or "none"),
        ("version", f"{record['version']}, of {when(record['updated'])}"),
        ("page", record["url"]),
    ):
        say(f"{word}: {value}")
    for part in record["representations"]:
        sizes = f"{part['width']} × {part['height']}, " if part["width"] and part["height"] else ""
        say(f"{_format(part).upper()} ({sizes}{size(part['size'])}): {part['url']}")


def _show_versions(versions: list[dict[str, Any]]) -> None:
    print()
    rows = [(one["version"], when(one["created"]), size(one["size"]), one["title"]) for one in versions]
    say_table(("VERSION", "CREATED", "SIZE", "TITLE"), rows, flexible=("TITLE",))


def _open(url: str) -> int:
    """In the browser, which asks for a login itself: a token in an address would be on its command line."""
    import webbrowser

    if not url.startswith(("http://", "https://")) or any(letter.isspace() for letter in url):
        tell("Its address is none that a browser opens.")
        return FAILED
    if not webbrowser.open(url):
        print("No browser was found here; open the address above in one.", file=sys.stderr)
        return FAILED
    return OK
