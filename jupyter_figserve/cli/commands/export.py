"""`export`: save figures to a zip file. A process of its own."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import sys
import zipfile
from pathlib import Path
from typing import IO

from ..output import clean, format_size, print_line
from ..progress import Progress
from ..registry import OK, command
from ..server_selection import SelectedServer, select_server, server_options

_CHUNK_BYTES = 2**18


def _options(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--notebook", metavar="PATH", help="figures of this notebook")
    which.add_argument("--session", metavar="ID", help="figures that this kernel published")
    which.add_argument("--all", action="store_true", help="all your figures")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("figures.zip"),
        metavar="FILE",
        help="output file (default: %(default)s)",
    )
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    server_options(parser)


@command(
    "export",
    "jupyter figserve export --all",
    "jupyter figserve export --notebook plots.ipynb -o plots.zip --force",
    options=_options,
)
def export(options: argparse.Namespace) -> int:
    """Save the newest version of figures to a zip file, with an index.html that opens without a server.

    An existing file is only replaced with --force, and never by an incomplete one.
    """
    from ...errors import Conflict
    from ...model.open_flags import NEW_FILE

    path: Path = options.output
    if os.path.lexists(path) and not options.force:
        raise Conflict(f"{str(path)!r} already exists. Add --force to replace it, or choose another file with -o.")
    server = select_server(options)
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")
    descriptor = os.open(temporary, NEW_FILE, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            count = _receive(server, options, file)
            file.flush()
            os.fsync(file.fileno())
        _check(temporary)
        _move(temporary, path, force=options.force)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
    print_line(f"{count} figure{'' if count == '1' else 's'} in {clean(path)} ({format_size(path.stat().st_size)})")
    return OK


def _receive(server: SelectedServer, options: argparse.Namespace, file: IO[bytes]) -> str:
    """Download the zip; return the number of figures."""
    asked = {"notebook": options.notebook, "session": options.session}
    with server.client.stream("GET", "export.zip", **asked) as response:
        about = response.getheader("X-Figserve-Bytes", "")
        total = int(about) if about.isascii() and about.isdigit() else None
        with Progress("Exporting", total, format_size) as progress:
            while piece := response.read(_CHUNK_BYTES):
                file.write(piece)
                progress.advance(len(piece))
        return clean(response.getheader("X-Figserve-Figures", "Some"))


def _check(path: Path) -> None:
    """Check that the zip is complete: its directory is at the end.

    Raises
    ------
    ServerError
        It is incomplete.
    """
    from ...errors import ServerError

    try:
        with zipfile.ZipFile(path) as file:
            file.getinfo("index.html")
    except (zipfile.BadZipFile, KeyError) as error:
        raise ServerError("The download is incomplete, and nothing was saved. Try again.", code="cut_off") from error


def _move(temporary: Path, path: Path, *, force: bool) -> None:
    """Rename the file; without ``force``, do not replace a file that was created in the meantime."""
    from ...errors import Conflict

    if force:
        os.replace(temporary, path)
        return
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        raise Conflict(f"{str(path)!r} was created by another process. Choose another file with -o.") from error
    except OSError:
        # The file system has no hard links; only the check above applies.
        if sys.platform != "win32" and os.path.lexists(path):
            raise
        os.rename(temporary, path)
