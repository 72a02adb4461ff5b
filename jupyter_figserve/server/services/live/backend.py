"""The interface between the live service and what runs a live function: a kernel or the sandbox. Server process."""

from __future__ import annotations

from typing import Protocol

from ....errors import Unavailable
from ....model.live import LiveRequest
from ....model.progress import ProgressListener
from .image_cache import CachedImage

RETRY_SECONDS = 2


class KernelUnavailable(Unavailable):
    """The kernel, or the connection to it, ended before the answer came."""

    code = "kernel_gone"

    def __init__(self) -> None:
        super().__init__(
            "The kernel of this live figure is not running (it restarts, or has ended). Run its notebook again.",
            retry_after=RETRY_SECONDS,
        )


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
