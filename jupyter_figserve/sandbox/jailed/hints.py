"""Advice for errors that the sandbox causes, not the code. Jailed child."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

_NETWORK = "The sandbox has no network; put the data into the code."
_FILE = "The sandbox has none of your files; put the data into the code."
_WRITING = "The sandbox can write files only to its own directory, on hosts that provide one."
_PROCESS = "The sandbox cannot start processes; use a loop, or threads."
_INPUT = "The sandbox has no input(); put the value into the code."
_MODULE = "The sandbox's Python does not have this module."
_NOTEBOOK = "Lines that start with % or ! are notebook syntax; remove them."
VEGA = (
    "Altair renders with vl-convert, a JavaScript engine, which cannot run in the sandbox. Draw with matplotlib, or"
    " publish the chart from a notebook."
)
_LATEX = "The sandbox has no LaTeX; leave out usetex, as mathtext draws most formulas."

_NETWORK_FILES = ("socket.py",)
_PROCESS_FILES = ("subprocess.py", "popen_fork.py", "popen_spawn_posix.py", "synchronize.py", "util.py")
_DENIED = {errno.EROFS, errno.EACCES, errno.EPERM}
_MAX_CHAIN = 10


def find_hint(error: BaseException) -> str:
    """Return the advice, ``""`` for an error that the code would raise anywhere."""
    if isinstance(error, ModuleNotFoundError):
        return _MODULE
    if isinstance(error, EOFError):
        return _INPUT if "reading a line" in str(error) else ""
    if isinstance(error, SyntaxError):
        return _NOTEBOOK if (error.text or "").lstrip()[:1] in ("%", "!") else ""
    if type(error).__name__ == "PanicException":
        return VEGA
    if "texmanager.py" in set(_files(error)):
        return _LATEX
    os_errors = [one for one in _chain(error) if isinstance(one, OSError)]
    for one in os_errors:
        files = set(_files(one))
        if files.intersection(_NETWORK_FILES):
            return _NETWORK
        if files.intersection(_PROCESS_FILES):
            return _PROCESS
    return _find_file_hint(error) if error in os_errors else ""


def _find_file_hint(error: BaseException) -> str:
    assert isinstance(error, OSError)
    if error.filename is None:
        return ""
    if isinstance(error, FileNotFoundError):
        return _FILE
    return _WRITING if error.errno in _DENIED else ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and the errors that led to it."""
    one: BaseException | None = error
    for _ in range(_MAX_CHAIN):
        if one is None:
            return
        yield one
        one = one.__cause__ or one.__context__


def _files(error: BaseException) -> Iterator[str]:
    """Yield the file names of the traceback."""
    link = error.__traceback__
    while link is not None:
        yield os.path.basename(link.tb_frame.f_code.co_filename)
        link = link.tb_next
