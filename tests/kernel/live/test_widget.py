"""The widget in a kernel: traits, validation, nesting, and rendering by message."""

from __future__ import annotations

import pytest

from ..conftest import output_of

pytestmark = pytest.mark.kernel

DECLARE = """
import jupyter_figserve as figserve, traitlets, ipywidgets
from matplotlib.figure import Figure
from typing import Annotated, Literal
@figserve.live
def animal(type: Literal["Bear", "Deer"] = "Deer", since: Annotated[int, figserve.Range(2000, 2020)] = 2010,
           x: list[float] = [1.0]):
    fig = Figure(figsize=(2, 1))
    fig.subplots().plot(x)
    return fig
widget = animal.widget(type="Bear")
"""


@pytest.fixture(scope="module")
def kernel(live_server):
    with live_server.kernel("widget.ipynb") as session:
        execution = session.run(DECLARE)
        assert execution.error is None, execution.error
        yield session


@pytest.mark.compat
def test_widget_shows_and_nests(kernel):
    """It is displayed as a cell's result and in an ipywidgets box; its path leads to the live figure, whose name alone
    shows both; a function that requires an argument has only its link."""
    view = "application/vnd.jupyter.widget-view+json"
    assert view in kernel.run("widget").bundles[-1]
    assert view in kernel.run("ipywidgets.HBox([widget, ipywidgets.Label('x')])").bundles[-1]
    link, widget = kernel.run("animal").bundles
    assert ">Live figure animal</a>" in link["text/html"]
    assert view in widget
    code = "@figserve.live\ndef needs(year: int):\n    pass\nneeds"
    assert [list(one) for one in kernel.run(code).bundles] == [["text/plain", "text/html"]]
    assert output_of(kernel, "print(widget.path)").endswith(f"/figserve/live/{kernel.kernel_id}/animal")


def test_params_are_observed_and_checked(kernel):
    """All values are present from the start; text is parsed; invalid values are rejected."""
    assert output_of(kernel, "print(widget.params)") == "{'type': 'Bear', 'since': 2010, 'x': [1.0]}"
    code = "seen = []\nwidget.observe(lambda change: seen.append(change.new['since']), 'params')\n"
    code += "widget.params = {'since': '2004', 'x': ['3', '4']}\nprint(seen, widget.params)"
    assert output_of(kernel, code) == "[2004] {'type': 'Deer', 'since': 2004, 'x': [3.0, 4.0]}"
    assert "from 2000 to 2020" in kernel.run("widget.params = {'since': 1999}").error
    assert "Unknown parameter" in kernel.run("widget.params = {'nothing': 1}").error
    assert output_of(kernel, "print(widget.params['since'])") == "2004"


@pytest.mark.compat
def test_image_by_message(kernel):
    """Without a server on the page's site, images are sent as widget messages."""
    code = """
import threading
done, sent = threading.Event(), []
widget.send = lambda content, buffers=None: (sent.append((content, buffers)), done.set())
widget._handle_custom_msg({"op": "draw", "rid": "r1", "arguments": {"since": "2001"}}, [])
assert done.wait(30)
print(sent[0][0], sent[0][1][0][:4])
del widget.send
"""
    assert output_of(kernel, code) == r"{'rid': 'r1', 'error': None, 'mimetype': 'image/png', 'code': None} b'\x89PNG'"


def test_html_by_message(kernel):
    """A function that returns only HTML has no image, and is sent as HTML on request."""
    code = """
class Words:
    def _repr_html_(self): return "<p>words</p>"
@figserve.live
def words(): return Words()
import queue
sent, live_widget = queue.Queue(), words.widget()
dashboard = figserve.Dashboard("x", [[words]]).widget()
for one in (live_widget, dashboard):
    one.send = lambda content, buffers=None: sent.put((content["code"], content["mimetype"], bytes(buffers[0])))
    for form in ("png", "html"):
        one._handle_custom_msg({"op": "draw", "place": "1-1", "format": form}, [])
        print(*sent.get(timeout=30))
"""
    assert output_of(kernel, code).splitlines() == ["html_only None b''", "None text/html b'<p>words</p>'"] * 2
