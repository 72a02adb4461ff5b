"""Figures drawn again for a server without a sandbox: only what this process has pickled is opened."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
from matplotlib.lines import Line2D
from matplotlib.path import Path as Outline

from jupyter_figserve.kernel.cells.between_cells import BetweenCells
from jupyter_figserve.kernel.figures import redraws
from jupyter_figserve.kernel.figures.redraws import OwnSources, answer, keep_source
from jupyter_figserve.model.rendering import DrawOptions
from jupyter_figserve.plotting.drawing_state import DrawingState
from jupyter_figserve.plotting.pickling import _MARK, _TRAILER, pickle_figure

from ...png_header import png_size

LIMITS = {"max_bytes": 2**22, "max_pixels": 1_000_000, "timeout": 10}


@pytest.fixture(autouse=True)
def own(monkeypatch) -> OwnSources:
    """No source of another test, and no server that asks."""
    made = OwnSources(3)
    monkeypatch.setattr(redraws, "own_sources", made)
    return made


@pytest.fixture
def source(own) -> bytes:
    """The source of a figure that this process has published."""
    figure, axes = plt.subplots()
    axes.plot([1, 3, 2])
    made = pickle_figure(figure, DrawingState.capture(figure))
    plt.close(figure)
    keep_source(made, asks_kernel=False)
    return made


def ask(source: bytes, **options: Any) -> tuple[dict[str, Any], bytes]:
    replies: list[tuple[dict[str, Any], bytes]] = []
    request = {"op": "redraw", "rid": 7, "options": DrawOptions().__dict__ | options, **LIMITS}
    answer(request, source, lambda head, body: replies.append((head, body)))
    (only,) = replies
    assert only[0]["rid"] == 7
    return only


def error_of(source: bytes, **options: Any) -> tuple[str, str]:
    head, body = ask(source, **options)
    assert body == b""
    return head["error"]["type"], head["error"]["code"]


class Harm:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_own_source_is_drawn_as_requested(source):
    """In another size, format and style, or its data; pyplot and the user's rcParams stay."""
    head, body = ask(source, width=300, height=200)
    assert (head["mimetype"], head["width"], png_size(body)) == ("image/png", 300, (300, 200))
    assert ask(source, format="pdf")[1].startswith(b"%PDF")
    assert ask(source, width=300, style="dark_background")[1] != ask(source, width=300)[1]
    assert b"\n[1,3]\n" in ask(source, format="tables", rows=10)[1]
    assert plt.get_fignums() == []
    assert plt.rcParams["axes.facecolor"] == "white"


def test_other_sources_are_never_opened(source, tmp_path):
    """Neither a pickle of somebody else, nor an own one that was changed, nor a state behind an own figure."""
    harm = tmp_path / "harm"
    evil = pickle.dumps(Harm(harm))
    pickle.loads(evil)
    assert harm.exists(), "the attack works where it is opened"
    harm.unlink()
    state = evil + _TRAILER.pack(len(evil), _MARK)
    for attack in (evil, evil + source, source + evil, source[:-16] + state, state, b""):
        assert error_of(attack) == ("NotFound", "not_own")
        assert not harm.exists()
    assert ask(source)[0]["mimetype"] == "image/png"


def test_number_of_sources_is_bounded(own):
    """The newest ones stay; one that was published again is new."""
    for source in (b"1", b"2", b"3", b"1", b"4"):
        own.add(source)
    assert [own.has(source) for source in (b"1", b"2", b"3", b"4")] == [True, False, True, True]
    announced = own.announcement()
    assert announced is not None
    assert len(announced["digests"]) == 3
    assert OwnSources().announcement() is None


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"dpi": 5_000}, ("OutputInvalid", "too_many_pixels")),
        ({"format": "svg", "width": 10_000}, ("OutputInvalid", "too_many_pixels")),
        ({"style": "../evil.mplstyle"}, ("InvalidInput", "invalid_input")),
        ({"unknown": 1}, ("InvalidInput", "invalid_input")),
        ({"format": "html"}, ("UnsupportedType", "unsupported_type")),
    ],
)
def test_bad_requests_are_answered(source, options, error):
    """Before anything is drawn, with what is wrong."""
    assert error_of(source, **options) == error


class Quitting(Line2D):
    """An artist that ends the process when it is drawn."""

    def draw(self, _renderer: Any) -> None:
        raise SystemExit(1)


def test_nothing_ends_the_thread(own):
    """What an artist raises is a failure of the drawing."""
    figure = plt.figure()
    figure.add_artist(Quitting([0, 1], [0, 1]))
    source = pickle_figure(figure, DrawingState.capture(figure))
    plt.close(figure)
    own.add(source)
    assert ask(source)[0]["error"]["message"].startswith("SystemExit")


def test_changed_shared_state_is_restored_between_cells(source, monkeypatch):
    """Other threads draw with it, so the main thread draws, once no cell is running."""
    expected = ask(source)
    waiting: list[Any] = []
    monkeypatch.setattr(BetweenCells, "submit", lambda _self, work, _timeout: waiting.append(work))
    path: Any = Outline.unit_rectangle()
    monkeypatch.setattr(path, "_interpolation_steps", 100)
    replies: list[Any] = []
    request = {"op": "redraw", "rid": 7, "options": DrawOptions().__dict__, **LIMITS}
    answer(request, source, lambda *reply: replies.append(reply))
    assert replies == []
    waiting[0]()
    assert replies == [expected]
    assert path._interpolation_steps == 100
