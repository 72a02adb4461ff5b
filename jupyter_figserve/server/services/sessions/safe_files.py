"""Files below a directory that programs write into: found, opened and read without following anything. Server process.

Whoever writes there may put anything in the place of anything at any moment. So nothing is looked up twice by name:
each part of a path is opened in the directory that is open already, never through a symbolic link, and what was opened
is then asked what it is (openat(2), open(2): O_NOFOLLOW, O_NONBLOCK).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ....errors import NotFound, TooLarge

DEPTH = 8
"""How many parts a path may have."""
LISTED = 2_000
"""The most files that a listing gives."""
_LOOKED_AT = 20_000
"""The most entries that a listing looks at, of whatever kind."""
_PATH_LENGTH = 1_000
_PART_BYTES = 255
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Not blocking: opening a FIFO without a writer would else stop the server.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
# Marks that change the order in which a name is read, so that "gnp.exe" looks like "exe.png".
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class FileEntry:
    """A regular file.

    Parameters
    ----------
    path
        Below the directory, with ``/`` between its parts.
    state
        Another one as soon as the file is another or was written to: for an ETag without reading it.
    """

    path: str
    size: int
    modified: float
    state: str


def parse_safe_path(path: str) -> tuple[str, ...] | None:
    """The parts of a path that may be asked for, None for any other.

    Refused are hidden names, ``.`` and ``..``, empty parts, backslashes, control characters and marks that turn the
    reading direction.
    """
    parts = tuple(path.split("/"))
    if len(path) > _PATH_LENGTH or len(parts) > DEPTH or not all(map(_is_plain, parts)):
        return None
    return parts


def list_beneath(directory: Path) -> list[FileEntry]:
    """What lies below ``directory`` under names that may be asked for, in the order of their paths.

    Bounded in depth and number; symbolic links, hard links and whatever is no file are left out.
    """
    found: list[FileEntry] = []
    looked_at = [0]
    try:
        descriptor = os.open(directory, _DIRECTORY)
    except OSError:
        return found
    try:
        for one in _walk(descriptor, "", 1, looked_at):
            found.append(one)
            if len(found) >= LISTED:
                break
    finally:
        os.close(descriptor)
    return sorted(found, key=lambda one: one.path)


def stat_beneath(directory: Path, path: str) -> FileEntry:
    """The file at ``path``.

    Raises
    ------
    NotFound
        When there is no regular file of one name under a path that may be asked for.
    """
    with _opened(directory, path) as (_, found):
        return found


def read_beneath(directory: Path, path: str, most: int) -> tuple[FileEntry, bytes]:
    """The file at ``path`` with its bytes; what it is found to be is asked after the last of them was read.

    Raises
    ------
    NotFound
        As ``stat_beneath``.
    TooLarge
        For more than ``most`` bytes, before any is read.
    """
    with _opened(directory, path) as (descriptor, found):
        if found.size > most:
            raise TooLarge(f"The file has {found.size:,} bytes; {most:,} are the most (FigServe.figure_bytes).")
        data = bytearray()
        # No more than it had: a file that grows meanwhile has no end.
        while len(data) < found.size and (chunk := os.read(descriptor, found.size - len(data))):
            data += chunk
        return _of_status(path, os.fstat(descriptor)) or found, bytes(data)


@contextlib.contextmanager
def _opened(directory: Path, path: str) -> Iterator[tuple[int, FileEntry]]:
    parts = parse_safe_path(path)
    if parts is None:
        raise _missing()
    opened: list[int] = []
    try:
        opened.append(os.open(directory, _DIRECTORY))
        for part in parts[:-1]:
            opened.append(os.open(part, _DIRECTORY, dir_fd=opened[-1]))
        # Asked first, as opening a device can already do something.
        if not stat.S_ISREG(os.stat(parts[-1], dir_fd=opened[-1], follow_symlinks=False).st_mode):
            raise _missing()
        opened.append(os.open(parts[-1], _FILE, dir_fd=opened[-1]))
        found = _of_status(path, os.fstat(opened[-1]))
        if found is None:
            raise _missing()
        yield opened[-1], found
    except (OSError, ValueError) as error:
        raise _missing() from error
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _walk(directory: int, above: str, depth: int, looked_at: list[int]) -> Iterator[FileEntry]:
    try:
        with os.scandir(directory) as entries:
            names = [entry.name for entry, _ in zip(entries, range(_LOOKED_AT - looked_at[0]), strict=False)]
    except OSError:
        return
    looked_at[0] += len(names)
    for name in filter(_is_plain, sorted(names)):
        try:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode) and depth < DEPTH:
                inside = os.open(name, _DIRECTORY, dir_fd=directory)
                try:
                    yield from _walk(inside, f"{above}{name}/", depth + 1, looked_at)
                finally:
                    os.close(inside)
            elif (found := _of_status(above + name, status)) is not None:
                yield found
        except OSError:
            continue


def _of_status(path: str, status: os.stat_result) -> FileEntry | None:
    """A regular file that has no other name, which might lie anywhere."""
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        return None
    state = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return FileEntry(path, status.st_size, status.st_mtime, hashlib.sha256(repr(state).encode()).hexdigest())


def _is_plain(part: str) -> bool:
    if not part or part.startswith(".") or "\\" in part or not _TURNING.isdisjoint(part):
        return False
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in part):
        return False
    return len(part.encode()) <= _PART_BYTES


def _missing() -> NotFound:
    return NotFound("Plot not found", code="plot_not_found")
