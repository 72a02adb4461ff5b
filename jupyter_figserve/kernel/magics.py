"""The magics ``%%publish`` and ``%figserve``, registered by ``%load_ext jupyter_figserve``. Kernel."""

from __future__ import annotations

import argparse
import ast
import os
import re
import shlex
from typing import Any, NoReturn

from ..errors import FigServeError, OutputInvalid, UnsupportedType
from ..model.formats import FORMATS
from .cells import last_shown
from .cells.cell_figure import is_data, watching
from .client.batch_server import find_any_connection
from .client.connection import Connection, check
from .client.discovery import HOW_TO_CONNECT
from .client.stored_servers import find_stored_server
from .figures import display
from .figures.publish import publish
from .figures.published_figure import Published


def load_ipython_extension(ip: Any) -> None:
    """Register the magics ``%%publish`` and ``%figserve``, as ``%load_ext jupyter_figserve`` does.

    Parameters
    ----------
    ip
        The IPython shell.
    """

    def publish_cell(line: str, cell: str) -> Published | None:
        __tracebackhide__ = True
        return _publish_cell(ip, line, cell)

    def figserve(line: str) -> None:
        _figserve(line)

    last_shown.watch(ip)
    publish_cell.__doc__ = _publish_parser().format_help()
    figserve.__doc__ = _figserve_parser().format_help()
    ip.register_magic_function(publish_cell, "cell", "publish")
    ip.register_magic_function(figserve, "line", "figserve")


def _publish_cell(shell: Any, line: str, cell: str) -> Published | None:
    """Run the cell, publish its figure, and display it; an error in the cell publishes nothing."""
    __tracebackhide__ = True
    options = _parse(_publish_parser(), line)
    if options is None:
        return None
    if options.quiet and options.share:
        raise _usage_error("Use either --share, which shows a link, or --quiet, which shows none.")
    published = None
    with watching(shell, cell) as drawn:
        try:
            result = _run(shell, cell)
        except BaseException:
            drawn.release()
            raise
    try:
        published = _publish_result(result, drawn.find(shell.user_ns), options)
    finally:
        drawn.release(published and published.source_figure)
    if options.quiet:
        _show(published.bundle(with_link=False))
        return None
    # A figure that a batch run could not publish has no link, and the run goes on.
    if options.share and published.url is not None:
        link = published.share(options.share)
        _show(published.bundle())
        _show((link.bundle(), {}))
        return None
    return published


def _publish_result(result: Any, drawn: Any | None, options: argparse.Namespace) -> Published:
    """Publish a cell's result, or the figure that it drew if the result is data or cannot be published."""
    arguments: dict[str, Any] = {name: getattr(options, name) for name in ("title", "alt", "caption")}
    arguments["format"] = tuple(options.format) or "png"
    is_beside = isinstance(result, str) or (drawn is not None and is_data(result))
    if result is not None and not is_beside:
        try:
            return publish(result, options.name, **arguments)
        except (OutputInvalid, UnsupportedType) as error:
            # The error of a figure that fails to render has a cause; no other figure may replace it.
            if error.__cause__ is not None or drawn is None:
                raise
    if drawn is None:
        raise OutputInvalid("The cell drew no figure. Draw one in it, or end it with a figure.", code="no_figure")
    return publish(drawn, options.name, **arguments)


def _run(shell: Any, cell: str) -> Any:
    """Execute a cell in the user's namespace and return the value of its last expression.

    The code is transformed, compiled and cached as in IPython, so that magics work and tracebacks show its lines.
    """
    __tracebackhide__ = "__ipython_bottom__"
    code = shell.transform_cell(cell)
    file = shell.compile.cache(code, shell.execution_count, raw_code=cell)
    tree = shell.transform_ast(shell.compile.ast_parse(code, filename=file))
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    try:
        statements = shell.compile(tree, file, "exec")
        value = None if last is None else shell.compile(ast.Expression(last.value), file, "eval")
    except SyntaxError as error:
        if re.search(r"await|async", error.msg):
            raise _usage_error("%%publish cannot await. End the cell with figserve.publish() in its place.") from None
        raise
    # This runs the user's own code in the user's own kernel.
    exec(statements, shell.user_global_ns, shell.user_ns)
    return None if value is None else eval(value, shell.user_global_ns, shell.user_ns)


