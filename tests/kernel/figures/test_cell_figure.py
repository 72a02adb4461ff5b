"""The figure that a cell drew: open, shown, closed, saved, displayed or assigned. In a real kernel."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.kernel, pytest.mark.compat]

SETUP = """
%load_ext jupyter_figserve
%matplotlib inline
import io, os, matplotlib.pyplot as plt, jupyter_figserve as figserve
"""
CELLS = {
    "shown": "plt.figure(); plt.title('T'); plt.plot([1, 2]); plt.show()",
    "saved and closed": "plt.title('T'); plt.savefig(io.BytesIO()); plt.close()",
    "closed": "fig, ax = plt.subplots(); ax.set_title('T'); plt.close(fig)",
    "all closed": "fig, ax = plt.subplots(); ax.set_title('T'); del fig, ax; plt.close('all')",
    "open": "plt.title('T')\nx = 1",
    "pandas": "import pandas as pd\npd.Series([1, 2]).plot(title='T')\nplt.show()",
    "seaborn": "import seaborn as sns\nsns.scatterplot(x=[1], y=[2]).set_title('T')\nplt.show()",
    "counts": "plt.title('T'); plt.hist([1, 2])",
    "displayed": "f = plt.figure(); f.suptitle('T'); display(f); plt.close(f)",
    "without pyplot": "from matplotlib.figure import Figure\nf = Figure(); f.suptitle('T'); f.savefig(io.BytesIO())",
    "the last of several": "plt.title('first'); plt.show(); plt.title('T'); plt.show()",
    "shown and closed in a loop": "for t in 'first', 'T':\n    plt.title(t); plt.show()",
    "plotly shown": "import plotly.graph_objects as go\ngo.Figure(layout={'title': {'text': 'T'}}).show()",
    "plotly as the result": "import plotly.graph_objects as go\ngo.Figure(layout={'title': {'text': 'T'}})",
    "a table after it": "import pandas as pd\nplt.title('T'); plt.show(); display(pd.DataFrame({'a': [1]}))",
}


@pytest.fixture(scope="module")
def kernel(live_server):
    with live_server.kernel("cells.ipynb") as kernel:
        assert kernel.run(SETUP).error is None
        yield kernel


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())
def test_a_cells_figure_is_published(kernel, cell):
    """Whatever the cell does with it afterwards; pyplot has no other figures than without the magic."""
    published = kernel.run(f"%%publish a\n{cell}")
    assert published.error is None
    code = "pub = figserve.figures()[0]; print(pub.title, pub.version)\nfigserve.unpublish(); print(plt.get_fignums())"
    assert kernel.run(code).stdout.split() == ["T", "1", "[]"]


@pytest.mark.parametrize("cell", ["x = 1", "pass", "import pandas as pd\ndisplay(pd.DataFrame({'a': [1]}))"])
def test_an_older_figure_is_not_published(kernel, cell):
    """A figure that is still open, or was shown by an earlier cell, is not the cell's."""
    kernel.run("%config InlineBackend.close_figures = False\nplt.title('older')\nshown = plt.figure()")
    assert "drew no figure" in str(kernel.run(f"%%publish a\n{cell}").error)
    kernel.run("plt.close('all')\n%config InlineBackend.close_figures = True\nplt.title('older'); plt.show()")
    assert "drew no figure" in str(kernel.run(f"%%publish a\n{cell}").error)
    assert kernel.run("print(figserve.figures())").stdout == "[]\n"


def test_an_open_figure_that_the_cell_changes_is_published(kernel):
    """Also when it is drawn in between."""
    kernel.run("%config InlineBackend.close_figures = False\nplt.title('older')")
    assert kernel.run("%%publish a\nplt.title('T'); plt.savefig(io.BytesIO())").error is None
    kernel.run("plt.close('all')\n%config InlineBackend.close_figures = True")
    assert kernel.run("print(figserve.figures()[0].title); figserve.unpublish()").stdout == "T\n"


def test_an_error_in_the_cell_publishes_nothing(kernel):
    """The figure was shown before the error."""
    assert "ZeroDivisionError" in str(kernel.run("%%publish a\nplt.title('T'); plt.show(); 1 / 0").error)
    assert kernel.run("print(figserve.figures())").stdout == "[]\n"


@pytest.mark.parametrize("cell", ["plt.title('T'); plt.show()", "plt.title('T'); plt.close()"])
def test_publish_without_a_figure_uses_the_figure_of_the_cell(kernel, cell):
    """In the same cell; in the next one there is no current figure."""
    result = kernel.run(f"{cell}\npub = figserve.publish(name='b'); print(pub.title, plt.get_fignums()); pub.delete()")
    assert (result.error, result.stdout) == (None, "T []\n")
    assert "no current figure" in str(kernel.run("figserve.publish()").error)
