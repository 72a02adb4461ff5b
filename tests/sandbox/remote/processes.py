"""Real render workers and a real HAProxy in front of them, on loopback."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jupyter_figserve.demo.server_process import fetch

from ...conftest import require_program
from ...ports import free_port

KEY = "worker-key-of-the-tests-0123456789abcdef"
RULES = Path(__file__).parents[3] / "deploy" / "haproxy.cfg"
_SECONDS = 90.0


class Worker:
    """A process of ``jupyter figserve worker``, which can be killed and started again on its port."""

    def __init__(
        self, home: Path, *, slots: int = 1, key: str = KEY, warm: int = 0, arguments: Sequence[str] = ()
    ) -> None:
        self.port, self._slots, self._key, self._arguments = (
            free_port(), slots, key, [f"--FigServe.render_warm={warm}", *arguments]
        )  # fmt: skip
        self._log = home / f"worker-{self.port}.log"
        self._home = home
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self._log.read_text()

    def start(self) -> None:
        ready, theirs = os.pipe()
        options = [f"--port={self.port}", f"--slots={self._slots}", f"--ready-fd={theirs}", *self._arguments]
        environment = os.environ | {"FIGSERVE_WORKER_KEY": self._key, "JUPYTER_CONFIG_DIR": str(self._home / "none")}
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyter_figserve.cli", "worker", *options],
                env=environment, stdout=log, stderr=log, pass_fds=(theirs,),
            )  # fmt: skip
        os.close(theirs)
        with os.fdopen(ready) as pipe:
            assert select.select([pipe], [], [], _SECONDS)[0], self.log
            assert pipe.readline(), self.log

    def report(self) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        report: dict[str, Any] = fetch(f"{self.url}/healthz", headers=headers).json()
        return report

    def wait_ready(self) -> None:
        end = time.monotonic() + _SECONDS
        while self.report()["state"] != "ready":
            assert time.monotonic() < end, self.log

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


class HAProxy:
    """HAProxy with the rules of deploy/haproxy.cfg, in front of these workers."""

    def __init__(self, home: Path, workers: Sequence[Worker]) -> None:
        program = require_program("haproxy")
        self.port = free_port()
        rules = RULES.read_text().replace("127.0.0.1:8750", f"127.0.0.1:{self.port}")
        for number, worker in enumerate(workers, 1):
            rules, count = re.subn(rf"127\.0\.0\.1:{8750 + number}\b", f"127.0.0.1:{worker.port}", rules)
            assert count == 2, rules
        file, log = home / "haproxy.cfg", home / "haproxy.log"
        file.write_text(rules)
        with log.open("ab") as output:
            self.process = subprocess.Popen([program, "-db", "-f", str(file)], stdout=output, stderr=output)
        end = time.monotonic() + _SECONDS
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < end, "HAProxy does not listen"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
