"""Data as JSON and CSV: the encoding of each kind of value, and values without one."""

from __future__ import annotations

import json
import uuid
from collections import namedtuple
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_figserve.errors import OutputInvalid
from jupyter_figserve.model.formats import DATA_FORMATS
from jupyter_figserve.plotting.returned_data import encode_data, is_container, is_scalar_or_table


class Colour(Enum):
    RED = "r"


@dataclass
class Point:
    x: float
    y: float


def to_json(value: Any) -> Any:
    return json.loads(encode_data(value, DATA_FORMATS["json"]).data, parse_constant=pytest.fail)


def to_csv(value: Any) -> str:
    return encode_data(value, DATA_FORMATS["csv"]).data.decode()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": float("nan"), "b": float("-inf"), "c": 1.5}, {"a": None, "b": None, "c": 1.5}),
        ([np.float32(0.5), np.int64(2**62), np.bool_(True), np.nan], [0.5, 2**62, True, None]),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array(["2024-01-02", "NaT"], "M8[ns]"), ["2024-01-02T00:00:00", None]),
        (np.timedelta64(90, "s"), 90.0),
        (datetime(2024, 1, 2, 3, tzinfo=timezone.utc), "2024-01-02T03:00:00+00:00"),
        ([date(2024, 1, 2), timedelta(minutes=1), pd.NaT, pd.NA], ["2024-01-02", 60.0, None, None]),
        ({1: "a", None: "b", date(2024, 1, 2): "c"}, {"1": "a", "null": "b", "2024-01-02": "c"}),
        ({("x", 2): "d"}, {"x 2": "d"}),
        ([Decimal("0.1"), uuid.UUID(int=1), Colour.RED], ["0.1", str(uuid.UUID(int=1)), "r"]),
        (Point(1, float("nan")), {"x": 1, "y": None}),
        (namedtuple("Pair", "a b")(1, 2), [1, 2]),
        (range(3), [0, 1, 2]),
        ({"ü": "\ud800"}, {"ü": "?"}),
        (pd.DataFrame({"n": [1, None], "t": pd.to_datetime(["2024-01-02", None])}),
         [{"n": 1.0, "t": "2024-01-02T00:00:00"}, {"n": None, "t": None}]),
        (pd.DataFrame({"n": [1]}, index=pd.Index(["bear"], name="animal")), [{"animal": "bear", "n": 1}]),
        (pd.DataFrame({("a", "b"): [1]}), [{"a b": 1}]),
        (pd.Series([1, 2], index=["x", "y"]), {"x": 1, "y": 2}),
        (pd.Series(["a"], dtype="category"), ["a"]),
    ],
)  # fmt: skip
def test_json(value, expected):
    """The result is strict JSON: no NaN, no infinity, text keys."""
    assert to_json(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([{"a": 1, "b": "x,y"}, {"b": None, "c": [1]}], 'a,b,c\n1,"x,y",\n,,[1]\n'),
        ({"a": [1, 2], "b": [True, float("nan")]}, "a,b\n1,true\n2,\n"),
        ({"a": 1, "b": [1, 2]}, 'a,b\n1,"[1, 2]"\n'),
        ([[1, 2], [3, 4]], "1,2\n3,4\n"),
        ([1, 2], "1\n2\n"),
        (1.5, "1.5\n"),
        (pd.DataFrame({"a": [1], "b": ["ü"]}), "a,b\n1,ü\n"),
        (pd.DataFrame({"a": []}), "a\n"),
        ([], ""),
    ],
)
def test_csv(value, expected):
    """Rows of dicts, and columns, have a header; rows of lists have none."""
    assert to_csv(value) == expected


def test_what_has_no_representation_is_named():
    """The message says what is wrong, also of a value that contains itself."""
    own: list[Any] = []
    own.append(own)
    for value, message in (
        ({"a": {"b": object()}}, "type object"),
        ([1j], "type complex"),
        (b"bytes", "type bytes"),
        (own, "contains itself"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "Two columns of the table are named 'a'"),
    ):
        with pytest.raises(OutputInvalid, match=message):
            encode_data(value, DATA_FORMATS["json"])


def test_what_is_data():
    """Text is data, unless it is an SVG; containers are data if no figure is in them, which the caller finds out."""
    for value in ("text", 1, True, np.float64(1), pd.DataFrame(), pd.Series(dtype=float), date(2024, 1, 1), Colour.RED):
        assert is_scalar_or_table(value), value
    assert not is_scalar_or_table("<svg xmlns='http://www.w3.org/2000/svg'/>")
    assert not any(map(is_scalar_or_table, ([], {}, b"", None, object())))
    assert all(map(is_container, ([], {}, (), set(), np.zeros(2), Point(1, 2))))


def test_text_in_csv_is_no_formula():
    """Spreadsheets would run text that begins like a formula; numbers stay numbers."""
    assert to_csv([{"=a": "=1+1", "b": -1}]) == "'=a,b\n'=1+1,-1\n"
    assert to_csv([["\ufeff=1", "a;=1"]]) == '\'\ufeff=1,"a;=1"\n'
