"""Figures that a JavaScript library draws in the browser: Plotly, Vega, Vega-Lite and Bokeh. Server process.

Kernels display them as JSON, for which the front end has the library, or as HTML that loads the library from elsewhere.
Here they are kept as JSON, and become one HTML document with the library in it when they are read.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from typing import Any

from ....model.figures import sha256_hex
from ....model.html.content import HtmlContent

_PLOTLY = "application/vnd.plotly.v1+json"
BOKEH = "application/vnd.bokehjs_exec.v0+json"
_VEGA = re.compile(r"application/vnd\.(vega|vegalite|vega-lite)\.v\d+(\.json|\+json)")
_NEW_PLOT = re.compile(r"""Plotly\.(?:newPlot|react)\(\s*(?:"[^"]*"|'[^']*'|[\w.]+)\s*,\s*""")
_VEGA_CALL = re.compile(r"\}\)\(\s*(?=\{)")
_BOKEH_DOCUMENTS = re.compile(r"\bdocs_json\s*=\s*(?=\{)")
_BOKEH_ITEMS = re.compile(r"\brender_items\s*=\s*(?=\[)")
_COMMA = re.compile(r"\s*,\s*")
_PACKAGES = {"plotly": "plotly", "vega": "vl_convert", "vega-lite": "vl_convert", "bokeh": "bokeh"}
"""The package that has each library."""
DISTRIBUTIONS = {library: {"vl_convert": "vl-convert-python"}.get(name, name) for library, name in _PACKAGES.items()}
"""What to install for each library."""
NAMES = {
    "plotly": "A Plotly figure",
    "vega": "A Vega chart",
    "vega-lite": "A Vega-Lite chart",
    "bokeh": "A Bokeh plot",
}
_decoder = json.JSONDecoder()


