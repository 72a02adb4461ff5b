"""Diagnosis of the sandbox that this host supports, for the command line. Any process."""

from __future__ import annotations

import asyncio
from pathlib import Path

from .host.pool import LocalRenderer
from .renderer import RendererStatus

_MEANINGS = {
    "FULL": "namespaces, Landlock and seccomp confine posted code.",
    "NS": "namespaces and seccomp confine posted code; this kernel has no Landlock.",
    "STRICT": "Landlock and seccomp confine posted code, without namespaces.",
    "none": "posted code is refused; published figures are drawn in other formats by their running kernels.",
}


def examine(render_python: str = "", *, cache: Path | None = None) -> RendererStatus:
    """Start a sandbox, run its self-test and stop it; this takes a few seconds.

    Parameters
    ----------
    render_python
        Interpreter that would run posted code; ``""`` for the current one.
    cache
        Cache directory, see ``LocalRenderer``.
    """

    async def start_and_close() -> RendererStatus:
        renderer = LocalRenderer(render_python=render_python, cache=cache, jobs=1, warm=0)
        await renderer.start()
        await renderer.close()
        return renderer.status

    return asyncio.run(start_and_close())


def describe(status: RendererStatus) -> str:
    """Describe a renderer's status in one paragraph."""
    meaning = "posted code runs WITHOUT a sandbox." if status.is_unsandboxed else _MEANINGS[status.tier]
    return " ".join((f"Sandbox {status.tier}: {meaning}", *status.reasons))
