"""Tables of data: limits, names, and the lines in which a sandbox returns them."""

from __future__ import annotations

import json

import pytest

from jupyter_figserve.errors import OutputInvalid
from jupyter_figserve.model.data_tables import (
    CELLS_PER_ROW,
    DataTable,
    FigureData,
    as_one_table,
    from_lines,
    make_data,
    to_lines,
)

TWO = FigureData(
    (DataTable("A", ("x", "y"), ((1, 2.5), ("b", None)), 2), DataTable("B", ("x", "z"), ((True, "ü"),), 9)), ("Note.",)
)


def test_lines_round_trip():
    """What is written is read again, with the number of all rows."""
    assert from_lines(to_lines(TWO), 100) == TWO


def test_lines_are_cut_to_a_size():
    """Rows that would make them longer are left out, and counted."""
    wide = FigureData((DataTable("A", ("x",), (("a" * 100,),) * 9, 9), DataTable("B", ("x",), ((1,),), 1)))
    found = from_lines(to_lines(wide, 350), 100)
    assert [(len(table.rows), table.total) for table in found.tables] == [(3, 9), (0, 1)]


def test_tables_are_cut_to_the_limit():
    """Each table has at most so many rows; the number of all is kept."""
    (table,) = make_data([DataTable("A", ("x",), tuple((n,) for n in range(9)), 9)], [], 4).tables
    assert (len(table.rows), table.total, table.is_cut) == (4, 9, True)


def test_wide_tables_are_cut_by_their_cells():
    """A table of very many columns has fewer rows, so that it stays small."""
    columns = CELLS_PER_ROW * 5
    (table,) = make_data([DataTable("A", ("x",) * columns, ((0,) * columns,) * 10, 10)], [], 10).tables
    assert (len(table.rows), len(set(table.columns))) == (2, columns)


def test_names_are_unique():
    """Tables and columns of one name are numbered, and a blank name is replaced."""
    made = make_data([DataTable("A", ("y", "y", " "), ((1, 2, 3),), 1), DataTable("A", ("y",), ((1,),), 1)], [], 10)
    assert [table.name for table in made.tables] == ["A", "A 2"]
    assert made.tables[0].columns == ("y", "y 2", "value")


def test_all_tables_in_one():
    """Together, tables have the column ``table`` and the columns of all."""
    one = as_one_table(TWO)
    assert one.columns == ("table", "x", "y", "z")
    assert one.rows == (("A", 1, 2.5, None), ("A", "b", None, None), ("B", True, None, "ü"))


def test_cells_from_hostile_lines_are_plain():
    """Numbers without end, nested values and long texts are dropped or cut."""
    rows = [[10**400], [{"a": 1}], [[[]]], ["a" * 9_999], [2**70]]
    head = json.dumps({"table": "T", "columns": ["x"], "total": 1})
    text = "\n".join([head, "[NaN]", "[1e999]", *map(json.dumps, rows)]).encode()
    (table,) = from_lines(text, 100).tables
    assert [row[0] for row in table.rows] == [None, None, None, None, None, "a" * 500, float(2**70)]


@pytest.mark.parametrize(
    "text",
    [
        b"", b"[1]", b"{}", b'{"table": 1, "columns": [], "total": 0}', b'{"table": "T", "columns": [1], "total": 0}',
        b'{"table": "T", "columns": ["x"], "total": -1}', b'{"table": "T", "columns": ["x"], "total": 1}\n[1, 2]',
        b"[" * 100_000, b'"text"', b"\xff", b'{"notes": 3}',
    ],
)  # fmt: skip
def test_other_lines_are_refused(text):
    """Anything else is an error of the result, never of the server."""
    with pytest.raises(OutputInvalid, match="not a list of tables"):
        from_lines(text, 10)
