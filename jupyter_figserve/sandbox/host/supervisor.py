"""Supervision of the zygote: start, restart after a crash, and stop while idle. Server process; asyncio alone."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import replace

from ...errors import SandboxUnavailable, Unavailable
from ..renderer import STOPPING, RendererStatus
from .tiers import SandboxHost
from .zygote_process import ZygoteProcess

_log = logging.getLogger(__name__)
_RESTART_TIMEOUT = 20.0
_RESTART_DELAYS = (0.0, 0.0, 0.5, 2.0, 10.0)
_RESTART_WINDOW = 60.0


class ZygoteSupervisor:
    """Keeps one zygote running.

    Parameters
    ----------
    idle_timeout
        Seconds without a job after which the zygote is stopped until the next job; None keeps it running.
    is_busy
        Returns whether jobs are running or waiting.
    on_start, on_exit
        Called when a zygote is ready to fork children, and when it has ended.

    Attributes
    ----------
    status
        The tier that was found, and why it is not a better one.
    is_started
        Set when the first start has succeeded or failed.
    """

    def __init__(
        self,
        host: SandboxHost,
        *,
        idle_timeout: float | None,
        is_busy: Callable[[], bool],
        on_start: Callable[[], None],
        on_exit: Callable[[], None],
    ) -> None:
        self.status = RendererStatus("none", ("The sandbox has not been probed yet; ask again in a moment.",))
        self.is_started = asyncio.Event()
        self.zygote: ZygoteProcess | None = None
        self._host = host
        self._idle_timeout = idle_timeout
        self._is_busy, self._on_start, self._on_exit = is_busy, on_start, on_exit
        self._is_running = asyncio.Event()
        self._is_closed = False
        self._first_resident: int | None = None
        self._is_suspended = False
        self._watcher: asyncio.Task[None] | None = None
        """Waits for the end of the zygote in use."""
        self._idle_timer: asyncio.TimerHandle | None = None
        self._restarts: deque[float] = deque(maxlen=len(_RESTART_DELAYS))
        self._tasks: set[asyncio.Task[None]] = set()

    async def probe(self) -> None:
        """Update ``status`` by a short probe, unless the sandbox has been started."""
        try:
            status = await self._host.probe()
        except Exception as error:
            status = _to_status(error)
        if not self.is_started.is_set():
            self.status = status

    async def start(self) -> None:
        """Start the first zygote; never raises, ``status`` reports failures."""
        zygote: ZygoteProcess | None = None
        try:
            zygote, self.status = await self._host.find_tier()
        except Exception as error:
            self.status = _to_status(error)
        self.is_started.set()
        if zygote is not None:
            self._first_resident = zygote.ready["resident"]
            self._resume(zygote)

    async def close(self) -> None:
        """Kill the zygote with its children, and wait for their end."""
        self._is_closed = True
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        zygote, self.zygote = self.zygote, None
        if zygote is not None:
            await zygote.close()
        self._host.close()

    async def replace(self, modules: tuple[str, ...], max_bytes: int) -> bool:
        """Let a zygote that has imported these modules take over, without a pause; return whether it does.

        Parameters
        ----------
        max_bytes
            Memory that the modules may occupy; with more, everything stays as it is.
        """
        old, before = self.zygote, self._host.learned
        if old is None or self._is_closed:
            return False
        self._host.learned = modules
        try:
            new = await self._host.restart()
        except SandboxUnavailable as error:
            _log.info("The sandbox does not import %s ahead: %s", ", ".join(modules), error)
            self._host.learned = before
            return False
        grown: int = new.ready["resident"] - (self._first_resident or new.ready["resident"])
        if grown > max_bytes or self._is_closed or self.zygote is not old or old.is_ending.done():
            self._host.learned = before if grown > max_bytes else modules
            await new.close()
            return grown <= max_bytes
        self._on_exit()
        self._resume(new)
        self._run(self._close_retired(old))
        return True

    async def _close_retired(self, zygote: ZygoteProcess) -> None:
        """Wait for the jobs of a zygote that was replaced; if the server closes meanwhile, kill them."""
        zygote.retire()
        try:
            await asyncio.shield(zygote.is_dead)
        except asyncio.CancelledError:
            zygote.kill()
            raise

    def find_running(self) -> ZygoteProcess | None:
        """Return the zygote if it can fork children now."""
        return self.zygote if self._is_running.is_set() else None

    async def get_running(self) -> ZygoteProcess:
        """Return the zygote, after its restart if it has ended.

        Raises
        ------
        Unavailable
            It does not restart in time, or the server is closing.
        """
        try:
            async with asyncio.timeout(_RESTART_TIMEOUT):
                while self.zygote is not None and (self.zygote.is_ending.done() or not self._is_running.is_set()):
                    self._is_running.clear()
                    self._wake()
                    await self._is_running.wait()
        except TimeoutError:
            raise Unavailable("The sandbox ended and does not restart; see the server's log.") from None
        if self.zygote is None:
            raise Unavailable(STOPPING)
        return self.zygote

    def restart_idle_timer(self) -> None:
        """Count the idle time from now on."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        if self._idle_timeout is not None and not self._is_closed:
            self._idle_timer = asyncio.get_running_loop().call_later(self._idle_timeout, self._suspend)

    def _resume(self, zygote: ZygoteProcess) -> None:
        """Use this zygote until it ends."""
        self._stop_watching()
        self.zygote, self._is_suspended = zygote, False
        self._is_running.set()
        self._watcher = self._run(self._watch(zygote))
        self._on_start()
        self.restart_idle_timer()

    async def _watch(self, zygote: ZygoteProcess) -> None:
        """Restart a zygote that ends unasked."""
        await asyncio.shield(zygote.is_ending)
        self._is_running.clear()
        self._on_exit()
        _log.warning("The zygote of the sandbox ended; restarting it.")
        self._run(self._restart())

    def _stop_watching(self) -> None:
        """Let the zygote in use end without being restarted."""
        if self._watcher is not None:
            self._watcher.cancel()

    async def _restart(self) -> None:
        """Start another zygote, with growing delays if it keeps ending."""
        loop = asyncio.get_running_loop()
        while not self._is_closed:
            recent = sum(loop.time() - start < _RESTART_WINDOW for start in self._restarts)
            await asyncio.sleep(_RESTART_DELAYS[min(recent, len(_RESTART_DELAYS) - 1)])
            self._restarts.append(loop.time())
            try:
                self._resume(await self._host.restart())
            except SandboxUnavailable as error:
                _log.error("The sandbox does not restart: %s", error)
                self.status = replace(self.status, reasons=(*self.status.reasons[:4], str(error)))
                continue
            return

    def _suspend(self) -> None:
        """Stop the zygote to free its memory, until the next job."""
        self._idle_timer = None
        zygote = self.find_running()
        if zygote is not None and not zygote.is_ending.done() and not self._is_busy():
            self._is_suspended = True
            self._stop_watching()
            # A job that comes before it has ended must not go to one of its children.
            self._is_running.clear()
            self._on_exit()
            zygote.kill()

    def _wake(self) -> None:
        if self._is_suspended:
            self._is_suspended = False
            self._run(self._restart())

    def _run(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _to_status(error: Exception) -> RendererStatus:
    """Return the status of a host on which no sandbox could be started."""
    if isinstance(error, SandboxUnavailable):
        return RendererStatus("none", (str(error),))
    _log.error("The sandbox could not be started", exc_info=error)
    return RendererStatus("none", (f"The sandbox could not be started: {type(error).__name__}: {error}.",))
