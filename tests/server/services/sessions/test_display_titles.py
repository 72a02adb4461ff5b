"""Titles of displayed figures, from the JSON of their library or from the code of their cell."""

from __future__ import annotations

import json

import pytest

from jupyter_figserve.server.services.sessions.display_titles import find_code_title, find_script_title


@pytest.mark.parametrize(
    ("library", "value", "title"),
    [
        ("plotly", {"layout": {"title": {"text": "<b>Bears</b> &amp;<br>deer"}}}, "Bears & deer"),
        ("plotly", {"layout": {"title": "Bears"}, "data": [{"title": "x"}]}, "Bears"),
        ("plotly", {"layout": {"title": {"text": 3}}}, ""),
        ("plotly", {"layout": []}, ""),
        ("vega-lite", {"title": {"text": ["Bears", "and deer"]}, "mark": "bar"}, "Bears and deer"),
        ("vega", {"title": "Bears"}, "Bears"),
        ("vega", {"title": "x" * 10_000}, ""),
        ("bokeh", {"documents": {"d": {"roots": [{"attributes": {"title": {"name": "Title"}}}]}}}, ""),
        ("bokeh", json.loads("[" * 500 + "]" * 500), ""),
        ("vega", {"title": "a\ud800\x07b"}, "ab"),
        ("vega", None, ""),
    ],
)
def test_titles_of_libraries(library, value, title):
    """On one line, without markup; anything else is none."""
    assert find_script_title(library, value) == title


def test_title_of_bokeh():
    """As the installed version writes it."""
    pytest.importorskip("bokeh")
    from bokeh.embed import json_item
    from bokeh.plotting import figure

    documents = {"d": json_item(figure(title="Wolves"))["doc"]}
    assert find_script_title("bokeh", {"documents": documents, "items": []}) == "Wolves"


@pytest.mark.parametrize(
    ("code", "title"),
    [
        ('plt.plot(x)\nplt.title("Bears")\nplt.show()', "Bears"),
        ("ax.set_title('Bears', loc='left')", "Bears"),
        ("fig.suptitle(r'Bears')", "Bears"),
        ("df.plot(title='Bears, 2024', legend=False)", "Bears, 2024"),
        ('ggplot(d) + ggtitle("Bears")', "Bears"),
        ('plot(x, main = "Bears")', "Bears"),
        ('ax.set_title("Bears"); other.set_title("Deer")', ""),
        ('ax.set_title("Bears"); other.set_title("Bears")', "Bears"),
        ('ax.set_title(f"{name}")', ""),
        ('ax.set_title("Bears " + name)', ""),
        ('ax.set_title("%s" % name)', ""),
        (r'ax.set_title("a\nb")', ""),
        ('ax.set_title("$x^2$")', ""),
        ('legend_title="Bears")', ""),
        ("plt.title(name)", ""),
        ('title = "Bears"', ""),
        ("", ""),
        ("title(" * 20_000, ""),
    ],
)
def test_titles_in_code(code, title):
    """A literal that is the only one; a text that is computed is not known."""
    assert find_code_title(code) == title
