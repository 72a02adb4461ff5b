"""Arrays of matplotlib as cells of tables. Kernel and jailed child."""

from __future__ import annotations

from typing import Any

from ...model.data_tables import MAX_TEXT_LENGTH, Cell, to_cell
from ..figure_texts import plain_line

_EXACT_INTEGER = 2.0**53
_DIGITS = 12
"""Significant digits of values that were computed, such as the middle of a bar."""


def to_text(text: object) -> str:
    """Return a text of the figure as a cell or a name of a table."""
    return plain_line(text, MAX_TEXT_LENGTH)


def to_cells(values: Any, limit: int | None = None) -> list[Cell]:
    """Return values as cells; what is masked or not finite is None, and whole numbers are integers."""
    import numpy as np

    array = np.ma.asanyarray(values).ravel()[:limit]
    data, mask = np.ma.getdata(array), np.ma.getmaskarray(array)
    if data.dtype.kind == "f":
        cells = _floats(data)
    elif data.dtype.kind in "iub":
        cells = data.tolist()
    else:
        cells = [to_cell(_plain(value)) for value in data.tolist()]
    if mask.any():
        cells = [None if hidden else cell for cell, hidden in zip(cells, mask.tolist(), strict=True)]
    return cells


def computed(values: Any, limit: int | None = None) -> list[Cell]:
    """Return values that were computed from others, without the noise of their last digits."""
    cells = to_cells(values, limit)
    noise = max((abs(cell) for cell in cells if isinstance(cell, float)), default=0.0) * 10.0**-_DIGITS
    return [_rounded(cell, noise) if isinstance(cell, float) else cell for cell in cells]


def _rounded(value: float, noise: float) -> float:
    return 0.0 if abs(value) <= noise else float(f"{value:.{_DIGITS}g}")


def _floats(data: Any) -> list[Cell]:
    import numpy as np

    is_finite = np.isfinite(data)
    whole = data[is_finite]
    if len(whole) and (whole == np.floor(whole)).all() and (np.abs(whole) < _EXACT_INTEGER).all():
        return [int(value) if finite else None for value, finite in zip(data.tolist(), is_finite.tolist(), strict=True)]
    # A 32-bit 0.1 is 0.1, and not 0.10000000149.
    exact = data.tolist() if data.dtype.itemsize >= 8 else [float(str(value)) for value in data]
    return [value if finite else None for value, finite in zip(exact, is_finite.tolist(), strict=True)]


def _plain(value: Any) -> Any:
    if isinstance(value, (str, bool, int, float)) or value is None:
        return value
    return str(value) if hasattr(value, "isoformat") or type(value).__name__ == "Decimal" else None
