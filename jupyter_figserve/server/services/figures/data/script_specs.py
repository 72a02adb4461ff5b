"""The JSON of a Plotly or Vega figure in its HTML document. Server process.

The library comes first in a document and the figure last, so that it is searched from the end. Nothing is executed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .....errors import TooLarge

_OWN_PAGE = "const figure = "
_PLOTLY_CALL = re.compile(r"Plotly\.newPlot\(\s*(?:\"[^\"]{0,200}\"|'[^']{0,200}'|[\w.]{1,200})\s*,\s*")
_PLOTLY_START = "Plotly.newPlot("
_VEGA_STARTS = (" spec = ", "})(")
"""What comes before the specification in Altair's ``to_html``, and in its display in notebooks."""
_COMMA = re.compile(r"\s*,\s*")
_MAX_CANDIDATES = 50
_MAX_SPACES = 100
_decoder = json.JSONDecoder()


@dataclass(frozen=True)
class ScriptSpec:
    """A figure as JSON.

    Parameters
    ----------
    library
        ``"plotly"`` or ``"vega"``, which Vega-Lite is too.
    """

    library: str
    value: dict[str, Any]


def find_spec(document: str, max_length: int) -> ScriptSpec | None:
    """Return the figure in a document, None if there is none of these libraries.

    Raises
    ------
    TooLarge
        The JSON may be longer than ``max_length`` characters.
    """
    for find in (_find_own, _find_plotly, _find_vega):
        if (found := find(document, max_length)) is not None:
            return found
    return None


def _find_own(document: str, max_length: int) -> ScriptSpec | None:
    """Return the figure in a page that this server made."""
    for start in _last_places(document, _OWN_PAGE):
        value = _decode(document, start + len(_OWN_PAGE), max_length)
        if value is None or not isinstance(value[0], dict):
            continue
        figure = value[0]
        if isinstance(figure.get("data"), list):
            return ScriptSpec("plotly", figure)
        if isinstance(figure.get("spec"), dict):
            return ScriptSpec("vega", figure["spec"])
    return None


def _find_plotly(document: str, max_length: int) -> ScriptSpec | None:
    for start in _last_places(document, _PLOTLY_START):
        call = _PLOTLY_CALL.match(document, start)
        data = _decode(document, call.end(), max_length) if call else None
        if data is None or not isinstance(data[0], list):
            continue
        comma = _COMMA.match(document, data[1])
        layout = _decode(document, comma.end(), max_length) if comma else None
        given = layout[0] if layout is not None and isinstance(layout[0], dict) else {}
        return ScriptSpec("plotly", {"data": data[0], "layout": given})
    return None


def _find_vega(document: str, max_length: int) -> ScriptSpec | None:
    if "vegaEmbed" not in document:
        return None
    for text in _VEGA_STARTS:
        for start in _last_places(document, text):
            value = _decode(document, _skip_spaces(document, start + len(text)), max_length)
            if value is not None and isinstance(value[0], dict) and "$schema" in value[0]:
                return ScriptSpec("vega", value[0])
    return None


def _skip_spaces(document: str, start: int) -> int:
    gap = document[start : start + _MAX_SPACES]
    return start + len(gap) - len(gap.lstrip())


def _last_places(document: str, text: str) -> Iterator[int]:
    end = len(document)
    for _ in range(_MAX_CANDIDATES):
        end = document.rfind(text, 0, end)
        if end < 0:
            return
        yield end


def _decode(document: str, start: int, max_length: int) -> tuple[Any, int] | None:
    """Return the JSON that starts at ``start`` and where it ends; None if there is none."""
    if document[start : start + 1] not in ("{", "["):
        return None
    # Decoding holds the interpreter, so that its length is bounded before.
    end = document.find("</script", start)
    if (end if end >= 0 else len(document)) - start > max_length:
        raise TooLarge(
            f"The figure's JSON has more than {max_length:,} characters (FigServe.data_bytes).", code="data_too_large"
        )
    try:
        return _decoder.raw_decode(document, start)
    except (ValueError, RecursionError):
        return None
