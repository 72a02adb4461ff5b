"""The drawing state of a figure: captured where it was drawn, established where it is drawn again."""

from __future__ import annotations

import contextlib
import locale
import pickle
import subprocess
import sys
import time

import matplotlib as mpl
import numpy as np
from matplotlib import colors, dates, hatch, mathtext
from matplotlib import pyplot as plt
from matplotlib.path import Path as MplPath

from jupyter_figserve.plotting import drawing_state
from jupyter_figserve.plotting.drawing_state import DrawingState, changed_rcparams
from jupyter_figserve.plotting.pickling import pickle_figure, unpickle_state

from ..example_figures import line


def travelled(state: DrawingState) -> DrawingState:
    return unpickle_state(pickle_figure(plt.figure(), state))


def test_only_rcparams_of_the_image_are_kept():
    """Those of the environment, such as the backend and the user's directories, stay."""
    with mpl.rc_context({"lines.linewidth": 7, "toolbar": "None", "savefig.directory": "/home/ada"}):
        assert changed_rcparams() == {"lines.linewidth": 7}


def test_rcparams_are_established_and_restored():
    """Those changed since are reset; unknown and invalid ones, of another matplotlib, are skipped."""
    with mpl.rc_context({"font.size": 16, "savefig.facecolor": "red", "path.sketch": (1, 100, 2)}):
        state = travelled(DrawingState.capture(line()))
    other = DrawingState(rcparams={**state.rcparams, "no.such": 1, "lines.linewidth": "none of ours"})
    mpl.rcParams["grid.color"] = "blue"
    before = dict.copy(mpl.rcParams)
    with other.applied():
        assert (mpl.rcParams["font.size"], mpl.rcParams["savefig.facecolor"]) == (16, "red")
        assert mpl.rcParams["path.sketch"] == (1, 100, 2)
        assert mpl.rcParams["grid.color"] == mpl.rcParamsDefault["grid.color"]
        assert mpl.rcParams["lines.linewidth"] == mpl.rcParamsDefault["lines.linewidth"]
    assert dict.copy(mpl.rcParams) == before


@contextlib.contextmanager
def interpolation_steps(count):
    path = MplPath.unit_rectangle()
    before, path._interpolation_steps = path._interpolation_steps, count
    yield
    path._interpolation_steps = before


def test_shared_paths_keep_their_steps():
    """Rectangles are curves on polar axes after ``bar``, and straight where no bar was drawn."""
    states = []
    for count in (100, 1):
        with interpolation_steps(count):
            states.append(travelled(DrawingState.capture(line())))
    for state, count in zip(states, (100, 1), strict=True):
        with interpolation_steps(7):
            with state.applied():
                assert MplPath.unit_rectangle()._interpolation_steps == count
            assert MplPath.unit_rectangle()._interpolation_steps == 7


def test_named_colours_are_kept():
    """Names that were added or redefined mean the same colours."""
    names = colors.get_named_colors_mapping()
    before, names["house blue"], names["b"] = names["b"], "#123456", "#abcdef"
    try:
        state = travelled(DrawingState.capture(line()))
    finally:
        names["b"] = before
        del names["house blue"]
    with state.applied():
        assert (colors.to_hex("house blue"), colors.to_hex("b")) == ("#123456", "#abcdef")
    assert colors.to_hex("b") == "#0000ff"
    assert not colors.is_color_like("house blue")


def test_rcparams_may_name_colours_of_the_process():
    """Added names are valid in rcParams, while the state is established and when the former one is restored."""
    names = colors.get_named_colors_mapping()
    names["house blue"] = "#123456"
    try:
        with mpl.rc_context({"savefig.facecolor": "house blue"}):
            state = travelled(DrawingState.capture(line()))
        del names["house blue"]
        names["house red"] = "#654321"
        with mpl.rc_context({"savefig.facecolor": "house red"}):
            with state.applied():
                assert mpl.rcParams["savefig.facecolor"] == "house blue"
                assert colors.to_hex("house blue") == "#123456"
            assert mpl.rcParams["savefig.facecolor"] == "house red"
    finally:
        names.pop("house blue", None)
        names.pop("house red", None)


