"""The standalone host: a Jupyter server without kernels, contents and terminals, on which only our routes answer."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from jupyter_server.serverapp import ServerApp
from jupyter_server.services.contents.manager import AsyncContentsManager
from tornado.ioloop import IOLoop
from traitlets import Bool, Integer, default

from ..model.keys import Key, new_key
from ..model.links import hash_secret
from .app import FigServe

_SCOPES = frozenset({"read", "publish", "render"})
_KEY_LIFE = 30 * 86_400.0


class NoContents(AsyncContentsManager):
    """Jupyter wants a contents manager; this one brings no routes, so that no file of this machine is served."""

    def get_extra_handlers(self) -> list[Any]:
        return []


class FigServeHost(ServerApp):
    """``jupyter figserve serve``."""

    name = "jupyter-figserve-host"
    description = "Serves figures, without kernels, contents and terminals."
    figserve_host = "standalone"

    default_services = ()  # type: ignore[assignment]
    open_browser = False

    ready_fd = Integer(
        -1,
        help="File descriptor to which one line of JSON with url and key goes when the server listens; -1 for none.",
    ).tag(config=True)
    exit_with_stdin = Bool(False, help="Whether to stop when standard input ends, as it does with a parent.").tag(
        config=True
    )

    render_only = Bool(
        False, help="Whether this server renders posted code and does nothing else: it keeps no figure."
    ).tag(config=True)

    @default("contents_manager_class")
    def _default_contents_manager_class(self) -> type[AsyncContentsManager]:
        return NoContents

    @default("allow_root")
    def _default_allow_root(self) -> bool:
        """There is no kernel or terminal here that would run as root."""
        return True

    @default("reraise_server_extension_failures")
    def _default_reraise_server_extension_failures(self) -> bool:
        """Without the extension there is nothing to serve: the process ends and says why."""
        return True

    def init_server_extensions(self) -> None:
        """Only ours is loaded, enabled or not."""
        self.jpserver_extensions = {"jupyter_figserve": True}
        super().init_server_extensions()

    def find_server_extensions(self) -> None:
        """What is enabled elsewhere on this machine is not for this server."""
        self.jpserver_extensions = {"jupyter_figserve": True}

    def start_ioloop(self) -> None:
        IOLoop.current().add_callback(self._announce)
        if self.exit_with_stdin:
            IOLoop.current().add_handler(sys.stdin.fileno(), self._on_stdin, IOLoop.READ)
        super().start_ioloop()

    def stop(self, from_signal: bool = False) -> None:
        """Jupyter closes the listening sockets in the signal's handler; where the signal comes while they are being
        opened that raises, and nothing ends the server any more."""
        if from_signal:
            IOLoop.current().add_callback_from_signal(super().stop)
        else:
            super().stop()

    async def _announce(self) -> None:
        if self.ready_fd < 0:
            return
        app = self.extension_manager.extension_apps["jupyter_figserve"]
        figserve: FigServe = next(iter(app))
        store = figserve.context.store
        key_id, secret, text = new_key()
        now = store.clock()
        key = Key(key_id, hash_secret(secret), figserve.owner, _SCOPES, now, now + _KEY_LIFE, "figserve.serve()")
        await store.keys.add(key)
        line = json.dumps({"url": figserve.context.addresses.for_kernels(), "key": text}) + "\n"
        with os.fdopen(self.ready_fd, "w") as ready:
            ready.write(line)

    def _on_stdin(self, descriptor: int, events: Any) -> None:
        if not os.read(descriptor, 4096):
            IOLoop.current().remove_handler(descriptor)
            self.stop()
