"""The running cell and default figure names."""

from __future__ import annotations

import hashlib
import sys
from types import SimpleNamespace

import pytest

from jupyter_figserve.kernel.cells.cell import CellFigureNames, NotebookCell, default_name, find_cell
from jupyter_figserve.model.texts import check_name

UUID = "1a2b3c4d-0000-4000-8000-000000000000"


def shell_with(monkeypatch, **attributes):
    """A stand-in for the IPython shell."""
    shell = SimpleNamespace(execution_count=3, **attributes)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    return shell


def request(msg_id="m1", code="x", **metadata):
    return {"header": {"msg_id": msg_id}, "content": {"code": code}, "metadata": metadata}


def cell(cell_id=UUID, execution="m1", digest="d" * 64):
    return NotebookCell(execution, cell_id, digest, 1)


def test_the_front_ends_cell_id_is_used(monkeypatch):
    """JupyterLab and VS Code send the cell id with the execute request."""
    shell_with(monkeypatch, get_parent=lambda: request(cellId=UUID))
    found = find_cell()
    assert found == NotebookCell("m1", UUID, hashlib.sha256(b"x").hexdigest(), 3, "x")
    assert found.as_json() == {"id": UUID, "digest": found.digest, "execution_count": 3}


@pytest.mark.parametrize("metadata", [{}, {"cellId": None}, {"cellId": ""}, {"cellId": 7}])
def test_code_digest_replaces_a_missing_cell_id(monkeypatch, metadata):
    """nbclient and older front ends send no id."""
    shell_with(monkeypatch, get_parent=lambda: request(code="plot()", **metadata))
    assert find_cell().base_name == "cell-" + hashlib.sha256(b"plot()").hexdigest()[:8]


def test_a_prompt_has_its_input(monkeypatch):
    """IPython in a terminal has no requests."""
    shell_with(monkeypatch, history_manager=SimpleNamespace(input_hist_raw=["", "a", "plot()"]))
    found = find_cell()
    assert (found.execution, found.id) == ("input-3", None)
    assert found.digest == hashlib.sha256(b"plot()").hexdigest()


@pytest.mark.parametrize(("inputs", "number"), [(4, 3), (3, 2)])
def test_number_is_that_of_the_prompt(monkeypatch, inputs, number):
    """Whether IPython has counted up before the cell, as since 9.18, or counts up after it."""
    shell_with(monkeypatch, history_manager=SimpleNamespace(input_hist_raw=[], input_hist_parsed=[""] * inputs))
    assert find_cell().execution_count == number


@pytest.mark.parametrize("parent", [None, {}, {"header": None, "content": None, "metadata": None}])
def test_shell_between_cells(monkeypatch, parent):
    """At kernel start there is no request yet."""
    shell_with(monkeypatch, get_parent=lambda: parent)
    assert find_cell().id is None


def test_outside_ipython_there_is_no_cell(monkeypatch):
    """IPython is not imported."""
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert find_cell() is None
    assert "IPython" not in sys.modules


def test_names_come_from_title_then_cell():
    """The name is the title's slug, else the first eight characters of the cell's random id."""
    assert default_name("Sales, 2024", cell()) == "Sales-2024"
    assert default_name("", cell()) == "cell-1a2b3c4d"
    assert default_name("…!", cell(execution="m2")) == "cell-1a2b3c4d"


def test_ids_with_a_common_prefix_have_different_names():
    """Ids of other front ends may share their first characters."""
    names = {cell(f"vscode-notebook-cell:/a.ipynb#W{n}").base_name for n in range(10)}
    assert len(names) == 10
    assert all(check_name(name) for name in names)


def test_figures_of_a_loop_have_stable_names():
    """Names are numbered within one execution, and start again in the next."""
    first = [default_name("a", cell()) for _ in range(3)]
    assert first == ["a", "a-2", "a-3"]
    assert default_name("b", cell()) == "b"
    assert [default_name("a", cell(execution="m2")) for _ in range(3)] == first


def test_a_title_that_looks_like_a_count_is_not_overwritten():
    """A name is used only once in an execution."""
    names = CellFigureNames()
    assert [names.next("x", base) for base in ("a", "a-2", "a", "a-2")] == ["a", "a-2", "a-3", "a-2-2"]


def test_counted_names_stay_within_the_limit():
    """The number is included in the hundred characters."""
    names = CellFigureNames()
    found = [names.next("x", "n" * 100) for _ in range(3)]
    assert found[2] == "n" * 98 + "-3"
    assert all(check_name(name) for name in found)


def test_old_executions_are_dropped():
    """Old executions are dropped in a long-running kernel."""
    names = CellFigureNames()
    for number in range(100):
        names.next(str(number), "a")
    assert len(names._used) == 16


@pytest.mark.parametrize(
    ("file", "name"), [("/x/monthly report.py", "monthly-report"), ("/x/….py", "figure"), (None, "figure")]
)
def test_figures_of_a_script_are_named_after_its_file(monkeypatch, file, name):
    """Outside IPython, names are numbered within the process."""
    monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace(__file__=file))
    assert [default_name("", None), default_name("", None)] == [name, f"{name}-2"]
