"""`doctor`: diagnose common problems and suggest fixes. A process of its own."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...model.environment_variables import KERNEL_KEY_VARIABLE, KERNEL_URL_VARIABLE, URL_VARIABLE
from ..output import clean, colourize, print_json
from ..registry import FAILED, OK, command
from ..server_selection import find_credential, make_client, server_options
from ..storage import data_dir_option, default_data_dir

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
    """Check servers (also connected ones), kernels, keys and the data directory, and suggest a fix for each problem.

    The exit code is 1 if a problem is found. Notes are for information only.
    """
    found: list[Result] = []
    for result in _examine(options):
        found.append(result)
        if not options.json:
            _show(result)
    count = sum(result.state == "wrong" for result in found)
    if options.json:
        print_json({"checks": [result.as_json() for result in found], "wrong": count})
    else:
        text = f"{count or 'No'} problem{'' if count == 1 else 's'} found."
        print(colourize(text, "red" if count else "green"))
    return FAILED if count else OK


def _examine(options: argparse.Namespace) -> Iterator[Result]:
    from ..checks.directory import check_directory
    from ..checks.environment import check_environment
    from ..checks.hub import check_hub
    from ..checks.kernels import check_kernels
    from ..checks.running import check_leftovers, check_running
    from ..checks.sandbox import check_sandbox
    from ..checks.team import check_team_servers

    examined: list[Examination] = []
    yield from check_environment()
    yield check_sandbox()
    yield from check_kernels()
    yield from check_hub()
    yield from _check_named(options, examined)
    yield from check_running(options, examined)
    yield from check_leftovers()
    yield from check_team_servers()
    known = {str(one.diagnosis["directory"]["path"]) for one in examined if one.diagnosis}
    path = (options.data_dir or default_data_dir()).absolute()
    if options.data_dir is not None or str(path) not in known:
        yield from check_directory(path)


def _check_named(options: argparse.Namespace, examined: list[Examination]) -> Iterator[Result]:
    """Check the server of --server or FIGSERVE_URL, else that of this kernel."""
    from ...errors import FigServeError
    from ...kernel.client.address import parse_pasted
    from ..checks.result import wrong
    from ..checks.server import Examination

    url = options.server or os.environ.get(URL_VARIABLE)
    from_kernel = None if url else os.environ.get(KERNEL_URL_VARIABLE)
    if not url and not from_kernel:
        return
    url = url or str(from_kernel)
    try:
        from ...kernel.client.running_servers import find_running_server

        address, token = parse_pasted(url)
        credential = os.environ.get(KERNEL_KEY_VARIABLE) if from_kernel else find_credential(options) or token
        if credential is None and (running := find_running_server(address)) is not None:
            credential = running.token or None
        client = make_client(options, address, credential)
    except (FigServeError, OSError) as error:
        mend = "use the URL that the browser shows: --server https://host/base"
        if getattr(error, "code", "") == "open_key":
            mend = f"chmod 600 {options.key_file}"
        elif getattr(error, "code", "") == "plain_http":
            mend = "use the https URL, or add --insecure on a trusted network"
        yield wrong("named_server", clean(url.partition("?")[0]), str(error), mend)
        return
    examination = Examination(client, None if options.ca_file is None else str(options.ca_file))
    examined.append(examination)
    yield from examination.results()


def _show(result: Result) -> None:
    state = colourize(f"{result.state.upper() if result.state == 'wrong' else result.state:5}", _COLOURS[result.state])
    print(f"{state}  {result.check.replace('_', ' ')}, {clean(result.subject)}: {clean(result.says)}")
    if result.mend:
        print(f"       {'fix' if result.state == 'wrong' else 'optional'}: {clean(result.mend)}")
    sys.stdout.flush()
