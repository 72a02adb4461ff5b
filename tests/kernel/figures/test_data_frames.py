"""The data of a published figure as pandas tables."""

from __future__ import annotations

import pandas as pd
import pytest

import jupyter_figserve as figserve
from jupyter_figserve import errors
from jupyter_figserve.kernel.figures import data_frames

ANSWER = {
    "version": 1,
    "tables": [
        {"name": "Sightings", "columns": ["year", "Deer"], "rows": [[2010, 1.5], [2011, None]], "total": 9_000},
        {"name": "Bins", "columns": ["x"], "rows": [["a"]], "total": 1},
    ],
    "notes": ["Contours are left out."],
}


def test_tables_by_name_and_place():
    """Each table is a frame, found by its name or its place; what is missing is said."""
    frames = data_frames.to_frames(ANSWER)
    assert list(frames) == ["Sightings", "Bins"]
    assert frames[0] is frames["Sightings"]
    assert frames[-1].equals(pd.DataFrame({"x": ["a"]}))
    assert frames[0].equals(pd.DataFrame({"year": [2010, 2011], "Deer": [1.5, None]}))
    assert frames.notes == ["Sightings has 9,000 rows; the first 2 are here.", "Contours are left out."]
    for name in (2, "Cats"):
        with pytest.raises((errors.NotFound, KeyError)):
            frames[name]


def test_without_pandas(monkeypatch, connected, encoder):
    """The message says what to install, before the server is asked."""
    monkeypatch.setattr(data_frames, "find_spec", lambda name: None)
    pub = figserve.publish(b"", "sales")
    with pytest.raises(errors.InvalidInput, match="pip install pandas") as caught:
        pub.data()
    assert caught.value.code == "missing_library"
