"""The standalone host: a Jupyter server with our routes alone, without kernels and contents. Server process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import threading
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from jupyter_server.serverapp import ServerApp
from jupyter_server.services.contents.manager import AsyncContentsManager
from tornado.ioloop import IOLoop
from traitlets import Bool, Integer, TraitError, Unicode, default, validate
from traitlets import Float as FloatTrait
from traitlets.config import Config

from ..errors import FigServeError, Unavailable
from ..model.keys import Key, new_key
from ..model.links import hash_secret
from ..store.files.filesystem import atomic_write
from .app import FigServe
from .hub.environment import is_service
from .hub.service_config import make_service_config
from .json_log import JSON, use_json
from .services.addresses import PREFIX
from .services.auth.signing_secrets import derive_cookie_secret

_SCOPES = frozenset({"read", "publish", "render"})
_KEY_LIFE = 30 * 86_400.0
_PAUSE = 0.5
_MAX_PORT = 65_535


class NoContents(AsyncContentsManager):
    """The contents manager that Jupyter requires, without routes, so that no file of this machine is served."""

    def get_extra_handlers(self) -> list[Any]:
        return []


class FigServeHost(ServerApp):
    """``jupyter figserve serve``."""

    name = "jupyter-figserve-host"
    description = "Serves figures, without kernels, contents and terminals."
    figserve_host = "standalone"
    figserve_prefix = PREFIX

    default_services = ()  # type: ignore[assignment]
    open_browser = False
    _is_draining = False

    ready_fd = Integer(
        -1,
        help="File descriptor for one line of JSON with url and key, written when the server listens; -1 for none.",
    ).tag(config=True)
    ready_file = Unicode(
        "", help="Path of a file for the same line, on systems where processes inherit no file descriptors."
    ).tag(config=True)
    exit_with_stdin = Bool(
        False, help="Whether to stop when standard input closes, as it does when the parent process ends."
    ).tag(config=True)

    drain_seconds = FloatTrait(
        0.0,
        min=0,
        help="Seconds for which a server that is told to stop still answers, while /api/health/ready says 503, so that"
        " load balancers send no further requests; a second signal stops it at once. 0 stops at once.",
    ).tag(config=True)
    render_only = Bool(False, help="Whether this server only renders posted code and stores no figures.").tag(
        config=True
    )

    @validate("port")
    def _check_port(self, proposal: Any) -> int:
        """Refuse a port that there is not; Jupyter would say that it is running, and listen nowhere."""
        if not 0 <= proposal.value <= _MAX_PORT:
            raise TraitError(f"{proposal.value} is not a port; choose one up to {_MAX_PORT}, or 0 for a free one.")
        return int(proposal.value)

    @default("contents_manager_class")
    def _default_contents_manager_class(self) -> type[AsyncContentsManager]:
        return NoContents

    @default("cookie_secret")
    def _default_cookie_secret(self) -> bytes:
        """Return the secret that all servers behind one address share, so that a login is one on each of them."""
        return derive_cookie_secret() or super()._default_cookie_secret()

    @default("allow_root")
    def _default_allow_root(self) -> bool:
        """Allow root: no kernel or terminal would run as root here."""
        return True

    @default("reraise_server_extension_failures")
    def _default_reraise_server_extension_failures(self) -> bool:
        """Stop with the error when the extension fails to load: there is nothing else to serve."""
        return True

    def initialize(self, *args: Any, **options: Any) -> None:
        """Initialize the server, or end with one sentence and exit code 1."""
        try:
            if is_service():
                self._configure_for_hub()
            super().initialize(*args, **options)
        except FigServeError as error:
            self.log.critical(error.message)
            self.exit(1)

    def get_default_logging_config(self) -> dict[str, Any]:
        """Return the configuration of the console, in the format that ``FigServe.log_format`` names."""
        made: dict[str, Any] = super().get_default_logging_config()
        return use_json(made) if self.config.get("FigServe", {}).get("log_format") == JSON else made

    def init_logging(self) -> None:
        """Apply the format of the log, which is known once the settings are read."""
        self._configure_logging()
        super().init_logging()

    def _configure_for_hub(self) -> None:
        """Serve the users of a JupyterHub, at the address that it gives to this service."""
        self.figserve_host, self.figserve_prefix = "hub", ""
        self.update_config(Config(make_service_config()))

    def write_server_info_file(self) -> None:
        """Write the file by which clients of the same account find this server and its token; a Hub's is not theirs."""
        if self.figserve_host != "hub":
            super().write_server_info_file()

    def write_browser_open_files(self) -> None:
        if self.figserve_host != "hub":
            super().write_browser_open_files()

    def init_server_extensions(self) -> None:
        """Load only our extension, whether it is enabled or not."""
        self.jpserver_extensions = {"jupyter_figserve": True}
        super().init_server_extensions()

    def find_server_extensions(self) -> None:
        """Ignore the extensions that are enabled on this machine."""
        self.jpserver_extensions = {"jupyter_figserve": True}

    def start_ioloop(self) -> None:
        IOLoop.current().add_callback(self._announce)
        if self.exit_with_stdin:
            threading.Thread(target=self._await_stdin, args=(IOLoop.current(),), daemon=True).start()
        super().start_ioloop()

    def stop(self, from_signal: bool = False) -> None:
        """Stop from the event loop rather than in the signal handler.

        Jupyter closes the listening sockets in the handler; while they are still being opened that raises, and the
        server never stops.
        """
        if from_signal:
            IOLoop.current().add_callback_from_signal(self._drain)
        else:
            super().stop()

    def _drain(self) -> None:
        """Stop after ``drain_seconds``, or at once at a second signal."""
        if self._is_draining or not self.drain_seconds:
            self.stop()
            return
        self._is_draining = True
        self._figserve.context.monitoring.readiness.drain()
        self.log.info("Stopping in %g seconds; another signal stops now.", self.drain_seconds)
        IOLoop.current().call_later(self.drain_seconds, self.stop)

    @property
    def _figserve(self) -> FigServe:
        figserve: FigServe = next(iter(self.extension_manager.extension_apps["jupyter_figserve"]))
        return figserve

    async def _announce(self) -> None:
        if self.ready_fd < 0 and not self.ready_file:
            return
        figserve = self._figserve
        store = figserve.context.store
        key_id, secret, text = new_key()
        now = store.clock()
        key = Key(key_id, hash_secret(secret), figserve.owner, _SCOPES, now, now + _KEY_LIFE, "figserve.serve()")
        while not await _is_done(store.keys.add(key)):
            await asyncio.sleep(_PAUSE)
        line = json.dumps({"url": figserve.context.addresses.for_kernels(), "key": text}) + "\n"
        if self.ready_file:
            path = Path(self.ready_file)
            atomic_write(path, line.encode(), path.with_suffix(".part"), is_durable=False)
            return
        with os.fdopen(self.ready_fd, "w") as ready:
            ready.write(line)

    def _await_stdin(self, loop: IOLoop) -> None:
        """Stop when standard input ends. In a thread: on Windows, an event loop cannot wait for a pipe."""
        with contextlib.suppress(OSError):
            while os.read(sys.stdin.fileno(), 4096):
                pass
        with contextlib.suppress(RuntimeError):  # The loop has ended before.
            loop.add_callback(self.stop)


async def _is_done(work: Awaitable[None]) -> bool:
    """Await ``work``; return False when the database does not answer yet."""
    try:
        await work
    except Unavailable:
        return False
    return True