@dataclass(frozen=True)
class ScriptFigure:
    """A figure as JSON.

    Parameters
    ----------
    library
        ``"plotly"``, ``"vega"``, ``"vega-lite"`` or ``"bokeh"``.
    value
        Its JSON.
    digest
        sha256 of the displayed text that it was extracted from; None if the JSON itself was displayed.
    """

    library: str
    value: Any
    digest: str | None = None

    @property
    def name(self) -> str:
        return NAMES[self.library]

    @functools.cached_property
    def data(self) -> bytes:
        return json.dumps(self.value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def find_in_bundle(bundle: Mapping[Any, Any]) -> ScriptFigure | None:
    """Return the figure that a mimebundle contains as JSON or, for Bokeh, as a script."""
    if isinstance(bundle.get(_PLOTLY), dict):
        return ScriptFigure("plotly", bundle[_PLOTLY])
    for kind, value in bundle.items():
        match = _VEGA.fullmatch(str(kind))
        if match and isinstance(value, dict):
            return ScriptFigure("vega" if match[1] == "vega" else "vega-lite", value)
    if BOKEH in bundle:
        script = str(bundle.get("application/javascript", ""))
        return ScriptFigure("bokeh", _bokeh_value(script), sha256_hex(script.encode("utf-8", "replace")))
    return None


def find_in_html(content: HtmlContent, data: bytes) -> ScriptFigure | None:
    """Return the figure of HTML that a library's own ``show`` made; None for other HTML, and with the library in it."""
    calls = sum(len(_NEW_PLOT.findall(code)) + code.count("vegaEmbed(outputDiv") for code in content.code)
    if calls != 1 or (content.has_library and not content.scripts):
        return None
    found = next(filter(None, (_plotly_call(code) or _vega_call(code) for code in content.code)), None)
    return None if found is None else ScriptFigure(found.library, found.value, sha256_hex(data))


def find_problem(figure: ScriptFigure) -> str | None:
    """Return why a figure cannot be kept and what to do; None if it can."""
    if figure.value is None:
        return f"{figure.name} of a server or in an unknown form was displayed last, which is not kept. Publish it."
    if not is_installed(figure.library):
        return (
            f"{figure.name} was displayed last. To keep displayed ones, install {DISTRIBUTIONS[figure.library]} in the"
            " server's environment; publishing the figure needs nothing there."
        )
    if figure.library == "bokeh":
        return _bokeh_problem(figure.value)
    url = find_loaded_url(figure)
    if url is not None:
        return (
            f"{figure.name} whose data is loaded from {url:.200} was displayed last, and a kept figure loads nothing"
            " from elsewhere. Put the data into the chart."
        )
    return None


def find_loaded_url(figure: ScriptFigure) -> str | None:
    """Return a URL from which a Vega chart loads its data, or None."""
    return next(_loaded_data(figure.value), None) if figure.library in ("vega", "vega-lite") else None


def is_installed(library: str) -> bool:
    """Whether the package that has a library is in the server's environment."""
    return find_spec(_PACKAGES[library]) is not None


def _plotly_call(code: str) -> ScriptFigure | None:
    match = _NEW_PLOT.search(code)
    values = _read_arguments(code, match.end(), 3) if match else []
    if len(values) < 2 or not isinstance(values[0], list) or not isinstance(values[1], dict):
        return None
    return ScriptFigure("plotly", {"data": values[0], "layout": values[1], "config": (*values, {})[2]})


def _vega_call(code: str) -> ScriptFigure | None:
    match = _VEGA_CALL.search(code) if "vegaEmbed" in code else None
    values = _read_arguments(code, match.end(), 2) if match else []
    if not values or not isinstance(values[0], dict):
        return None
    options = values[1] if len(values) > 1 and isinstance(values[1], dict) else {}
    return ScriptFigure("vega" if options.get("mode") == "vega" else "vega-lite", values[0])


def _bokeh_value(code: str) -> dict[str, Any] | None:
    documents, items = _BOKEH_DOCUMENTS.search(code), _BOKEH_ITEMS.search(code)
    if documents is None or items is None:
        return None
    found = _read_arguments(code, documents.end(), 1), _read_arguments(code, items.end(), 1)
    if found[0] and found[1] and isinstance(found[0][0], dict) and isinstance(found[1][0], list):
        return {"documents": found[0][0], "items": found[1][0]}
    return None


def find_other_bokeh(value: dict[str, Any]) -> str | None:
    """Return the versions of Bokeh that a document needs and the server has not: it is read by that one alone."""
    versions = {str(one.get("version")) for one in value["documents"].values() if isinstance(one, dict)}
    return None if versions <= {metadata.version("bokeh")} else ", ".join(sorted(versions))


def _bokeh_problem(value: dict[str, Any]) -> str | None:
    versions = find_other_bokeh(value)
    if versions is None:
        return None
    return (
        f"A Bokeh plot of version {versions} was displayed last, and the server has {metadata.version('bokeh')}."
        " Install the same version in the server's environment, or publish the plot."
    )


def _read_arguments(code: str, start: int, count: int) -> list[Any]:
    """Return the first arguments of a call that are JSON."""
    values: list[Any] = []
    while len(values) < count:
        try:
            value, end = _decoder.raw_decode(code, start)
        except (ValueError, RecursionError):
            return values
        values.append(value)
        comma = _COMMA.match(code, end)
        if comma is None:
            return values
        start = comma.end()
    return values


def _loaded_data(value: Any) -> Iterator[str]:
    """Yield the URLs from which a Vega specification loads data; images in marks are missing but do no harm."""
    if isinstance(value, dict):
        data = value.get("data")
        for one in data if isinstance(data, list) else [data]:
            if isinstance(one, dict) and isinstance(one.get("url"), str) and not one["url"].startswith("data:"):
                yield one["url"]
        for name, inner in value.items():
            if name not in ("datasets", "values"):
                yield from _loaded_data(inner)
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, (dict, list)):
                yield from _loaded_data(inner)
