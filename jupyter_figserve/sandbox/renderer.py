"""The seam behind which pictures are drawn: what is asked of a renderer, and what it answers. Sandbox, parent side."""

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
    """How a figure is drawn.

    Parameters
    ----------
    format
        A name of the format table.
    width, height
        Pixels at ``dpi`` for raster formats, at 96 to the inch for vector formats; None is the figure's own size.
    dpi
        Dots per inch; None is what ``savefig`` would take.
    style
        Name of a matplotlib style: posted code runs under it, a figure is coloured as it says.
    tight
        Cut or extend the picture to what is drawn.
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
    """One piece of work for one child.

    Parameters
    ----------
    kind
        ``"code"`` runs ``source`` (UTF-8); ``"figure"`` unpickles a matplotlib figure; ``"function"`` unpickles a live
        function and calls it with ``arguments``; ``"card"`` draws the words of an error, JSON as ``card`` has it.
    figure
        Which of several figures of posted code: a number as pyplot counts, ``"all"``, or None for that of the last
        expression, else the current one.
    seed
        For numpy's legacy generator and ``random``; None seeds them freshly.
    timeout
        Seconds from the start of the child's work to its answer.
    wants_thumbnail
        Whether a picture of at most 320 pixels in width is to come along.
    libraries
        Versions that made a pickled source, where they are known: errors name them.
    density
        How often the resolution of a function's figure, in raster formats and without sizes of its own.
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
    density: int = 1


@dataclass(frozen=True)
class RenderResult:
    """What came of a job, seen by the parent to be what it says: type, size and pixels.

    Parameters
    ----------
    pictures
        One; with ``figure="all"`` that of each figure, in pyplot's order.
    output
        What the code printed, bounded.
    libraries
        Versions of Python (two numbers) and of the plotting libraries that the child has loaded.
    density
        With which they were drawn.
    """

    pictures: tuple[EncodedImage, ...]
    title: str = ""
    alt: str = ""
    thumbnail: EncodedImage | None = None
    output: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)
    density: int = 1


@dataclass(frozen=True)
class RendererStatus:
    """What a renderer can do here.

    Parameters
    ----------
    why
        Sentences: which facility is missing, or what the self-test found.
    libraries
        As a child has them; empty before the first start.
    is_unsandboxed
        Whether code runs although the tier is "none", because an administrator allows it.
    """

    tier: Tier
    why: tuple[str, ...] = ()
    libraries: Mapping[str, str] = field(default_factory=dict)
    is_unsandboxed: bool = False


class Renderer(Protocol):
    """Draws pictures somewhere where the code that draws them can do no harm."""

    @property
    def report(self) -> RendererStatus: ...

    async def probe(self) -> None:
        """Find out what this host allows, for ``report``, and be as before: nothing is left running."""

    async def start(self) -> None:
        """Find out what this host allows, and make ready; never raises for a poor host, ``report`` says it."""

    async def render(self, job: RenderJob) -> RenderResult:
        """Do one job; cancelling it kills its child.

        Raises
        ------
        CodeFailed
            The code, or opening the source, raised; with type, line, traceback of its own frames and output.
        NoFigure
            The code ended well and left nothing to draw.
        OutputInvalid
            What came back is too large or not what it says, or the child crashed (``code="crashed"``).
        DeadlineExceeded
            No answer in time.
        TooLarge
            More pixels than are allowed.
        Unavailable
            The queue is full, or the zygote just died and did not come back in time.
        SandboxUnavailable
            This host cannot run code safely; naming what is missing.
        """

    async def close(self) -> None:
        """End every process of it."""
