"""HTML documents of figures that a JavaScript library draws, with the library in them. Server process.

The libraries are files of Python packages in the server's environment; those packages are never imported here.
"""

from __future__ import annotations

import asyncio
import functools
import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ....errors import OutputInvalid
from .figure import DISTRIBUTIONS, NAMES

_BUNDLE_SECONDS = 60.0


async def make_page(library: str, data: bytes) -> bytes:
    """Return the HTML document of a figure, with its library.

    Raises
    ------
    OutputInvalid
        The library has been removed, or cannot be read.
    """
    return await asyncio.to_thread(_make_page, library, data)


def _make_page(library: str, data: bytes) -> bytes:
    try:
        value = json.loads(data)
        if library == "plotly":
            return _page(_plotly_script(), _PLOTLY_BODY, value, _FILLING)
        style = _FILLING if any(word in data for word in _SIZING) else _OWN_SIZE
        if library == "bokeh":
            return _page(_bokeh_scripts(data), _bokeh_elements(value["items"]) + _BOKEH_BODY, value, style)
        return _page(_vega_script(), _VEGA_BODY, {"mode": library, "spec": value}, style)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise OutputInvalid(
            f"{NAMES[library]} cannot be shown: {DISTRIBUTIONS[library]} in the server's environment cannot be read"
            f" ({type(error).__name__}).",
            code="missing_library",
        ) from error


_PLOTLY_BODY = """<div id="figure"></div><script>
const figure = VALUE;
const config = Object.assign({responsive: true}, figure.config);
Plotly.newPlot("figure", figure.data || [], figure.layout || {}, config).then(function (drawn) {
  if (figure.frames) Plotly.addFrames(drawn, figure.frames);
});
</script>"""
_VEGA_BODY = """<div id="figure"></div><script>
const figure = VALUE;
vegaEmbed("#figure", figure.spec, {mode: figure.mode, renderer: "svg", actions: false});
</script>"""
_BOKEH_BODY = """<script>
const figure = VALUE;
Bokeh.embed.embed_items(figure.documents, figure.items);
</script>"""


_FILLING = "html,body{margin:0;height:100%}#figure{width:100%;height:100%}"
_OWN_SIZE = "body{margin:0;display:grid;justify-content:safe center}"
"""Without a height, so that the frame around it gets that of the figure."""
_SIZING = (b'"container"', b'"stretch_', b'"scale_')
"""In the JSON of Vega charts and Bokeh plots that follow the size of their window."""


def _page(script: str, body: str, value: Any, style: str) -> bytes:
    text = json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    head = f'<!doctype html><html><head><meta charset="utf-8"><title>Figure</title><style>{style}</style>'
    page = f"{head}<script>{script}</script></head><body>{body.replace('VALUE', text, 1)}</body></html>"
    return page.encode("utf-8", "replace")


@functools.lru_cache(maxsize=1)
def _plotly_script() -> str:
    return _read_text("plotly", "package_data/plotly.min.js")


def _bokeh_scripts(data: bytes) -> str:
    """Return BokehJS with the extensions that the documents use."""
    wanted = ["bokeh", "bokeh-gl", "bokeh-widgets", "bokeh-tables"]
    if b"$$" in data or b'"TeX"' in data or b'"MathML"' in data or b"\\\\[" in data or b"\\\\(" in data:
        wanted.append("bokeh-mathjax")
    return "\n".join(_bokeh_script(name) for name in wanted)


@functools.lru_cache(maxsize=8)
def _bokeh_script(name: str) -> str:
    return _read_text("bokeh", f"server/static/js/{name}.min.js")


@functools.lru_cache(maxsize=1)
def _vega_script() -> str:
    """Return Vega, Vega-Lite and vega-embed as one script.

    A process of its own makes it, once: the library that contains them runs a JavaScript engine.
    """
    # Of Windows, standard output has not all characters.
    code = "import sys, vl_convert; sys.stdout.buffer.write(vl_convert.javascript_bundle().encode())"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=True, timeout=_BUNDLE_SECONDS)
    return done.stdout.decode()


def _read_text(package: str, path: str) -> str:
    """Read a file of an installed package without importing it. A script element must not end within the text."""
    spec = find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not places:
        raise FileNotFoundError(path)
    return Path(places[0], path).read_text(encoding="utf-8").replace("</script", "<\\/script")


def _bokeh_elements(items: list[Any]) -> str:
    """Return the elements that the plots are drawn into."""
    roots = [item["roots"] for item in items if isinstance(item, dict) and isinstance(item.get("roots"), dict)]
    names = [(str(root), str(element)) for one in roots for root, element in one.items()]
    if not all(re.fullmatch(r"[\w-]{1,100}", name) for pair in names for name in pair):
        raise ValueError("ids of elements")
    return "".join(f'<div id="{element}" data-root-id="{root}"></div>' for root, element in names)
