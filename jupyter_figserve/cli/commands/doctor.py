"""`doctor`: what newcomers and machines get wrong, found and explained. A process of its own."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..output import clean, paint, say_json
from ..registry import FAILED, OK, command
from ..server_selection import credential_of, make_client, match_running, server_options
from .maintain import data_dir_option, usual_data_dir

if TYPE_CHECKING:
    from ..checks.result import Result
    from ..checks.server import Examination

_COLOURS = {"ok": "green", "note": "yellow", "wrong": "red"}


def _options(parser: argparse.ArgumentParser) -> None:
    data_dir_option(parser)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    server_options(parser)


@command(
    "doctor",
    "jupyter figserve doctor",
    "jupyter figserve doctor --json",
    "jupyter figserve doctor --data-dir ~/figures",
    options=_options,
)
def doctor(options: argparse.Namespace) -> int:
    """Look for what is wrong: servers, kernels, keys, the data directory; and say what mends each.

    The exit code is 1 when something is wrong. A note is worth knowing, and nothing to mend.
    """
    found: list[Result] = []
    for result in _examine(options):
        found.append(result)
        if not options.json:
            _show(result)
    count = sum(result.state == "wrong" for result in found)
    if options.json:
        say_json({"checks": [result.as_json() for result in found], "wrong": count})
    else:
        words = "Nothing is wrong." if not count else f"{count} thing{' is' if count == 1 else 's are'} wrong."
        print(paint(words, "red" if count else "green"))
    return FAILED if count else OK


def _examine(options: argparse.Namespace) -> Iterator[Result]:
    from ..checks.directory import check_directory
    from ..checks.environment import check_environment
    from ..checks.kernels import check_kernels
    from ..checks.running import check_running, dead_files
    from ..checks.sandbox import check_sandbox

    examined: list[Examination] = []
    yield from check_environment()
    yield check_sandbox()
    yield from check_kernels()
    yield from _check_named(options, examined)
    yield from check_running(options, examined)
    yield from dead_files()
    known = {str(one.diagnosis["directory"]["path"]) for one in examined if one.diagnosis}
    path = (options.data_dir or usual_data_dir()).absolute()
    if options.data_dir is not None or str(path) not in known:
        yield from check_directory(path)


def _check_named(options: argparse.Namespace, examined: list[Examination]) -> Iterator[Result]:
    """The server that --server or FIGSERVE_URL names, else the one that this kernel was told."""
    from ...errors import FigServeError
    from ...kernel.client.address import parse_pasted
    from ..checks.result import wrong
    from ..checks.server import Examination

    named = options.server or os.environ.get("FIGSERVE_URL")
    of_kernel = None if named else os.environ.get("KERNEL_FIGSERVE_URL")
    if not named and not of_kernel:
        return
    named = named or str(of_kernel)
    try:
        address, token = parse_pasted(named)
        credential = os.environ.get("KERNEL_FIGSERVE_KEY") if of_kernel else credential_of(options) or token
        if credential is None and (running := match_running(address)) is not None:
            credential = running.token or None
        client = make_client(options, address, credential)
    except (FigServeError, OSError) as error:
        mend = "name the server as the browser shows it: --server https://host/base"
        if getattr(error, "code", "") == "open_key":
            mend = f"chmod 600 {options.key_file}"
        elif getattr(error, "code", "") == "plain_http":
            mend = "name the server by https, or add --insecure on a network of your own"
        yield wrong("named_server", clean(named.partition("?")[0]), str(error), mend)
        return
    examination = Examination(client, None if options.ca_file is None else str(options.ca_file))
    examined.append(examination)
    yield from examination.results()


def _show(result: Result) -> None:
    word = paint(f"{result.state.upper() if result.state == 'wrong' else result.state:5}", _COLOURS[result.state])
    print(f"{word}  {result.check.replace('_', ' ')}, {clean(result.subject)}: {clean(result.says)}")
    if result.mend:
        print(f"       {'mend' if result.state == 'wrong' else 'if you want'}: {clean(result.mend)}")
    sys.stdout.flush()
