"""A render worker: a sandbox behind one route, for servers with ``FigServe.renderer = "http"``. A process of its own.

The worker unpickles nothing, and stores nothing. It sends the head of an answer when a job begins, so that the server
knows from a lost connection whether it did.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import ssl
import sys
from typing import Any

from jupyter_core.application import JupyterApp
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler, stream_request_body
from traitlets import Float, Integer, TraitError, Unicode
from traitlets.config import Config

from .. import __version__
from ..errors import FigServeError, Forbidden, InvalidInput, TooLarge, Unauthorized
from ..model.environment_variables import WORKER_KEY_VARIABLE
from ..sandbox.host.pool import SOURCE_BYTES
from ..sandbox.remote import http_renderer as protocol
from ..sandbox.remote.answers import MAX_ANSWER_OVERHEAD, PROTOCOL, describe_error
from ..sandbox.remote.job_runner import JobRunner
from ..sandbox.remote.keys import is_known
from .config.renderer import RendererConfig
from .services.addresses import is_loopback

_MAX_BODY = SOURCE_BYTES + MAX_ANSWER_OVERHEAD
_BEAT_SECONDS = 0.25


class _Handler(RequestHandler):
    """Base of both routes."""

    def initialize(self, runner: JobRunner, keys: tuple[str, ...], sending: set[asyncio.Future[None]]) -> None:
        self.runner, self._keys, self._sending = runner, keys, sending

    def set_default_headers(self) -> None:
        self.set_header("Server", "jupyter_figserve")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header(protocol.WORKER_HEADER, __version__)

    @property
    def has_key(self) -> bool:
        """Whether the request may see and do everything: it has a key, or none is required."""
        kind, _, given = self.request.headers.get("Authorization", "").partition(" ")
        return not self._keys or (kind == "Bearer" and is_known(given, self._keys))

    def write_error_json(self, error: FigServeError) -> None:
        described = describe_error(error)
        self.set_status(error.status)
        self.set_header("Content-Type", "application/json")
        if described["retry_after"]:
            self.set_header("Retry-After", str(described["retry_after"]))
        self.finish(json.dumps({**described, "error": error.message}))

    def write_error(self, status_code: int, **_: Any) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps({"error": self._reason, "code": "worker_error", "message": self._reason}))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if not isinstance(value, asyncio.CancelledError):
            super().log_exception(typ, value, tb)


class HealthHandler(_Handler):
    """``GET /healthz``: 200 where the worker takes jobs, for load balancers; with the key, the whole report."""

    def get(self) -> None:
        if self.request.headers.get("Authorization") and not self.has_key:
            self.write_error_json(Unauthorized("The key is not that of this worker.", code="worker_key"))
            return
        state = self.runner.state
        self.set_status(200 if state == "ready" else 503)
        self.write(self.runner.report() if self.has_key else {"state": state})

    head = get


@stream_request_body
class JobsHandler(_Handler):
    """``POST /jobs``: the frame of a job; answers with the frame of what its child left behind."""

    _slot: object | None = None
    _task: asyncio.Task[bytes] | None = None
    _beating: asyncio.Task[None] | None = None

    def prepare(self) -> None:
        """Refuse a request before its body arrives."""
        self._body = bytearray()
        if self.request.method != "POST":
            return
        try:
            if "Origin" in self.request.headers:
                # Browsers send it with each POST. Where no key is required, a page might run jobs by DNS rebinding.
                raise Forbidden("Web pages may not use a render worker.", code="cross_site")
            if not self.has_key:
                raise Unauthorized("Jobs require the key of this worker.", code="worker_key")
            if self.request.headers.get(protocol.PROTOCOL_HEADER) != str(PROTOCOL):
                raise InvalidInput("The server and this worker have different versions.", code="worker_version")
            if int(self.request.headers.get("Content-Length", "0")) > _MAX_BODY:
                raise TooLarge(f"A job has at most {_MAX_BODY:,} bytes.")
            allows = self.request.headers.get(protocol.UNSANDBOXED_HEADER) == "1"
            self._slot = self.runner.admit(allow_unsandboxed=allows)
        except FigServeError as error:
            self.set_header("Connection", "close")
            self.write_error_json(error)

    def data_received(self, chunk: bytes) -> None:
        self._body += chunk

    async def post(self) -> None:
        try:
            timeout = float(self.request.headers.get(protocol.TIMEOUT_HEADER, "nan"))
        except ValueError:
            timeout = float("nan")
        self._task = asyncio.ensure_future(self.runner.run(bytes(self._body), timeout, self._begin))
        self._body = bytearray()
        try:
            answer = await self._task
            self._end_beat()
            sent = self.finish(answer)
            self._sending.add(sent)
            sent.add_done_callback(self._sending.discard)
        except FigServeError as error:
            self.write_error_json(error)
        except asyncio.CancelledError:
            # The client has gone, and its child with it.
            self._release()

    def _begin(self) -> None:
        self.set_header("Content-Type", "application/octet-stream")
        self.flush()
        self._beating = asyncio.ensure_future(self._beat())

    async def _beat(self) -> None:
        """Write while the job runs, without which a proxy does not notice that the client has gone."""
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            self.write(protocol.BEAT)
            self.flush()

    def _end_beat(self) -> None:
        if self._beating is not None:
            self._beating.cancel()

    def on_connection_close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._end_beat()
        self._release()

    def on_finish(self) -> None:
        self._release()

    def _release(self) -> None:
        if self._slot is not None:
            self.runner.release(self._slot)


class FigServeWorker(JupyterApp):
    """``jupyter figserve worker``."""

    name = "jupyter-figserve-worker"
    description = "Renders for other servers."
    version = __version__
    config_file_name = Unicode("jupyter_figserve_config").tag(config=True)

    ip = Unicode("127.0.0.1", help="Address to listen on; beyond this machine a key is required.").tag(config=True)
    port = Integer(8750, min=0, max=65_535, help="Port to listen on; 0 picks a free port.").tag(config=True)
    certfile = Unicode("", help="File of the TLS certificate, to serve https; empty for http.").tag(config=True)
    keyfile = Unicode("", help="File of the certificate's private key, unless certfile has it.").tag(config=True)
    drain_timeout = Float(
        70.0, min=0, help="Time that running jobs have to finish after SIGTERM, in seconds; then they are killed."
    ).tag(config=True)
    body_timeout = Float(
        30.0, min=0.1, help="Time within which a job must have arrived, in seconds; a slower one is dropped."
    ).tag(config=True)
    ready_fd = Integer(
        -1, help="File descriptor for one line of JSON with url, written when the worker listens; -1 for none."
    ).tag(config=True)

    def start(self) -> None:
        """Serve until a signal arrives."""
        try:
            super().start()
            settings = self._read_settings()
            keys = settings.read_worker_keys()
            if not keys and not is_loopback(f"[{self.ip}]" if ":" in self.ip else self.ip):
                raise InvalidInput(
                    f"A worker that listens on {self.ip} needs a key, as everybody who reaches it could render. Set"
                    f" {WORKER_KEY_VARIABLE}, or --key-file FILE, to the output of: openssl rand -hex 32"
                )
            # No process of this worker needs it in its environment.
            os.environ.pop(WORKER_KEY_VARIABLE, None)
            asyncio.run(self._serve(settings, keys))
        except (FigServeError, OSError, TraitError) as error:
            is_taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            taken = f"Port {self.port} is in use. Choose another one with --port; 0 picks a free port."
            self.log.critical("The render worker cannot start: %s", taken if is_taken else error)
            self.exit(1)

    def _read_settings(self) -> RendererConfig:
        """Return the settings of ``c.FigServe`` that are about rendering."""
        given = self.config.get("FigServe", {})
        known = {name: value for name, value in given.items() if name in RendererConfig.class_trait_names()}
        return RendererConfig(config=Config({"RendererConfig": known}))

    async def _serve(self, settings: RendererConfig, keys: tuple[str, ...]) -> None:
        runner = JobRunner(settings.make_local_renderer(keeps_running=True))
        sending: set[asyncio.Future[None]] = set()
        arguments = {"runner": runner, "keys": keys, "sending": sending}
        application = Application(
            [(protocol.HEALTH, HealthHandler, arguments), (protocol.JOBS, JobsHandler, arguments)],
            log_function=self._log_request,
        )
        server = HTTPServer(
            application, max_body_size=_MAX_BODY, body_timeout=self.body_timeout, ssl_options=self._make_tls()
        )
        sockets = bind_sockets(self.port, self.ip)
        server.add_sockets(sockets)
        stopping = _catch_signals()
        self._announce(sockets[0].getsockname()[1])
        await runner.start()
        report = runner.report()
        self.log.info(
            "Render worker: %s slots, sandbox %s. %s", report["slots"], report["tier"], " ".join(report["why"])
        )
        await stopping.wait()
        self.log.info("Stopping; %d jobs are under way.", runner.running)
        stopping.clear()
        closing = asyncio.ensure_future(self._drain(runner, sending))
        again = asyncio.ensure_future(stopping.wait())
        await asyncio.wait([closing, again], return_when=asyncio.FIRST_COMPLETED)
        again.cancel()
        if not closing.done():
            closing.cancel()
            await runner.close(0)
        server.stop()
        await server.close_all_connections()

    async def _drain(self, runner: JobRunner, sending: set[asyncio.Future[None]]) -> None:
        """Wait for the jobs under way, and until the servers have their answers."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.drain_timeout
        await runner.close(self.drain_timeout)
        if sending:
            await asyncio.wait(sending, timeout=max(0.0, end - loop.time()))

    def _make_tls(self) -> ssl.SSLContext | None:
        if not self.certfile:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certfile, self.keyfile or None)
        return context

    def _announce(self, port: int) -> None:
        host = f"[{self.ip}]" if ":" in self.ip else self.ip
        url = f"{'https' if self.certfile else 'http'}://{host}:{port}"
        self.log.info("Render worker %s at %s (Use Control-C to stop it.)", __version__, url)
        if self.ready_fd >= 0:
            with os.fdopen(self.ready_fd, "w") as ready:
                ready.write(json.dumps({"url": url, "pid": os.getpid()}) + "\n")

    def _log_request(self, handler: RequestHandler) -> None:
        if handler.get_status() >= 500 and handler.get_status() != 503:
            self.log.warning("%d to a job of %s", handler.get_status(), handler.request.remote_ip)


def _catch_signals() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    caught = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, caught.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(caught.set))
    return caught


def main(arguments: list[str]) -> None:
    """Run a worker until it is stopped."""
    FigServeWorker.launch_instance(argv=arguments)
    sys.stdout.flush()
