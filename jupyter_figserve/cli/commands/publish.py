"""`publish`: publish files as figures. A process of its own."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import stat
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..output import clean, format_size, print_json, print_line, print_status, to_expiry
from ..progress import Progress
from ..registry import FAILED, OK, command
from ..server_selection import SelectedServer, select_server, server_options

if TYPE_CHECKING:
    from ...model.formats import Format

_HEAD_BYTES = 64 * 1024
_MAX_RESPONSE_BYTES = 2**20
_SPOOL_BYTES = 2**20
_FILE_ERROR = "file"
"""Code of errors whose message already names the file."""
_MIN_PROGRESS_BYTES = 2**20
"""Size from which an upload has a progress bar."""


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="image or HTML file; - reads standard input"
    )
    parser.add_argument("--name", help="name of the figure; the same name makes a new version (default: from the file)")
    parser.add_argument("--collection", metavar="NAME", help='permanent place of the figure (default: "default")')
    parser.add_argument("--title", help="title of its pages")
    parser.add_argument("--alt", help="alternative text for screen readers")
    parser.add_argument("--caption", help="text shown below the figure")
    parser.add_argument(
        "--share", metavar="DURATION", help='also make a link that expires after "12h", "7d" or "never"'
    )
    parser.add_argument("--json", action="store_true", help="print the records")
    server_options(parser)


def _check(options: argparse.Namespace) -> None:
    if len(_grouped(options.files)) > 1 and any(
        text is not None for text in (options.name, options.title, options.alt, options.caption)
    ):
        raise ValueError("--name, --title, --alt and --caption apply to a single figure. Publish one figure at a time.")
    if options.files == [Path("-")] and options.name is None and options.title is None:
        raise ValueError("Publishing from standard input requires --name.")


@command(
    "publish",
    "jupyter figserve publish plot.png",
    'jupyter figserve publish plot.png --name sales --title "Sales" --alt "They rise all year"',
    "jupyter figserve publish plot.png --name load --collection nightly",
    "jupyter figserve publish plot.png plot.svg",
    "jupyter figserve publish *.png --share 7d",
    "cat plot.svg | jupyter figserve publish - --name sales",
    options=_options,
    check=_check,
)
def publish(options: argparse.Namespace) -> int:
    """Publish files as figures, and print the URL of each, or its link with --share.

    The format is detected from the content: PNG, SVG, PDF, JPEG, WebP, AVIF, GIF, APNG, TIFF, EPS, SVGZ or HTML. Files
    that differ only in their suffix are one figure in several formats.
    """
    from ...errors import FigServeError

    server, records, failed = select_server(options), [], False
    for paths in _grouped(options.files):
        shown = " and ".join(map(_shown, paths))
        try:
            record = _publish(server, paths, options)
        except (FigServeError, OSError) as error:
            print_status(error if getattr(error, "code", "") == _FILE_ERROR else f"{shown}: {error}")
            failed = True
            continue
        records.append(record)
        if not options.json:
            print_line(record.get("link", record)["url"])
            print_status(f'{shown} is figure "{record["name"]}", version {record["version"]}.')
    if options.json:
        print_json({"figures": records})
    return FAILED if failed else OK


def _grouped(files: list[Path]) -> list[list[Path]]:
    """Group ``plot.png`` and ``plot.svg`` in one directory as one figure in two formats."""
    groups: dict[object, list[Path]] = {}
    for path in dict.fromkeys(files):
        key: object = path if path == Path("-") else (path.parent, path.stem)
        groups.setdefault(key, []).append(path)
    return list(groups.values())


def _publish(server: SelectedServer, paths: list[Path], options: argparse.Namespace) -> dict[str, Any]:
    from ...model.texts import check_name

    name = _name_of(paths[0], options) if options.name is None else check_name(options.name)
    metadata = {"name": name, "title": options.title, "alt": options.alt}
    metadata |= {"caption": options.caption, "collection": options.collection}
    query = {name: value for name, value in metadata.items() if value is not None}
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(_open(path)) for path in paths]
        formats = [_format_of(file, path) for file, path in zip(files, paths, strict=True)]
        if len(files) == 1:
            content_type, body = formats[0].mimetype, files[0]
        else:
            content_type, body = _form(files, formats, query)
        record = _post(server, body, content_type, query, f"Sending {_shown(paths[0])}")
    if options.share is not None:
        record["link"] = server.client.post(f"api/figures/{record['id']}/links", {"expires": to_expiry(options.share)})
    return record


def _form(files: list[IO[bytes]], formats: list[Format], metadata: dict[str, Any]) -> tuple[str, IO[bytes]]:
    from ...model.multipart import encode_form, image_part, json_part

    images = [image_part("representation", row.mimetype, file.read()) for row, file in zip(formats, files, strict=True)]
    content_type, body = encode_form([json_part("figure", metadata), *images])
    return content_type, io.BytesIO(body)


def _post(
    server: SelectedServer, body: IO[bytes], content_type: str, query: dict[str, Any], what: str
) -> dict[str, Any]:
    from ...kernel.client.responses import parse_json

    total = body.seek(0, os.SEEK_END)
    body.seek(0)
    headers = {"Content-Type": content_type, "Content-Length": str(total)}
    with contextlib.ExitStack() as stack:
        if total >= _MIN_PROGRESS_BYTES:
            progress = stack.enter_context(Progress(what, total, format_size))
            body = _ProgressReader(body, progress)  # type: ignore[assignment]
        with server.client.stream("POST", "api/figures", body=body, headers=headers, **query) as response:
            record: dict[str, Any] = parse_json(response.read(_MAX_RESPONSE_BYTES))
    return record


def _open(path: Path) -> IO[bytes]:
    """Open the file, or copy standard input to a temporary file, since its length must be sent first.

    Raises
    ------
    InvalidInput
        It is a directory or a device, or cannot be read.
    """
    from ...errors import InvalidInput

    if path == Path("-"):
        file = tempfile.SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115 - closed by the caller
        file.write(sys.stdin.buffer.read(_SPOOL_BYTES))
        file.seek(0)
        # What is no image, and may have no end, is not read further.
        _format_of(file, path)
        file.seek(0, os.SEEK_END)
        while piece := sys.stdin.buffer.read(_SPOOL_BYTES):
            file.write(piece)
        file.seek(0)
        return file
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise InvalidInput(f"{_shown(path)}: not a regular file. Name the image files themselves.", code=_FILE_ERROR)
    try:
        return path.open("rb")
    except OSError as error:
        # A path has one slash where a URL has two.
        is_url = re.match(r"[a-z][a-z0-9+.-]+:/|data:", str(path)) is not None
        hint = " Download what is at the URL, and publish the file." if is_url else ""
        raise InvalidInput(f"{_shown(path)}: {error.strerror}.{hint}", code=_FILE_ERROR) from error


def _format_of(file: IO[bytes], path: Path) -> Format:
    from ...errors import UnsupportedType
    from ...model.formats import FORMATS, find_format_of_bytes

    head = file.read(_HEAD_BYTES)
    file.seek(0)
    row = find_format_of_bytes(head) if head else None
    if row is None:
        names = ", ".join(name.upper() for name in FORMATS)
        reason = f"the format is not one of {names}" if head else "the file is empty"
        hint = " To draw a figure from code: `jupyter figserve render`." if path.suffix == ".py" else ""
        raise UnsupportedType(f"{_shown(path)}: {reason}.{hint}", code=_FILE_ERROR)
    return row


def _name_of(path: Path, options: argparse.Namespace) -> str | None:
    """Derive the figure's name from the file name; None derives it from the title."""
    from ...errors import InvalidName
    from ...model.texts import slug

    if path == Path("-") or path.is_dir():
        return None
    name = slug(path.stem)
    if name is None and options.title is None:
        raise InvalidName(
            f"{_shown(path)}: no figure name can be derived from the file name. Use --name.", code=_FILE_ERROR
        )
    return name


def _shown(path: Path) -> str:
    return clean("standard input" if path == Path("-") else path)


class _ProgressReader:
    """A file that advances a progress bar when it is read."""

    def __init__(self, file: IO[bytes], progress: Progress) -> None:
        self._file = file
        self._progress = progress

    def read(self, count: int = -1) -> bytes:
        data = self._file.read(count)
        self._progress.advance(len(data))
        return data
