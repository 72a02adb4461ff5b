"""Publishing without a server: at a front end, and in a batch run."""

from __future__ import annotations

import pytest

import jupyter_figserve as figserve
from jupyter_figserve import errors
from jupyter_figserve.kernel.figures import offline

from ..conftest import PNG


@pytest.fixture
def batch(monkeypatch):
    """A batch run of its own."""
    monkeypatch.delenv("FIGSERVE_OFFLINE", raising=False)
    monkeypatch.setattr(offline, "_has_warned", False)
    monkeypatch.setattr(offline, "is_batch_run", lambda: True)


@pytest.fixture
def front_end(batch, monkeypatch):
    monkeypatch.setattr(offline, "is_batch_run", lambda: False)


def test_front_end_gets_an_error(front_end, encoder):
    """It says what to do."""
    with pytest.raises(errors.NotConnected, match=r"figserve\.serve\(\)"):
        figserve.publish(PNG, "sales")


def test_batch_run_goes_on_after_one_warning(batch, encoder):
    """Each figure has its texts and its image, and no URL."""
    with pytest.warns(UserWarning, match=r"Nothing is published .* FIGSERVE_URL and FIGSERVE_API_KEY") as caught:
        figure = figserve.publish(PNG, "sales", title="Sales", alt="Rising")
    assert caught[0].filename == __file__
    # Warnings are errors in tests: a second one would end this.
    other = figserve.publish(PNG)
    assert (figure.name, figure.title, figure.alt, figure.url) == ("sales", "Sales", "Rising", None)
    assert other.name
    data, metadata = figure._repr_mimebundle_()
    assert "not published" in data["text/plain"]
    assert "<img " in data["text/html"]
    assert "<a " not in data["text/html"]
    assert data["image/png"]
    # The server captures the output like any other.
    assert metadata == {}


@pytest.mark.parametrize(
    "use",
    [
        lambda pub: pub.id,
        lambda pub: pub.version,
        lambda pub: pub.image_url("svg"),
        lambda pub: pub.share("7d"),
        lambda pub: pub.versions(),
        lambda pub: pub.links(),
        lambda pub: pub.delete(),
        lambda pub: pub.fetch("png"),
        lambda pub: pub.fetch_page(),
    ],
)
@pytest.mark.filterwarnings("ignore:Nothing is published")
def test_commands_without_a_server_fail_with_advice(batch, encoder, use):
    """With the name of the figure and what to do."""
    figure = figserve.publish(PNG, "sales")
    with pytest.raises(errors.NotConnected, match=r'"sales" is not published.*FIGSERVE_URL'):
        use(figure)


def test_wrong_input_is_an_error_all_the_same(batch, encoder):
    """A batch run finds mistakes without a server, too."""
    for arguments in ({"name": "a/b"}, {"format": "bmp2"}, {"collection": "../x"}):
        with pytest.raises(errors.FigServeError):
            figserve.publish(PNG, **arguments)


def test_variable_decides(front_end, encoder, monkeypatch):
    """``error`` and ``warn`` apply everywhere; another value is refused."""
    monkeypatch.setenv("FIGSERVE_OFFLINE", "warn")
    with pytest.warns(UserWarning, match="Nothing is published"):
        assert figserve.publish(PNG, "sales").url is None
    monkeypatch.setenv("FIGSERVE_OFFLINE", "error")
    monkeypatch.setattr(offline, "is_batch_run", lambda: True)
    with pytest.raises(errors.NotConnected):
        figserve.publish(PNG, "sales")
    monkeypatch.setenv("FIGSERVE_OFFLINE", "ignore")
    with pytest.raises(errors.InvalidInput, match="FIGSERVE_OFFLINE is 'ignore'"):
        figserve.publish(PNG, "sales")


def test_dashboard_goes_on_too(batch, encoder):
    """It warns once, has no URL, and its links say why."""
    board = figserve.Dashboard("Sales", [["## Text"]])
    with pytest.warns(UserWarning, match="Nothing is published") as caught:
        assert board.publish().url is None
    assert caught[0].filename == __file__
    board.publish("sales")
    for use in (board.share, lambda: board.id, board.delete):
        with pytest.raises(errors.NotConnected, match="The dashboard is not published"):
            use()


def test_live_decorator_never_raises(batch, monkeypatch):
    """Also with a setting that publishing complains about."""
    monkeypatch.setenv("FIGSERVE_URL", "http://plots.example.org")

    def animal(kind: str = "Deer"):
        return kind

    with pytest.warns(UserWarning, match="is not detached"):
        animal = figserve.live(detach=True)(animal)
    assert animal(kind="Wolf") == "Wolf"


def test_every_attribute_of_an_unpublished_figure_answers(batch, encoder):
    """With a value, or with NotConnected; never with an error of another kind."""
    with pytest.warns(UserWarning, match="Nothing is published"):
        figure = figserve.publish(PNG, "sales")
    for name in (name for name in dir(type(figure)) if not name.startswith("_")):
        try:
            getattr(figure, name)
        except errors.NotConnected:
            continue
