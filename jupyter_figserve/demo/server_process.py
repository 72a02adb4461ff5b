"""A Jupyter server on loopback, as a child process. Process of the demo or of tests."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..model.environment_variables import API_KEY_VARIABLE, KERNEL_KEY_VARIABLE, KERNEL_URL_VARIABLE, URL_VARIABLE
from .kernel_session import KernelSession, RunnerError

JUPYTER_SERVER = ("-m", "jupyter_server")
_POLL = 0.05
_PORT_LOST = "no available port could be found"
"""In the log of a server whose port, which it had found to be free, another program took before it listened there."""


@dataclass(frozen=True)
class Response:
    """An HTTP response of any status; redirects are not followed."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def mimetype(self) -> str:
        return self.headers.get_content_type()

    def json(self) -> Any:
        return json.loads(self.body)


def fetch(
    url: str,
    *,
    method: str = "GET",
    body: bytes | str | dict[str, Any] | list[Any] | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 60,
) -> Response:
    """Send a request on a new connection, with only the given headers; JSON values are encoded."""
    parts, head = urlsplit(url), dict(headers or {})
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
        head.setdefault("Content-Type", "application/json")
    data = body.encode() if isinstance(body, str) else body
    make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    with contextlib.closing(make(parts.hostname or "", parts.port, timeout=timeout)) as connection:
        connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), data, head)
        response = connection.getresponse()
        return Response(response.status, response.headers, response.read())


