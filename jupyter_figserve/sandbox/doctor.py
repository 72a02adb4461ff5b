"""Looks what sandbox this host allows, and says it in words. Any process that has a few seconds; parent side."""

from __future__ import annotations

import asyncio
from pathlib import Path

from .host.pool import LocalRenderer
from .renderer import RendererStatus

MEANINGS = {
    "FULL": "namespaces, Landlock and seccomp hold posted code.",
    "NS": "namespaces and seccomp hold posted code; this kernel has no Landlock beside them.",
    "STRICT": "Landlock and seccomp hold posted code; there are no namespaces around them.",
    "none": "posted code is refused.",
}


def examine(render_python: str = "", *, cache: Path | None = None) -> RendererStatus:
    """Start a sandbox, let it be attacked, end it.

    Parameters
    ----------
    render_python
        The interpreter that would run posted code; ``""`` for this one.
    cache
        As of ``LocalRenderer``.
    """

    async def look() -> RendererStatus:
        renderer = LocalRenderer(render_python=render_python, cache=cache, jobs=1, warm=0)
        await renderer.start()
        await renderer.close()
        return renderer.report

    return asyncio.run(look())


def describe(report: RendererStatus) -> str:
    """One paragraph for a person."""
    meaning = "posted code runs WITHOUT a sandbox." if report.is_unsandboxed else MEANINGS[report.tier]
    return " ".join((f"Sandbox {report.tier}: {meaning}", *report.why))
