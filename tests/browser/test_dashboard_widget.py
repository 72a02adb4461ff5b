"""A dashboard in JupyterLab in Chromium: displayed, used while the kernel is idle and busy, nested, saved."""

from __future__ import annotations

import json

import pytest

from ..conftest import require_package
from .conftest import check_contrast
from .lab import notebook, open_notebook, run_all

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

DECLARE = """
import threading, ipywidgets, jupyter_figserve as figserve
from matplotlib.figure import Figure
from typing import Annotated, Literal
go = threading.Event()

def make_figure(width, height=1):
    return Figure(figsize=(width, height), facecolor="lightsteelblue")

@figserve.live
def animal(type: Literal["Bear", "Deer"] = "Deer", since: Annotated[int, figserve.Range(1, 9)] = 2):
    if since == 9:
        go.set()
    return make_figure(since, 1 if type == "Deer" else 2)

@figserve.live
def plant(since: Annotated[int, figserve.Range(1, 9)] = 2):
    if since == 8:
        raise ValueError("no plants in 8")
    return make_figure(since)

dashboard = figserve.Dashboard("Sightings & more", [
    [(2, animal), figserve.Panel(make_figure(3), caption="Fig. <1>", alt="A plain figure")],
    ["## Notes\\n\\nMarkup is text: <script>document.title = 'evil'</script> <b>b</b>", plant],
])
"""
WIDTHS = """
([place, width]) => document.querySelector(`.figserve-dashboard [data-place="${place}"] img`)?.naturalWidth === width
"""


def see_width(page, place: str, width: int) -> None:
    page.wait_for_function(WIDTHS, arg=[place, width])


@pytest.fixture
def server(lab):
    return lab


def test_dashboard_works_while_the_kernel_is_idle_and_busy(lab_page, server):
    """Controls work while the last cell waits for them; a shared control drives both panels, another only its own."""
    page = lab_page
    last = "_ = go.wait(60)\nprint('went', 'on', go.is_set())"
    (server.root / "dashboard.ipynb").write_text(notebook(DECLARE, "dashboard", last))
    page.set_viewport_size({"width": 1400, "height": 1000})
    open_notebook(page, server, "dashboard.ipynb")
    run_all(page)
    see_width(page, "1-1", 200)
    assert page.locator(".figserve-dashboard h2").first.inner_text() == "Sightings & more"
    assert page.locator("[data-place='1-2'] figcaption").inner_text() == "Fig. <1>"
    assert page.locator("[data-place='1-2'] img").get_attribute("alt") == "A plain figure"
    assert "<script>" in page.inner_text("[data-place='2-1']")
    # The static images are in the output, but hidden by the widget.
    assert page.locator("[class^=figserve-still]").count() == 1
    assert not page.locator("[class^=figserve-still]").is_visible()
    boxes = [page.locator(f"[data-place='{place}']").bounding_box() for place in ("1-1", "1-2")]
    assert boxes[0]["width"] == pytest.approx(2 * boxes[1]["width"], abs=1)
    since = page.locator(".figserve-dashboard > form input[type=number]")
    since.fill("5")
    see_width(page, "1-1", 500)
    see_width(page, "2-2", 500)
    page.select_option("[data-place='1-1'] select", "Bear")
    page.wait_for_function("() => document.querySelector('[data-place=\"1-1\"] img').naturalHeight === 200")
    since.fill("8")
    page.wait_for_selector("[data-place='2-2'] .failed >> text=no plants in 8")
    see_width(page, "1-1", 800)
    assert "went on" not in page.inner_text(".jp-Notebook")
    page.locator(".figserve-dashboard > form input[type=range]").press("ArrowRight")
    see_width(page, "1-1", 900)
    page.wait_for_selector("text=went on True")
    see_width(page, "2-2", 900)
    assert not page.locator("[data-place='2-2'] .failed").count()
    assert page.title() != "evil"
    check_contrast(page, ".figserve-dashboard figcaption", ".figserve-dashboard h2", ".figserve-dashboard .text p")


