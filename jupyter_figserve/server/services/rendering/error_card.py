"""An error of posted code as an image, for clients that can display nothing else. Server process.

SVG is written here, with all text escaped, as it comes from the code. The others are rendered in the sandbox.
"""

from __future__ import annotations

import gzip
import html
import json
import re
import textwrap

from ....errors import CodeFailed, FigServeError
from ....model.formats import FORMATS
from ....model.rendering import DrawOptions, RenderJob

RENDERED_FORMATS = tuple(name for name in FORMATS if name not in ("svg", "svgz", "html"))
"""Formats of error images that the sandbox draws."""
_SECONDS = 5.0
_WIDTH, _LINE, _COLUMNS, _MAX_LINES = 640, 20, 68, 12
# XML 1.0, section 2.2: characters that no document may hold, escaped or not.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def svg_card(error: FigServeError) -> bytes:
    """Return an SVG with the kind of the error, its line, and its message."""
    lines = _lines(error.message)
    height = 84 + _LINE * len(lines)
    text = "".join(
        f'<text x="24" y="{84 + _LINE * row}" xml:space="preserve">{_escaped(line)}</text>'
        for row, line in enumerate(lines)
    )
    card = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
        f' role="img" font-family="monospace" font-size="14" fill="#3b1a1a"><title>{_escaped(_heading(error))}</title>'
        f'<rect x="1" y="1" width="{_WIDTH - 2}" height="{height - 2}" rx="6" fill="#fff5f5" stroke="#c53030"/>'
        f'<text x="24" y="44" font-size="18" font-weight="bold" fill="#c53030">{_escaped(_heading(error))}</text>'
        f"{text}</svg>"
    )
    return card.encode()


def svgz_card(error: FigServeError) -> bytes:
    """Return the SVG, compressed without a date."""
    return gzip.compress(svg_card(error), mtime=0)


def make_card_job(error: FigServeError, format: str) -> RenderJob:
    """Return the job that renders the same image in another format; equal errors are equal jobs, and cached."""
    texts = {"heading": _plain(_heading(error)), "lines": [_plain(line) for line in _lines(error.message)]}
    return RenderJob("card", json.dumps(texts).encode(), DrawOptions(format=format), seed=0, timeout=_SECONDS)


def _heading(error: FigServeError) -> str:
    """Return the title of an error image."""
    if not isinstance(error, CodeFailed):
        return error.code.replace("_", " ")
    where = "" if error.line is None else f" in line {error.line}"
    return f"{error.kind}{where}"[:60]


def _lines(message: str) -> list[str]:
    lines = [
        part for line in message.splitlines() for part in textwrap.wrap(line, _COLUMNS, break_long_words=True) or [""]
    ]
    return lines if len(lines) <= _MAX_LINES else [*lines[: _MAX_LINES - 1], "…"]


def _plain(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


def _escaped(text: str) -> str:
    return html.escape(_plain(text))