def _figserve(line: str) -> None:
    if _parse(_figserve_parser(), line) is not None:
        print(status_text(find_any_connection))


def status_text(find: Any) -> str:
    """Return the output of ``%figserve status``."""
    try:
        connection: Connection | None = find()
    except FigServeError as error:
        return f"Not connected. {error}"
    if connection is None:
        return f"Not connected. {HOW_TO_CONNECT}"
    rows = [("Server", connection.url), ("Found by", connection.found)]
    try:
        status = check(connection)
        rows += _status_rows(connection, status)
    except FigServeError as error:
        rows.append(("Available", f"no: {error}"))
    team = find_stored_server()
    if team is not None and team.url != connection.url:
        rows.append(("Team server", f'{team.url}, as {team.owner}: share(server="team") shares there'))
    width = max(len(name) for name, _ in rows) + 2
    return "\n".join(f"{name:<{width}}{value}" for name, value in rows)


def _status_rows(connection: Connection, status: dict[str, Any]) -> list[tuple[str, str]]:
    records = connection.client.get("api/figures", here=1, limit=1000)["figures"]
    owner = status.get("caller", {}).get("owner") or next((record.get("owner") for record in records), None)
    rows = [("Available", f"yes, jupyter_figserve {status['version']} ({status.get('host', 'extension')})")]
    if owner:
        rows.append(("Owner", str(owner)))
    rows.append(("Figures", f"{len(records)} from this notebook"))
    if status.get("note"):
        rows.append(("Links", str(status["note"])))
    elif _opens_here_only(connection, records):
        setting = "c.JupyterHub" if status.get("host") == "hub" or "JUPYTERHUB_USER" in os.environ else "c.FigServe"
        rows.append(("Links", f"open only on this machine; set {setting}.public_url to the server's public address"))
    return rows


def _opens_here_only(connection: Connection, records: list[dict[str, Any]]) -> bool:
    """Whether the server's URLs are valid only on this machine."""
    url = next((str(record["url"]) for record in records), connection.url)
    return display.is_local(url)


def _show(bundle: tuple[dict[str, Any], dict[str, Any]]) -> None:
    from IPython.display import publish_display_data

    data, metadata = bundle
    publish_display_data(data, metadata)  # type: ignore[no-untyped-call]  # IPython is untyped here


class _Parser(argparse.ArgumentParser):
    """A parser that raises IPython's UsageError instead of exiting."""

    def error(self, message: str) -> NoReturn:
        raise _usage_error(f"{message}\n{self.format_usage()}")


def _usage_error(text: str) -> Exception:
    from IPython.core.error import UsageError

    return UsageError(text)


def _parse(parser: argparse.ArgumentParser, line: str) -> argparse.Namespace | None:
    """Parse the line of a magic; print the help and return None for ``--help``."""
    try:
        arguments = shlex.split(line)
    except ValueError as error:
        raise _usage_error(f"{error} in {line!r:.80}") from error
    options = parser.parse_args(arguments)
    if options.help:
        print(parser.format_help())
        return None
    return options


def _publish_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="%%publish",
        add_help=False,
        description="Run the cell, publish its result or the figure that it drew last (open, shown or closed), and"
        " display it with its link.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="name of the figure (default: from its title or cell)")
    parser.add_argument("--title", help="title of its pages; quote it if it contains spaces")
    parser.add_argument("--alt", help="alternative text for screen readers")
    parser.add_argument("--caption", help="text shown below the figure")
    parser.add_argument(
        "--format", action="append", default=[], choices=list(FORMATS), help="format, may be repeated (default: png)"
    )
    parser.add_argument("--share", metavar="EXPIRES", help='also make a link that expires after "7d" or "never"')
    parser.add_argument("--quiet", action="store_true", help="display the image without its link")
    parser.add_argument("-h", "--help", action="store_true", help="show this help")
    return parser


def _figserve_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="%figserve", add_help=False, description="Show the server that figures are published to.")
    parser.add_argument("command", nargs="?", choices=["status"], default="status", help="show the server (default)")
    parser.add_argument("-h", "--help", action="store_true", help="show this help")
    return parser
