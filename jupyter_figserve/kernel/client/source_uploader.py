"""Uploads sources and code in the background after a publish was acknowledged. One daemon thread of the kernel."""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import FigServeError, NotFound
from ...model.source_check import REDRAWS_HEADER
from .client import FigServeClient
from .process_worker import FLUSH_TIMEOUT, ProcessWorker

MAX_SOURCE_BYTES = 64 * 2**20
MAX_QUEUE_LENGTH = 64
MAX_QUEUE_BYTES = 256 * 2**20
QUEUE_TIMEOUT = 5.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SourceUpload:
    """A pickled figure to attach to the version that was rendered from it.

    Parameters
    ----------
    on_sent
        Called with the data when it is stored, and whether the server has this kernel draw it again.
    """

    client: FigServeClient
    figure: str
    version: int
    data: bytes
    libraries: Mapping[str, str]
    on_sent: Callable[[bytes, bool], None] | None = None

    def send(self) -> None:
        libraries = {name: self.libraries.get(name) for name in ("python", "matplotlib")}
        path = f"api/figures/{self.figure}/versions/{self.version}/source"
        query: dict[str, Any] = {"kind": "figure", **libraries}
        headers = self.client.put_bytes(path, self.data, **query)
        if self.on_sent is not None:
            self.on_sent(self.data, headers.get(REDRAWS_HEADER.lower()) == "kernel")


@dataclass(frozen=True)
class ProblemReport:
    """The reason why a published figure has no source, for its pages."""

    client: FigServeClient
    figure: str
    version: int
    reason: str

    @property
    def data(self) -> bytes:
        return json.dumps({"reason": self.reason}).encode()

    def send(self) -> None:
        self.client.put_bytes(f"api/figures/{self.figure}/versions/{self.version}/source", self.data, kind="none")


@dataclass(frozen=True)
class CodeUpload:
    """The code of the cell that published a version."""

    client: FigServeClient
    figure: str
    version: int
    data: bytes

    def send(self) -> None:
        path = f"api/figures/{self.figure}/versions/{self.version}/code"
        self.client.put_bytes(path, self.data, content_type="text/plain; charset=utf-8")


Upload = SourceUpload | ProblemReport | CodeUpload


class SourceUploader:
    """A bounded queue of uploads and the thread that drains it; a failed upload is dropped and logged.

    Parameters
    ----------
    timeout
        Maximum seconds that a cell waits for room in a full queue, which only happens in loops that publish faster
        than the network can send.
    """

    def __init__(
        self, *, length: int = MAX_QUEUE_LENGTH, size: int = MAX_QUEUE_BYTES, timeout: float = QUEUE_TIMEOUT
    ) -> None:
        self._max_length, self._max_bytes, self._timeout = length, size, timeout
        self._changed = threading.Condition()
        self._waiting: deque[Upload] = deque()
        self._bytes = 0
        self._is_sending = False
        self._has_warned = False
        self._thread: threading.Thread | None = None

    def put(self, source: Upload) -> bool:
        """Queue an upload; return False if it is too large or the queue stays full."""
        if len(source.data) > MAX_SOURCE_BYTES:
            self._log_failure(f"its source has {len(source.data):,} bytes, and the limit is {MAX_SOURCE_BYTES:,}")
            return False
        with self._changed:
            if not self._changed.wait_for(lambda: self._has_room(len(source.data)), self._timeout):
                self._log_failure("the server accepts sources too slowly")
                return False
            self._waiting.append(source)
            self._bytes += len(source.data)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="figserve-sources", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return True

    def flush(self, timeout: float = FLUSH_TIMEOUT) -> bool:
        """Wait until all sources are sent, at most ``timeout`` seconds; return whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._is_sending, timeout)

    def _has_room(self, size: int) -> bool:
        return not self._waiting or (len(self._waiting) < self._max_length and self._bytes + size <= self._max_bytes)

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
            except NotFound as error:
                # Deleted, or followed by so many versions that this one is no longer kept: nobody can ask for it.
                _log.debug("The source of a figure is not needed any more: %s", error)
            except FigServeError as error:
                self._log_failure(str(error))
            except Exception as error:
                self._log_failure(f"{type(error).__name__}: {error}")
            finally:
                del source
                with self._changed:
                    self._is_sending = False
                    self._changed.notify_all()

    def _log_failure(self, reason: str) -> None:
        """Log at WARNING the first time, then at DEBUG."""
        level = logging.DEBUG if self._has_warned else logging.WARNING
        self._has_warned = True
        _log.log(level, "A published figure cannot be rendered in other sizes and formats: %s", reason)


_uploader = ProcessWorker(SourceUploader)
flush = _uploader.flush


def enqueue(source: Upload) -> bool:
    """Queue an upload in this process's uploader."""
    return _uploader.get().put(source)
