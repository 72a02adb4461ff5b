"""`export`: figures in a zip on this disk. A process of its own."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import sys
import zipfile
from pathlib import Path
from typing import IO

from ..output import clean, say, size
from ..progress import Progress
from ..registry import OK, command
from ..server_selection import SelectedServer, find_target, server_options

_PIECE = 2**18


def _options(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--notebook", metavar="PATH", help="the figures of this notebook")
    which.add_argument("--session", metavar="ID", help="the figures that this kernel made")
    which.add_argument("--all", action="store_true", help="all of your figures")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("figures.zip"), metavar="FILE", help="where to (default: %(default)s)"
    )
    parser.add_argument("--force", action="store_true", help="replace the file if it is there")
    server_options(parser)


@command(
    "export",
    "jupyter figserve export --all",
    "jupyter figserve export --notebook plots.ipynb -o plots.zip --force",
    options=_options,
)
def export(options: argparse.Namespace) -> int:
    """Save figures in a zip: the newest version of each, with an index.html that opens without any server.

    An existing file is kept unless --force says otherwise; one that is half written never takes its place.
    """
    from ...errors import Conflict

    path: Path = options.output
    if os.path.lexists(path) and not options.force:
        raise Conflict(f"{str(path)!r} is there already; add --force to replace it, or name another with -o.")
    target = find_target(options)
    beside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            count = _receive(target, options, file)
            file.flush()
            os.fsync(file.fileno())
        _check(beside)
        _move(beside, path, force=options.force)
    finally:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
    say(f"{count} figure{'' if count == '1' else 's'} in {clean(path)} ({size(path.stat().st_size)})")
    return OK


def _receive(target: SelectedServer, options: argparse.Namespace, file: IO[bytes]) -> str:
    """Write what comes; how many figures it is."""
    asked = {"notebook": options.notebook, "session": options.session}
    with target.client.stream("GET", "export.zip", **asked) as response:
        about = response.getheader("X-Figserve-Bytes", "")
        total = int(about) if about.isascii() and about.isdigit() else None
        with Progress("Exporting", total, size) as progress:
            while piece := response.read(_PIECE):
                file.write(piece)
                progress.advance(len(piece))
        return clean(response.getheader("X-Figserve-Figures", "Some"))


def _check(path: Path) -> None:
    """See that the whole zip is there: its table of contents comes last.

    Raises
    ------
    ServerError
        When it is not.
    """
    from ...errors import ServerError

    try:
        with zipfile.ZipFile(path) as file:
            file.getinfo("index.html")
    except (zipfile.BadZipFile, KeyError) as error:
        raise ServerError("What came is not the whole zip; nothing was saved. Try again.", code="cut_off") from error


def _move(beside: Path, path: Path, *, force: bool) -> None:
    """To its name; without ``force`` never over a file that came there meanwhile."""
    from ...errors import Conflict

    if force:
        os.replace(beside, path)
        return
    try:
        os.link(beside, path)
    except FileExistsError as error:
        raise Conflict(f"{str(path)!r} was made by somebody else meanwhile; name another with -o.") from error
    except OSError:
        # Some file systems have no links; the test above is then all there is.
        if sys.platform != "win32" and os.path.lexists(path):
            raise
        os.rename(beside, path)
