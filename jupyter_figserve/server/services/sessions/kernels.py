"""The kernels of this server: each gets our address, a key and a directory for its plots. Server process.

One method of the server's kernel manager is wrapped (its instance's, restored by ``close``); everything else is learned
from Jupyter's own events, from the manager's word that a kernel is dead, which is no event, and from looking, once a
minute, which kernels are still there.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async
from tornado.ioloop import IOLoop, PeriodicCallback

from ....model.keys import KERNEL_SCOPES, Key, new_key
from ....model.links import hash_secret
from ....model.sessions import Session
from ....store.store import Store
from .directories import SessionDirectories

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

    from ..addresses import ServerAddresses

logger = logging.getLogger("jupyter_figserve")
KERNEL_KEY_TTL = 2 * 86_400.0
"""A kernel's key ends this long after its server last said that the kernel lives."""
_SWEEP_MILLISECONDS = 60_000
_KERNEL_EVENTS = "https://events.jupyter.org/jupyter_server/kernel_actions/v1"
_CONTENT_EVENTS = "https://events.jupyter.org/jupyter_server/contents_service/v1"


class KernelTracker:
    """Injects, follows and revokes.

    Parameters
    ----------
    owner, scope
        Of everything that the kernels publish.
    directories
        Where the kernels may drop files.
    """

    def __init__(
        self,
        serverapp: ServerApp,
        store: Store,
        urls: ServerAddresses,
        owner: str,
        scope: str,
        directories: SessionDirectories,
    ) -> None:
        self.on_start: list[Callable[[str, str], None]] = []
        """Hear a kernel's id and its notebook, once both are known."""
        self.on_restart: list[Callable[[str], None]] = []
        """Hear that a kernel was started again, by a person or after a crash."""
        self.on_end: list[Callable[[str, str], None]] = []
        """Hear a kernel's id and its notebook when the session is over."""
        self.on_sweep: list[Callable[[set[str]], None]] = []
        """Hear which kernels are alive."""
        self._app = serverapp
        self._directories = directories
        self._store = store
        self._urls = urls
        self._owner = owner
        self._scope = scope
        self._notebooks: dict[str, str] = {}
        self._start: Callable[..., Any] | None = None
        self._timer: PeriodicCallback | None = None

    def open(self) -> None:
        """Wrap ``start_kernel``; a server without kernels has none to wrap."""
        manager: Any = getattr(self._app, "kernel_manager", None)
        if manager is None:
            return
        self._start = original = manager.start_kernel

        @functools.wraps(original)
        async def start_kernel(*args: Any, **kwargs: Any) -> str:
            return await self._start_kernel(*args, **kwargs)

        manager.start_kernel = start_kernel
        self._listen()
        self._timer = PeriodicCallback(self.sweep, _SWEEP_MILLISECONDS)
        self._timer.start()

    def close(self) -> None:
        if self._start is not None:
            manager: Any = self._app.kernel_manager
            manager.start_kernel = self._start
            self._start = None
        if self._timer is not None:
            self._timer.stop()
        for kernel in list(self._notebooks):
            self._end(kernel)

    def has(self, kernel: str) -> bool:
        """Whether a kernel is alive here: another server on the same data directory may have it."""
        return kernel in self._notebooks

    def note_activity(self, kernel: str) -> None:
        """Have Jupyter's culling count from now, as after a message of the kernel's."""
        manager: Any = self._app.kernel_manager
        if kernel in manager and hasattr(one := manager.get_kernel(kernel), "last_activity"):
            one.last_activity = manager.last_kernel_activity = datetime.now(timezone.utc)

    async def follow_notebook(self, kernel: str) -> str:
        """Path of the notebook that a kernel belongs to, "" when it has none.

        A notebook that was renamed takes its figures with it, whoever renamed it.
        """
        was_here = kernel in self._notebooks
        notebook = await self._find_notebook(kernel)
        if was_here and kernel not in self._notebooks:
            return notebook
        before = self._notebooks.get(kernel, "")
        self._notebooks[kernel] = notebook
        if self._store.read_only_because is not None:
            return notebook
        if before and notebook and before != notebook and not await self._exists(before):
            await self._store.rename_notebook(self._owner, self._scope, before, notebook)
        if before != notebook:
            await self._note_session(kernel, notebook)
        return notebook

    async def follow_all(self) -> None:
        """The same for every kernel here: front ends give a notebook's path after its kernel has started."""
        for kernel in list(self._notebooks):
            await self.follow_notebook(kernel)

    async def sweep(self) -> None:
        """End what has died without a word, prolong the rest, and see which notebooks they belong to now."""
        alive = set(self._app.kernel_manager.list_kernel_ids())
        for kernel in list(self._notebooks):
            if kernel not in alive:
                self._end(kernel)
        for hear in self.on_sweep:
            hear(alive)
        if self._store.read_only_because is not None:
            return
        now = self._store.clock()
        here = sorted(alive & self._notebooks.keys())
        await self.follow_all()

        if here:
            await self._store.sessions.keep_alive(here, now, KERNEL_KEY_TTL)

    async def _start_kernel(self, *args: Any, **kwargs: Any) -> str:
        assert self._start is not None
        key, text = self._make_key()
        directory = None if self._is_through_gateway else self._directories.make("plots")
        if key is not None:
            await self._store.keys.add(key)
        kwargs["env"] = self._environment(kwargs.get("env"), text, directory)
        try:
            kernel: str = await ensure_async(self._start(*args, **kwargs))
        except BaseException:
            if key is not None:
                self._store.keys.discard(key.id)
            self._directories.discard(directory)
            raise
        self._notebooks[kernel] = ""
        self._directories.bind(directory, kernel)
        self._watch(kernel)
        if key is not None:
            await self._store.sessions.record(self._session(kernel, ""), key.id)
        # Jupyter enters its own session, with the notebook's path, right after this.
        IOLoop.current().spawn_callback(self._tell_start, kernel)
        return kernel

    def _make_key(self) -> tuple[Key | None, str]:
        """A kernel's key and its text; none where it could not be kept."""
        if self._store.read_only_because is not None:
            return None, ""
        key_id, secret, text = new_key()
        now = self._store.clock()
        key = Key(
            id=key_id,
            secret_hash=hash_secret(secret),
            owner=self._owner,
            scopes=KERNEL_SCOPES,
            created=now,
            expires=now + KERNEL_KEY_TTL,
            label="kernel",
            # Good only once the kernel has an id: nobody has the secret before.
            kernel="starting",
        )
        return key, text

    @property
    def _is_through_gateway(self) -> bool:
        return bool(getattr(self._app, "gateway_config", None) and self._app.gateway_config.gateway_enabled)

    def _environment(self, given: dict[str, str] | None, key: str, directory: Path | None) -> dict[str, str]:
        """What the kernel sees: ``KERNEL_`` names pass a Gateway; elsewhere a partial environment would replace all."""
        base = given if given is not None else ({} if self._is_through_gateway else dict(os.environ))
        ours = {"KERNEL_FIGSERVE_URL": self._urls.for_kernels(), "KERNEL_FIGSERVE_KEY": key} if key else {}
        certificate = self._urls.kernel_certificate()
        if ours and certificate and not self._is_through_gateway:
            ours["KERNEL_FIGSERVE_CA"] = certificate
        if directory is not None:
            ours["KERNEL_FIGSERVE_PLOTS"] = str(directory)
        # A server that was itself started in a kernel of another one passes nothing of that on.
        return {name: value for name, value in base.items() if not name.startswith("KERNEL_FIGSERVE_")} | ours

    def _watch(self, kernel: str) -> None:
        """Hear of the death after which Jupyter gives up without an event."""
        if not self._is_through_gateway:
            manager: Any = self._app.kernel_manager
            # A kernel of a manager that does not restart it has no such callbacks; the sweep finds it.
            with contextlib.suppress(Exception):
                manager.add_restart_callback(kernel, functools.partial(self._end, kernel), "dead")

    async def _tell_start(self, kernel: str) -> None:
        if kernel in self._notebooks:
            notebook = await self.follow_notebook(kernel)
            # JupyterLab calls it by a random word at first.
            known = notebook if notebook and await self._exists(notebook) else ""
            for hear in self.on_start:
                hear(kernel, known)

    async def _find_notebook(self, kernel: str) -> str:
        try:
            session = await ensure_async(self._app.session_manager.get_session(kernel_id=kernel))
        except Exception:
            # A kernel without a session: the manager says so by an HTTP error.
            return ""
        return str((session or {}).get("path") or "")

    async def _exists(self, path: str) -> bool:
        manager: Any = self._app.contents_manager
        return bool(await ensure_async(manager.file_exists(path)))

    async def _note_session(self, kernel: str, notebook: str) -> None:
        await self._store.sessions.record(self._session(kernel, notebook))

    def _session(self, kernel: str, notebook: str) -> Session:
        now = self._store.clock()
        return Session(kernel, self._owner, self._scope, notebook, now, now)

    def _end(self, kernel: str) -> None:
        """The kernel is gone: its key and its directory with it, and its session has ended."""
        notebook = self._notebooks.pop(kernel, None)
        self._directories.remove(kernel)
        for hear in self.on_end:
            hear(kernel, notebook or "")
        if self._store.read_only_because is not None:
            return
        self._store.sessions.record_end(kernel, self._store.clock())

    def _listen(self) -> None:
        events = self._app.event_logger
        assert events is not None
        events.add_listener(schema_id=_KERNEL_EVENTS, listener=self._on_kernel)
        events.add_listener(schema_id=_CONTENT_EVENTS, listener=self._on_content)

    async def _on_kernel(self, logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        kernel = str(data.get("kernel_id"))
        if data.get("action") == "restart":
            for hear in self.on_restart:
                hear(kernel)
        if data.get("action") == "shutdown" and data.get("status") != "error" and kernel in self._notebooks:
            self._end(kernel)

    async def _on_content(self, logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        if data.get("action") != "rename" or self._store.read_only_because is not None:
            return
        old, new = str(data.get("source_path", "")).strip("/"), str(data.get("path", "")).strip("/")
        if old and new:
            for kernel, notebook in self._notebooks.items():
                if notebook == old or notebook.startswith(old + "/"):
                    self._notebooks[kernel] = new + notebook[len(old) :]
            await self._store.rename_notebook(self._owner, self._scope, old, new)
