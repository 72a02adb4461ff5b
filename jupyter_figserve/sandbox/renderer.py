"""The renderer interface and its status, without any implementation. Server process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ..model.rendering import RenderJob, RenderResult

Tier = Literal["FULL", "NS", "STRICT", "none"]
STOPPING = "The server is stopping. Try again when it runs again."


@dataclass(frozen=True)
class RendererStatus:
    """The capabilities of a renderer.

    Parameters
    ----------
    reasons
        Sentences that name a missing facility or a failed self-test.
    libraries
        Versions in the sandbox; empty before the first start.
    unsupported
        Names of formats that its Pillow cannot write.
    is_unsandboxed
        Whether code runs although the tier is "none", because the administrator allows it.
    name
        Name of the renderer, as ``FigServe.renderer`` has it.
    slots
        Jobs that it can run at once; None for as many as configured.
    workers
        Tier and slots of each worker.
    """

    tier: Tier
    reasons: tuple[str, ...] = ()
    libraries: Mapping[str, str] = field(default_factory=dict)
    unsupported: tuple[str, ...] = ()
    is_unsandboxed: bool = False
    name: str = "local"
    slots: int | None = None
    workers: tuple[tuple[Tier, int], ...] = ()


class Renderer(Protocol):
    """Renders untrusted code and pickles where they can do no harm."""

    @property
    def status(self) -> RendererStatus: ...

    async def probe(self) -> None:
        """Update ``status`` with the capabilities of this host; leaves no process running."""

    async def start(self) -> None:
        """Start the renderer. Never raises on a host that lacks facilities; ``status`` reports them."""

    async def render(self, job: RenderJob) -> RenderResult:
        """Run one job; cancelling the call kills the child process.

        Raises
        ------
        CodeFailed
            The code, or unpickling the source, raised an exception.
        NoFigure
            The code ended without a figure.
        OutputInvalid
            The result is too large or malformed, or the child crashed (``code="crashed"``).
        DeadlineExceeded
            The result was not ready in time.
        TooLarge
            The figure has more pixels than allowed.
        Unavailable
            The queue is full, or the zygote died and did not restart in time.
        SandboxUnavailable
            This host cannot run code safely; the message names what is missing.
        """

    async def close(self) -> None:
        """Stop all processes of the renderer."""
