"""Sends figures' sources after their publish was acknowledged, beside the cell. One daemon thread of the kernel."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import FigServeError
from ..client.client import FigServeClient

SIZE_LIMIT = 64 * 2**20
QUEUE_LENGTH = 64
QUEUE_BYTES = 256 * 2**20
PATIENCE = 5.0
EXIT_PATIENCE = 5.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SourceUpload:
    """A pickled figure on its way to the version that was drawn from it."""

    client: FigServeClient
    figure: str
    version: int
    data: bytes
    libraries: Mapping[str, str]

    def send(self) -> None:
        known = {name: self.libraries.get(name) for name in ("python", "matplotlib")}
        path = f"api/figures/{self.figure}/versions/{self.version}/source"
        self.client.put_bytes(path, self.data, kind="figure", **known)


class SourceUploader:
    """A bounded queue and the thread that empties it; what cannot be sent is dropped, and the log says so once.

    Parameters
    ----------
    patience
        Seconds that a cell waits for room when the queue is full, which happens only in loops that publish faster
        than the network takes.
    """

    def __init__(self, *, length: int = QUEUE_LENGTH, size: int = QUEUE_BYTES, patience: float = PATIENCE) -> None:
        self._length, self._size, self._patience = length, size, patience
        self._changed = threading.Condition()
        self._waiting: deque[SourceUpload] = deque()
        self._bytes = 0
        self._is_sending = False
        self._has_complained = False
        self._thread: threading.Thread | None = None

    def put(self, source: SourceUpload) -> bool:
        """Queue a source; False when it is too large or no room came."""
        if len(source.data) > SIZE_LIMIT:
            self._complain(f"its source has {len(source.data):,} bytes, {SIZE_LIMIT:,} are the most")
            return False
        with self._changed:
            if not self._changed.wait_for(lambda: self._has_room(len(source.data)), self._patience):
                self._complain("its server takes sources too slowly")
                return False
            self._waiting.append(source)
            self._bytes += len(source.data)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="figserve-sources", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return True

    def flush(self, timeout: float = EXIT_PATIENCE) -> bool:
        """Wait until all is sent, ``timeout`` seconds at most; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._is_sending, timeout)

    def _has_room(self, size: int) -> bool:
        return not self._waiting or (len(self._waiting) < self._length and self._bytes + size <= self._size)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting))
                source = self._waiting.popleft()
                self._bytes -= len(source.data)
                self._is_sending = True
                self._changed.notify_all()
            try:
                source.send()
            except FigServeError as error:
                self._complain(str(error))
            except Exception as error:
                self._complain(f"{type(error).__name__}: {error}")
            finally:
                del source
                with self._changed:
                    self._is_sending = False
                    self._changed.notify_all()

    def _complain(self, why: str) -> None:
        level = logging.DEBUG if self._has_complained else logging.WARNING
        self._has_complained = True
        _log.log(level, "A published figure stays as it is and cannot be drawn again in other sizes: %s", why)


_sender: SourceUploader | None = None
_starting = threading.Lock()


def send_later(source: SourceUpload) -> bool:
    """Queue a source in this process's sender."""
    global _sender
    with _starting:
        if _sender is None:
            _sender = SourceUploader()
            atexit.register(flush)
        sender = _sender
    return sender.put(source)


def flush(timeout: float = EXIT_PATIENCE) -> bool:
    """Wait until this process's sources are sent, ``timeout`` seconds at most; whether they are."""
    return _sender is None or _sender.flush(timeout)


def _reset_after_fork() -> None:
    """Threads do not live on in a forked child, and what they had to send is the parent's to send."""
    global _sender, _starting
    _sender, _starting = None, threading.Lock()
    atexit.unregister(flush)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_after_fork)
