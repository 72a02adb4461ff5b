"""Positions on an axis as what they stand for: numbers, dates, categories. Kernel and jailed child."""

from __future__ import annotations

import sys
from typing import Any

from ...model.data_tables import Cell
from ..charts.artists import is_a
from ..charts.tick_names import find_categories, find_labels_by_place
from .values import computed, to_cells, to_text

_EXACT = 1e-9
_DATE_FORMATTERS = ("AutoDateFormatter", "ConciseDateFormatter", "DateFormatter")


class AxisReader:
    """Reads the positions of artists along one axis.

    Parameters
    ----------
    name
        The column's name where the axis has no label.
    limit
        Maximum number of positions.
    """

    def __init__(self, axis: Any, name: str, limit: int) -> None:
        self.axis = axis
        self.name = label_of(axis) or name
        self.limit = limit
        self._categories = find_categories(axis)
        self._names = self._categories or _find_tick_names(axis)
        self._is_date = not self._names and _has_dates(axis)
        self._frequency = getattr(axis.get_major_formatter(), "freq", None)

    @property
    def has_names(self) -> bool:
        """Whether positions are categories, or their ticks have names."""
        return bool(self._names)

    def read(self, values: Any, *, is_computed: bool = False) -> list[Cell]:
        """Return names where each position has one, else dates or numbers."""
        import numpy as np

        array = np.ma.asanyarray(values).ravel()[: self.limit]
        if self._names:
            found = self._names_at(np.ma.filled(array.astype(float), np.nan), _EXACT)
            if None not in found:
                return [*found]
        if self._frequency is not None and is_a(self.axis.get_major_formatter(), "TimeSeries_DateFormatter"):
            return _periods(array, self._frequency)
        if self._is_date:
            return _dates(array, self.axis)
        return computed(array) if is_computed else to_cells(array)

    def read_near(self, values: Any) -> list[Cell]:
        """Return the name nearest to each position, as of bars side by side or of points with jitter; else ``read``."""
        import numpy as np

        array = np.ma.asanyarray(values).ravel()[: self.limit]
        places = sorted(self._names)
        if not places:
            return self.read(array, is_computed=True)
        reach = min(np.diff(places).min() / 2 if len(places) > 1 else 0.5, 0.5 if self._categories else np.inf)
        found = self._names_at(np.ma.filled(array.astype(float), np.nan), float(reach))
        return self.read(array, is_computed=True) if None in found else [*found]

    def _names_at(self, values: Any, reach: float) -> list[str | None]:
        import numpy as np

        places = np.array(sorted(self._names))
        if not len(values):
            return []
        nearest = (
            places[np.abs(places[None, :] - np.nan_to_num(values, nan=np.inf)[:, None]).argmin(axis=1)]
            if (len(places) * len(values) <= 1_000_000)
            else np.round(values)
        )
        return [
            self._names.get(float(place)) if abs(place - value) <= reach else None
            for place, value in zip(nearest.tolist(), values.tolist(), strict=True)
        ]


def label_of(axis: Any) -> str:
    """Return the label of an axis, else the one label of the axes that share it."""
    own = to_text(axis.get_label_text())
    if own:
        return own
    axes = axis.axes
    shared = getattr(axes, f"get_shared_{axis.axis_name}_axes", None)
    siblings = shared().get_siblings(axes) if shared is not None else ()
    labels = {to_text(getattr(one, f"{axis.axis_name}axis").get_label_text()) for one in siblings} - {""}
    return labels.pop() if len(labels) == 1 else ""


def _find_tick_names(axis: Any) -> dict[float, str]:
    """Return the labels that were set for ticks, by their places; none where they are the places themselves."""
    found = {place: text for place, label in find_labels_by_place(axis).items() if (text := to_text(label))}
    return found if any(_number(text) != place for place, text in found.items()) else {}


def _number(text: str) -> float | None:
    try:
        return float(text.replace("−", "-"))
    except ValueError:
        return None


def _has_dates(axis: Any) -> bool:
    get_converter = getattr(axis, "get_converter", None)
    converter = get_converter() if get_converter is not None else getattr(axis, "converter", None)
    if converter is not None and is_a(converter, "DateConverter", "_SwitchableDateConverter"):
        return True
    return is_a(axis.get_major_formatter(), *_DATE_FORMATTERS)


def _dates(values: Any, axis: Any) -> list[Cell]:
    """Return days since matplotlib's epoch as ISO 8601: dates where all are whole days, else with their time.

    With its zone where the axis was given one, as by times that have one themselves.
    """
    import numpy as np
    from matplotlib import dates

    epoch: Any = dates.get_epoch
    to_date: Any = dates.num2date
    days = np.ma.filled(values.astype(float), np.nan)
    zone = axis.units if hasattr(getattr(axis, "units", None), "utcoffset") else None
    if zone is not None:
        return [to_date(day, zone).isoformat() if np.isfinite(day) else None for day in days.tolist()]
    microseconds = np.where(np.isfinite(days), np.round(np.nan_to_num(days) * 86_400e6), 0).astype("timedelta64[us]")
    moments = np.datetime64(str(epoch())).astype("datetime64[us]") + microseconds
    unit = next((one for one in ("D", "s", "ms") if (moments.astype(f"datetime64[{one}]") == moments).all()), "us")
    to_text: Any = np.datetime_as_string
    texts = to_text(moments, unit=unit).tolist()
    return [text if finite else None for text, finite in zip(texts, np.isfinite(days).tolist(), strict=True)]


def _periods(values: Any, frequency: Any) -> list[Cell]:
    """Return ordinals of pandas' periods as dates."""
    import numpy as np

    period: Any = sys.modules["pandas"].Period

    numbers = np.ma.filled(values.astype(float), np.nan).tolist()
    starts = [period(ordinal=round(one), freq=frequency).start_time if np.isfinite(one) else None for one in numbers]
    has_time = any(start is not None and (start.hour or start.minute or start.second) for start in starts)
    form = {"M": "%Y-%m", "Y": "%Y"}.get(str(getattr(frequency, "rule_code", frequency))[:1], "%Y-%m-%d")
    return [start and (start.isoformat() if has_time else start.strftime(form)) for start in starts]
