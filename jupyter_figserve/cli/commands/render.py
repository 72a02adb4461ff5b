"""`render`: draw a figure from code in a server's sandbox, and write the image to a file. A process of its own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..output import format_size, print_status
from ..registry import FAILED, OK, command
from ..server_selection import select_server, server_options

_STDIN = Path("-")


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
    from ...errors import CodeFailed
    from ...model.formats import get_format

    output = options.output or options.code.with_suffix(".png")
    names = ("width", "height", "dpi", "style", "seed", "timeout")
    fields: dict[str, Any] = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    fields["format"] = "png" if output == _STDIN else get_format(output.suffix.lstrip(".").lower()).name
    fields["code"] = sys.stdin.read() if options.code == _STDIN else options.code.read_text(encoding="utf-8-sig")
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
    output.write_bytes(image)
    print_status(f"{output} ({format_size(len(image))})")
    return OK
