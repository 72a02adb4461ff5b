"""Tracks the kernels of this server; each gets our URL, a key and a directory for its plots. Server process.

One method of the server's kernel manager is wrapped on its instance, and restored by ``close``. Everything else comes
from Jupyter's events, from the manager's callback for a dead kernel, which emits no event, and from a look at the list
of kernels once a minute.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async
from tornado.ioloop import IOLoop, PeriodicCallback

from ....errors import Unavailable
from ....model.sessions import Session
from ....store.store import Store
from .directories import SessionDirectories
from .kernel_environment import make_environment
from .kernel_keys import KERNEL_KEY_TTL, add_kernel_key, record_kernel
from .notebook_paths import NotebookPaths
from .service_client import ServiceClient, ServicePair

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

    from ..addresses import ServerAddresses

_log = logging.getLogger("jupyter_figserve")
_SWEEP_MILLISECONDS = 60_000
_KERNEL_EVENTS = "https://events.jupyter.org/jupyter_server/kernel_actions/v1"
_CONTENT_EVENTS = "https://events.jupyter.org/jupyter_server/contents_service/v1"


class KernelTracker:
    """Gives each kernel its URL and key, tracks its notebook, and revokes the key when the kernel ends.

    Parameters
    ----------
    owner, scope
        Of everything that the kernels publish.
    directories
        Where the kernels may put files.
    service
        Registers each kernel with a JupyterHub's service before it starts; None where there is none.
    """

    def __init__(
        self,
        serverapp: ServerApp,
        store: Store,
        addresses: ServerAddresses,
        owner: str,
        scope: str,
        directories: SessionDirectories,
        service: ServiceClient | None = None,
    ) -> None:
        self.on_start: list[Callable[[str, str], None]] = []
        """Called with a kernel's id and its notebook, once both are known."""
        self.on_restart: list[Callable[[str], None]] = []
        """Called with the id of a kernel that was restarted, by the user or after a crash."""
        self.on_rename: list[Callable[[str, str, str], None]] = []
        """Called with a kernel's id and the old and the new path of its notebook."""
        self.on_move: list[Callable[[str, str], None]] = []
        """Called with the old and the new path of a notebook or directory, whether a kernel has it or not."""
        self.on_notebook: list[Callable[[str, str], None]] = []
        """Called with a kernel's id and the path of its notebook, when that is known or has changed."""
        self.on_end: list[Callable[[str, str], None]] = []
        """Called with a kernel's id and its notebook when the session has ended."""
        self.on_sweep: list[Callable[[set[str]], None]] = []
        """Called once a minute with the ids of the kernels that are alive."""
        self._app = serverapp
        self._directories = directories
        self._store = store
        self._addresses = addresses
        self._owner = owner
        self._service = service
        self._scope = scope
        self._paths = NotebookPaths(serverapp)
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
        self._register_listeners()
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
            self.on_kernel_ended(kernel)

    def has(self, kernel: str) -> bool:
        """Whether this server runs the kernel, not another one on the same data directory."""
        return kernel in self._notebooks

    def record_activity(self, kernel: str) -> None:
        """Restart the idle time of Jupyter's culling, as a message from the kernel does."""
        manager: Any = self._app.kernel_manager
        if kernel in manager and hasattr(one := manager.get_kernel(kernel), "last_activity"):
            one.last_activity = manager.last_kernel_activity = datetime.now(timezone.utc)

    async def follow_notebook(self, kernel: str) -> str:
        """Return the path of a kernel's notebook, "" when it has none.

        The figures of a notebook that was renamed move with it, however it was renamed.
        """
        was_here = kernel in self._notebooks
        while True:
            before = self._notebooks.get(kernel, "")
            notebook = await self._paths.find(kernel)
            if was_here and kernel not in self._notebooks:
                return notebook
            # A notebook that was renamed meanwhile may have been found at its old path.
            if self._notebooks.get(kernel, "") == before:
                break
        self._notebooks[kernel] = notebook
        if self._store.read_only_because is not None:
            return notebook
        is_renamed = before not in ("", notebook) and notebook != "" and not await self._paths.exists(before)
        if is_renamed:
            await self._store.rename_notebook(self._owner, self._scope, before, notebook)
        if before != notebook and kernel in self._notebooks:
            # Else it has ended meanwhile, which is recorded.
            await self._record_session(kernel, notebook)
        if is_renamed:
            self._notify_renamed(kernel, before, notebook)
        if before != notebook:
            for listener in self.on_notebook:
                listener(kernel, notebook)
        return notebook

    def _notify_renamed(self, kernel: str, old: str, new: str) -> None:
        for listener in self.on_rename:
            listener(kernel, old, new)

    async def find_scope(self, kernel: str) -> str:
        return self._scope

    async def follow_all(self) -> None:
        """Look up the notebook of every kernel here: front ends set its path after the kernel has started."""
        for kernel in list(self._notebooks):
            await self.follow_notebook(kernel)

    async def sweep(self) -> None:
        """End the sessions of kernels that are gone, extend the others, and look up their notebooks."""
        alive = set(self._app.kernel_manager.list_kernel_ids())
        for kernel in list(self._notebooks):
            if kernel not in alive:
                self.on_kernel_ended(kernel)
        for listener in self.on_sweep:
            listener(alive)
        if self._store.read_only_because is not None:
            return
        here = sorted(alive & self._notebooks.keys())
        # While the database does not answer, they are reported later.
        with contextlib.suppress(Unavailable):
            await self.follow_all()
            if here:
                await self._store.sessions.keep_alive(here, self._store.clock(), KERNEL_KEY_TTL)

    async def _start_kernel(self, *args: Any, **kwargs: Any) -> str:
        assert self._start is not None
        key, text, reason = await add_kernel_key(self._store, self._owner)
        directory = None if self._is_through_gateway else self._directories.make("plots")
        service = await self._register(kwargs)
        kwargs["env"] = make_environment(
            kwargs.get("env"),
            text,
            directory,
            self._addresses,
            is_through_gateway=self._is_through_gateway,
            read_only_because=reason,
            service=service,
        )
        try:
            kernel: str = await ensure_async(self._start(*args, **kwargs))
        except BaseException:
            if key is not None:
                self._store.keys.discard(key.id)
            if service is not None and self._service is not None:
                self._service.end(kwargs["kernel_id"])
            self._directories.discard(directory)
            raise
        self._notebooks[kernel] = ""
        self._directories.bind(directory, kernel)
        self._watch_for_death(kernel)
        if key is not None:
            await record_kernel(self._store, self._make_session(kernel, ""), key)
        # Jupyter records its own session, with the notebook's path, right after this.
        IOLoop.current().spawn_callback(self._notify_started, kernel)
        return kernel

    async def _register(self, kwargs: dict[str, Any]) -> ServicePair | None:
        """Choose the id of a kernel that is about to start, and register it with the service."""
        if self._service is None or self._is_through_gateway:
            return None
        return await self._service.register_new(self._app.kernel_manager, kwargs)

    @property
    def _is_through_gateway(self) -> bool:
        return bool(getattr(self._app, "gateway_config", None) and self._app.gateway_config.gateway_enabled)

    def _watch_for_death(self, kernel: str) -> None:
        """Register for the death after which Jupyter gives up, which emits no event."""
        if not self._is_through_gateway:
            manager: Any = self._app.kernel_manager
            # A manager that does not restart its kernels has no such callback; the sweep finds dead ones.
            with contextlib.suppress(Exception):
                manager.add_restart_callback(kernel, functools.partial(self.on_kernel_ended, kernel), "dead")

    async def _notify_started(self, kernel: str) -> None:
        if kernel in self._notebooks:
            notebook = await self.follow_notebook(kernel)
            # JupyterLab uses a random word as the path at first.
            known = notebook if notebook and await self._paths.exists(notebook) else ""
            for listener in self.on_start:
                listener(kernel, known)

    async def _record_session(self, kernel: str, notebook: str) -> None:
        await self._store.sessions.record(self._make_session(kernel, notebook))

    def _make_session(self, kernel: str, notebook: str) -> Session:
        now = self._store.clock()
        return Session(kernel, self._owner, self._scope, notebook, now, now)

    def on_kernel_ended(self, kernel: str) -> None:
        """Revoke the kernel's key, delete its directory, and end its session."""
        notebook = self._notebooks.pop(kernel, None)
        self._paths.forget(kernel)
        self._directories.remove(kernel)
        for listener in self.on_end:
            listener(kernel, notebook or "")
        if self._store.read_only_because is not None:
            return
        self._store.sessions.record_end(kernel, self._store.clock())

    def _register_listeners(self) -> None:
        events = self._app.event_logger
        assert events is not None
        events.add_listener(schema_id=_KERNEL_EVENTS, listener=self._on_kernel_event)
        events.add_listener(schema_id=_CONTENT_EVENTS, listener=self._on_contents_event)

    async def _on_kernel_event(self, logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        kernel = str(data.get("kernel_id"))
        if data.get("action") == "restart":
            for listener in self.on_restart:
                listener(kernel)
        if data.get("action") == "shutdown" and data.get("status") != "error" and kernel in self._notebooks:
            self.on_kernel_ended(kernel)

    async def _on_contents_event(self, logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        if data.get("action") != "rename" or self._store.read_only_because is not None:
            return
        old, new = str(data.get("source_path", "")).strip("/"), str(data.get("path", "")).strip("/")
        if not (old and new):
            return
        moved = {k: path for k, path in self._notebooks.items() if path == old or path.startswith(old + "/")}
        for kernel, path in moved.items():
            self._notebooks[kernel] = new + path[len(old) :]
            self._paths.move(kernel, path, self._notebooks[kernel])
        await self._store.rename_notebook(self._owner, self._scope, old, new)
        for announce in self.on_move:
            announce(old, new)
        for kernel, path in moved.items():
            self._notify_renamed(kernel, path, new + path[len(old) :])
