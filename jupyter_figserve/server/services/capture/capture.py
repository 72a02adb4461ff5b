"""Capture: keeps every image that a kernel displays, through a separate subscription. Server process.

Two methods of the server's kernel manager are wrapped on its instance, ``start_watching_activity`` and
``stop_watching_activity``, which Jupyter calls whenever it opens and closes the sockets of a kernel.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ....model.quotas import Quota
from ....model.times import Clock
from ..sessions.directories import SessionDirectories
from .captured_display import Limits
from .iopub_subscription import CaptureListener, IopubSubscription
from .ring_buffer import CaptureBuffer

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

_log = logging.getLogger("jupyter_figserve")
THROUGH_GATEWAY = (
    "The kernels run behind a Gateway, whose messages reach this server only while a notebook is open: images that they"
    " display are not captured. Publish figures instead."
)
SWITCHED_OFF = "FigServe.capture is off."


@dataclass(frozen=True)
class CaptureLimits:
    """Maximum number and bytes of the images of a session, and maximum bytes and pixels of one image."""

    session: Quota
    bytes: int
    pixels: int


class Capture:
    """Subscribes to the kernels of a server.

    Parameters
    ----------
    on_captured
        Called with the new images of a kernel, at most once a second for each kernel.
    off_reason
        Why nothing is to be captured; None to capture.
    """

    def __init__(
        self,
        serverapp: ServerApp,
        directories: SessionDirectories,
        limits: CaptureLimits,
        clock: Clock,
        on_captured: CaptureListener,
        *,
        off_reason: str | None,
    ) -> None:
        self._app = serverapp
        self._directories = directories
        self._limits = limits
        self._clock = clock
        self._on_captured = on_captured
        self._off_reason = off_reason
        self._subscriptions: dict[str, IopubSubscription] = {}
        self._dropped_before = 0
        self._undo: list[Callable[[], None]] = []
        self._is_open = False

    @property
    def off_reason(self) -> str | None:
        """The reason why nothing is captured; None when capture is on."""
        return self._off_reason or self._directories.problem

    @property
    def dropped(self) -> int:
        """Number of displays that could not be captured."""
        return self._dropped_before + sum(one.dropped for one in self._subscriptions.values())

    def open(self) -> None:
        """Wrap the manager's methods; log once when nothing can be captured."""
        manager: Any = getattr(self._app, "kernel_manager", None)
        gateway = getattr(self._app, "gateway_config", None)
        if self._off_reason is None and gateway is not None and gateway.gateway_enabled:
            self._off_reason = THROUGH_GATEWAY
            _log.warning(THROUGH_GATEWAY)
        if self.off_reason is not None or not hasattr(manager, "start_watching_activity"):
            return
        self._is_open = True
        self._wrap(manager, "start_watching_activity", before=None, after=self._subscribe)
        self._wrap(manager, "stop_watching_activity", before=self._unsubscribe, after=None)

    def close(self) -> None:
        """Restore the manager's methods, unless another extension has wrapped ours."""
        self._is_open = False
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()
        for kernel in list(self._subscriptions):
            self.on_kernel_ended(kernel)

    def find_buffer(self, kernel: str) -> CaptureBuffer | None:
        subscription = self._subscriptions.get(kernel)
        return None if subscription is None else subscription.buffer

    def buffers(self) -> list[CaptureBuffer]:
        return [subscription.buffer for subscription in self._subscriptions.values()]

    async def wait_for_mark(self, kernel: str, mark: str, seconds: float) -> bool:
        """Wait until all that the kernel displayed before it sent ``mark`` has arrived; return False on timeout."""
        subscription = self._subscriptions.get(kernel)
        return subscription is not None and await subscription.wait_for_mark(mark, seconds)

    def on_kernel_ended(self, kernel: str) -> None:
        """Delete the images of a session that has ended."""
        subscription = self._subscriptions.pop(kernel, None)
        if subscription is not None:
            subscription.close()
            subscription.buffer.clear()
            self._dropped_before += subscription.dropped
            self._directories.discard(subscription.buffer.directory)

    def on_kernel_restarted(self, kernel: str) -> None:
        """Subscribe again if the ports have changed, as they may after a crash, which Jupyter does not report."""
        if self._is_open and kernel in self._subscriptions and self._subscriptions[kernel].has_moved():
            self._subscribe(kernel)

    def on_sweep(self, alive: set[str]) -> None:
        """End the sessions of all kernels that are not alive."""
        for kernel in self._subscriptions.keys() - alive:
            self.on_kernel_ended(kernel)

    def _subscribe(self, kernel: str) -> None:
        """Subscribe to a kernel, again after a restart; a failure here must not harm the kernel."""
        try:
            manager = self._app.kernel_manager.get_kernel(kernel)
            if kernel not in self._subscriptions:
                directory = self._directories.make("captured")
                if directory is None:
                    return
                buffer = CaptureBuffer(directory, self._limits.session)
                self._subscriptions[kernel] = self.make_subscription(kernel, buffer)
            self._subscriptions[kernel].open(manager)
        except Exception:
            _log.warning("Images displayed by kernel %s are not captured.", kernel, exc_info=True)

    def make_subscription(self, kernel: str, buffer: CaptureBuffer) -> IopubSubscription:
        """Return a subscription, not open yet, that records into ``buffer``."""
        return IopubSubscription(
            kernel,
            buffer,
            limits=Limits(self._limits.bytes, self._limits.pixels),
            clock=self._clock,
            on_captured=self._on_captured,
        )

    def _unsubscribe(self, kernel: str) -> None:
        """Close the socket; the images stay until the session ends."""
        subscription = self._subscriptions.get(kernel)
        if subscription is not None:
            subscription.close()

    def _wrap(
        self, manager: Any, name: str, *, before: Callable[[str], None] | None, after: Callable[[str], None] | None
    ) -> None:
        original = getattr(manager, name)
        was_own = name in vars(manager)

        @functools.wraps(original)
        def wrapped(kernel: str, *args: Any, **kwargs: Any) -> Any:
            if before is not None and self._is_open:
                before(kernel)
            result = original(kernel, *args, **kwargs)
            if after is not None and self._is_open:
                after(kernel)
            return result

        def undo() -> None:
            if vars(manager).get(name) is not wrapped:
                # Another extension has wrapped ours, which stays and only calls the original.
                return
            if was_own:
                setattr(manager, name, original)
            else:
                delattr(manager, name)

        setattr(manager, name, wrapped)
        self._undo.append(undo)
