"""`publish`: files become figures. A process of its own."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..output import clean, say, say_json, size, tell
from ..progress import Progress
from ..registry import FAILED, OK, command
from ..server_selection import SelectedServer, find_target, server_options

if TYPE_CHECKING:
    from ...model.formats import Format

_HEAD = 64 * 1024
_ANSWER = 2**20
_SPOOLED = 2**20
_OF_A_FILE = "file"
"""The code of errors that name the file themselves."""
_SHOWN_FROM = 2**20
"""Bytes from which on sending is worth a bar."""


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a picture; - reads standard input")
    parser.add_argument("--name", help="tells figures apart; the same name makes a new version (default: the file's)")
    parser.add_argument("--title", help="heading of its pages")
    parser.add_argument("--alt", help="what the picture shows, for those who do not see it")
    parser.add_argument("--share", metavar="DURATION", help='make a link as well, for "12h", "7d" or "never"')
    parser.add_argument("--json", action="store_true", help="print the records")
    server_options(parser)


def _check(options: argparse.Namespace) -> None:
    if len(_grouped(options.files)) > 1 and (options.name, options.title, options.alt) != (None, None, None):
        raise ValueError("--name, --title and --alt are for one figure at a time")
    if options.files == [Path("-")] and options.name is None and options.title is None:
        raise ValueError("a picture from standard input needs --name")


@command(
    "publish",
    "jupyter figserve publish plot.png",
    'jupyter figserve publish plot.png --name sales --title "Sales" --alt "They rise all year"',
    "jupyter figserve publish plot.png plot.svg",
    "jupyter figserve publish *.png --share 7d",
    "cat plot.svg | jupyter figserve publish - --name sales",
    options=_options,
    check=_check,
)
def publish(options: argparse.Namespace) -> int:
    """Publish pictures, and print the address of each, or its link with --share.

    What a file is, its content says: PNG, SVG, PDF, JPEG, WebP, EPS or HTML. Files that differ in their ending alone
    are one figure in several formats.
    """
    from ...errors import FigServeError

    target, records, failed = find_target(options), [], False
    for paths in _grouped(options.files):
        shown = " and ".join(map(_shown, paths))
        try:
            record = _publish(target, paths, options)
        except (FigServeError, OSError) as error:
            tell(error if getattr(error, "code", "") == _OF_A_FILE else f"{shown}: {error}")
            failed = True
            continue
        records.append(record)
        if not options.json:
            say(record.get("link", record)["url"])
            tell(f'{shown} is figure "{record["name"]}", version {record["version"]}.')
    if options.json:
        say_json({"figures": records})
    return FAILED if failed else OK


def _grouped(files: list[Path]) -> list[list[Path]]:
    """``plot.png`` and ``plot.svg`` beside it are one figure in two formats."""
    groups: dict[object, list[Path]] = {}
    for path in dict.fromkeys(files):
        key: object = path if path == Path("-") else (path.parent, path.stem)
        groups.setdefault(key, []).append(path)
    return list(groups.values())


def _publish(target: SelectedServer, paths: list[Path], options: argparse.Namespace) -> dict[str, Any]:
    words = {"name": options.name or _name_of(paths[0], options), "title": options.title, "alt": options.alt}
    query = {name: value for name, value in words.items() if value is not None}
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(_opened(path)) for path in paths]
        formats = [_format_of(file, path) for file, path in zip(files, paths, strict=True)]
        if len(files) == 1:
            content_type, body = formats[0].mimetype, files[0]
        else:
            content_type, body = _form(files, formats, query)
        record = _post(target, body, content_type, query, f"Sending {_shown(paths[0])}")
    if options.share:
        record["link"] = target.client.post(f"api/figures/{record['id']}/links", {"expires": options.share})
    return record


def _form(files: list[IO[bytes]], formats: list[Format], words: dict[str, Any]) -> tuple[str, IO[bytes]]:
    from ...kernel.client.multipart import encode_form, image_part, json_part

    pictures = [
        image_part("representation", row.mimetype, file.read()) for row, file in zip(formats, files, strict=True)
    ]
    content_type, body = encode_form([json_part("figure", words), *pictures])
    return content_type, io.BytesIO(body)


def _post(
    target: SelectedServer, body: IO[bytes], content_type: str, query: dict[str, Any], what: str
) -> dict[str, Any]:
    from ...kernel.client.responses import parse_json

    total = body.seek(0, os.SEEK_END)
    body.seek(0)
    headers = {"Content-Type": content_type, "Content-Length": str(total)}
    with contextlib.ExitStack() as stack:
        if total >= _SHOWN_FROM:
            progress = stack.enter_context(Progress(what, total, size))
            body = _Counted(body, progress)  # type: ignore[assignment]
        with target.client.stream("POST", "api/figures", body=body, headers=headers, **query) as response:
            record: dict[str, Any] = parse_json(response.read(_ANSWER))
    return record


def _opened(path: Path) -> IO[bytes]:
    """The file, or standard input in a temporary one, since its length goes ahead of it.

    Raises
    ------
    InvalidInput
        For directories, devices, and what cannot be read.
    """
    from ...errors import InvalidInput

    if path == Path("-"):
        file = tempfile.SpooledTemporaryFile(_SPOOLED)  # noqa: SIM115 - closed by whoever asked
        while piece := sys.stdin.buffer.read(_SPOOLED):
            file.write(piece)
        file.seek(0)
        return file
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise InvalidInput(f"{_shown(path)}: it is no file; name the pictures themselves.", code=_OF_A_FILE)
    try:
        return path.open("rb")
    except OSError as error:
        raise InvalidInput(f"{_shown(path)}: {error.strerror}.", code=_OF_A_FILE) from error


def _format_of(file: IO[bytes], path: Path) -> Format:
    from ...errors import UnsupportedType
    from ...model.formats import FORMATS, find_format_of_bytes

    head = file.read(_HEAD)
    file.seek(0)
    row = find_format_of_bytes(head) if head else None
    if row is None:
        names = ", ".join(name.upper() for name in FORMATS)
        why = f"its content is none of {names}" if head else "it is empty"
        raise UnsupportedType(f"{_shown(path)}: {why}.", code=_OF_A_FILE)
    return row


def _name_of(path: Path, options: argparse.Namespace) -> str | None:
    """From the file's name; None leaves it to the title."""
    from ...errors import InvalidName
    from ...model.figures import slug

    if path == Path("-"):
        return None
    name = slug(path.stem)
    if name is None and options.title is None:
        raise InvalidName(f"{_shown(path)}: its name cannot be a figure's; give one with --name.", code=_OF_A_FILE)
    return name


def _shown(path: Path) -> str:
    return clean("standard input" if path == Path("-") else path)


class _Counted:
    """A file whose reading moves a bar."""

    def __init__(self, file: IO[bytes], progress: Progress) -> None:
        self._file = file
        self._progress = progress

    def read(self, count: int = -1) -> bytes:
        data = self._file.read(count)
        self._progress.advance(len(data))
        return data
