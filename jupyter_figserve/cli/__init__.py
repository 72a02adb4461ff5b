"""`jupyter figserve COMMAND`: parse, run one command, say what went wrong in a sentence. A process of its own."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

from .commands import doctor, export, keys, links, maintain, publish, serve, show
from .output import clean
from .parser import make_parser, parse
from .registry import COMMANDS, FAILED, INTERRUPTED, OK, PIPE_CLOSED, USAGE, Command

__all__ = ["COMMANDS", "FAILED", "INTERRUPTED", "OK", "PIPE_CLOSED", "USAGE", "main", "make_parser", "parse"]
MODULES = (doctor, export, keys, links, show, maintain, publish, serve)
"""Importing them makes their commands."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is one of those that the help explains."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            # What this terminal cannot show is written as an escape, not as a traceback.
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    chosen, options = parse(sys.argv[1:] if argv is None else argv)
    try:
        code = _guarded(chosen, options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read our output has enough; what is still in the buffer must not fail again at the end.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED


def _guarded(chosen: Command, options: object) -> int:
    """What the world did wrong is one sentence for the person at the terminal, not a traceback."""
    from ..errors import FigServeError

    try:
        return chosen.run(options)  # type: ignore[arg-type]
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except (FigServeError, OSError) as error:
        first, *others = _words(error).split("\n")
        print(f"jupyter figserve {chosen.name}: {clean(first, None)}", file=sys.stderr)
        for line in others:
            print(f"  {clean(line, None)}", file=sys.stderr)
        return FAILED


def _words(error: Exception) -> str:
    """An error as people at a shell can act on it."""
    from ..errors import NotConnected, Unauthorized

    if isinstance(error, NotConnected) and getattr(error, "code", "") == "certificate":
        return str(error).replace("in KERNEL_FIGSERVE_CA.", "with --ca-file.")
    if isinstance(error, Unauthorized):
        return (
            f"{error} On the server's machine, `jupyter figserve keys create` makes one; give it in FIGSERVE_API_KEY or"
            " --key-file."
        )
    return str(error)
