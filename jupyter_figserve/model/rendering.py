"""Render jobs, their output options and results. Any process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .figures import EncodedImage

Kind = Literal["code", "figure", "function", "card", "image"]


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
    rows
        Of the format ``"tables"``: maximum number of rows of one table.
    """

    format: str = "png"
    width: int | None = None
    height: int | None = None
    dpi: float | None = None
    style: str | None = None
    transparent: bool = False
    tight: bool = False
    rows: int | None = None


@dataclass(frozen=True)
class RenderJob:
    """A unit of work for one sandboxed process.

    Parameters
    ----------
    kind
        ``"code"`` runs ``source`` (UTF-8); ``"figure"`` unpickles a matplotlib figure; ``"function"`` unpickles a live
        function and calls it with ``arguments``; ``"card"`` draws an error message, see ``jailed.error_card``;
        ``"image"`` converts an encoded raster image.
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
    niceness
        By how much its process gives way to others that need the processor; see nice(2).
    published
        The PNG that a figure or posted code was published as; its thumbnail, if ``with_thumbnail`` is set. Where the
        job draws another picture, it fails: ``OutputInvalid`` with the code ``different``.
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
    niceness: int = 0
    published: bytes = b""


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
    status
        HTTP status of a live function's data.
    warnings
        Sentences about the image: glyphs that no font has, warnings of the plotting library.
    timing
        Seconds of drawing and encoding, as the process that did it reports them.
    """

    images: tuple[EncodedImage, ...]
    title: str = ""
    alt: str = ""
    thumbnail: EncodedImage | None = None
    output: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)
    device_pixel_ratio: int = 1
    status: int = 200
    warnings: tuple[str, ...] = ()
    timing: Mapping[str, float] = field(default_factory=dict)
