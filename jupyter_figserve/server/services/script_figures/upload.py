"""Figures of Plotly, Vega and Bokeh that are published as what notebooks contain. Server process.

That is the JSON of Plotly and Vega, and the script of Bokeh.
"""

from __future__ import annotations

import asyncio
import json
from importlib import metadata
from typing import Any

from tornado.httputil import HTTPFile, HTTPHeaders, parse_body_arguments

from ....errors import InvalidInput, UnsupportedType
from ....model.formats import FORMATS
from ....model.multipart import Part, encode_form
from .figure import (
    BOKEH,
    DISTRIBUTIONS,
    ScriptFigure,
    find_in_bundle,
    find_loaded_url,
    find_other_bokeh,
    is_installed,
)
from .pages import make_page
from .titles import find_script_title

_PREFIXES = ("application/vnd.plotly.", "application/vnd.vega", BOKEH)
_REPRESENTATION = "representation"
_HTML = FORMATS["html"].content_type


def is_script_type(content_type: str) -> bool:
    """Whether a content type is that of a figure of Plotly, Vega, Vega-Lite or Bokeh."""
    return content_type.lower().startswith(_PREFIXES)


async def convert_upload(body: bytes, headers: HTTPHeaders) -> tuple[bytes, HTTPHeaders, str]:
    """Return an upload, alone or in a form, with its figure as an HTML document, and the figure's title.

    Raises
    ------
    InvalidInput, UnsupportedType, OutputInvalid
        As ``make_document``.
    """
    content_type = headers.get("Content-Type", "")
    if is_script_type(content_type):
        document, title = await make_document(body, content_type)
        return document, HTTPHeaders({"Content-Type": _HTML}), title
    is_form = content_type.lower().startswith("multipart/form-data")
    if is_form and any(f"\r\nContent-Type: {prefix}".encode() in body for prefix in _PREFIXES):
        return await _convert_form(body, content_type)
    return body, headers, ""


async def _convert_form(body: bytes, content_type: str) -> tuple[bytes, HTTPHeaders, str]:
    arguments: dict[str, list[bytes]] = {}
    files: dict[str, list[HTTPFile]] = {}
    try:
        parse_body_arguments(content_type, body, arguments, files)
    except Exception as error:  # tornado's parser raises errors of several types
        raise InvalidInput("The form could not be read as multipart/form-data.", code="invalid_form") from error
    parts = [Part(name, "text/plain", data) for name, values in arguments.items() for data in values]
    parts += [
        Part(name, one.content_type, one.body, "file")
        for name, group in files.items()
        for one in group
        if not is_script_type(one.content_type)
    ]
    scripts = [one for one in files.get(_REPRESENTATION, []) if is_script_type(one.content_type)]
    if len(scripts) != 1:
        raise InvalidInput('The form has more than one figure of a library, or one that is no "representation".')
    document, title = await make_document(scripts[0].body, scripts[0].content_type)
    kind, form = encode_form([*parts, Part(_REPRESENTATION, _HTML, document, "file")])
    return form, HTTPHeaders({"Content-Type": kind}), title


async def make_document(body: bytes, content_type: str) -> tuple[bytes, str]:
    """Return a figure's HTML document, with its library, and its title, from its JSON or script.

    Raises
    ------
    InvalidInput
        The body is not a figure's.
    UnsupportedType
        The figure cannot be kept on this server; the message says why.
    OutputInvalid
        The library cannot be read.
    """
    figure = await asyncio.to_thread(_parse, body, content_type.partition(";")[0].strip().lower())
    if not is_installed(figure.library):
        raise UnsupportedType(
            f"{figure.name} from a notebook needs {DISTRIBUTIONS[figure.library]} in the server's environment. Install"
            " it, or run figserve.publish(fig) in the notebook.",
            code="missing_library",
        )
    if figure.library == "bokeh":
        _check_bokeh(figure.value)
    url = find_loaded_url(figure)
    if url is not None:
        raise UnsupportedType(
            f"{figure.name} loads its data from {url:.200}, and a published figure loads nothing from elsewhere. Put"
            " the data into the chart.",
            code="external_data",
        )
    return await make_page(figure.library, figure.data), find_script_title(figure.library, figure.value)


def _check_bokeh(value: Any) -> None:
    if value is None:
        raise UnsupportedType(
            "This Bokeh plot is of a server, or in an unknown form. Run figserve.publish(plot) in the notebook.",
            code="unknown_form",
        )
    if (versions := find_other_bokeh(value)) is not None:
        raise UnsupportedType(
            f"This plot was made by Bokeh {versions}, and the server has {metadata.version('bokeh')}. Install the same"
            " version in the server's environment, or run figserve.publish(plot) in the notebook.",
            code="version_mismatch",
        )


def _parse(body: bytes, mimetype: str) -> ScriptFigure:
    if mimetype == BOKEH:
        found = find_in_bundle({BOKEH: "", "application/javascript": body.decode("utf-8", "replace")})
        assert found is not None, "Bokeh's type is in the bundle"
        return found
    try:
        figure = find_in_bundle({mimetype: json.loads(body)})
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The body is not JSON.", code="invalid_json") from error
    if figure is None:
        raise InvalidInput(f"The body is not a figure of type {mimetype:.100}.", code="invalid_json")
    return figure
