"""Paths of the notebooks that kernels belong to, from Jupyter's sessions and the renames of files. Server process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async

from ....model.places import strip_drive

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


class NotebookPaths:
    """Finds the notebook of a kernel.

    A session of Jupyter keeps the old path of a notebook that is renamed, itself or with its directory, while no front
    end has it open. The new one is known from the rename, and counts as long as the session names a file that is gone.
    """

    def __init__(self, serverapp: ServerApp) -> None:
        self._app = serverapp
        self._moved: dict[str, tuple[str, str]] = {}
        """By kernel: the path in its session, and where the notebook is since."""

    async def find(self, kernel: str) -> str:
        """Return the path of a kernel's notebook, "" when it has none."""
        try:
            session = await ensure_async(self._app.session_manager.get_session(kernel_id=kernel))
        except Exception:
            # The manager raises an HTTP error for a kernel without a session.
            return ""
        path = await self._strip_drive(str((session or {}).get("path") or ""))
        old, new = self._moved.get(kernel, ("", ""))
        if new and path == old and not await self.exists(path):
            return new
        self._moved.pop(kernel, None)
        return path

    def move(self, kernel: str, old: str, new: str) -> None:
        """Note that a kernel's notebook was renamed."""
        self._moved[kernel] = (self._moved.get(kernel, (old, ""))[0], new)

    def forget(self, kernel: str) -> None:
        """Forget a kernel that has ended."""
        self._moved.pop(kernel, None)

    async def exists(self, path: str) -> bool:
        """Whether there is a file at the path."""
        manager: Any = self._app.contents_manager
        return bool(await ensure_async(manager.file_exists(path)))

    async def _strip_drive(self, path: str) -> str:
        """Return a path without the drive of a front end, where it names a file of this server."""
        path = strip_drive(path)
        drive, colon, rest = path.partition(":")
        if not colon or "/" in drive or await self.exists(path) or not await self.exists(rest):
            return path
        return rest.lstrip("/")
