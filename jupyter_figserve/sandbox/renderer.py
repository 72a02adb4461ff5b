"""The renderer interface: jobs, results and status, without any implementation. Server process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ..model.figures import EncodedImage

Tier = Literal["FULL", "NS", "STRICT", "none"]
Kind = Literal["code", "figure", "function", "card"]
ALL = "all"


@dataclass(frozen=True)
class DrawOptions:
    """Output options of a figure.

    Parameters
    ----------
    format
        Name of a format in the format table.
    width, height
        Pixels at ``dpi`` for raster formats, CSS pixels for vector formats; None keeps the figure's own size.
    dpi
        Dots per inch; None uses the default of ``savefig``.
    style
        Name of a matplotlib style; posted code runs under it, a pickled figure is recoloured.
    tight
        Crop or extend the image to its content.
    """

    format: str = "png"
    width: int | None = None
    height: int | None = None
    dpi: float | None = None
    style: str | None = None
    transparent: bool = False
    tight: bool = False


@dataclass(frozen=True)
class RenderJob:
    """A unit of work for one sandboxed process.

    Parameters
    ----------
    kind
        ``"code"`` runs ``source`` (UTF-8); ``"figure"`` unpickles a matplotlib figure; ``"function"`` unpickles a live
        function and calls it with ``arguments``; ``"card"`` draws an error message, see ``jailed.error_card``.
    figure
        Which figure of the posted code to use: a pyplot figure number, ``"all"``, or None for the figure of the last
        expression, else the current figure.
    seed
        Seed for ``random`` and for NumPy's legacy generator; None uses a fresh one.
    timeout
        Maximum seconds from sending the job to receiving the result.
    with_thumbnail
        Whether to make a thumbnail, at most 320 pixels wide.
    libraries
        Library versions that made a pickled source, if known; error messages name them.
    device_pixel_ratio
        Resolution factor for a figure in a raster format, unless the job sets a size.
    """

    kind: Kind
    source: bytes
    options: DrawOptions = field(default_factory=DrawOptions)
    figure: int | str | None = None
    seed: int | None = None
    timeout: float = 10.0
    arguments: Mapping[str, Any] = field(default_factory=dict)
    with_thumbnail: bool = False
    libraries: Mapping[str, str] = field(default_factory=dict)
    device_pixel_ratio: int = 1


@dataclass(frozen=True)
class RenderResult:
    """The result of a job, after the parent has checked type, size and pixel count.

    Parameters
    ----------
    images
        One image; with ``figure="all"`` one for each figure, in pyplot's order.
    output
        Output printed by the code, truncated.
    libraries
        Versions of Python (major and minor) and of the plotting libraries loaded in the child.
    device_pixel_ratio
        The ratio that was applied.
    """

    images: tuple[EncodedImage, ...]
    title: str = ""
    alt: str = ""
    thumbnail: EncodedImage | None = None
    output: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)
    device_pixel_ratio: int = 1


@dataclass(frozen=True)
class RendererStatus:
    """The capabilities of a renderer on this host.

    Parameters
    ----------
    reasons
        Sentences that name a missing facility or a failed self-test.
    libraries
        Versions in the sandbox; empty before the first start.
    is_unsandboxed
        Whether code runs although the tier is "none", because the administrator allows it.
    """

    tier: Tier
    reasons: tuple[str, ...] = ()
    libraries: Mapping[str, str] = field(default_factory=dict)
    is_unsandboxed: bool = False


class Renderer(Protocol):
    """Renders untrusted code and pickles where they can do no harm."""

    @property
    def status(self) -> RendererStatus: ...

    async def probe(self) -> None:
        """Update ``status`` with the capabilities of this host; leaves no process running."""

    async def start(self) -> None:
        """Start the renderer. Never raises on a host that lacks facilities: ``status`` tells."""

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
