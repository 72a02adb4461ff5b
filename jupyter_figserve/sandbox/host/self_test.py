"""Self-test of a sandbox: six attacks, run in a real child before any posted code is accepted. Server process."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import FigServeError
from ...model.rendering import RenderJob
from .job_frames import pack_job
from .zygote_process import ZygoteProcess

_MAX_BYTES = 2**20
_TIMEOUT = 20.0


async def run(zygote: ZygoteProcess) -> str:
    """Run the attacks in a child of ``zygote``; return a description of what got through, or ``""``."""
    with _bait() as (source, find_harm):
        child = zygote.spawn(on_ready=lambda _child: None, result_bytes=_MAX_BYTES, output_bytes=_MAX_BYTES)
        try:
            await child.is_ready
            if child.state != "ready":
                return str(child.start_error())
            await child.run(pack_job(RenderJob("code", source.encode(), timeout=_TIMEOUT)))
            got_through = json.loads(child.output or "null")
        except (FigServeError, ValueError) as error:
            return f"it did not finish: {error}"
        finally:
            child.kill()
            await child.is_gone
        if got_through is None:
            return f"it did not finish: {child.output[:300]!r}"
        return ", ".join([*got_through, *find_harm()])


@contextmanager
def _bait() -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """Set up targets; yields the source of the attacks, and a function that lists the harm done."""
    secret = secrets.token_hex(16)
    with (
        tempfile.TemporaryDirectory(prefix="figserve-self-test-") as name,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        directory = Path(name)
        canary = directory / "canary"
        canary.write_text(secret, encoding="ascii")
        canary.chmod(0o600)
        listener.setblocking(False)

        def find_harm() -> list[str]:
            found = []
            if canary.read_text(encoding="ascii") != secret or len(list(directory.iterdir())) > 1:
                found.append("a file was changed")
            try:
                connection, _ = listener.accept()
                connection.close()
                found.append("a connection was made")
            except BlockingIOError:
                pass
            return found

        values = {
            "CANARY": str(canary),
            "DIGEST": hashlib.sha256(secret.encode()).hexdigest(),
            "PORT": listener.getsockname()[1],
            "PARENT": os.getpid(),
        }
        yield "".join(f"{key} = {value!r}\n" for key, value in values.items()) + _ATTACKS, find_harm


# Each attack returns True if it got through; an exception means that it was stopped.
_ATTACKS = """
import json, os, socket

def reads_a_file():
    with open(CANARY) as file:
        return bool(file.read())

def writes_a_file():
    with open(CANARY + ".written", "w") as file:
        return True

def changes_a_mode():
    os.chmod(CANARY, 0o644)
    return True

def connects():
    with socket.create_connection(("127.0.0.1", PORT), 1):
        return True

def forks():
    if os.fork() == 0:
        os._exit(0)
    return True

def starts_a_program():
    os.posix_spawn("/bin/true", ["true"], {})
    return True

got_through = []
for attack in (reads_a_file, writes_a_file, changes_a_mode, connects, forks, starts_a_program):
    try:
        if attack():
            got_through.append(attack.__name__)
    except Exception:
        pass
print(json.dumps(got_through), flush=True)
os._exit(0)
"""
