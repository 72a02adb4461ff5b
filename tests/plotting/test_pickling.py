from __future__ import annotations

import io
import pickle
import sys
import threading

import pytest

from jupyter_figserve.errors import OutputInvalid
from jupyter_figserve.plotting import by_value, pickling
from jupyter_figserve.plotting.pickling import pickle_figure

from ..example_figures import FIGURES, line
from ..matrices import pairs


def rendered(figure, **options):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="rgba", **options)
    return buffer.getvalue()


@pytest.mark.parametrize(("make", "is_drawn"), pairs(FIGURES, [False, True]))
def test_figures_come_back_as_they_were(make, is_drawn):
    """Drawn before or not, in their own size or another, they render the pixels of the original."""
    figure = make()
    if is_drawn:
        rendered(figure)
    again = pickle.loads(pickle_figure(figure))
    assert rendered(again) == rendered(figure)
    for one in (figure, again):
        one.set_size_inches(5, 3)
    assert rendered(again, dpi=80) == rendered(figure, dpi=80)


@pytest.mark.parametrize("make", FIGURES)
def test_unpickled_figures_can_be_changed(make):
    """Limits, positions and sizes set afterwards move the artists together with their clip boxes."""
    figure = make()
    rendered(figure)
    again = pickle.loads(pickle_figure(figure))
    rendered(again)
    for one in (figure, again):
        one.set_layout_engine("none")
        one.set_size_inches(4, 4)
        for axes in one.axes:
            axes.set_xlim(0.5, 2)
            axes.set_position((0.2, 0.3, 0.4, 0.5))
    assert rendered(again) == rendered(figure)


def test_the_pickle_does_not_need_this_package():
    """A reader with only matplotlib can open it."""
    data = pickle_figure(line())
    assert b"figserve" not in data


def test_an_unknown_matplotlib_is_pickled_as_usual(monkeypatch):
    """Where transforms have unknown internals, the figure is pickled without the optimization."""
    figure = line()

    def fail(*_):
        raise AttributeError("'BboxTransformTo' object has no attribute '_boxout'")

    monkeypatch.setattr(pickling, "_pickle_compactly", fail)
    assert rendered(pickle.loads(pickle_figure(figure))) == rendered(figure)


def notebook_format(value, _):
    return f"{value} EUR"


@pytest.mark.parametrize("kind", ["lambda", "function"])
def test_code_of_the_notebook_is_pickled_by_value(kind, monkeypatch):
    """A formatter of the notebook works in a process that does not have the notebook."""
    figure = line()
    figure.axes[0].xaxis.set_major_formatter(notebook_format if kind == "function" else lambda value, _: f"{value} EUR")
    monkeypatch.setattr(by_value, "find_own_modules", lambda: [__name__])
    monkeypatch.setattr(pickling, "needs_notebook", by_value.needs_notebook)
    data = pickle_figure(figure)
    monkeypatch.delitem(sys.modules, __name__)
    assert rendered(pickle.loads(data)) == rendered(figure)


def test_without_cloudpickle_the_advice_is_to_install_it(monkeypatch):
    """A lambda, and a function of the notebook that pickle takes by its name alone, are refused."""
    monkeypatch.setattr(pickling, "find_cloudpickle", lambda: None)
    monkeypatch.setattr(by_value, "find_own_modules", lambda: [__name__])
    for formatter in (notebook_format, lambda value, _: f"{value}"):
        figure = line()
        figure.axes[0].xaxis.set_major_formatter(formatter)
        with pytest.raises(OutputInvalid, match="Install cloudpickle") as caught:
            pickle_figure(figure)
        assert caught.value.code == "not_redrawable"


def test_an_unpicklable_figure_reports_why():
    """The error names the type that cannot be pickled."""
    figure = line()
    figure.lock = threading.Lock()
    with pytest.raises(OutputInvalid, match=r"cannot be pickled: .*_thread\.lock") as caught:
        pickle_figure(figure)
    assert caught.value.code == "not_redrawable"
