"""The figure that a cell drew: open, shown, closed, saved, displayed or assigned. In a real kernel."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.kernel
VERSIONED = ("shown", "saved and closed", "open", "displayed", "html")
"""Cells that reach the package in different ways, which run on each version of the kernel."""

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
    "saved and cleared": "plt.title('T'); plt.savefig(io.BytesIO()); plt.clf()",
    "shown and cleared": "f = plt.figure(); plt.title('T'); display(f); f.clear(); plt.close(f)",
    "cleared in a loop": "for t in 'first', 'T':\n    plt.title(t); plt.savefig(io.BytesIO()); plt.clf()",
    "saved, and its axes cleared": "plt.title('T'); plt.plot([1, 2]); plt.savefig(io.BytesIO()); plt.cla()",
    "shown, and axes cleared": "plt.title('T'); plt.plot([1, 2]); plt.show(); plt.cla()",
    "shown, and a figure cleared": "plt.title('T'); plt.plot([1, 2]); plt.show(); plt.clf()",
    "axes cleared before": "plt.title('first'); plt.cla(); plt.title('T')",
    "cleared before": "plt.title('first'); plt.clf(); plt.title('T')",
    "a table as the result": "import pandas as pd\nplt.title('T'); plt.show()\npd.DataFrame({'a': [1]}).describe()",
    "an array as the result": "import numpy as np\nplt.title('T'); plt.show()\nnp.ones((3, 3))",
    "an array of axes": "import pandas as pd\npd.DataFrame({'T': [1, 2]}).hist()",
    "a table after it": "import pandas as pd\nplt.title('T'); plt.show(); display(pd.DataFrame({'a': [1]}))",
}


def with_marks(cases):
    """Return all cases; those of ``VERSIONED`` run on each version of the kernel."""
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            id=name,
            marks=pytest.mark.compat if name in VERSIONED else (),
        )
        for name, case in cases.items()
    ]


@pytest.fixture(scope="module")
def kernel(live_server):
    with live_server.kernel("cells.ipynb") as kernel:
        assert kernel.run(SETUP).error is None
        yield kernel


def need_libraries(code):
    """Skip where a library of interactive plots is missing: the environments of other Pythons have none."""
    for library in ("altair", "bokeh", "plotly"):
        if f"import {library}" in code or f"from {library}" in code:
            pytest.importorskip(library)


@pytest.mark.parametrize("cell", with_marks(CELLS))
def test_a_cells_figure_is_published(kernel, cell):
    """Regardless of what the cell does with it afterwards; pyplot has the same figures as without the magic."""
    need_libraries(cell)
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


@pytest.mark.compat
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


@pytest.mark.compat
def test_displayed_size_and_alt_text_are_kept(kernel, live_server):
    """Those of a retina image, of the display's metadata, and of `Image`, when it is captured or published."""
    setup = """
from IPython.display import Image, display
f = plt.figure(figsize=(4, 3)); buffer = io.BytesIO(); f.savefig(buffer, dpi=200); png = buffer.getvalue(); plt.close(f)
def show(pub):
    print([pub._record["representations"][0][n] for n in ("width", "display_width", "display_height")], pub.alt)
"""
    assert kernel.run(setup).error is None
    kernel.run("%config InlineBackend.figure_formats = ['retina']")
    kernel.run("plt.figure(figsize=(4, 3)); plt.plot([1]); plt.show()")
    shown = kernel.run("pub = figserve.last().publish('r'); show(pub); print(pub.url); print(pub.share().html)").stdout
    kernel.run("%config InlineBackend.figure_formats = ['png']")
    width, half, height = json.loads(shown.partition("]")[0] + "]")
    assert width == 2 * half
    page = live_server.fetch(shown.splitlines()[1], headers={"Accept": "text/html"}).text
    assert f'width="{half}" height="{height}"' in page
    assert f'width="{half}"' in shown
    kernel.run(
        "f = plt.figure(); plt.plot([1]); display(f, metadata={'image/png': {'alt': 'Bears by year'}}); plt.close(f)"
    )
    assert kernel.run("show(figserve.last().publish('m'))").stdout.strip().endswith("Bears by year")
    for image, width in (("retina=True", 400), ("width=200, alt='Cats'", 200)):
        code = f"show(figserve.publish(Image(png, {image}), 'i'))"
        assert kernel.run(code).stdout.startswith(f"[800, {width}, {width * 3 // 4}]")
        kernel.run(f"display(Image(png, {image}))")
        assert kernel.run("show(figserve.last().publish('j'))").stdout.startswith(f"[800, {width}, {width * 3 // 4}]")
    assert "Cats" in kernel.run("print(figserve.last().publish('j').alt); figserve.unpublish()").stdout


FORMS = {
    "plotly": ("import plotly.graph_objects as go\ngo.Figure(layout={'title': {'text': 'T'}})", "text/html", "Plotly"),
    "altair": (
        "import altair as alt\nalt.Chart(alt.Data(values=[{'a': 1}])).mark_bar().encode(x='a:Q')",
        "text/html",
        "vega",
    ),
    "bokeh": (
        "from bokeh.plotting import figure, show\nfrom bokeh.io import output_notebook\noutput_notebook()\n"
        "p = figure(); p.line([1], [2]); show(p)",
        "text/html",
        "Bokeh.embed.embed_items",
    ),
    "html": ("from IPython.display import HTML\nHTML('<svg width=10></svg><p>Words')", "text/html", "<p>Words"),
    "data url": ("HTML('<img src=\"data:image/svg+xml,<svg/>\">')", "image/svg+xml", "<svg/>"),
}


@pytest.mark.parametrize(("code", "mimetype", "contains"), with_marks(FORMS))
def test_every_displayed_form_is_kept(kernel, live_server, code, mimetype, contains):
    """As one document or image that needs nothing from elsewhere."""
    need_libraries(code)
    assert kernel.run(code).error is None
    kept = kernel.run("pub = figserve.last().publish('k'); print(pub._record['representations'][0]['url'])")
    assert kept.error is None
    answer = live_server.fetch(kept.stdout.strip(), headers={"Accept": "*/*"})
    assert (answer.mimetype, contains in answer.text) == (mimetype, True)
    assert ' src="http' not in answer.text


@pytest.mark.compat
def test_what_cannot_be_kept_is_named(kernel):
    """Never an older figure in its place; a table is no figure."""
    kernel.run("plt.plot([1]); plt.show()")
    path = kernel.run("print(figserve.last().path)").stdout
    kernel.run("import pandas as pd\ndisplay(pd.DataFrame({'a': [1]}))")
    assert kernel.run("print(figserve.last().path)").stdout == path
    kernel.run("Image(url='https://example.org/x.png')")
    assert "HTML that loads https://example.org/x.png" in str(kernel.run("figserve.last()").error)
