"""``figserve.serve()``: a standalone server on loopback, as a child process that ends with this one. Kernel."""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import IO

from ...errors import Conflict, FigServeError, InvalidInput, NotConnected
from ...model.environment_variables import KERNEL_PREFIX
from ..arguments import check_path
from . import source_uploader
from .address import parse_exact
from .client import FigServeClient
from .connection import Connection
from .discovery import find_connection, use
from .ready_report import ReadyFile, ReadyPipe, make_report
from .responses import to_plain_text
from .running_servers import find_running_server

START_TIMEOUT = 30.0
STOP_TIMEOUT = 5.0
_MAX_LOG_LINES = 50
_MAX_SHOWN_LINES = 12
# With a Hub's variables, the child would act as a service of the Hub; it must not get credentials of other servers.
_NOT_INHERITED = ("JUPYTERHUB_", "FIGSERVE_", KERNEL_PREFIX, "JPY_")


class Server:
    """A running standalone server; as a context manager, it stops at the end of the block."""

    def __init__(self, process: subprocess.Popen[bytes], options: tuple[int, Path | None]) -> None:
        self._process = process
        self._owner_process = os.getpid()
        self._lines: deque[str] = deque(maxlen=_MAX_LOG_LINES)
        self._reader = threading.Thread(target=self._read_lines, name="figserve-server-log", daemon=True)
        self._reader.start()
        self._connection: Connection | None = None
        self.options = options

    @property
    def url(self) -> str:
        """URL of the server, ending in ``/figserve``."""
        assert self._connection is not None
        return self._connection.url

    @property
    def login_url(self) -> str:
        """URL that opens the gallery and signs you in; it has the server's token in it, so keep it to yourself.

        Raises
        ------
        NotConnected
            The server has stopped.
        """
        assert self._connection is not None
        running = find_running_server(self._connection.client.address)
        if running is None:
            raise NotConnected(f"{self!r} does not run any more. Start one with figserve.serve().")
        return f"{self.url}/?token={running.token}"

    @property
    def is_running(self) -> bool:
        """Whether the server has not stopped yet."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Stop the server after pending uploads are sent; a second call does nothing."""
        if os.getpid() != self._owner_process:
            return
        if self.is_running:
            source_uploader.flush()
        if self._connection is not None and find_connection() is self._connection:
            use(None)
        _end(self._process)
        self._reader.join(STOP_TIMEOUT)
        atexit.unregister(self.stop)

    def wait(self) -> None:
        """Serve until interrupted; for the end of a script."""
        try:
            self._process.wait()
        except KeyboardInterrupt:
            pass
        finally:
            self.stop()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<figserve server at {self.url}, {'running' if self.is_running else 'stopped'}>"

    def open(self, report: ReadyPipe | ReadyFile, timeout: float) -> None:
        """Wait until the child listens, and publish there from now on.

        Raises
        ------
        FigServeError
            The child exits, or does not report in time; with the end of its log.
        """
        try:
            ready = report.read(self._process, timeout)
            address = parse_exact(str(ready["url"]))
            self._connection = Connection(FigServeClient(address, str(ready["key"])), "figserve.serve()")
        except (OSError, ValueError, KeyError, TypeError) as error:
            _end(self._process)
            self._reader.join(STOP_TIMEOUT)
            raise FigServeError(self._failure_message(error, timeout), code="not_started") from error
        use(self._connection)
        atexit.register(self.stop)

    def _failure_message(self, error: Exception, timeout: float) -> str:
        reason = (
            f"within {timeout:g} s" if isinstance(error, TimeoutError) else f"(exit status {self._process.returncode})"
        )
        text = f"The figserve server did not start {reason}"
        lines = [line for line in self._lines if line][-_MAX_SHOWN_LINES:]
        return "\n".join([f"{text}. The end of its log:", *lines]) if lines else f"{text}. Its log is empty."

    def _read_lines(self) -> None:
        """Drain the child's output while it runs; the child would block once the pipe is full."""
        stream: IO[bytes] | None = self._process.stdout
        assert stream is not None
        with stream:
            for line in stream:
                self._lines.append(to_plain_text(line.decode(errors="replace")))


_MAX_PORT = 65_535
_lock = threading.Lock()
_server: Server | None = None


def serve(port: int = 0, *, data_dir: str | os.PathLike[str] | None = None) -> Server:
    """Start a server on this machine and publish to it, or reuse the server of an earlier call.

    Parameters
    ----------
    port
        Port to listen on; 0 picks a free one.
    data_dir
        Directory of the figures; None uses that of the Jupyter server extension.

    Returns
    -------
    Server
        The running server; as a context manager, it stops at the end of the block.

    Raises
    ------
    FigServeError
        The server does not start; with the end of its log.
    Conflict
        A server is already running with another port or directory.
    """
    global _server
    if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port <= _MAX_PORT:
        raise InvalidInput(f"port must be a whole number up to {_MAX_PORT}, or 0 for a free one, not {port!r:.40}.")
    options = (port, None if data_dir is None else check_path(data_dir).resolve())
    with _lock:
        if _server is not None and _server.is_running:
            if options not in ((0, None), _server.options):
                raise Conflict(f"{_server!r} was started with other options. Stop it first with its stop() method.")
            use(_server._connection)
            return _server
        _server = start(_command(*options), options)
        return _server


def start(command: list[str], options: tuple[int, Path | None] = (0, None), timeout: float = START_TIMEOUT) -> Server:
    """Run ``command`` with an option for its ready report, and wait until it listens."""
    report = make_report()
    try:
        process = subprocess.Popen(
            [*command, *report.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=report.passed,
            env=_environment(),
            # Interrupting the cell, or Ctrl-C in the terminal, must not reach the child.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
    except BaseException:
        report.close()
        raise
    finally:
        report.close_child_end()
    server = Server(process, options)
    try:
        server.open(report, timeout)
    except BaseException:
        _end(process)
        raise
    finally:
        report.close()
    return server


def _command(port: int, data_dir: Path | None) -> list[str]:
    command = [sys.executable, "-m", "jupyter_figserve.cli", "serve", "--port", str(port), "--exit-with-stdin"]
    return command if data_dir is None else [*command, "--data-dir", str(data_dir)]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the child's standard input, which ends it; end it if it does not exit."""
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    for end in (None, process.terminate, process.kill):
        if end is not None:
            end()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT)
            return
