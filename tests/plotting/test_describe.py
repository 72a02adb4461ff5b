from __future__ import annotations

import altair
import plotly.graph_objects as go
import pytest

from jupyter_figserve.plotting.describe import describe

DATA = altair.Data(values=[{"a": 1, "b": 2}])


@pytest.mark.parametrize(
    ("trace", "kind"),
    [
        (go.Scatter(y=[1, 2]), "line plot"),
        (go.Scatter(y=[1, 2], mode="markers"), "scatter plot"),
        (go.Scatter(y=[1, 2], fill="tozeroy"), "area chart"),
        (go.Bar(y=[1, 2]), "bar chart"),
        (go.Heatmap(z=[[1, 2]]), "heat map"),
        (go.Surface(z=[[1, 2]]), "3D surface plot"),
        (go.Funnel(y=[1, 2]), "funnel chart"),
        (go.Scatter(y=[1, 2], stackgroup="1"), "area chart"),
        (go.Bar(y=["a"], x=[1], orientation="h"), "horizontal bar chart"),
        (go.Barpolar(r=[1]), "polar bar chart"),
        (go.Image(z=[[[0, 0, 0]]]), "image"),
        (go.Sankey(), "Sankey diagram"),
        (go.Table(), "table"),
        (go.Indicator(), "indicator"),
        (go.Carpet(), "carpet plot"),
    ],
)
def test_plotly_traces_are_named(trace, kind):
    """The traces decide the kind of an interactive plot."""
    assert describe(go.Figure(trace))[1] == f"Interactive {kind}."


def test_plotly_text_is_read_without_tags():
    """Title, axis titles and names of traces have no markup."""
    figure = go.Figure([go.Scatter(y=[1], name="<i>a</i>"), go.Scatter(y=[2], name="b")])
    figure.update_layout(title="<b>Sales</b><br>", xaxis_title="m$^2$", yaxis_title="k&euro;")
    assert describe(figure) == ("Sales", "Interactive line plot “Sales”: k€ against m², 2 series (a, b).")


def test_layers_and_panels_of_altair_are_named():
    """The marks of layers are one chart; charts next to each other are panels."""
    base = altair.Chart(DATA).encode(x="a:Q", y="b:Q")
    assert describe(base.mark_line() + base.mark_point())[1] == "Interactive line plot and scatter plot: b against a."
    assert describe(base.mark_bar() | base.mark_bar())[1] == "Interactive bar chart: b against a, 2 panels."
    binned = altair.Chart(DATA).mark_bar().encode(altair.X("a:Q", bin=True), y="count()")
    assert describe(binned)[1].startswith("Interactive histogram")


def test_an_altair_chart_has_the_description_of_its_author():
    """It is the alternative text."""
    chart = altair.Chart(DATA, title="T", description="Bears by year").mark_bar().encode(x="a:Q")
    assert describe(chart) == ("T", "Bears by year")


def test_glyphs_of_bokeh_are_named():
    """The glyphs decide the kind of a Bokeh figure."""
    from bokeh.plotting import figure as bokeh_figure

    figure = bokeh_figure(title="T", x_axis_label="x", y_axis_label="y")
    figure.vbar(x=[1], top=[1])
    assert describe(figure) == ("T", "Interactive bar chart “T”: y against x.")
    assert describe(bokeh_figure(title=r"$$\alpha^2$$ and \(x_1\)"))[0] == "α² and x₁"


def test_unknown_objects_have_no_description():
    """An object of another library has no texts, and no error."""
    assert describe(object()) == ("", "")
