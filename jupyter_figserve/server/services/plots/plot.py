"""A plot of a session as a value: published, captured, or a file. Server process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ....errors import FigServeError
from ....model.figures import EncodedImage, FigureRecord
from ....model.formats import Format, get_format
from ..capture.ring_buffer import CapturedImage
from .safe_files import FileEntry


@dataclass(frozen=True)
class Plot:
    """A plot of a session.

    Parameters
    ----------
    path
        Its name below ``/plots/{session}/``.
    created
        Time of creation or last change, in seconds since the epoch.
    origin
        ``"published"``, ``"captured"`` or ``"file"``.
    figure
        Id of the figure, for a published one.
    version
        Version of the figure, or number of updates of a captured display; None for a file.
    alt
        Alternative text by its author, or ``""``.
    width, height
        Size that a captured image was displayed with, in CSS pixels; None if the display named none.
    still
        Path of a static image of an interactive plot; None without one.
    others
        Paths of the same plot in the other formats that it was displayed in.
    code
        The code of the cell that displayed it, where that is known.
    title
        Its title where that is known, or ``""``.
    """

    path: str
    mimetype: str
    size: int
    created: float
    origin: str
    figure: str | None = None
    version: int | None = None
    alt: str = ""
    width: int | None = None
    height: int | None = None
    still: str | None = None
    others: tuple[str, ...] = ()
    code: str = ""
    title: str = ""

    @classmethod
    def from_figure(cls, record: FigureRecord) -> list[Plot]:
        """Return one plot for each representation of a published figure."""
        version = record.version
        return [
            cls(
                f"{record.name}.{part.format.name}",
                part.mimetype,
                part.size,
                version.created,
                "published",
                record.id,
                version.number,
                version.alt,
                title=version.title,
            )
            for part in version.representations
            if version.width_in_address(part) is None
        ]

    @classmethod
    def from_captured(cls, image: CapturedImage, title: str) -> Plot:
        display = image.display
        return cls(
            image.path,
            image.format.mimetype,
            image.size,
            image.created,
            "captured",
            version=image.version,
            alt=display.alt,
            width=display.width,
            height=display.height,
            still=image.still_path,
            others=tuple(image.other_paths),
            code=image.code,
            title=title,
        )

    @classmethod
    def from_file(cls, file: FileEntry, row: Format) -> Plot:
        return cls(file.path, row.mimetype, file.size, file.modified, "file")


@dataclass(frozen=True)
class ReadablePlot:
    """A plot with the digest for its ETag; only ``read`` and ``read_others`` read bytes.

    Parameters
    ----------
    read_others
        Returns the other images of a plot that was displayed in several formats.
    """

    plot: Plot
    format: Format
    digest: str
    read: Callable[[], Awaitable[bytes]]
    read_others: Callable[[], tuple[EncodedImage, ...]] = tuple


def find_format(path: str) -> Format | None:
    """Return the format that a path's suffix names, in any case."""
    _, dot, suffix = path.rpartition(".")
    try:
        return get_format(suffix.lower()) if dot else None
    except FigServeError:
        return None
