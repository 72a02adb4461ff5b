"""Plotly and Vega figures that are published as the JSON that notebooks contain. Server process."""

from __future__ import annotations

import asyncio
import json
from importlib.util import find_spec

from ....errors import InvalidInput, UnsupportedType
from .display_titles import find_script_title
from .script_figures import INSTALLED_AS, PACKAGES, ScriptFigure, find_in_bundle, find_loaded_url
from .script_pages import make_page

_PREFIXES = ("application/vnd.plotly.", "application/vnd.vega")


def is_script_type(content_type: str) -> bool:
    """Whether a content type is that of the JSON of Plotly, Vega or Vega-Lite."""
    return content_type.lower().startswith(_PREFIXES)


async def make_document(body: bytes, content_type: str) -> tuple[bytes, str]:
    """Return a figure's HTML document, with its library, and its title, from its JSON.

    Raises
    ------
    InvalidInput
        The body is not the JSON of a figure.
    UnsupportedType
        The figure cannot be kept on this server; the message says why.
    OutputInvalid
        The library cannot be read.
    """
    figure = await asyncio.to_thread(_parse, body, content_type.partition(";")[0].strip().lower())
    package = PACKAGES[figure.library]
    if find_spec(package) is None:
        raise UnsupportedType(
            f"{figure.name} as JSON needs {INSTALLED_AS.get(package, package)} in the server's environment. Install it,"
            " or run figserve.publish(fig) in the notebook.",
            code="missing_library",
        )
    url = find_loaded_url(figure)
    if url is not None:
        raise UnsupportedType(
            f"{figure.name} loads its data from {url:.200}, and a published figure loads nothing from elsewhere. Put"
            " the data into the chart.",
            code="external_data",
        )
    return await make_page(figure.library, figure.data), find_script_title(figure.library, figure.value)


def _parse(body: bytes, mimetype: str) -> ScriptFigure:
    try:
        figure = find_in_bundle({mimetype: json.loads(body)})
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The body is not JSON.", code="invalid_json") from error
    if figure is None:
        raise InvalidInput(f"The body is not a figure of type {mimetype:.100}.", code="invalid_json")
    return figure
