"""Dashboards in the notebook: construction, display, publishing, sharing and errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from jupyter_core.paths import jupyter_path
from matplotlib.figure import Figure

from jupyter_figserve.errors import Conflict, InvalidInput, InvalidName, NotConnected
from jupyter_figserve.kernel.dashboard import Dashboard
from jupyter_figserve.kernel.dashboards.panels import Panel
from jupyter_figserve.kernel.figures import offline
from jupyter_figserve.kernel.figures.publish import publish
from jupyter_figserve.kernel.live.decorator import live
from jupyter_figserve.model.figures import MARKER

from ..conftest import ELSEWHERE, require_package
from .conftest import PNG, output_of

VIEW = "application/vnd.jupyter.widget-view+json"


@live
def flock(type: str = "Deer", since: int = 2010):
    return Figure(figsize=(2, 1))


def test_repr_is_readable():
    """The representation has the title and one line per row."""
    dashboard = Dashboard("Sightings", [["# Long notes about animals, and more", flock.bind(type="Wolf")], [Figure()]])
    assert repr(dashboard).splitlines() == [
        'Dashboard "Sightings"',
        "  text “# Long notes about animals, a…” | live figure \"flock\" with type='Wolf'",
        "  a Figure",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"title": ""}, "Give the dashboard a title"),
        ({"title": 3}, "title is of type int"),
        ({"rows": []}, "Give the dashboard a row"),
        ({"rows": [["x"]] * 51}, "50 rows and 100 panels"),
        ({"theme": "pink"}, "Use light or dark"),
        ({"controls": [3]}, "controls must be a list of names, but contains a value of type int"),
        ({"controls": 3}, "controls must be a list of names, not a value of type int"),
        ({"theme": np.arange(2)}, "Use light or dark"),
        ({"rows": [[(10**400, "x")]]}, "share must be a number"),
    ],
)
def test_invalid_dashboards_are_rejected(arguments, message):
    """Errors are raised at construction, not at display."""
    with pytest.raises(InvalidInput, match=message):
        Dashboard(**({"title": "x", "rows": [["x"]]} | arguments))


def test_shows_itself_without_a_server():
    """The output has static images, escaped text, our marker, and a widget view."""
    dashboard = Dashboard(
        "<i>Sightings</i>", [["<b>x</b> *y*", (2, flock)], [Panel(Figure(figsize=(3, 1)), "a < b", alt='"q"')]]
    )
    data, metadata = dashboard._repr_mimebundle_()
    assert set(data) == {"text/plain", "text/html", VIEW}
    html = data["text/html"]
    assert html.count('src="data:image/png;base64,') == 2
    assert "&lt;i&gt;Sightings&lt;/i&gt;" in html
    assert "&lt;b&gt;x&lt;/b&gt; <em>y</em>" in html
    assert 'alt="&quot;q&quot;" width="300" height="100"' in html
    assert "a &lt; b</figcaption>" in html
    assert "flex:2 1 0" in html
    assert metadata[MARKER]


def test_failing_panel_has_a_message():
    """A failed panel has a message, escaped, in the static form and in the widget."""

    @live
    def broken():
        raise ValueError("<no data>")

    dashboard = Dashboard("x", [[broken, Figure()]])
    data, _ = dashboard._repr_mimebundle_()
    assert "ValueError: &lt;no data&gt;" in data["text/html"]
    assert data["text/html"].count("<img") == 1
    first, second = dashboard.widget().rows[0]
    assert first["message"] == "ValueError: <no data>"
    assert second["still"].startswith("data:image/png;base64,")


def test_widget_has_the_controls():
    """Values are complete, checked when set, and match the static images."""
    import traitlets

    dashboard = Dashboard("x", [[flock, flock.bind(type="Wolf")]])
    widget = dashboard.widget(since=2015)
    assert widget.params == {"since": 2015, "1-1.type": "Deer"}
    assert [panel["initial"] for panel in widget.rows[0]] == [{"since": 2015, "type": "Deer"}, {"since": 2015}]
    widget.params = {"since": "2016"}
    assert widget.params == {"since": 2016, "1-1.type": "Deer"}
    with pytest.raises(traitlets.TraitError, match="no control 'nothing'"):
        widget.params = {"nothing": 1}
    with pytest.raises(InvalidInput, match="since='early' is not allowed"):
        dashboard.widget(since="early")
    assert len(repr(widget)) < 100


def test_widget_json_of_followed_figures(connected):
    """Figures have their version, live figures their function; without an own server, there is no path."""
    pub = publish(Figure(figsize=(3, 1)), "sales", alt="Sales")
    panels = [pub, Panel(pub, alt="Mine"), flock.bind(type="Wolf"), Figure()]
    ((usual, named, bound, plain),) = Dashboard("x", [panels]).widget().rows
    assert usual["published"] == {"figure": pub.id, "path": "", "version": 1, "has_own_alt": False}
    assert named["published"]["has_own_alt"]
    declared = {
        "revision": flock.live_function.revision,
        "schema": flock.parameters.schema(),
        "refresh": None,
        "form": "",
    }
    assert bound["declared"] == declared
    assert "published" not in plain


def test_batch_run_without_a_server_shows_the_images(monkeypatch, encoder):
    """A figure that was not published has no address to follow."""
    monkeypatch.setenv("FIGSERVE_OFFLINE", "warn")
    monkeypatch.setattr(offline, "_has_warned", True)
    board = Dashboard("Sales", [[publish(PNG, "sales")]])
    assert "<img " in board._repr_mimebundle_()[0]["text/html"]
    (panel,) = board.widget().rows[0]
    assert panel["still"]
    assert "published" not in panel
    assert board.publish("sales").url is None
    with pytest.raises(NotConnected, match=r"The dashboard is not published\. No figserve server was found"):
        board.id  # noqa: B018 - raises


def test_url_requires_publish():
    """The messages say what to do."""
    dashboard = Dashboard("Sightings", [["text"]])
    for use in (
        lambda: dashboard.url,
        lambda: dashboard.id,
        lambda: dashboard.version,
        dashboard.image_url,
        dashboard.links,
        dashboard.delete,
    ):
        with pytest.raises(Conflict, match=r"Call publish\(\)"):
            use()
    with pytest.raises(NotConnected, match=r"figserve\.connect"):
        dashboard.publish()
    with pytest.raises(InvalidName):
        dashboard.publish("a/b")
    with pytest.raises(InvalidInput, match=r"publish\(name=…\)"):
        Dashboard("!!!", [["text"]]).publish()
    with pytest.raises(InvalidInput, match="No live panel has a parameter 'colour' to lock"):
        dashboard.share(lock={"colour": "red"})
    with pytest.raises(InvalidInput, match="list of names"):
        dashboard.share(allow="since")


DECLARE = """
import jupyter_figserve as figserve
from matplotlib.figure import Figure
from typing import Annotated, Literal

