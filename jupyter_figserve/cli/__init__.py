"""`jupyter figserve COMMAND`: parse the command line, run the command, report errors. A process of its own."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Sequence

from .commands import (
    connect,
    doctor,
    export,
    keys,
    links,
    maintain,
    mcp,
    migrate,
    publish,
    render,
    restore,
    serve,
    show,
    worker,
)
from .output import clean
from .parser import make_parser, parse
from .registry import COMMANDS, FAILED, INTERRUPTED, OK, PIPE_CLOSED, USAGE, Command

__all__ = ["COMMANDS", "FAILED", "INTERRUPTED", "OK", "PIPE_CLOSED", "USAGE", "main", "make_parser", "parse"]
MODULES = (connect, doctor, export, keys, links, show, maintain, mcp, migrate, publish, render, restore, serve, worker)
"""Importing them registers their commands."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code, as documented in the help."""
    _replace_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            # Characters that the terminal cannot encode are escaped instead of raising an error.
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    chosen, options = parse(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(chosen, options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader closed the output.
        _discard_output()
        return PIPE_CLOSED
    except OSError as error:
        _discard_output()
        reason = error.strerror or type(error).__name__
        print(f"jupyter figserve {chosen.name}: The output could not be written: {reason}.", file=sys.stderr)
        return FAILED


def _replace_closed_streams() -> None:
    """Open the null device in place of standard streams that are closed, as those of some services are.

    Python has None there, and the next file or socket to be opened would get the number of the stream.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - open until the process ends


def _discard_output() -> None:
    """Drop the rest of the buffer: flushing it at exit must not fail again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(chosen: Command, options: object) -> int:
    """Run a command; an expected error is printed as a message, without a traceback."""
    from ..errors import FigServeError

    try:
        return chosen.run(options)  # type: ignore[arg-type]
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except (FigServeError, OSError) as error:
        first, *others = _message(error).split("\n")
        print(f"jupyter figserve {chosen.name}: {clean(first, None)}", file=sys.stderr)
        for line in others:
            print(f"  {clean(line, None)}", file=sys.stderr)
        return FAILED


def _message(error: Exception) -> str:
    """Return the error's message with advice for the command line."""
    from ..errors import NotConnected, Unauthorized
    from ..kernel.client.tls import FOR_KERNELS

    if isinstance(error, NotConnected) and getattr(error, "code", "") == "certificate":
        return str(error).partition(FOR_KERNELS)[0].replace("Set KERNEL_FIGSERVE_CA to", "Use --ca-file with")
    if isinstance(error, Unauthorized):
        create = "" if "keys create" in str(error) else " Create a key with `jupyter figserve keys create`."
        return f"{error}{create} Pass the key in FIGSERVE_API_KEY or with --key-file."
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"Nothing more can be written to {error.filename or 'the output'}: {error.strerror}."
    if isinstance(error, PermissionError) and str(error.filename) == os.path.expanduser("~"):
        return f"The home directory {error.filename} is missing, where Jupyter keeps its runtime files. Create it."
    if isinstance(error, OSError) and error.strerror and isinstance(error.filename, str):
        return f"{error.filename}: {error.strerror}."
    return str(error)
