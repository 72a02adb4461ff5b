"""Makes a store usable, also when its database or its bucket answers only later. Server process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from ..errors import FigServeError, ReadOnly, Unavailable
from .catalog.postgres.errors import UnreachableDatabase, down

_FIRST_PAUSE, _LAST_PAUSE = 0.5, 2.0
RETRY_SECONDS = 5
_log = logging.getLogger("jupyter_figserve")


class Startup:
    """Steps that make a store usable, in their order; each is done until it has succeeded once.

    A step fails for a while when a database or a bucket does not answer. Then a thread tries again, and what needs the
    step is refused meanwhile.
    """

    def __init__(self, *steps: Callable[[], None]) -> None:
        self._steps: Sequence[Callable[[], None]] = steps
        self._problem: FigServeError | None = None
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def run(self, *, may_wait: bool) -> None:
        """Run the steps, now or as soon as they can succeed.

        Parameters
        ----------
        may_wait
            Whether to leave what fails for a while to a thread.

        Raises
        ------
        FigServeError
            When a step fails for good, or for a while and ``may_wait`` is false.
        """
        try:
            self._go_on()
        except FigServeError as error:
            if not may_wait or not is_temporary(error):
                raise
            self._problem = error
            _log.warning("figserve starts, but responds with status 503 until it has what it needs: %s", error)
            self._thread = threading.Thread(target=self._keep_trying, name="figserve-startup", daemon=True)
            self._thread.start()

    def check(self) -> None:
        """Raise ``Unavailable`` while a step is to be done; visitors see the message."""
        problem = self._problem
        if problem is not None:
            raise explain(problem)

    def close(self) -> None:
        """Stop trying."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _go_on(self) -> None:
        while self._steps:
            self._steps[0]()
            self._steps = self._steps[1:]

    def _keep_trying(self) -> None:
        pause = _FIRST_PAUSE
        while not self._closed.wait(pause):
            pause = min(2 * pause, _LAST_PAUSE)
            try:
                self._go_on()
            except FigServeError as error:
                if not is_temporary(error) and str(error) != str(self._problem):
                    _log.error("figserve cannot store or serve figures: %s It tries again.", error)
                self._problem = error
            except Exception:
                _log.exception("figserve cannot store or serve figures")
                return
            else:
                _log.warning("figserve has what it needs, and serves.")
                self._problem = None
                return


def is_temporary(error: FigServeError) -> bool:
    """Whether the same may succeed later without a change of the configuration."""
    return isinstance(error, (Unavailable, UnreachableDatabase)) and not isinstance(error, ReadOnly)


def explain(problem: FigServeError) -> Unavailable:
    """Return the answer to requests that need what has failed; it does not name database or bucket."""
    if isinstance(problem, UnreachableDatabase):
        return down()
    if isinstance(problem, Unavailable) and not isinstance(problem, ReadOnly):
        return Unavailable(problem.message, code=problem.code, retry_after=RETRY_SECONDS)
    return Unavailable(
        "figserve could not start on this server: the server's log says why.",
        code="not_started",
        retry_after=RETRY_SECONDS,
    )