def make_figure(width):
    figure = Figure(figsize=(width, 1))
    figure.subplots().plot([1, 3, 2])
    return figure

@figserve.live
def animal(type: Literal["Bear", "Wolf"] = "Bear", since: Annotated[int, figserve.Range(2000, 2020)] = 2010):
    return make_figure(2)

pub = figserve.publish(make_figure(3), "sales")
def make(*more):
    rows = [[animal, pub], ["## Notes", animal.bind(type="Wolf"), make_figure(4)]]
    return figserve.Dashboard("Animal sightings", [*rows, *more])
dashboard = make()
"""


@pytest.fixture(scope="module")
def kernel(live_server):
    with live_server.kernel("dashboard.ipynb") as session:
        execution = session.run(DECLARE)
        assert execution.error is None, execution.error
        yield session


@pytest.mark.kernel
def test_publishing_again_keeps_the_url(kernel, live_server):
    """The same panels make no version; another panel makes one under the same id; figures are published too."""
    first = output_of(
        kernel, "dashboard.publish(); print(dashboard.id, dashboard.version, dashboard.name, dashboard.url)"
    ).split()
    assert first[1:3] == ["1", "Animal-sightings"]
    assert output_of(kernel, "again = make().publish(); print(again.id, again.version)").split() == first[:2]
    more = output_of(kernel, "more = make(['### More']).publish(); print(more.id, more.version)").split()
    assert more == [first[0], "2"]
    record = live_server.fetch(f"figserve/api/dashboards/{first[0]}").json()
    assert [[panel["kind"] for panel in row] for row in record["rows"]] == [
        ["live", "figure"],
        ["text", "live", "figure"],
        ["text"],
    ]
    assert record["rows"][1][1]["values"] == {"type": "Wolf"}
    names = [row["name"] for row in live_server.fetch("figserve/api/figures").json()["figures"]]
    assert sorted(names) == ["Animal-sightings 2-3", "sales"]
    assert first[3] in output_of(kernel, "print(repr(dashboard))")


@pytest.mark.kernel
def test_share_publishes_and_makes_a_link(kernel, live_server):
    """Locks are Python values; links are listed; an invalid lock is rejected in the notebook."""
    code = """
