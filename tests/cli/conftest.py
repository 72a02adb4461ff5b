"""Commands as real processes against real servers, in a shell with the test's own directories."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from jupyter_figserve.demo.server_process import ServerProcess
from tests.conftest import WITHOUT_FRONT_ENDS
from tests.homes import new_home

PROGRAM = [sys.executable, "-m", "jupyter_figserve.cli"]
DEADLINE = 60
_RESERVED_QUERY_NAMES = ("FIGSERVE_", "KERNEL_FIGSERVE_", "JUPYTER_", "JPY_")


@dataclass(frozen=True)
class CommandResult:
    """The result of a command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@dataclass(frozen=True)
class Shell:
    """A user's shell with the working directory ``home`` and the Jupyter directories below it.

    Parameters
    ----------
    runtime
        Directory of the runtime files.
    """

    home: Path
    runtime: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def with_env(self, **variables: str) -> Shell:
        return replace(self, variables={**self.variables, **variables})

    @property
    def environment(self) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith(_RESERVED_QUERY_NAMES)}
        own = {f"JUPYTER_{name}_DIR": str(self.home / name.lower()) for name in ("CONFIG", "DATA")}
        own["JUPYTER_CONFIG_PATH"] = str(WITHOUT_FRONT_ENDS)
        return {**plain, **own, "JUPYTER_RUNTIME_DIR": str(self.runtime), "HOME": str(self.home), **self.variables}

    def run(self, *arguments: str, stdin: str | bytes = b"", expect: int | None = 0) -> CommandResult:
        """Run a command without a terminal; check its exit code."""
        given = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            [*PROGRAM, *arguments],
            cwd=self.home,
            env=self.environment,
            input=given,
            capture_output=True,
            timeout=DEADLINE,
        )
        ended = CommandResult(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert expect is None or ended.code == expect, f"{arguments}: {ended}"
        assert "Traceback" not in ended.err, ended.err
        return ended

    def start(self, *arguments: str, **channels: Any) -> subprocess.Popen[bytes]:
        """Start a command that the test ends."""
        return subprocess.Popen([*PROGRAM, *arguments], cwd=self.home, env=self.environment, **channels)

    def run_on_terminal(self, *arguments: str, typed: bytes = b"", columns: int = 80) -> CommandResult:
        """Run a command on a terminal: all output is in ``out``; ``typed`` is its input."""
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [*PROGRAM, *arguments],
            cwd=self.home,
            env={**self.environment, "COLUMNS": str(columns), "TERM": "xterm"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        output = b""
        try:
            while select.select([master], [], [], DEADLINE)[0]:
                try:
                    piece = os.read(master, 65_536)
                except OSError:
                    break
                if not piece:
                    break
                output += piece
                if typed and output.endswith(b": "):
                    os.write(master, typed)
                    typed = b""
        finally:
            os.close(master)
            process.wait(DEADLINE)
        return CommandResult(process.returncode, output.decode(), "")


@pytest.fixture
def isolated_shell(tmp_path: Path) -> Shell:
    """The shell of a user without a server."""
    home = tmp_path / "home"
    (home / "runtime").mkdir(parents=True)
    return Shell(home, home / "runtime")


@pytest.fixture
def shell(tmp_path: Path, live_server: ServerProcess) -> Shell:
    """The shell of the user of the module's server."""
    home = tmp_path / "home"
    home.mkdir()
    return Shell(home, live_server.runtime)


def shell_of(server: ServerProcess, home: Path) -> Shell:
    home.mkdir(exist_ok=True)
    return Shell(home, server.runtime)


class SpecialServer(ServerProcess):
    """A server without the extension, or with TLS.

    Parameters
    ----------
    extension
        Whether the extension is enabled on the command line; otherwise the configuration decides.
    certificate
        Files of a certificate and its key.
    """

    def __init__(
        self,
        home: Path,
        arguments: Sequence[str] = (),
        *,
        extension: bool = True,
        certificate: tuple[Path, Path] | None = None,
        environment: Mapping[str, str | None] | None = None,
    ) -> None:
        super().__init__(home, arguments, environment=environment)
        self._extension = extension
        self._certificate = certificate
        if certificate is not None:
            self.arguments += [
                f"--ServerApp.{n}={p}" for n, p in zip(("certfile", "keyfile"), certificate, strict=True)
            ]

    def _command_line(self) -> list[str]:
        arguments = super()._command_line()
        return [word for word in arguments if self._extension or "jpserver_extensions" not in word]

    def _is_ready(self) -> bool:
        if self._certificate is None:
            return super()._is_ready()
        try:
            info = json.loads((self.runtime / f"jpserver-{self.pid}.json").read_text())
            self.url = info["url"]
            with socket.create_connection(("127.0.0.1", info["port"])):
                return True
        except (OSError, ValueError):
            return False


@pytest.fixture
def bare_server() -> Iterator[ServerProcess]:
    """A Jupyter server with the extension installed but disabled."""
    home = new_home()
    config = home / "config" / "jupyter_server_config.d" / "jupyter_figserve.json"
    config.parent.mkdir(parents=True)
    config.write_text('{"ServerApp": {"jpserver_extensions": {"jupyter_figserve": false}}}')
    # So that the user's word counts for more than the environment's, which says that it is enabled.
    server = SpecialServer(home, extension=False, environment={"JUPYTER_PREFER_ENV_PATH": "0"})
    server.start()
    yield server
    server.stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def make_key(live_server: ServerProcess):
    """``make_key("read")`` returns a new key of the module's server."""

    def make(*scopes: str, **body: str) -> str:
        response = live_server.fetch("figserve/api/keys", method="POST", body={"scopes": list(scopes), **body})
        assert response.status == 201, response.text
        key: str = response.json()["key"]
        return key

    return make


@dataclass
class Hostile:
    """A server with arbitrary responses; the requests are in ``asked``.

    Parameters
    ----------
    answers
        By path below our prefix: status, headers, body.
    """

    url: str
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def print_line(self, path: str, value: object, status: int = 200) -> None:
        self.answers[path] = (status, {"Content-Type": "application/json"}, json.dumps(value).encode())


@contextmanager
def hostile_server(host: str = "127.0.0.1") -> Iterator[Hostile]:
    hostile: Hostile

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            path = self.path.partition("?")[0].removeprefix("/figserve/")
            hostile.asked.append((self.command, path, dict(self.headers.items())))
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, body = hostile.answers.get(path, (404, {"Content-Type": "text/html"}, b"no"))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            # A client that has had enough leaves.
            with suppress(ConnectionError):
                self.wfile.write(body)

        do_GET = do_POST = do_DELETE = respond

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((host, 0), Handler) as server:
        hostile = Hostile(f"http://{host}:{server.server_port}")
        hostile.print_line("api/status", {"version": "0.1.0", "host": "standalone"})
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hostile
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    with hostile_server() as server:
        yield server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    """A self-signed certificate for localhost, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is missing: make deps")
    home = tmp_path_factory.mktemp("certificate")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(home / "key.pem"), "-out", str(home / "cert.pem")]
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *files, *names],
        check=True,
        capture_output=True,
    )
    return home / "cert.pem", home / "key.pem"
