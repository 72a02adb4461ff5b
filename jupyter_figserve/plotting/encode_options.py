"""Options of an encoding, checked before anything is drawn: formats, resolution and size. Kernel and jailed child."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import InvalidInput, OutputInvalid
from ..model.formats import FORMATS, Format, get_format
from ..model.scalars import to_number
from .images import check_pixels
from .raster import check_sides

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def parse_formats(formats: Sequence[str], dpi: float | None) -> tuple[Format, ...]:
    """Return the rows of the format table.

    Raises
    ------
    UnsupportedType
        A format is unknown.
    InvalidInput
        There is no format, or ``dpi`` is not a positive number.
    """
    rows = tuple(get_format(name) for name in formats)
    if not rows:
        raise InvalidInput(f"Specify at least one format. The formats are {', '.join(FORMATS)}.")
    if dpi is not None and not _is_positive(dpi):
        raise InvalidInput(f"Invalid dpi {dpi!r:.40}. Use a positive number of dots per inch, such as 150.")
    return rows


def savefig_options(dpi: float | None, tight: bool, transparent: bool) -> dict[str, Any]:
    """Return only the requested options; ``savefig`` and rcParams determine the others."""
    requested: dict[str, tuple[bool, Any]] = {
        "bbox_inches": (tight, "tight"),
        "dpi": (dpi is not None, dpi),
        "transparent": (transparent, True),
    }
    return {name: value for name, (is_set, value) in requested.items() if is_set}


def check_figure_size(figure: Figure, dpi: object, rows: Sequence[Format]) -> None:
    """Check the size of a matplotlib figure for its formats.

    Raises
    ------
    OutputInvalid
        A side is not a positive number, or the image would be too large.
    """
    width, height = figure.get_size_inches()
    if not (_is_positive(width) and _is_positive(height)):
        raise OutputInvalid(
            f"The figure is {width:g} by {height:g} inches. Set a positive size: fig.set_size_inches(6.4, 4.8)."
        )
    if _is_positive(dpi):
        sides = width * float(dpi), height * float(dpi)  # type: ignore[arg-type]
        check_pixels(*sides)
        for row in rows:
            check_sides(row.name, *sides)


def _is_positive(value: object) -> bool:
    return to_number(value) > 0