other = figserve.Dashboard("Shared", [[animal, make_figure(2)]])
link = other.share("7d", lock={"type": "Wolf"}, allow=["since"], label="for Ada")
print(link.url, other.version, [one.label for one in other.links()])
"""
    url, version, *labels = output_of(kernel, code).split(maxsplit=2)
    assert (version, labels) == ("1", ["['for Ada']"])
    assert "/f/" in url
    link_id = output_of(kernel, "print(link.id)")
    link = live_server.fetch(f"figserve/api/links/{link_id}").json()
    assert (link["lock"], link["allow"]) == ({"type": "Wolf"}, ["since"])
    assert "type='Cat' is not allowed" in kernel.run("other.share(lock={'type': 'Cat'})").error


@pytest.mark.kernel
def test_delete_keeps_the_figures(kernel, live_server):
    """It has no URL afterwards, and can be published again."""
    code = "gone = figserve.Dashboard('Gone', [[make_figure(2)]]).publish(); print(gone.id); gone.delete()"
    dashboard_id = output_of(kernel, code)
    assert live_server.fetch(f"figserve/api/dashboards/{dashboard_id}").status == 404
    assert "Call publish() first" in kernel.run("gone.url").error
    assert output_of(kernel, "print(gone.publish().version)") == "1"


@pytest.mark.kernel
def test_errors_of_panels_name_them(kernel):
    """The error of a panel that fails to render names the panel."""
    error = kernel.run("figserve.Dashboard('x', [['text', object()]]).publish()").error
    assert "Panel 1-2 (an object): Cannot render an object of type object" in error


@pytest.mark.kernel
def test_captured_plots_become_figures(kernel, live_server):
    """A captured plot can be a panel, and is kept when the dashboard is published."""
    assert (
        kernel.run(
            "from IPython.display import display\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()"
        ).error
        is None
    )
    record = output_of(kernel, "caught = figserve.Dashboard('Caught', [[figserve.last()]]).publish(); print(caught.id)")
    (((panel,),),) = (live_server.fetch(f"figserve/api/dashboards/{record}").json()["rows"],)
    assert panel["kind"] == "figure"


@pytest.mark.kernel
def test_display_has_images_and_a_widget(kernel):
    """There are two outputs, so that a saved notebook has the images; the widget hides them while it runs."""
    stills, view = kernel.run("dashboard").outputs
    assert "data:image/png" in stills["data"]["text/html"]
    assert VIEW not in stills["data"]
    assert VIEW in view["data"]
    assert "text/html" not in view["data"]
    assert VIEW in kernel.run("import ipywidgets; ipywidgets.VBox([dashboard.widget()])").bundles[-1]


@pytest.mark.kernel
def test_image_and_page_by_message(kernel):
    """Without a server on the page's site, images and HTML are sent as widget messages."""
    code = """
import threading
widget, done, sent = dashboard.widget(), threading.Event(), []
widget.send = lambda content, buffers=None: (sent.append((content, buffers)), done.set())
def ask(**message):
    done.clear()
    widget._handle_custom_msg({"rid": "r", **message}, [])
    assert done.wait(30)
    content, buffers = sent.pop()
    return content["error"], content["mimetype"], bytes(buffers[0][:4])
print(ask(op="draw", place="2-2", arguments={"since": "2001"}))
print(ask(op="draw", place="1-1", arguments={"since": "1"})[0])
print(ask(op="page", place="2-3")[0])
for op, place in [("draw", "9-9"), ("draw", "1-2"), ("page", "1-1"), ("x", "1-1")]:
    widget._handle_custom_msg({"op": op, "place": place}, [])
assert not sent
"""
    image, refused, page = output_of(kernel, code).splitlines()
    assert image == r"(None, 'image/png', b'\x89PNG')"
    assert "from 2000 to 2020" in refused
    assert "not available as html" in page


@pytest.mark.kernel
def test_page_message_has_the_newest_version(kernel, live_server):
    """The HTML of a published figure is that of its newest version."""
    code = """
class Plot:
    def __init__(self, text): self.text = text
    def _repr_html_(self): return f"<p>{self.text}</p>"
lines = figserve.publish(Plot("first"), "lines")
((panel,),) = figserve.Dashboard("Lines", [[lines]]).widget().rows
print(panel["has_page"], panel["published"]["path"].endswith(f"figserve/figures/{lines.id}"))
figserve.publish(Plot("second"), "lines")
widget, sent = figserve.Dashboard("Lines", [[lines]]).widget(), []
widget.send = lambda content, buffers=None: sent.append((content["error"], bytes(buffers[0])))
widget._handle_custom_msg({"op": "page", "place": "1-1", "rid": "r"}, [])
lines.delete()
widget._handle_custom_msg({"op": "page", "place": "1-1", "rid": "r"}, [])
print(sent[0][0], b"second" in sent[0][1])
print(sent[1])
"""
    known, page, gone = output_of(kernel, code).splitlines()
    assert (known, page) == ("True True", "None True")
    assert "no such figure" in gone


@pytest.mark.kernel
def test_nbconvert_shows_the_images(tmp_path):
    """A notebook executed without a server exports to HTML, with and without widget state."""
    nbformat = require_package("nbformat")
    require_package("nbconvert")
    from nbclient import NotebookClient
    from nbconvert import HTMLExporter

    if not any((Path(place) / "nbconvert" / "templates" / "lab").is_dir() for place in jupyter_path()):
        pytest.skip(f"{ELSEWHERE}nbconvert's templates: its environment is lent to this one")
    code = DECLARE.replace('pub = figserve.publish(make_figure(3), "sales")', "pub = make_figure(3)")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code), nbformat.v4.new_code_cell("dashboard")])
    NotebookClient(notebook, kernel_name="python3").execute()
    for metadata in (notebook.metadata, {}):
        notebook.metadata = nbformat.from_dict(metadata)
        html, _ = HTMLExporter().from_notebook_node(notebook)
        body = html.partition("<body")[2].partition("application/vnd.jupyter.widget-state+json")[0]
        assert body.count('src="data:image/png;base64,') == 4
        assert "Animal sightings" in body
