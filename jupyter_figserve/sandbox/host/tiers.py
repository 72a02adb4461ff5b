"""The sandbox tier of this host, found by building the best one first and attacking it. Server process."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import SandboxUnavailable
from ..renderer import RendererStatus, Tier
from . import self_test
from .zygote_process import PartialNamespaces, ZygoteProcess

_log = logging.getLogger(__name__)
_REQUIREMENTS = (
    "Posted code needs seccomp, and namespaces or Landlock; this host does not offer enough of them."
    " Everything that runs no code keeps working."
)


@dataclass
class SandboxHost:
    """The settings of a zygote on this host, and the layers that were found.

    Parameters
    ----------
    python
        Interpreter, ``""`` for the current one.
    wrap
        Command that starts the interpreter.
    limits
        Settings of the zygote that limit what a child may use.
    learned
        Modules that the next zygote imports, in addition to those of the settings.
    is_probe
        Whether the zygote only shows what the host allows: it loads no library and cannot draw.
    """

    python: str
    wrap: tuple[str, ...]
    cache: Path
    limits: Mapping[str, Any]
    allow_unsandboxed: bool
    learned: tuple[str, ...] = ()
    is_probe: bool = False
    _layers: Mapping[str, bool] | None = None
    _temporary: str | None = None

    async def find_tier(self) -> tuple[ZygoteProcess | None, RendererStatus]:
        """Return a running zygote of the best tier that passes the self-test, or None, and the status."""
        if not sys.platform.startswith("linux"):
            return None, RendererStatus("none", (f"The sandbox requires Linux; this is {sys.platform}.", _REQUIREMENTS))
        reasons: list[str] = []
        for namespaces in (True, False):
            zygote = await self._try(namespaces, reasons)
            if zygote is None:
                continue
            tier = _tier_of(zygote.ready)
            reasons += [reason for reason in zygote.ready["reasons"] if reason not in reasons]
            failure = await self_test.run(zygote) if tier != "none" else "there is no sandbox"
            if not failure:
                self._layers = _layers_of(zygote.ready)
                return zygote, RendererStatus(tier, tuple(reasons), **_drawing_of(zygote.ready))
            if tier != "none":
                reasons.append(f"The self-test of {tier} failed: {failure}.")
            await zygote.close()
        if self.allow_unsandboxed:
            return await self._start_unsandboxed(reasons)
        return None, RendererStatus("none", (*reasons, _REQUIREMENTS))

    async def probe(self) -> RendererStatus:
        """Return the status that ``find_tier`` would find, by a zygote without libraries, in a fraction of the time."""
        host = replace(self, is_probe=True, _temporary=None)
        try:
            zygote, status = await host.find_tier()
            if zygote is not None:
                await zygote.close()
        finally:
            host.close()
        return replace(status, libraries={})

    async def restart(self) -> ZygoteProcess:
        """Start another zygote of the same tier.

        Raises
        ------
        SandboxUnavailable
            It does not start, or has other layers than were found before.
        """
        assert self._layers is not None
        zygote = await self._start(self._layers)
        if _layers_of(zygote.ready) != self._layers:
            await zygote.close()
            raise SandboxUnavailable("The host allows less than before: " + " ".join(zygote.ready["reasons"]))
        return zygote

    def close(self) -> None:
        """Remove the temporary cache, if there is one."""
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    async def _try(self, namespaces: bool, reasons: list[str]) -> ZygoteProcess | None:
        try:
            return await self._start({"namespaces": namespaces, "landlock": True, "seccomp": True})
        except PartialNamespaces as error:
            reasons.append(str(error))
        except SandboxUnavailable as error:
            if str(error) not in reasons:
                reasons.append(str(error))
        return None

    async def _start_unsandboxed(self, reasons: list[str]) -> tuple[ZygoteProcess, RendererStatus]:
        _log.warning(
            "POSTED CODE RUNS WITHOUT A SANDBOX on this server: allow_unsandboxed is set. %s", " ".join(reasons)
        )
        self._layers = {"namespaces": False, "landlock": False, "seccomp": False}
        zygote = await self._start(self._layers)
        reason = "Posted code runs WITHOUT a sandbox, because allow_unsandboxed is set."
        return zygote, RendererStatus("none", (*reasons, reason), **_drawing_of(zygote.ready), is_unsandboxed=True)

    async def _start(self, layers: Mapping[str, bool]) -> ZygoteProcess:
        self._make_cache()
        command = [*self.wrap, self.python or sys.executable]
        preload = [*self.limits["preload"], *self.learned]
        settings = {**self.limits, **layers, "probe": self.is_probe, "preload": preload}
        return await ZygoteProcess.start(command, settings, self.cache)

    def _make_cache(self) -> None:
        """Create the cache directory; if the home directory is read-only or missing, use a temporary directory."""
        try:
            self.cache.mkdir(parents=True, exist_ok=True, mode=0o700)
            is_writable = os.access(self.cache, os.W_OK)
        except OSError:
            is_writable = False
        if not is_writable:
            self._temporary = tempfile.mkdtemp(prefix="figserve-sandbox-")
            self.cache = Path(self._temporary)


def _drawing_of(ready: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a zygote says about its libraries and the formats that they cannot write."""
    return {"libraries": ready["libraries"], "unsupported": tuple(ready["unsupported"])}


def _layers_of(ready: Mapping[str, Any]) -> dict[str, bool]:
    return {name: bool(ready[name]) for name in ("namespaces", "landlock", "seccomp")}


def _tier_of(ready: Mapping[str, Any]) -> Tier:
    layers = _layers_of(ready)
    if not layers["seccomp"]:
        return "none"
    if layers["namespaces"]:
        return "FULL" if layers["landlock"] else "NS"
    return "STRICT" if layers["landlock"] else "none"
