"""Programs of this machine, and the processes of a cluster. For `make cluster`."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAMS = {
    "nginx": "make deps",
    "haproxy": "make deps",
    "openssl": "make deps",
    "initdb": "make deps",
    "postgres": "make deps",
    "createdb": "make deps",
    "weed": "make install",
}
"""Programs that are needed, with the command that installs each."""
START_SECONDS, STOP_SECONDS = 90.0, 15.0


class ClusterError(Exception):
    """A part is missing, does not start, or answers wrongly; the text says which and what to do."""


def find_program(name: str) -> str | None:
    """Return the path of a program; Debian keeps some where a user's PATH does not lead."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    places = [Path(sys.executable).parent, *debian, Path("/usr/sbin")]
    return shutil.which(name) or next((str(place / name) for place in places if (place / name).exists()), None)


def check_programs() -> None:
    missing = [name for name in PROGRAMS if find_program(name) is None]
    if missing:
        commands = " and ".join(dict.fromkeys(PROGRAMS[name] for name in missing))
        raise ClusterError(f"Missing: {', '.join(missing)}. Install with: {commands}")


def program(name: str) -> str:
    found = find_program(name)
    assert found is not None, "check_programs() has found it"
    return found


def run(command: Sequence[str], **options: Any) -> None:
    """Run a program to its end.

    Raises
    ------
    ClusterError
        When it fails; with what it said.
    """
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", **options)
    if done.returncode != 0:
        raise ClusterError(f"{Path(command[0]).name} failed:\n{(done.stdout + done.stderr).strip()[-2_000:]}")


def free_port() -> int:
    """Return a free port whose number plus 10,000 is free too, where SeaweedFS speaks gRPC."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                other.bind(("127.0.0.1", port + 10_000))
                return port


def substitute(text: str, replacements: Mapping[str, str]) -> str:
    """Replace the addresses of a configuration file; each must be in it."""
    for old, new in replacements.items():
        if old not in text:
            raise ClusterError(f"{old!r} is no longer in the file that it was to be replaced in.")
        text = text.replace(old, new)
    return text


@dataclass
class Part:
    """A program with what it is started with.

    Parameters
    ----------
    stop
        Signal that ends it in order.
    user
        Id of the user that runs it; None for this process's own.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    stop: signal.Signals
    user: int | None
    process: subprocess.Popen[bytes] | None = None


@dataclass
class Processes:
    """The processes of the cluster, which end in the reverse order of their start.

    Parameters
    ----------
    home
        Directory of their files and logs.
    """

    home: Path
    running: list[Part] = field(default_factory=list)

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        stop: signal.Signals = signal.SIGTERM,
        user: int | None = None,
    ) -> None:
        part = Part(name, command, environment or {}, stop, user)
        self._launch(part)
        self.running.append(part)

    def kill(self, name: str) -> None:
        """End a part, with the processes that it has started, as a crash of its machine would."""
        process = self.find(name).process
        assert process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def start_again(self, name: str) -> None:
        """Start a part that has ended, with the same command."""
        self._launch(self.find(name))

    def find(self, name: str) -> Part:
        return next(part for part in self.running if part.name == name)

    def _launch(self, part: Part) -> None:
        with (self.home / f"{part.name}.log").open("ab") as log:
            part.process = subprocess.Popen(
                part.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **part.environment},
                cwd=self.home,
                start_new_session=True,
                user=part.user,
            )

    def wait(self, name: str, is_ready: Callable[[], bool], *, quietly: bool = False) -> None:
        """Wait until a part is ready.

        Raises
        ------
        ClusterError
            When it ends or is not ready in time; with the end of its log.
        """
        process = self.find(name).process
        assert process is not None
        deadline = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError):
                if is_ready():
                    if not quietly:
                        print(f"  {name:<11} is ready (process {process.pid})", flush=True)
                    return
            if process.poll() is not None or time.monotonic() > deadline:
                log = (self.home / f"{name}.log").read_text(errors="replace")[-2_000:]
                raise ClusterError(f"{name} does not start. The end of its log:\n{log}")
            time.sleep(0.1)

    def stop(self) -> None:
        for part in reversed(self.running):
            assert part.process is not None
            with contextlib.suppress(ProcessLookupError):
                part.process.send_signal(part.stop)
            try:
                part.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                part.process.kill()
                part.process.wait()
        self.running.clear()
