"""`render`: draw a figure from code in a server's sandbox, and write the image to a file. A process of its own."""

from __future__ import annotations

import argparse
import contextlib
import io
import secrets
import shutil
import sys
import tokenize
from pathlib import Path
from typing import Any

from ..output import clean, format_size, print_status
from ..registry import FAILED, OK, command
from ..server_selection import select_server, server_options

_STDIN = Path("-")
_MAX_CODE_BYTES = 64 * 2**20
"""More is no code, but a device without an end; the server's own limit is FigServe.render_code_bytes."""


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "code", type=Path, metavar="FILE", help="Python file that draws one figure; - reads standard input"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="the image; its suffix is the format, - writes PNG to standard output (default: the code's name, .png)",
    )
    parser.add_argument("--width", type=int, metavar="PIXELS", help="width (default: the figure's own)")
    parser.add_argument("--height", type=int, metavar="PIXELS", help="height (default: the figure's own)")
    parser.add_argument("--dpi", type=float, metavar="DPI", help="resolution (default: the figure's own)")
    parser.add_argument("--style", metavar="NAME", help="style of matplotlib")
    parser.add_argument("--seed", type=int, metavar="N", help="seed of random numbers, for the same image each time")
    parser.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="time limit of the code (default: the server's)"
    )
    server_options(parser)


def _check(options: argparse.Namespace) -> None:
    if options.code == _STDIN and options.output is None:
        raise ValueError("Rendering standard input requires --output.")


@command(
    "render",
    "jupyter figserve render plot.py -o plot.svg --width 800",
    "echo 'import matplotlib.pyplot as plt; plt.plot([1, 3, 2])' | jupyter figserve render - -o rise.svg",
    options=_options,
    check=_check,
)
def render(options: argparse.Namespace) -> int:
    """Draw a figure from code in the server's sandbox, and write the image to a file.

    The code has no files and no network. Equal figures give identical files, so that a repository changes only when the
    figure does.
    """
    from ...errors import CodeFailed, InvalidInput
    from ...model.formats import get_format

    output = options.output or options.code.with_suffix(".png")
    if output.is_dir():
        raise InvalidInput(f"{clean(output)} is a directory. Name a file in it, such as {clean(output / 'plot.png')}.")
    names = ("width", "height", "dpi", "style", "seed", "timeout")
    fields: dict[str, Any] = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    fields["format"] = "png" if output == _STDIN else get_format(output.suffix.lstrip(".").lower()).name
    fields["code"] = _read_code(options.code)
    client = select_server(options).client
    try:
        image, warnings = client.post_for_image("api/renders", fields)
    except CodeFailed as error:
        for line in f"{error.output}\n{error.traceback}".strip().splitlines():
            print(line, file=sys.stderr)
        print_status(f"{options.code}: {error}")
        return FAILED
    for warning in warnings:
        print_status(f"{options.code}: {warning}")
    if output == _STDIN:
        sys.stdout.buffer.write(image)
        return OK
    _write(output, image)
    print_status(f"{output} ({format_size(len(image))})")
    return OK


def _read_code(path: Path) -> str:
    """Return the code in a file or on standard input, in UTF-8 or the encoding that its first lines declare.

    Raises
    ------
    InvalidInput
        It is not text, or too long.
    """
    from ...errors import InvalidInput

    with contextlib.ExitStack() as stack:
        file = sys.stdin.buffer if path == _STDIN else stack.enter_context(path.open("rb"))
        data = file.read(_MAX_CODE_BYTES + 1)
    shown = clean("standard input" if path == _STDIN else path)
    if len(data) > _MAX_CODE_BYTES:
        raise InvalidInput(f"{shown} has more than {_MAX_CODE_BYTES:,} bytes.")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return io.TextIOWrapper(io.BytesIO(data), encoding).read()
    except (SyntaxError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{shown} is not text in UTF-8. Save it as UTF-8, or declare its encoding in the first line, such as"
            " # coding: latin-1."
        ) from error


def _write(path: Path, data: bytes) -> None:
    """Write a file; one that is there is replaced as a whole, so that a full disk leaves it as it was."""
    if path.exists() and not path.is_file():
        path.write_bytes(data)
        return
    target = path.resolve()
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        temporary.write_bytes(data)
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except OSError as error:
        # The name of the temporary file tells users nothing.
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
