"""Which sandbox this host allows: found by building it, best first, and by attacking it. Sandbox, parent side."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import FigServeError, SandboxUnavailable
from ..renderer import RendererStatus, RenderJob, Tier
from .zygote_process import PartialNamespaces, ZygoteProcess

_log = logging.getLogger(__name__)
_PROBE_BYTES = 2**20
_PROBE_SECONDS = 20.0
_RULES = (
    "Posted code runs with namespaces or Landlock, and always with seccomp; this host gives too little."
    " Everything that runs no code goes on."
)


@dataclass
class SandboxHost:
    """What a zygote is started with, and the tier that was found.

    Parameters
    ----------
    python
        Interpreter, ``""`` for our own.
    wrap
        Command before it.
    bounds
        Settings of the zygote that say what a child may use.
    is_probe
        Whether the zygote is only to show what the host allows: it loads no library, and can draw nothing.
    """

    python: str
    wrap: tuple[str, ...]
    cache: Path
    bounds: Mapping[str, Any]
    allow_unsandboxed: bool
    is_probe: bool = False
    _layers: Mapping[str, bool] | None = None
    _temporary: str | None = None

    async def find_tier(self) -> tuple[ZygoteProcess | None, RendererStatus]:
        """A running zygote of the best tier that stands the attacks, and what was found; None when there is none."""
        if not sys.platform.startswith("linux"):
            return None, RendererStatus(
                "none", (f"The sandbox is made of what Linux has; this is {sys.platform}.", _RULES)
            )
        why: list[str] = []
        for namespaces in (True, False):
            zygote = await self._try(namespaces, why)
            if zygote is None:
                continue
            tier = _tier_of(zygote.ready)
            why += [words for words in zygote.ready["why"] if words not in why]
            harm = await _attack(zygote) if tier != "none" else "this is no sandbox"
            if not harm:
                self._layers = _layers(zygote.ready)
                return zygote, RendererStatus(tier, tuple(why), zygote.ready["libraries"])
            if tier != "none":
                why.append(f"Self-test of {tier}: {harm}.")
            await zygote.close()
        if self.allow_unsandboxed:
            return await self._go_without(why)
        return None, RendererStatus("none", (*why, _RULES))

    async def probe(self) -> RendererStatus:
        """What ``find_tier`` would find, by a zygote without libraries that is gone again: a fraction of a start."""
        host = replace(self, is_probe=True, _temporary=None)
        try:
            zygote, report = await host.find_tier()
            if zygote is not None:
                await zygote.close()
        finally:
            host.close()
        return replace(report, libraries={})

    async def start_again(self) -> ZygoteProcess:
        """Another zygote of the same tier.

        Raises
        ------
        SandboxUnavailable
            Also when it would have fewer layers than were found before.
        """
        assert self._layers is not None
        zygote = await self._start(self._layers)
        if _layers(zygote.ready) != self._layers:
            await zygote.close()
            raise SandboxUnavailable("The host allows less than it did: " + " ".join(zygote.ready["why"]))
        return zygote

    def close(self) -> None:
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    async def _try(self, namespaces: bool, why: list[str]) -> ZygoteProcess | None:
        try:
            return await self._start({"namespaces": namespaces, "landlock": True, "seccomp": True})
        except PartialNamespaces as error:
            why.append(str(error))
        except SandboxUnavailable as error:
            if str(error) not in why:
                why.append(str(error))
        return None

    async def _go_without(self, why: list[str]) -> tuple[ZygoteProcess | None, RendererStatus]:
        _log.warning("POSTED CODE RUNS WITHOUT A SANDBOX on this server: allow_unsandboxed is set. %s", " ".join(why))
        self._layers = {"namespaces": False, "landlock": False, "seccomp": False}
        zygote = await self._start(self._layers)
        words = "Posted code runs WITHOUT a sandbox, because allow_unsandboxed is set."
        return zygote, RendererStatus("none", (*why, words), zygote.ready["libraries"], is_unsandboxed=True)

    async def _start(self, layers: Mapping[str, bool]) -> ZygoteProcess:
        self._make_cache()
        command = [*self.wrap, self.python or sys.executable]
        settings = {**self.bounds, **layers, "probe": self.is_probe}
        return await ZygoteProcess.start(command, settings, self.cache)

    def _make_cache(self) -> None:
        """Where home is read-only, or not there, the list of fonts is made anew at each start of the server."""
        try:
            self.cache.mkdir(parents=True, exist_ok=True, mode=0o700)
            is_ours = os.access(self.cache, os.W_OK)
        except OSError:
            is_ours = False
        if not is_ours:
            self._temporary = tempfile.mkdtemp(prefix="figserve-sandbox-")
            self.cache = Path(self._temporary)


def _layers(ready: Mapping[str, Any]) -> dict[str, bool]:
    return {name: bool(ready[name]) for name in ("namespaces", "landlock", "seccomp")}


def _tier_of(ready: Mapping[str, Any]) -> Tier:
    layers = _layers(ready)
    if not layers["seccomp"]:
        return "none"
    if layers["namespaces"]:
        return "FULL" if layers["landlock"] else "NS"
    return "STRICT" if layers["landlock"] else "none"


async def _attack(zygote: ZygoteProcess) -> str:
    """Run six attacks in a real child; what got through, in words, or ``""``."""
    with _bait() as (source, has_harm):
        child = zygote.spawn(on_ready=lambda _child: None, result_bytes=_PROBE_BYTES, output_bytes=_PROBE_BYTES)
        try:
            await child.is_ready
            if child.state != "ready":
                return str(child.why_not_ready())
            await child.do(RenderJob("code", source.encode(), timeout=_PROBE_SECONDS))
            got_through = json.loads(child.output or "null")
        except (FigServeError, ValueError) as error:
            return f"it did not come to its end: {error}"
        finally:
            child.kill()
            await child.is_gone
        if got_through is None:
            return f"it did not come to its end: {child.output[:300]!r}"
        return ", ".join([*got_through, *has_harm()])


@contextmanager
def _bait() -> Iterator[tuple[str, Any]]:
    """The attacks' source, and a function that looks whether they did harm."""
    secret = secrets.token_hex(16)
    with (
        tempfile.TemporaryDirectory(prefix="figserve-self-test-") as name,
        socket.create_server(("127.0.0.1", 0)) as net,
    ):
        directory = Path(name)
        canary = directory / "canary"
        canary.write_text(secret, encoding="ascii")
        canary.chmod(0o600)
        net.setblocking(False)

        def harm() -> list[str]:
            found = []
            if canary.read_text(encoding="ascii") != secret or len(list(directory.iterdir())) > 1:
                found.append("a file was changed")
            try:
                connection, _ = net.accept()
                connection.close()
                found.append("a connection was made")
            except BlockingIOError:
                pass
            return found

        values = {
            "CANARY": str(canary),
            "DIGEST": hashlib.sha256(secret.encode()).hexdigest(),
            "PORT": net.getsockname()[1],
            "PARENT": os.getpid(),
        }
        yield "".join(f"{key} = {value!r}\n" for key, value in values.items()) + _ATTACKS, harm


# Each attack returns True when it got through. What raises was stopped.
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