class ServerProcess:
    """A Jupyter server on loopback with its own configuration, data and runtime directories.

    Parameters
    ----------
    home
        Directory of its files: ``root`` (notebooks), ``figures``, ``runtime``, ``server.log``, ….
    arguments
        More command-line arguments, such as ``["--FigServe.capture=False"]``.
    root, data_dir
        Directories that replace those in ``home``; servers may share them.
    environment
        Changes to this process's environment; None removes a variable.
    command
        Arguments of the interpreter, such as another module.
    """

    def __init__(
        self,
        home: Path,
        arguments: Sequence[str] = (),
        *,
        root: Path | None = None,
        data_dir: Path | None = None,
        environment: Mapping[str, str | None] | None = None,
        command: Sequence[str] = JUPYTER_SERVER,
    ) -> None:
        self.home = home
        self.root = root or home / "root"
        self.data_dir = data_dir or home / "figures"
        self.runtime = home / "runtime"
        self.log_path = home / "server.log"
        self.token = secrets.token_hex(24)
        self.arguments = list(arguments)
        self.command = list(command)
        self.changes = dict(environment or {})
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""

    @property
    def pid(self) -> int:
        assert self.process is not None, "the server was not started"
        return self.process.pid

    @property
    def log(self) -> str:
        """The server's log so far, including previous runs."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self, timeout: float = 60) -> None:
        """Start the server and wait until it responds.

        Raises
        ------
        RunnerError
            It exits, or does not respond within ``timeout`` seconds; with the end of its log.
        """
        for directory in (self.root, self.runtime):
            directory.mkdir(parents=True, exist_ok=True)
        written = self._launch()
        deadline = time.monotonic() + timeout
        while not self._is_ready():
            has_ended = self.process is not None and self.process.poll() is not None
            if has_ended and _PORT_LOST in self.log[written:] and time.monotonic() < deadline:
                written = self._launch()
            elif has_ended or time.monotonic() > deadline:
                self.stop()
                raise RunnerError(f"The Jupyter server did not start. The end of its log:\n{self.log[-3000:]}")
            self.wait(_POLL)

    def _launch(self) -> int:
        """Start the process; return the length of the log before it."""
        written = len(self.log)
        with self.log_path.open("ab") as log:
            # In its own process group, so that Ctrl-C in the terminal does not reach it directly.
            self.process = subprocess.Popen(
                self._command_line(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.root,
                env=self._environment(),
                start_new_session=True,
            )
        return written

    def fetch(
        self,
        path: str = "",
        *,
        method: str = "GET",
        body: bytes | str | dict[str, Any] | list[Any] | None = None,
        headers: Mapping[str, str] | None = None,
        anonymous: bool = False,
        timeout: float = 60,
    ) -> Response:
        """Send a request to ``path`` below the base URL or to an absolute URL, with the token unless anonymous."""
        login = {} if anonymous else {"Authorization": f"token {self.token}"}
        url = path if "://" in path else self.url + path.lstrip("/")
        return fetch(url, method=method, body=body, headers={**login, **(headers or {})}, timeout=timeout)

    def wait(self, seconds: float) -> bool:
        """Wait for the process to exit, at most ``seconds``; return whether it did."""
        assert self.process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return self.process.poll() is not None

    def stop(self, timeout: float = 15) -> None:
        """Stop the server and its kernels with SIGTERM, then SIGKILL."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        if not self.wait(timeout):
            self.kill()

    def kill(self) -> None:
        """Send SIGKILL: no cleanup runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def restart(self) -> None:
        """Restart it on the same directories and, if it is still free, the same port."""
        self.stop()
        port = urlsplit(self.url).port
        self._remove_server_files()
        self.arguments = [a for a in self.arguments if not a.startswith("--ServerApp.port=")]
        self.arguments.append(f"--ServerApp.port={port}")
        self.start()

    @contextlib.contextmanager
    def kernel(self, notebook: str = "Untitled.ipynb", *, name: str = "python3") -> Iterator[KernelSession]:
        """Start a kernel for the notebook at that path, like a front end; shut it down at the end."""
        body = {"path": notebook, "name": notebook, "type": "notebook", "kernel": {"name": name}}
        response = self.fetch("api/sessions", method="POST", body=body)
        if response.status != 201:
            raise RunnerError(f"Starting a kernel failed ({response.status}): {response.text[:500]}")
        session = response.json()
        kernel = KernelSession(session["id"], session["kernel"]["id"], self.runtime)
        try:
            kernel.connect()
            yield kernel
        finally:
            kernel.disconnect()
            if self.process is not None and self.process.poll() is None:
                with contextlib.suppress(OSError, http.client.HTTPException):
                    self.fetch(f"api/sessions/{session['id']}", method="DELETE")

    def _command_line(self) -> list[str]:
        own = [
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.root_dir={self.root}",
            "--ServerApp.open_browser=False",
            "--ServerApp.allow_root=True",
            f"--FigServe.data_dir={self.data_dir}",
        ]
        defaults = {"ServerApp.port": "0", "ServerApp.jpserver_extensions": "{'jupyter_figserve': True}"}
        for name, value in defaults.items():
            if not any(a.startswith(f"--{name}=") for a in self.arguments):
                own.append(f"--{name}={value}")
        return [sys.executable, *self.command, *own, *self.arguments]

    def _environment(self) -> dict[str, str]:
        changes: dict[str, str | None] = {
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "IPYTHONDIR": str(self.home / "ipython"),
            # In the environment, since other users can read the command line.
            "JUPYTER_TOKEN": self.token,
            # Variables of a kernel that runs this process are not for the kernels of this server.
            **dict.fromkeys((KERNEL_URL_VARIABLE, KERNEL_KEY_VARIABLE, URL_VARIABLE, API_KEY_VARIABLE)),
            **self.changes,
        }
        merged = {**os.environ, **changes}
        return {name: value for name, value in merged.items() if value is not None}

    def _is_ready(self) -> bool:
        file = self.runtime / f"jpserver-{self.pid}.json"
        try:
            self.url = json.loads(file.read_text())["url"]
            # Jupyter writes the file before it listens: what answers may be another server, which refuses the token.
            is_another = self.fetch("figserve/api/figures?limit=1", timeout=5).status == 401
            return not is_another and self.fetch("", timeout=5).status < 500
        except (OSError, ValueError, http.client.HTTPException):
            return False

    def _remove_server_files(self) -> None:
        for file in self.runtime.glob("jpserver-*"):
            file.unlink(missing_ok=True)
