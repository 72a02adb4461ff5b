"""Clients of a soak: threads that each do one thing again and again until they are stopped, and what they got."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jupyter_core.utils import ensure_event_loop

from jupyter_figserve.demo.server_process import Response, ServerProcess


class Clients:
    """Clients of one server.

    Parameters
    ----------
    failures
        What else than a response the clients met, with what they did; a test ends with none.
    """

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.outcomes: Counter[tuple[str, int, str]] = Counter()
        self.slowest = 0.0
        self.failures: list[str] = []
        self._works: list[tuple[Callable[[int], object], float]] = []
        self._is_over = threading.Event()
        self._lock = threading.Lock()

    @property
    def count(self) -> int:
        return sum(self.outcomes.values())

    @property
    def is_over(self) -> bool:
        return self._is_over.is_set()

    @property
    def statuses(self) -> set[int]:
        return {status for _, status, _ in self.outcomes}

    def ask(self, kind: str, path: str, **request: Any) -> Response:
        """Send a request, and note its status, with the error's code or the warning of a stale image."""
        began = time.monotonic()
        response = self.server.fetch(path, **request)
        seconds = time.monotonic() - began
        code = response.headers.get("Warning", "")
        if response.status >= 400 and response.mimetype == "application/json" and response.body:
            code = response.json()["code"]
        with self._lock:
            self.outcomes[kind, response.status, code] += 1
            self.slowest = max(self.slowest, seconds)
        return response

    def repeat(self, work: Callable[[int], object], pause: float) -> None:
        """Call ``work`` with rising numbers while the clients run, with a pause after each call."""
        self._works.append((work, pause))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the clients for the block; each ends what it has begun."""
        self._is_over.clear()
        threads = [threading.Thread(target=self._run, args=work) for work in self._works]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._is_over.set()
            for thread in threads:
                thread.join()

    def wait(self, seconds: float) -> None:
        """Let the clients work, until one of them fails."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.failures:
            self._is_over.wait(min(1.0, max(0.0, end - time.monotonic())))

    def pause(self, seconds: float) -> None:
        """Wait within a client's work, until the clients are stopped."""
        self._is_over.wait(seconds)

    def _run(self, work: Callable[[int], object], pause: float) -> None:
        number = 0
        while not self._is_over.is_set():
            try:
                work(number)
            except Exception as error:
                with self._lock:
                    self.failures.append(f"{getattr(work, '__name__', work)}: {error!r}"[:500])
            number += 1
            self._is_over.wait(pause)
        # jupyter_client makes one for each thread that runs cells, and never closes it.
        ensure_event_loop().close()
