"""Whether enough is known of a kernel that has just started, whose figures belong to its notebook. Server process."""

from __future__ import annotations

from ....errors import Unavailable
from ....store.store import Store

STARTING = "starting"
"""The kernel of a key until the kernel has an id."""
NOTEBOOK_SECONDS = 2.0
"""Time in which a user's server reports the notebook of a kernel that it has registered."""


async def check_started(store: Store, kernel: str, *, is_registered: bool) -> None:
    """Require that the kernel of a key has an id, and that its notebook has been reported if it has one.

    Parameters
    ----------
    is_registered
        Whether another server reports the kernel.

    Raises
    ------
    Unavailable
        Otherwise; the client tries again.
    """
    is_starting = kernel == STARTING
    if is_registered and not is_starting:
        session = await store.sessions.find(kernel)
        if session is not None and not session.notebook and session.ended is None:
            is_starting = 0 <= store.clock() - session.started < NOTEBOOK_SECONDS
    if is_starting:
        raise Unavailable("This kernel is starting. Try again in a second.", code="kernel_starting", retry_after=1)
