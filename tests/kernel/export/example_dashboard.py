"""A small dashboard for the export tests."""

from __future__ import annotations

from typing import Annotated, Literal

from matplotlib.figure import Figure

import jupyter_figserve as figserve
from jupyter_figserve.kernel.dashboard import Dashboard
from jupyter_figserve.kernel.dashboards.panels import Panel

SCRIPT = "<script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">"


def make_figure(width: float = 2, height: float = 1) -> Figure:
    figure = Figure(figsize=(width, height))
    figure.subplots().plot([1, 3, 2])
    return figure


@figserve.live
def animal(type: Literal["Bear", "Deer", "Wolf"] = "Deer", since: Annotated[int, figserve.Range(2, 6)] = 3,
           log: bool = False, note: str = "free"):  # fmt: skip
    """The width depends on the type and the height on ``since``; wolves fail with a logarithm."""
    if type == "Wolf" and log:
        raise ValueError(f"no wolves {SCRIPT}")
    return make_figure({"Bear": 2, "Deer": 3, "Wolf": 4}[type], since)


@figserve.live
def herd(since: Annotated[int, figserve.Range(2, 6)] = 3):
    return make_figure(5, since)


def dashboard(**options) -> Dashboard:
    """Two live panels with a shared control, a figure, and text with markup everywhere."""
    rows = [
        [(2, Panel(animal, caption=f"Caption {SCRIPT}", alt=f'Animals" {SCRIPT}')), herd],
        [
            Panel(make_figure(), alt="A line up and down"),
            f"## Notes\n\nOne *word* for $5. {SCRIPT}\n\n- first\n- second",
        ],
    ]
    return Dashboard(f"Sightings {SCRIPT}", rows, **options)
