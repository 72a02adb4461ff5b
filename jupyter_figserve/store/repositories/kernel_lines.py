"""Which server each kernel is connected to, where several serve. Server process."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy.engine import Connection

from ...model.kernel_lines import KernelLine
from ..catalog import kernel_lines
from .repository import Repository


class KernelLineRepository(Repository):
    """Records the lines of the kernels, and finds those of other servers."""

    async def list_heads(self) -> dict[str, KernelLine]:
        """Return all lines by kernel, without what the kernels offer and draw."""
        return await self._read(kernel_lines.list_heads)

    async def find_many(self, kernels: Collection[str]) -> Sequence[KernelLine]:
        """Return the lines of these kernels, the oldest first."""
        return await self._read(kernel_lines.find_many, kernels)

    async def put(self, line: KernelLine, now: float) -> bool:
        """Record a line; return False when the kernel has connected elsewhere since."""
        return await self._write(kernel_lines.put, line, now)

    async def remove(self, kernel: str, server: str | None = None) -> None:
        """Remove the line of a kernel; only if it ends at this server, unless that is None."""
        await self._write(kernel_lines.remove, kernel, server)

    async def remove_all(self, server: str) -> None:
        """Remove all lines that end at a server."""
        await self._write(kernel_lines.remove_all, server)

    async def renew(self, server: str, now: float, lease: float) -> None:
        """Record that a server is there, and remove the lines of those that were not for ``lease`` seconds."""

        def change(connection: Connection) -> None:
            kernel_lines.renew(connection, server, now)
            kernel_lines.remove_silent(connection, now - lease)

        await self._write(change)
