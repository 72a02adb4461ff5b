"""How a child process says that it listens: one line of JSON with its URL and a key. Kernel."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

_MAX_BYTES = 64 * 1024
_POLL_SECONDS = 0.05


class ReadyPipe:
    """A pipe to the child, which ends with it."""

    def __init__(self) -> None:
        self._ready, self._child_end = os.pipe()
        self.arguments = ["--ready-fd", str(self._child_end)]
        self.passed = (self._child_end,)

    def read(self, process: subprocess.Popen[bytes], timeout: float) -> dict[str, Any]:
        """Wait for the report.

        Raises
        ------
        TimeoutError
            It does not arrive in time.
        ValueError
            The child ends without one.
        """
        deadline = time.monotonic() + timeout
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._ready, selectors.EVENT_READ)
            while b"\n" not in line:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError
                piece = os.read(self._ready, 4096)
                line += piece
                if not piece or len(line) > _MAX_BYTES:
                    raise ValueError("no ready line")
        return _parse(line.partition(b"\n")[0])

    def close_child_end(self) -> None:
        """Close what only the child writes to, so that its end is noticed."""
        os.close(self._child_end)

    def close(self) -> None:
        os.close(self._ready)


class ReadyFile:
    """A file in a directory that only this user can read, for systems where children inherit no descriptors."""

    passed: tuple[int, ...] = ()

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="figserve-", ignore_cleanup_errors=True)
        self._path = Path(self._directory.name) / "ready.json"
        self.arguments = ["--ready-file", str(self._path)]

    def read(self, process: subprocess.Popen[bytes], timeout: float) -> dict[str, Any]:
        """Wait for the report; errors as those of ``ReadyPipe``."""
        deadline = time.monotonic() + timeout
        while True:
            has_ended = process.poll() is not None
            with contextlib.suppress(FileNotFoundError):
                return _parse(self._path.read_bytes()[:_MAX_BYTES])
            if has_ended:
                raise ValueError("no ready line")
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(_POLL_SECONDS)

    def close_child_end(self) -> None:
        """Do nothing: the file is not open."""

    def close(self) -> None:
        self._directory.cleanup()


def make_report() -> ReadyPipe | ReadyFile:
    """Return the kind of report that this system supports."""
    return ReadyPipe() if os.name == "posix" else ReadyFile()


def _parse(line: bytes) -> dict[str, Any]:
    report = json.loads(line)
    if not isinstance(report, dict):
        raise ValueError("the ready line is not a JSON object")
    return report
