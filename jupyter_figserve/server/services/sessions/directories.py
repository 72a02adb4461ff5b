"""Directories of sessions in Jupyter's runtime directory, and what dead servers left there. Server process.

``<runtime>/figserve/<server>/plots-…`` is for whatever one kernel writes, ``…/captured-…`` for what it displayed.
Nothing here is synced: it ends with its session, and all of it with the server. A server holds a lock on its directory
as long as it lives, so that a later one knows what nobody will come back to.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ....store.files.filesystem import make_private_directory

logger = logging.getLogger("jupyter_figserve")
_SWEPT_AT_ONCE = 50


class SessionDirectories:
    """Makes, binds to kernels and removes.

    Parameters
    ----------
    parent
        ``figserve/`` in Jupyter's runtime directory.
    log
        Hears what went.
    """

    def __init__(self, parent: Path, log: logging.Logger | logging.LoggerAdapter[Any] = logger) -> None:
        self._log = log
        self.problem: str | None = None
        """Why there are no directories, None when there are."""
        self._parent = parent
        self._own = parent / f"server-{os.getpid()}-{secrets.token_hex(4)}"
        self._lock: int | None = None
        self._of_kernel: dict[str, Path] = {}
        # One thread: what is removed may have many files, and nobody waits for it.
        self._remover = ThreadPoolExecutor(1, "figserve-remove")

    def open(self) -> None:
        """Make the server's own directory; a runtime directory that cannot be written is a problem, but no error."""
        try:
            make_private_directory(self._parent)
            with _locked(self._parent / "lock"):
                self._own.mkdir(mode=0o700)
                self._lock = _try_lock(self._own / "lock")
        except OSError as error:
            self.problem = f"Jupyter's runtime directory cannot be written: {error.strerror or error}."
            self._log.warning("Nothing that sessions display is captured. %s", self.problem)
            return
        self._remover.submit(self.sweep)

    def close(self) -> None:
        self._remover.shutdown(wait=True)
        self._of_kernel.clear()
        if self._lock is not None:
            shutil.rmtree(self._own, ignore_errors=True)
            os.close(self._lock)
            self._lock = None

    def make(self, kind: str) -> Path | None:
        """A new directory, called after its ``kind``; None where there can be none."""
        if self._lock is None:
            return None
        directory = self._own / f"{kind}-{secrets.token_hex(8)}"
        try:
            directory.mkdir(mode=0o700)
        except OSError as error:
            self._log.warning("A session got no directory for its plots: %s.", error.strerror)
            return None
        return directory

    def bind(self, directory: Path | None, kernel: str) -> None:
        """Let ``directory``, made before its kernel had an id, be this kernel's; what it had before goes."""
        if directory is not None:
            self.remove(kernel)
            self._of_kernel[kernel] = directory

    def find(self, kernel: str) -> Path | None:
        """Where a kernel may have dropped files, None for a session that is not alive here."""
        return self._of_kernel.get(kernel)

    def remove(self, kernel: str) -> None:
        directory = self._of_kernel.pop(kernel, None)
        if directory is not None:
            self.discard(directory)

    def discard(self, directory: Path | None) -> None:
        """Out of sight at once, and gone soon."""
        if directory is None:
            return
        gone = directory.with_name(f"gone-{directory.name}")
        with contextlib.suppress(OSError):
            os.rename(directory, gone)
        with contextlib.suppress(RuntimeError):
            self._remover.submit(shutil.rmtree, gone, ignore_errors=True)

    def sweep(self) -> int:
        """Remove what servers left that were killed, some at a time; how many those were."""
        swept = 0
        if self._lock is None:
            return swept
        with _locked(self._parent / "lock"):
            for directory in sorted(self._parent.glob("server-*"))[:_SWEPT_AT_ONCE]:
                lock = None if directory == self._own else _try_lock(directory / "lock")
                if lock is not None:
                    shutil.rmtree(directory, ignore_errors=True)
                    os.close(lock)
                    swept += 1
        if swept:
            self._log.info("Removed the session directories of %d servers that have gone.", swept)
        return swept


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _try_lock(path: Path) -> int | None:
    """The descriptor that holds the lock, None while another process has it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
