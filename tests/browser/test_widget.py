"""The widget in JupyterLab in Chromium: displayed, used while the kernel is idle and busy, its values in the kernel."""

from __future__ import annotations

import pytest

from jupyter_figserve.kernel.live.widget import read_module, read_style

from .lab import notebook, open_notebook, run_all

pytestmark = [pytest.mark.browser, pytest.mark.kernel]

FIRST = """
import threading, jupyter_figserve as figserve
from matplotlib.figure import Figure
from typing import Annotated, Literal
go = threading.Event()
@figserve.live
def animal(type: Literal["Bear", "Deer"] = "Deer", since: Annotated[int, figserve.Range(1, 9)] = 2):
    if since == 9:
        go.set()
    return Figure(figsize=(since, 1))
widget = animal.widget()
widget
"""
SCRIPTS = [["live_widget.js"], ["dashboard_view.js", "dashboard_figure.js", "dashboard_widget.js"]]
LISTENED = """
async (text) => {
  const { default: widget } = await import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  const values = { controls: [], rows: [], params: {}, declared: {}, heading: "x" };
  const listeners = new Set();
  const on = (kind, listener) => listeners.add(`${kind} ${listener}`);
  const off = (kind, listener) => listeners.delete(`${kind} ${listener}`);
  const model = { get: (name) => values[name] ?? "", set() {}, send() {}, save_changes() {}, on, off };
  const end = widget.render({ model, el: document.createElement("div") });
  const before = listeners.size;
  end();
  return [before, [...listeners]];
}
"""
FRAMES = """
async (text) => {
  const { default: widget } = await import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  const values = { controls: [], params: {}, declared: { form: "html" }, heading: "x" };
  let answer;
  const send = ({ rid }) => queueMicrotask(() => answer({ rid, mimetype: "text/html" }, ["<p>drawn"]));
  const on = (kind, listener) => { if (kind === "msg:custom") answer = listener; };
  const model = { get: (name) => values[name] ?? "", set() {}, send, on };
  widget.render({ model, el: document.querySelector("div") });
  const seen = [];
  await new Promise((resolve) => new MutationObserver(() => {
    const frame = document.querySelector("iframe");
    if (frame) seen.push(getComputedStyle(frame).visibility);
    if (frame && !frame.classList.contains("loading")) resolve();
  }).observe(document.body, { childList: true, subtree: true, attributeFilter: ["class"] }));
  return [...new Set(seen)];
}
"""
WIDTH = "width => document.querySelector('.figserve-live img')?.naturalWidth === width"


def test_widget_renders_while_the_kernel_is_busy(lab_page, lab):
    """Controls work while the second cell waits for them, and the third cell sees their values."""
    page = lab_page
    last = "_ = go.wait(60)\nprint('went', 'on', go.is_set())"
    (lab.root / "widget.ipynb").write_text(notebook(FIRST, last, "print(sorted(widget.params.items()))"))
    open_notebook(page, lab, "widget.ipynb")
    run_all(page)
    # The kernel is running the second cell now.
    page.wait_for_function(WIDTH, arg=200)
    page.select_option(".figserve-live select", "Bear")
    page.locator(".figserve-live input[type=number]").fill("5")
    page.wait_for_function(WIDTH, arg=500)
    assert "went on" not in page.inner_text(".jp-Notebook")
    page.locator(".figserve-live input[type=number]").fill("8")
    page.wait_for_function(WIDTH, arg=800)
    # With an arrow key, which JupyterLab must not handle itself.
    page.locator(".figserve-live input[type=range]").press("ArrowRight")
    page.wait_for_function(WIDTH, arg=900)
    page.wait_for_selector("text=went on True")
    page.wait_for_selector("text=[('since', ")
    assert "Traceback" not in page.inner_text(".jp-Notebook")


@pytest.mark.nightly
def test_widgets_use_hidpi_images(open_context, lab):
    """In the same size, with twice the pixels: the widget of a live figure, and of a dashboard."""
    dashboard = "figserve.Dashboard('Board', [[animal]])"
    (lab.root / "dense.ipynb").write_text(notebook(FIRST, dashboard))
    page = open_context(device_scale_factor=2).new_page()
    open_notebook(page, lab, "dense.ipynb")
    run_all(page)
    for widget in (".figserve-live", ".figserve-dashboard"):
        page.wait_for_function(WIDTH.replace(".figserve-live", widget), arg=400)
        assert page.eval_on_selector(f"{widget} img", "image => image.clientWidth") == 200


@pytest.mark.parametrize("names", SCRIPTS)
def test_removed_view_leaves_nothing_behind(chromium, names):
    """A removed view leaves no listener on its model, which another view may show."""
    page = chromium.new_page()
    assert page.evaluate(LISTENED, read_module(*names)) == [3, []]


def test_frames_appear_when_they_have_loaded(chromium):
    """The earlier content stays in its place until then."""
    page = chromium.new_page()
    page.set_content(f"<style>{read_style('live_widget.css')}</style><div></div>")
    assert page.evaluate(FRAMES, read_module("live_widget.js")) == ["hidden", "visible"]
