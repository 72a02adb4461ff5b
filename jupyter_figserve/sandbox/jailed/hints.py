"""What to do about an error that the sandbox caused, and not the code: a sentence beside it. Sandbox, child side."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

_NETWORK = "The sandbox has no network: put the data into the code."
_FILE = "The sandbox has none of your files: put the data into the code."
_WRITING = "The sandbox writes no files but in its own directory, where the host gives it one."
_PROCESS = "The sandbox is one process and starts no programs: use a loop, or threads."
_INPUT = "Nobody answers input() in the sandbox: put the value into the code."
_MODULE = "The sandbox's Python does not have it."
_NOTEBOOK = "Lines with % and ! are a notebook's, not Python's; leave them out."

_OF_NETWORK = ("socket.py",)
_OF_PROCESSES = ("subprocess.py", "popen_fork.py", "popen_spawn_posix.py", "synchronize.py", "util.py")
_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}
_DEEPEST = 10


def find_hint(error: BaseException) -> str:
    """The sentence, ``""`` for an error that would be the same anywhere."""
    if isinstance(error, ModuleNotFoundError):
        return _MODULE
    if isinstance(error, EOFError):
        return _INPUT if "reading a line" in str(error) else ""
    if isinstance(error, SyntaxError):
        return _NOTEBOOK if (error.text or "").lstrip()[:1] in ("%", "!") else ""
    refusals = [one for one in _chain(error) if isinstance(one, OSError)]
    for one in refusals:
        files = set(_files(one))
        if files.intersection(_OF_NETWORK):
            return _NETWORK
        if files.intersection(_OF_PROCESSES):
            return _PROCESS
    return _hint_of_file(error) if error in refusals else ""


def _hint_of_file(error: BaseException) -> str:
    assert isinstance(error, OSError)
    if error.filename is None:
        return ""
    if isinstance(error, FileNotFoundError):
        return _FILE
    return _WRITING if error.errno in _REFUSED else ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and what led to it."""
    one: BaseException | None = error
    for _ in range(_DEEPEST):
        if one is None:
            return
        yield one
        one = one.__cause__ or one.__context__


def _files(error: BaseException) -> Iterator[str]:
    """Names of the files through which it came."""
    link = error.__traceback__
    while link is not None:
        yield os.path.basename(link.tb_frame.f_code.co_filename)
        link = link.tb_next
