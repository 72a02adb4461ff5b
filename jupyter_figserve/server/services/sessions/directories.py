"""Directories of sessions in Jupyter's runtime directory, and the cleanup after servers that died. Server process.

``<runtime>/figserve/<server>/plots-…`` holds the files that one kernel writes, ``…/captured-…`` the images that it
displayed. Nothing here is synced to disk: it is deleted when the session ends, and all of it when the server stops. A
server locks its directory while it runs, so that a later server can tell which directories are abandoned.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from filelock import lock_descriptor

from ....model.open_flags import PRIVATE_FILE
from ....store.files.filesystem import make_private_directory

_log = logging.getLogger("jupyter_figserve")
_MAX_SWEPT = 50


class SessionDirectories:
    """Makes the directories of sessions, binds them to kernels, and deletes them.

    Parameters
    ----------
    parent
        ``figserve/`` in Jupyter's runtime directory.
    """

    def __init__(self, parent: Path, log: logging.Logger | logging.LoggerAdapter[Any] = _log) -> None:
        self._log = log
        self.problem: str | None = None
        """Why directories cannot be made; None when they can."""
        self._parent = parent
        self._own = parent / f"server-{os.getpid()}-{secrets.token_hex(4)}"
        self._lock: int | None = None
        self._by_kernel: dict[str, Path] = {}
        # Directories with many files take long to delete, and nothing waits for it: one thread.
        self._remover = ThreadPoolExecutor(1, "figserve-remove")

    def open(self) -> None:
        """Make the server's own directory; if the runtime directory is not writable, set ``problem``."""
        try:
            make_private_directory(self._parent)
            with _locked(self._parent / "lock"):
                self._own.mkdir(mode=0o700)
                self._lock = _try_lock(self._own / "lock")
        except OSError as error:
            self.problem = f"Jupyter's runtime directory is not writable: {error.strerror or error}."
            self._log.warning("Images displayed by sessions are not captured. %s", self.problem)
            return
        self._remover.submit(self.sweep)

    def close(self) -> None:
        self._remover.shutdown(wait=True)
        self._by_kernel.clear()
        if self._lock is not None:
            _remove_locked(self._own, self._lock)
            self._lock = None

    def make(self, kind: str) -> Path | None:
        """Return a new directory named after its ``kind``; None when it cannot be made."""
        if self._lock is None:
            return None
        directory = self._own / f"{kind}-{secrets.token_hex(8)}"
        try:
            directory.mkdir(mode=0o700)
        except OSError as error:
            self._log.warning("Could not make a directory for the plots of a session: %s.", error.strerror)
            return None
        return directory

    def bind(self, directory: Path | None, kernel: str) -> None:
        """Assign ``directory``, made before its kernel had an id, to a kernel; delete its previous one."""
        if directory is not None:
            self.remove(kernel)
            self._by_kernel[kernel] = directory

    def find(self, kernel: str) -> Path | None:
        """Return the directory for a kernel's files; None for a session that does not run here."""
        return self._by_kernel.get(kernel)

    def remove(self, kernel: str) -> None:
        directory = self._by_kernel.pop(kernel, None)
        if directory is not None:
            self.discard(directory)

    def discard(self, directory: Path | None) -> None:
        """Rename a directory at once, and delete it soon."""
        if directory is None:
            return
        discarded = directory.with_name(f"gone-{directory.name}")
        try:
            os.rename(directory, discarded)
        except OSError:
            # On Windows, a program may have one of its files open.
            discarded = directory
        with contextlib.suppress(RuntimeError):
            self._remover.submit(shutil.rmtree, discarded, ignore_errors=True)

    def sweep(self) -> int:
        """Delete the directories of servers that were killed, some at a time; return their number."""
        swept = 0
        if self._lock is None:
            return swept
        with _locked(self._parent / "lock"):
            for directory in sorted(self._parent.glob("server-*"))[:_MAX_SWEPT]:
                lock = None if directory == self._own else _try_lock(directory / "lock")
                if lock is not None:
                    _remove_locked(directory, lock)
                    swept += 1
        if swept:
            self._log.info("Deleted the session directories of %d servers that no longer run.", swept)
        return swept


def _remove_locked(directory: Path, lock: int) -> None:
    """Delete a directory with its lock, whose file Windows keeps until it is closed."""
    shutil.rmtree(directory, ignore_errors=True)
    os.close(lock)
    shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, PRIVATE_FILE, 0o600)
    try:
        lock_descriptor(descriptor)
        yield
    finally:
        os.close(descriptor)


def _try_lock(path: Path) -> int | None:
    """Return a descriptor that holds the lock; None while another process has it."""
    try:
        descriptor = os.open(path, PRIVATE_FILE, 0o600)
    except OSError:
        return None
    if lock_descriptor(descriptor, blocking=False):
        return descriptor
    os.close(descriptor)
    return None
