"""The data of a figure as the result of a job, and what hostile sources make of it."""

from __future__ import annotations

import pickle
import resource

import pytest
from matplotlib.figure import Figure

from jupyter_figserve.errors import FigServeError, OutputInvalid
from jupyter_figserve.model.data_tables import from_lines
from jupyter_figserve.plotting.pickling import pickle_figure

from ..conftest import one_tier
from ..harness import LINE, Sandbox

pytestmark = one_tier


class Gadget:
    """Code that runs when the pickle is opened."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self):
        return exec, (self.code,)


def hostile(answer: str) -> bytes:
    """A figure whose tables are replaced by the value of an expression."""
    code = f"from jupyter_figserve.plotting import figure_data as f; f.to_lines = lambda *_: {answer}"
    figure = Figure()
    figure.add_subplot().plot([1, 2])
    figure.gadget = Gadget(code)
    return pickle.dumps(figure)


def test_a_pickled_figure_and_posted_code(sandbox: Sandbox):
    """Both kinds of sources give tables, of at most so many rows."""
    figure = Figure()
    figure.add_subplot().plot(["a", "b", "c"], [1, 2.5, 3])
    for source, kind in ((pickle_figure(figure), "figure"), (LINE.encode(), "code")):
        (image,) = sandbox.render(source, kind=kind, format="tables", rows=2).images
        (table,) = from_lines(image.data, 10).tables
        assert (table.columns, len(table.rows)) == (("x", "y"), 2)
        assert table.total > 2
    with pytest.raises(OutputInvalid, match="no data") as caught:
        sandbox.render("import matplotlib.pyplot as plt; plt.figure()", format="tables", rows=2)
    assert caught.value.code == "no_data"


def test_a_source_that_answers_with_a_gigabyte(sandbox: Sandbox):
    """The server refuses it by its length, and its memory does not grow."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for answer in ("b'x' * 2**30", "b'x' * (2**29)"):
        assert isinstance(sandbox.attack(hostile(answer), kind="figure", format="tables", rows=10), FigServeError)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024
    sandbox.assert_well()


def test_a_source_that_answers_with_other_things(sandbox: Sandbox):
    """What is not lines of tables is refused when it is read, or before."""
    for answer in ("b'[' * 100_000", "b'\\xff'", "5", "b''"):
        try:
            image = sandbox.render(hostile(answer), kind="figure", format="tables", rows=10).images[0]
        except FigServeError:
            continue
        with pytest.raises(OutputInvalid):
            from_lines(image.data, 10)
    sandbox.assert_well()
