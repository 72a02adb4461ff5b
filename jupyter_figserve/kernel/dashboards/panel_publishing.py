"""Publishes the figure of a dashboard's panel, under the dashboard's name and the panel's place. Kernel."""

from __future__ import annotations

from ...errors import FigServeError
from ...model import dashboards
from ...model.texts import MAX_NAME_LENGTH
from ..figures.captured_plot import CapturedPlot
from ..figures.publish import publish
from ..figures.published_figure import Published
from .panels import LaidOutPanel


def publish_panel(panel: LaidOutPanel, dashboard: str, collection: str | None) -> str:
    """Return the id of a panel's figure, which is published if necessary; ``""`` for text.

    Raises
    ------
    FigServeError
        The figure cannot be published; the message names the panel.
    """
    if panel.kind == dashboards.TEXT:
        return ""
    try:
        if panel.kind == dashboards.LIVE or isinstance(panel.object, Published):
            return str(panel.object.id)
        name = f"{dashboard[: MAX_NAME_LENGTH - len(panel.place) - 1]} {panel.place}"
        if isinstance(panel.object, CapturedPlot):
            return panel.object.publish(name, alt=panel.given_alt).id
        format = "png" if panel.format in (None, "html") else panel.format
        return publish(panel.object, name, alt=panel.given_alt, format=format, collection=collection).id
    except FigServeError as error:
        raise panel.to_error(error) from error
