"""A standalone server on loopback, for a script, a console or VS Code: a child that ends with this process. Kernel."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import IO, Any

from ...errors import Conflict, FigServeError, NotConnected
from ..figures import source_uploader
from .address import parse_exact
from .client import FigServeClient
from .connection import Connection, find_connection, use
from .responses import plain

START_TIMEOUT = 30.0
STOP_TIMEOUT = 5.0
_READY_LIMIT = 64 * 1024
_LINES_KEPT = 50
_LINES_SHOWN = 12
# A child in a Hub's environment would think itself the Hub's service; keys of others are none of its business.
_NOT_INHERITED = ("JUPYTERHUB_", "FIGSERVE_", "KERNEL_FIGSERVE_", "JPY_")


class Server:
    """A running standalone server; as a context manager it stops at the end of the block."""

    def __init__(self, process: subprocess.Popen[bytes], asked: tuple[int, Path | None]) -> None:
        self._process = process
        self._owner_process = os.getpid()
        self._lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self._reader = threading.Thread(target=self._read_lines, name="figserve-server-log", daemon=True)
        self._reader.start()
        self._connection: Connection | None = None
        self.asked = asked

    @property
    def url(self) -> str:
        """Where the server answers, ending in ``/figserve``."""
        assert self._connection is not None
        return self._connection.url

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End the server once what was published has reached it; a second call does nothing."""
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
        """Serve until interrupted, for the end of a script."""
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

    def open(self, ready: int, timeout: float) -> None:
        """Wait for the child's word that it listens, and publish there from now on.

        Raises
        ------
        FigServeError
            When the child ends instead, or says nothing in time; with its last lines.
        """
        try:
            word = _ready_word(ready, timeout)
            address = parse_exact(str(word["url"]))
            self._connection = Connection(FigServeClient(address, str(word["key"])), "figserve.serve()")
        except (OSError, ValueError, KeyError, TypeError) as error:
            _end(self._process)
            self._reader.join(STOP_TIMEOUT)
            raise FigServeError(self._why_not(error, timeout), code="not_started") from error
        use(self._connection)
        atexit.register(self.stop)

    def _why_not(self, error: Exception, timeout: float) -> str:
        slow = isinstance(error, TimeoutError)
        text = (
            f"The figserve server did not start within {timeout:g} seconds"
            if slow
            else (f"The figserve server did not start (exit status {self._process.returncode})")
        )
        lines = [line for line in self._lines if line][-_LINES_SHOWN:]
        return "\n".join([f"{text}; its last lines:", *lines]) if lines else f"{text}, and it said nothing."

    def _read_lines(self) -> None:
        """Empty the child's output all its life, else it would stand still when the pipe is full."""
        stream: IO[bytes] | None = self._process.stdout
        assert stream is not None
        with stream:
            for line in stream:
                self._lines.append(plain(line.decode(errors="replace")))


_lock = threading.Lock()
_server: Server | None = None


def serve(port: int = 0, *, data_dir: str | os.PathLike[str] | None = None) -> Server:
    """Start a server on this machine and publish to it; when one was started already, that one.

    Parameters
    ----------
    port
        0 takes any free one.
    data_dir
        Where figures are kept; None is the same place as the Jupyter server extension's.

    Raises
    ------
    FigServeError
        When the server does not start; with its last lines.
    Conflict
        When one runs already with another port or directory.
    """
    global _server
    asked = (port, None if data_dir is None else Path(data_dir).expanduser().resolve())
    with _lock:
        if _server is not None and _server.is_running:
            if asked not in ((0, None), _server.asked):
                raise Conflict(f"{_server!r} was started otherwise; stop() it first.")
            use(_server._connection)
            return _server
        _server = start(_command(*asked), asked)
        return _server


def start(command: list[str], asked: tuple[int, Path | None] = (0, None), timeout: float = START_TIMEOUT) -> Server:
    """Run ``command``, to which the option for the ready descriptor is added, and wait until it listens."""
    if os.name != "posix":
        raise NotConnected(
            "figserve.serve() needs a POSIX system; run `jupyter figserve serve` and use figserve.connect(url, key)."
        )
    ready, word = os.pipe()
    try:
        process = subprocess.Popen(
            [*command, "--ready-fd", str(word)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(word,),
            env=_environment(),
            # An interrupt of the cell or Ctrl-C in the terminal is for this process alone.
            start_new_session=True,
        )
    except BaseException:
        os.close(ready)
        raise
    finally:
        os.close(word)
    server = Server(process, asked)
    try:
        server.open(ready, timeout)
    except BaseException:
        _end(process)
        raise
    finally:
        os.close(ready)
    return server


def _command(port: int, data_dir: Path | None) -> list[str]:
    command = [sys.executable, "-m", "jupyter_figserve.cli", "serve", "--port", str(port), "--exit-with-stdin"]
    return command if data_dir is None else [*command, "--data-dir", str(data_dir)]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}


def _ready_word(ready: int, timeout: float) -> dict[str, Any]:
    """The JSON line on the ready descriptor.

    Raises
    ------
    TimeoutError
        When it does not come in time.
    ValueError
        When the other end closes without one.
    """
    deadline = time.monotonic() + timeout
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(ready, selectors.EVENT_READ)
        while b"\n" not in line:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
            piece = os.read(ready, 4096)
            line += piece
            if not piece or len(line) > _READY_LIMIT:
                raise ValueError("no ready line")
    word = json.loads(line.partition(b"\n")[0])
    if not isinstance(word, dict):
        raise ValueError("the ready line is no object")
    return word


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the child's input, which ends it; with force where that does not."""
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    for signal in (None, SIGTERM, SIGKILL):
        if signal is not None:
            process.send_signal(signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT)
            return
