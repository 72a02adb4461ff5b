"""The form of a result by the return annotation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import altair as alt
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import seaborn as sns
from IPython.display import HTML, SVG
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jupyter_figserve import Response
from jupyter_figserve.plotting.return_form import find_declared_form


@dataclass
class Reading:
    """A dataclass without a representation."""

    value: float


class Map:
    """An object like Folium's."""

    def _repr_html_(self) -> str:
        return "<p>map</p>"


class Bundle:
    """An object whose formats only a call reveals."""

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(
    ("annotation", "form"),
    [
        (Figure, "picture"),
        ("Figure | None", "picture"),
        (tuple[Figure, Axes], "picture"),
        (sns.FacetGrid, "picture"),
        (Annotated[go.Figure, "by year"], "html"),
        (alt.Chart, "html"),
        (HTML, "html"),
        (Map, "html"),
        (SVG, "svg"),
        (pd.DataFrame, "data"),
        (np.ndarray, "data"),
        (dict[str, list[int]], "data"),
        (dict, "data"),
        (float, "data"),
        (Response, "data"),
        (Reading, "data"),
        (list[go.Figure], ""),
        (Figure | go.Figure, ""),
        (Bundle, ""),
        (Any, ""),
        (None, ""),
        ("Unknown", ""),
    ],
)
def test_annotation_declares_the_form(annotation, form):
    """Figures, interactive plots and data are told apart; what only a call shows is not declared."""

    def function():
        raise NotImplementedError

    function.__annotations__["return"] = annotation
    assert find_declared_form(function, {"Figure": Figure}) == form


def test_function_without_annotation_declares_none():
    """Nothing is known of it."""
    assert find_declared_form(lambda year=2010: year) == ""
