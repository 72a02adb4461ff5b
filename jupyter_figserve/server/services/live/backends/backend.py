"""The interface between the live service and what runs a live function: a kernel or the sandbox. Server process."""

from __future__ import annotations

import itertools
from typing import Protocol

from .....errors import Unavailable
from .....model.live import LiveRequest
from .....model.progress import ProgressListener
from ..image_cache import CachedImage

RETRY_SECONDS = 2
next_generation = itertools.count(1).__next__
"""Numbers the backends of kernels in the order in which they are opened."""


_GONE = "The kernel of this live figure is not running (it is restarting, or has ended). Run its notebook again."
_CUT = (
    "The connection to the kernel of this live figure was cut, or the kernel is restarting. Try again in a moment;"
    " after a restart, run its notebook again."
)


class KernelUnavailable(Unavailable):
    """The kernel, or the connection to it, ended before the answer came.

    Parameters
    ----------
    is_running
        Whether the kernel is known to run, so that only its connection can be the reason.
    """

    code = "kernel_gone"

    def __init__(self, *, is_running: bool = False) -> None:
        super().__init__(_CUT if is_running else _GONE, retry_after=RETRY_SECONDS)


class LiveBackend(Protocol):
    """Runs the live functions of one kernel, or one detached function."""

    async def call(
        self, name: str, request: LiveRequest, known: tuple[str, ...], on_progress: ProgressListener
    ) -> CachedImage | None:
        """Run a function, however long it takes.

        Parameters
        ----------
        on_progress
            Called with the progress that the function reports, if the backend passes it on.
        known
            Versions of the data whose images the caller has, so that they need not be drawn.

        Returns
        -------
        CachedImage or None
            None when the data still has a version in ``known``.

        Raises
        ------
        CodeFailed
            When the function raised.
        KernelUnavailable
            When there is no kernel to answer.
        """


class KernelBackend(LiveBackend, Protocol):
    """A ``LiveBackend`` that may be replaced by a newer one of the same kernel.

    Parameters
    ----------
    generation
        From ``next_generation``, when it was opened.
    is_stand_in
        Whether it gives way to every backend that is no stand-in, however old that is.
    is_closed
        Whether all its calls fail; it never opens again.
    """

    generation: int
    is_stand_in: bool
    is_closed: bool

    def close(self) -> None:
        """Fail the calls under way, and all later ones."""


def is_superseded(backend: KernelBackend, current: KernelBackend | None) -> bool:
    """Whether a backend may no longer answer for its kernel, because it is closed or has given way to the current."""
    if backend.is_closed:
        return True
    if current is None or current.is_closed or current is backend:
        return False
    return (not backend.is_stand_in, backend.generation) < (not current.is_stand_in, current.generation)
