"""CSV that no spreadsheet runs as formulas."""

from __future__ import annotations

import csv
import io

import pytest

from jupyter_figserve.model.csv_text import harmless, to_csv


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", "＝1+1", "-", "+1_0"]
    + ["\ufeff=1+1", " =1", "\u200b\u2060=1", "\x00@A1", "\xa0\u202e+A1"],
)
def test_formulas_become_text(text):
    """Text that a spreadsheet would evaluate, also after invisible characters, starts with an apostrophe."""
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["-5", "+1.5e3", "-inf", "a=b", "", "2024-01-01", "O'Neil", "\ufeff", " a", "größe", "(=1)"]
)
def test_other_text_stays(text):
    """Numbers as text, dates and ordinary text are unchanged."""
    assert harmless(text) == text


def test_cells_keep_their_types():
    """Negative numbers stay numbers, missing cells are empty, and quotes, commas and line breaks survive."""
    text = to_csv(["=x", "y"], [(-1.5, None), (True, 'a "b", c\nd'), ("=1", 0)])
    rows = list(csv.reader(io.StringIO(text)))
    assert rows == [["'=x", "y"], ["-1.5", ""], ["true", 'a "b", c\nd'], ["'=1", "0"]]


@pytest.mark.parametrize("separator", [",", ";", "\t", "\n"])
def test_no_cell_begins_within_another(separator):
    """In quotes, a separator of any place or program separates nothing, so that no formula begins behind it."""
    cell = f"a{separator}=1+1"
    text = to_csv([cell], [(cell,)])
    assert text == f'"{cell}"\n"{cell}"\n'
    assert list(csv.reader(io.StringIO(text), delimiter=separator if separator != "\n" else ",")) == [[cell], [cell]]


def test_a_row_of_one_missing_cell_is_a_row():
    """An empty line would be skipped by readers."""
    assert list(csv.reader(io.StringIO(to_csv(["y"], [(1,), (None,), (2,)])))) == [["y"], ["1"], [""], ["2"]]