def test_the_time_zone_is_kept(monkeypatch):
    """Formatters of the user may write local times."""
    zones = []
    for zone in ("Asia/Tokyo", "UTC"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        zones.append(travelled(DrawingState.capture(line())))
    try:
        for state, offset in zip(zones, (-9 * 3600, 0), strict=True):
            monkeypatch.setenv("TZ", "America/Bogota")
            time.tzset()
            assert not state.is_current
            with state.applied():
                assert time.localtime().tm_gmtoff == -offset
                assert state.is_current
            assert time.localtime().tm_gmtoff == -5 * 3600
    finally:
        monkeypatch.undo()
        time.tzset()


def test_metrics_of_mathtext_are_kept():
    """The height of superscripts is a number of a class, and drawn texts are remembered."""
    metrics = mathtext._mathtext.FontConstantsBase
    before, metrics.sup1 = metrics.sup1, 0.2
    try:
        state = travelled(DrawingState.capture(line()))
    finally:
        metrics.sup1 = before
    with state.applied():
        assert metrics.sup1 == 0.2
    assert metrics.sup1 == before


class Dots(hatch.SmallFilledCircles):
    """A hatch that a user registers."""


def test_registered_hatches_are_kept():
    """Their classes are known while the figure is drawn."""
    hatch._hatch_types.append(Dots)
    try:
        state = travelled(DrawingState.capture(line()))
    finally:
        hatch._hatch_types.remove(Dots)
    with state.applied():
        assert [kind.__name__ for kind in hatch._hatch_types][-1] == "Dots"
    assert Dots not in hatch._hatch_types


def test_the_epoch_of_dates_is_kept():
    """Numbers of dates mean the same days."""
    dates._reset_epoch_test_example()
    dates.set_epoch("2000-01-01T00:00:00")
    try:
        state = travelled(DrawingState.capture(line()))
    finally:
        dates._reset_epoch_test_example()
    with state.applied():
        assert dates.num2date(1).year == 2000
    dates._reset_epoch_test_example()
    assert dates.num2date(1).year == 1970


def test_the_locale_is_kept_where_the_figure_uses_it():
    """Months and decimal commas need it; another figure is independent of what is installed."""
    names = {name: locale.setlocale(getattr(locale, name)) for name in ("LC_NUMERIC", "LC_TIME")}
    try:
        locale.setlocale(locale.LC_NUMERIC, "C.UTF-8")
        locale.setlocale(locale.LC_TIME, "C.UTF-8")
        assert DrawingState.capture(line()).locale == {}
        _, axes = plt.subplots()
        axes.plot(np.array(["2024-01-01", "2024-03-01"], "datetime64[D]"), [0, 1])
        axes.ticklabel_format(axis="y", useLocale=True)
        state = travelled(DrawingState.capture(axes.figure))
        for name in names:
            locale.setlocale(getattr(locale, name), "C")
        assert state.locale == {"LC_NUMERIC": "C.UTF-8", "LC_TIME": "C.UTF-8"}
        with state.applied():
            assert locale.setlocale(locale.LC_TIME) == "C.UTF-8"
        assert locale.setlocale(locale.LC_TIME) == "C"
    finally:
        for name, value in names.items():
            locale.setlocale(getattr(locale, name), value)


def test_usetex_is_an_obstacle():
    """The sandbox starts no LaTeX, neither for all texts nor for one."""
    figure = line()
    with mpl.rc_context({"text.usetex": True}):
        assert "LaTeX" in DrawingState.capture(figure).obstacle
    assert DrawingState.capture(figure).obstacle == ""
    figure.text(0, 0, "x", usetex=True)
    assert "LaTeX" in DrawingState.capture(figure).obstacle


def test_fonts_of_a_limited_size_are_kept(monkeypatch, tmp_path):
    """Larger ones are an obstacle that names the file."""
    font = tmp_path / "Big.ttf"
    font.write_bytes((__import__("pathlib").Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans.ttf").read_bytes())
    figure = line()
    figure.text(0, 0, "x", font=font)
    assert DrawingState.capture(figure).obstacle == ""
    monkeypatch.setattr(drawing_state, "MAX_FONT_BYTES", 1000)
    assert "Big.ttf" in DrawingState.capture(figure).obstacle


def test_a_source_without_state_has_the_defaults():
    """A plain pickle, of a figure that no kernel of ours published, is drawn as matplotlib starts."""
    assert unpickle_state(pickle.dumps(plt.figure())) == DrawingState()
    assert unpickle_state(b"") == DrawingState()


def test_capturing_imports_no_matplotlib():
    """A live function that draws with another library is detached without it."""
    code = (
        "import sys; from jupyter_figserve.plotting.drawing_state import DrawingState;"
        "assert DrawingState.capture(None) == DrawingState(); assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
