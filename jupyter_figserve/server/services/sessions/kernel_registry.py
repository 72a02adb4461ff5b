"""The interface of what tracks kernels and their notebooks, here or on users' servers. Server process.

``KernelTracker`` knows the kernels of its own server; ``RegisteredKernels`` those that users' servers have registered
with a JupyterHub's service.
"""

from __future__ import annotations

from typing import Protocol


class KernelRegistry(Protocol):
    """The kernels whose keys publish here."""

    def has(self, kernel: str) -> bool:
        """Whether this server runs the kernel itself."""

    async def follow_all(self) -> None:
        """Look up the notebook of every kernel that this server runs."""

    async def follow_notebook(self, kernel: str) -> str:
        """Return the path of a kernel's notebook, "" when it has none."""

    async def find_scope(self, kernel: str) -> str:
        """Return the scope of a kernel's notebook: what distinguishes it from one of the same path elsewhere."""
