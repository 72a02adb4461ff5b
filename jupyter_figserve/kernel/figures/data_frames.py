"""The data of a published figure as pandas tables. Kernel."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ...errors import InvalidInput, NotFound


class DataFrames(dict[str, Any]):
    """The tables of a figure by their names; ``frames[0]`` is the first, and ``frames["Sightings"]`` that of the name.

    Attributes
    ----------
    notes
        Sentences about what the tables lack.
    """

    notes: Sequence[str] = ()

    def __getitem__(self, name: str | int) -> Any:
        if not isinstance(name, int):
            return super().__getitem__(name)
        frames = list(self.values())
        if not -len(frames) <= name < len(frames):
            raise NotFound(f"There is no table {name}: the figure has {len(frames)}, counted from 0.")
        return frames[name]


def to_frames(answer: dict[str, Any]) -> DataFrames:
    """Return the tables that the server answered.

    Raises
    ------
    InvalidInput
        pandas is not installed, with the code ``missing_library``.
    """
    check_pandas()
    pandas: Any = import_module("pandas")
    tables = answer["tables"]
    frames = DataFrames({one["name"]: pandas.DataFrame(one["rows"], columns=one["columns"]) for one in tables})
    cut = [one for one in tables if one["total"] > len(one["rows"])]
    notes = [f"{one['name']} has {one['total']:,} rows; the first {len(one['rows']):,} are here." for one in cut]
    frames.notes = [*notes, *answer["notes"]]
    return frames


def check_pandas() -> None:
    """Raise ``InvalidInput`` where pandas is not installed."""
    try:
        is_installed = find_spec("pandas") is not None
    except ImportError:
        is_installed = False
    if not is_installed:
        raise InvalidInput("The data of figures comes as pandas tables: pip install pandas", code="missing_library")
