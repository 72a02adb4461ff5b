"""Files beneath a directory that kernels write to: listed and read without following links. Server process.

A program there may replace any file by another at any moment. Therefore no name is looked up twice: each part of a path
is opened relative to the directory opened before, never through a symbolic link, and the type is checked on the open
descriptor (openat(2), open(2): O_NOFOLLOW, O_NONBLOCK). Windows cannot open directories; there, each part of a path is
looked up by name before the file is opened, and the open file is compared with the one that was found.
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
from ....model import open_flags

MAX_DEPTH = 8
"""Maximum number of parts of a path."""
MAX_FILES = 2_000
"""Maximum number of files in a listing."""
_MAX_ENTRIES = 20_000
"""Maximum number of entries of any type that a listing looks at."""
_MAX_PATH_LENGTH = 1_000
_MAX_PART_BYTES = 255
_DIRECTORY = os.O_RDONLY | open_flags.DIRECTORY | open_flags.NOFOLLOW
# Non-blocking, since opening a FIFO without a writer would block the server.
_FILE = open_flags.READ_FILE | open_flags.NONBLOCK | open_flags.NOCTTY
# Bidirectional control characters, which can make "gnp.exe" look like "exe.png".
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class PlotNotFound(NotFound):
    """The same error for every path that leads to no plot, whatever the reason."""

    def __init__(self) -> None:
        super().__init__("Plot not found", code="plot_not_found")


@dataclass(frozen=True)
class FileEntry:
    """A regular file.

    Parameters
    ----------
    path
        Relative to the directory, with ``/`` between its parts.
    state
        Changes when the file is replaced or written to: for an ETag without reading the file.
    """

    path: str
    size: int
    modified: float
    state: str


def parse_safe_path(path: str) -> tuple[str, ...] | None:
    """Return the parts of a safe path, None for any other.

    Not safe are hidden names, ``.`` and ``..``, empty parts, backslashes, control characters and bidirectional
    controls.
    """
    parts = tuple(path.split("/"))
    if len(path) > _MAX_PATH_LENGTH or len(parts) > MAX_DEPTH or not all(map(_is_safe, parts)):
        return None
    return parts


def list_beneath(directory: Path) -> list[FileEntry]:
    """Return the files beneath ``directory`` with safe paths, sorted by path.

    Bounded in depth and number. Symbolic links, files with several hard links and special files are left out.
    """
    found: list[FileEntry] = []
    seen = [0]
    with contextlib.suppress(OSError), _Directory.opened(directory) as root:
        for one in _walk(root, "", 1, seen):
            found.append(one)
            if len(found) >= MAX_FILES:
                break
    return sorted(found, key=lambda one: one.path)


def stat_beneath(directory: Path, path: str) -> FileEntry:
    """Return the file at ``path``.

    Raises
    ------
    PlotNotFound
        When the path is not safe, or not that of a regular file with a single hard link.
    """
    with _opened(directory, path) as (_, found):
        return found


def read_beneath(directory: Path, path: str, max_bytes: int) -> tuple[FileEntry, bytes]:
    """Return the file at ``path`` and its bytes; its state is taken after the last byte was read.

    Raises
    ------
    PlotNotFound
        As ``stat_beneath``.
    TooLarge
        For a file of more than ``max_bytes``, before anything is read.
    """
    with _opened(directory, path) as (descriptor, found):
        if found.size > max_bytes:
            raise TooLarge(f"The file has {found.size:,} bytes; the limit is {max_bytes:,} (FigServe.figure_bytes).")
        data = bytearray()
        # No more than its size at first, since a file may grow without end.
        while len(data) < found.size and (chunk := os.read(descriptor, found.size - len(data))):
            data += chunk
        return _to_entry(path, os.fstat(descriptor)) or found, bytes(data)


def read_head(directory: Path, path: str, count: int) -> bytes:
    """Return the first bytes of the file at ``path``.

    Raises
    ------
    PlotNotFound
        As ``stat_beneath``.
    """
    with _opened(directory, path) as (descriptor, _):
        return os.read(descriptor, count)


@contextlib.contextmanager
def _opened(directory: Path, path: str) -> Iterator[tuple[int, FileEntry]]:
    parts = parse_safe_path(path)
    if parts is None:
        raise PlotNotFound()
    try:
        with contextlib.ExitStack() as stack:
            inside = stack.enter_context(_Directory.opened(directory))
            for part in parts[:-1]:
                inside = stack.enter_context(inside.open_directory(part))
            descriptor = inside.open_file(parts[-1])
            stack.callback(os.close, descriptor)
            found = _to_entry(path, os.fstat(descriptor))
            if found is None:
                raise PlotNotFound()
            yield descriptor, found
    except (OSError, ValueError) as error:
        raise PlotNotFound() from error


class _Directory:
    """An open directory, or the path of one where the system cannot open directories."""

    def __init__(self, place: int | Path) -> None:
        self._place = place

    @classmethod
    @contextlib.contextmanager
    def opened(cls, path: Path) -> Iterator[_Directory]:
        """Open a directory.

        Raises
        ------
        OSError
            When there is none, or a link.
        """
        with cls(path).open_directory("") as directory:
            yield directory

    @contextlib.contextmanager
    def open_directory(self, name: str) -> Iterator[_Directory]:
        """Open a directory in this one, never through a link; ``OSError`` as ``opened``."""
        if not open_flags.DIRECTORY:
            path = self._join(name)
            if not stat.S_ISDIR(self.stat(name).st_mode):
                raise NotADirectoryError(path)
            yield _Directory(path)
            return
        descriptor = self._open(name, _DIRECTORY)
        try:
            yield _Directory(descriptor)
        finally:
            os.close(descriptor)

    def open_file(self, name: str) -> int:
        """Open a regular file.

        Raises
        ------
        OSError
            When there is none, or when it was replaced in the meantime.
        """
        # Before opening, because opening a device can have side effects.
        found = self.stat(name)
        if not stat.S_ISREG(found.st_mode):
            raise FileNotFoundError(name)
        descriptor = self._open(name, _FILE)
        if not open_flags.NOFOLLOW and not os.path.samestat(found, os.fstat(descriptor)):
            os.close(descriptor)
            raise FileNotFoundError(name)
        return descriptor

    def stat(self, name: str) -> os.stat_result:
        """Return what is known of a file; of a link itself, also where it is a junction of Windows."""
        if isinstance(self._place, int):
            return os.stat(name, dir_fd=self._place, follow_symlinks=False)
        found = os.lstat(self._join(name))
        if getattr(found, "st_reparse_tag", 0):
            raise FileNotFoundError(name)
        return found

    def list_names(self, limit: int) -> list[str]:
        """Return at most ``limit`` names, in any order."""
        with os.scandir(self._place) as entries:
            return [entry.name for entry, _ in zip(entries, range(limit), strict=False)]

    def _open(self, name: str, flags: int) -> int:
        if isinstance(self._place, int):
            return os.open(name, flags, dir_fd=self._place)
        return os.open(self._join(name), flags)

    def _join(self, name: str) -> Path:
        assert isinstance(self._place, Path)
        if ":" in name:
            # On Windows, the stream of a file, or a path that begins at another drive.
            raise FileNotFoundError(name)
        return self._place / name


def _walk(directory: _Directory, prefix: str, depth: int, seen: list[int]) -> Iterator[FileEntry]:
    try:
        names = directory.list_names(_MAX_ENTRIES - seen[0])
    except OSError:
        return
    seen[0] += len(names)
    for name in filter(_is_safe, sorted(names)):
        try:
            status = directory.stat(name)
            if stat.S_ISDIR(status.st_mode) and depth < MAX_DEPTH:
                with directory.open_directory(name) as inside:
                    yield from _walk(inside, f"{prefix}{name}/", depth + 1, seen)
            elif (found := _to_entry(prefix + name, status)) is not None:
                yield found
        except OSError:
            continue


def _to_entry(path: str, status: os.stat_result) -> FileEntry | None:
    """Return a regular file with a single hard link; another link might be anywhere."""
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        return None
    state = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return FileEntry(path, status.st_size, status.st_mtime, hashlib.sha256(repr(state).encode()).hexdigest())


def _is_safe(part: str) -> bool:
    if not part or part.startswith(".") or "\\" in part or not _BIDI_CONTROLS.isdisjoint(part):
        return False
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in part):
        return False
    return len(part.encode()) <= _MAX_PART_BYTES