@pytest.mark.nightly
def test_dashboard_in_ipywidgets_boxes_and_linked(lab_page, server):
    """In a box of ipywidgets, its controls are linked with another widget's, in both directions."""
    page = lab_page
    code = """
dial = ipywidgets.IntSlider(min=1, max=9, value=2, description="dial")
view = dashboard.widget()
dial.observe(lambda change: setattr(view, "params", {**view.params, "since": change.new}), "value")
view.observe(lambda change: setattr(dial, "value", change.new["since"]), "params")
ipywidgets.VBox([dial, view, ipywidgets.HBox([animal.widget(since=9), animal.widget(since=9)])])
"""
    (server.root / "nested.ipynb").write_text(notebook(DECLARE, code))
    open_notebook(page, server, "nested.ipynb")
    run_all(page)
    see_width(page, "1-1", 200)
    page.locator(".widget-slider .noUi-handle").press("ArrowRight")
    see_width(page, "1-1", 300)
    see_width(page, "2-2", 300)
    page.locator(".figserve-dashboard > form input[type=number]").fill("6")
    page.wait_for_function("() => document.querySelector('.widget-readout').textContent.trim() === '6'")
    # Two wide images side by side share the width.
    page.wait_for_function(
        "() => [...document.querySelectorAll('.figserve-live img')].every(i => i.naturalWidth === 900)"
    )
    first, second = (image.bounding_box()["width"] for image in page.query_selector_all(".figserve-live img"))
    assert first == pytest.approx(second, abs=2)
    assert first > 200


@pytest.mark.nightly
def test_interactive_figure_is_interactive(lab_page, server):
    """A sandboxed frame, which the kernel renders when it is idle, with its caption and its neighbours."""
    page = lab_page
    require_package("plotly")
    code = """
import plotly.graph_objects as go, jupyter_figserve as figserve
figure = go.Figure(go.Scatter(y=[1, 3, 2]))
figserve.Dashboard("x", [[figserve.Panel(figure, caption="Plotly"), "text"]])
"""
    (server.root / "plotly.ipynb").write_text(notebook(code))
    open_notebook(page, server, "plotly.ipynb")
    run_all(page)
    page.frame_locator(".figserve-dashboard iframe:not(.loading)").locator(".plotly").first.wait_for()
    assert page.get_attribute(".figserve-dashboard iframe", "sandbox") == "allow-scripts"
    assert page.inner_text(".figserve-dashboard figcaption") == "Plotly"


@pytest.mark.nightly
def test_html_of_a_live_function_is_in_a_frame(lab_page, server):
    """In its own widget and on a dashboard: sandboxed, driven by its control, an image again when it returns one."""
    page = lab_page
    require_package("plotly")
    code = """
import plotly.graph_objects as go, jupyter_figserve as figserve
from matplotlib.figure import Figure

@figserve.live
def animal(since: int = 2):
    if since == 9:
        return Figure(figsize=(9, 1))
    return go.Figure(go.Scatter(y=[1, 3, 2]), layout={"title": {"text": f"since {since}"}})

dashboard = figserve.Dashboard("x", [[animal, "text"]])
"""
    (server.root / "html.ipynb").write_text(notebook(code, "dashboard", "animal.widget()"))
    open_notebook(page, server, "html.ipynb")
    run_all(page)
    for box in ("[data-place='1-1']", ".figserve-live"):
        frame = page.frame_locator(f"{box} iframe:not(.loading)")
        frame.locator(".gtitle", has_text="since 2").wait_for()
        assert page.get_attribute(f"{box} iframe", "sandbox") == "allow-scripts"
        page.locator(f"{box} input").fill("5")
        frame.locator(".gtitle", has_text="since 5").wait_for()
        assert page.locator(f"{box} img").is_hidden()
        assert not page.locator(f"{box} .failed").count()
        page.locator(f"{box} input").fill("9")
        page.wait_for_function("box => document.querySelector(`${box} img`)?.naturalWidth === 900", arg=box)
        assert page.locator(f"{box} img").is_visible()
        assert page.locator(f"{box} iframe").count() == 0
        page.locator(f"{box} input").fill("3")
        frame.locator(".gtitle", has_text="since 3").wait_for()


@pytest.mark.nightly
def test_saved_notebook_shows_the_images(lab_page, server):
    """A notebook that is opened without its kernel shows the static images."""
    page = lab_page
    with server.kernel("saved.ipynb") as kernel:
        assert kernel.run(DECLARE).error is None
        outputs = kernel.run("dashboard").outputs
    saved = json.loads(notebook("dashboard"))
    saved["cells"][0]["outputs"] = outputs
    (server.root / "saved.ipynb").write_text(json.dumps(saved))
    open_notebook(page, server, "saved.ipynb")
    page.wait_for_selector(".jp-OutputArea img")
    assert [img.get_attribute("alt") for img in page.query_selector_all(".jp-OutputArea img")] == [
        "animal",
        "A plain figure",
        "plant",
    ]
    assert page.locator(".jp-OutputArea img").first.evaluate("img => img.complete && img.naturalWidth") == 200
