"""CSV that no spreadsheet runs as formulas."""

from __future__ import annotations

import csv
import io

import pytest

from jupyter_figserve.model.csv_text import harmless, to_csv


@pytest.mark.parametrize(
    "text", ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", "＝1+1", "-", "+1_0"]
)
def test_formulas_become_text(text):
    """Text that a spreadsheet would evaluate starts with an apostrophe."""
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-5", "+1.5e3", "-inf", "a=b", "", "2024-01-01", "O'Neil"])
def test_other_text_stays(text):
    """Numbers as text, dates and ordinary text are unchanged."""
    assert harmless(text) == text


def test_cells_keep_their_types():
    """Negative numbers stay numbers, missing cells are empty, and quotes, commas and line breaks survive."""
    text = to_csv(["=x", "y"], [(-1.5, None), (True, 'a "b", c\nd'), ("=1", 0)])
    rows = list(csv.reader(io.StringIO(text)))
    assert rows == [["'=x", "y"], ["-1.5", ""], ["true", 'a "b", c\nd'], ["'=1", "0"]]


def test_a_row_of_one_missing_cell_is_a_row():
    """An empty line would be skipped by readers."""
    assert list(csv.reader(io.StringIO(to_csv(["y"], [(1,), (None,), (2,)])))) == [["y"], ["1"], [""], ["2"]]
