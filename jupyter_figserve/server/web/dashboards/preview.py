"""The whole of a dashboard as one picture: its panels' PNGs laid out in the sandbox, where alone they are decoded.

Server process.
"""

from __future__ import annotations

import asyncio
import base64
import html
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ....errors import FigServeError, InvalidInput
from ....model.dashboards import TEXT
from ....model.figures import sha256_hex
from ....model.formats import FORMATS
from ....model.live import LiveRequest
from ....model.markdown import render_markdown
from ....sandbox.renderer import DrawOptions, RenderJob
from ...services.dashboards.resolver import ResolvedPanel
from ..http.representation import RepresentationResponse

if TYPE_CHECKING:
    from ..context import AppContext
    from ..http.handler import FigServeHandler
    from .page import ControlState

_PANEL_BYTES = 2 * 2**20
_ALL_BYTES = 12 * 2**20
"""Of the pictures of one dashboard; those beyond are shown by their names."""
_LIVE_SECONDS = 10.0
_TEXT_LENGTH = 600
_TIMEOUT = 20.0
_CODE = """
import base64, io, json, textwrap
import matplotlib.pyplot as plt
board = json.loads({board})
WIDTH, GAP, TITLE, CAPTION, MOST = 1200, 24, 76, 30, 2400
def height_of(panel, width):
    if panel["image"] is None:
        return min(0.6 * width, 240)
    rows, columns = panel["image"].shape[:2]
    return rows * width / columns
rows, top = [], TITLE
for row in board["rows"]:
    for panel in row:
        data = panel.pop("data")
        panel["image"] = plt.imread(io.BytesIO(base64.b64decode(data)), format="png") if data else None
    space, total, left, placed = WIDTH - GAP * (len(row) + 1), sum(p["share"] for p in row), GAP, []
    for panel in row:
        width = max(8, space * panel["share"] / total)
        placed.append((panel, left, width, height_of(panel, width)))
        left += width + GAP
    tall = max(height for *_, height in placed)
    rows.append((placed, top, tall))
    top += tall + GAP + (CAPTION if any(panel["caption"] for panel in row) else 0)
whole = max(630, min(top, MOST))
figure = plt.figure(figsize=(WIDTH / 100, whole / 100), dpi=100, facecolor="white")
def write(x, y, text, size, **how):
    figure.text(x / WIDTH, 1 - y / whole, text, fontsize=size, parse_math=False, **how)
write(GAP, 48, textwrap.shorten(board["title"], 70, placeholder=" …"), 22, weight="bold", color="#1d1f23")
for placed, top, tall in rows:
    if top > whole:
        break
    for panel, left, width, height in placed:
        if panel["image"] is not None:
            axes = figure.add_axes([left / WIDTH, 1 - (top + height) / whole, width / WIDTH, height / whole])
            axes.imshow(panel["image"], aspect="auto", cmap="gray", vmin=0, vmax=1)
            axes.set_axis_off()
        else:
            column = max(12, int(width / 9))
            lines = [part for line in panel["text"].splitlines() for part in textwrap.wrap(line, column)]
            write(left, top + 4, chr(10).join(lines[:10]), 11, va="top", color="#3c4048", linespacing=1.5)
        if panel["caption"]:
            words = textwrap.shorten(panel["caption"], max(12, int(width / 8)), placeholder=" …")
            write(left + width / 2, top + height + 8, words, 10, va="top", ha="center", color="#5c6370")
figure
"""


async def send(
    handler: FigServeHandler,
    state: ControlState,
    suffix: str,
    *,
    cache_control: str,
    is_public: bool,
    before_call: Callable[[], None] | None = None,
) -> None:
    """Finish the request with the picture of the whole.

    Raises
    ------
    InvalidInput
        For another format than PNG.
    """
    if suffix != "png":
        raise InvalidInput("The picture of a whole dashboard is a PNG; ask for .png.")
    data = await handler.run_until_disconnect(_draw(handler.context, state, before_call))
    row, name = FORMATS["png"], f"{state.board.record.id}.png"
    handler.send_representation(
        RepresentationResponse(row, sha256_hex(data), name, cache_control, data, is_public=is_public)
    )


async def _draw(context: AppContext, state: ControlState, before_call: Callable[[], None] | None) -> bytes:
    """The picture, known from before where nothing has changed; without a sandbox that of the first figure."""
    places = list(state.board.places)
    found = await asyncio.gather(*(_picture(context, state, place, before_call) for place in places))
    left, pictures = _ALL_BYTES, {}
    for place, data in zip(places, found, strict=True):
        if data is not None and len(data) <= min(left, _PANEL_BYTES):
            left -= len(data)
            pictures[place.name] = data
    job = RenderJob("code", _code(state, pictures).encode(), DrawOptions("png", dpi=100), seed=0, timeout=_TIMEOUT)
    try:
        rendered, _ = await context.rendering.render_cached(job)
    except FigServeError:
        if not pictures:
            raise
        return next(iter(pictures.values()))
    return rendered.pictures[0].data


def _code(state: ControlState, pictures: dict[str, bytes]) -> str:
    record = state.board.record
    rows = [[_described(place, pictures.get(place.name)) for place in row] for row in state.board.rows]
    # As a literal of ASCII alone, of which no word can become code.
    return _CODE.format(board=repr(json.dumps({"title": record.layout.title, "rows": rows})))


def _described(place: ResolvedPanel, data: bytes | None) -> dict[str, Any]:
    panel = place.panel
    text = _plain(panel.markdown) if panel.kind == TEXT else place.heading
    encoded = base64.b64encode(data).decode() if data else None
    return {"data": encoded, "text": text[:_TEXT_LENGTH], "share": panel.share, "caption": panel.caption}


def _plain(markdown: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", render_markdown(markdown)))


async def _picture(
    context: AppContext, state: ControlState, place: ResolvedPanel, before_call: Callable[[], None] | None
) -> bytes | None:
    """A panel's PNG: stored, drawn by its function, or its thumbnail; None where there is none."""
    try:
        if place.target is not None:
            request = LiveRequest(state.values(place), "png")
            drawing = context.live.draw(place.target, request, before_call=before_call)
            shown = await asyncio.wait_for(drawing, _LIVE_SECONDS)
            return shown.picture.payload.data if shown.picture else None
        if place.figure is None:
            return None
        stored = place.figure.version.find_representation(FORMATS["png"])
        if stored is None or stored.size > _PANEL_BYTES:
            stored = place.figure.version.thumbnail
        return None if stored is None else context.links.blob_cache.get(stored.digest)
    except (FigServeError, TimeoutError):
        return None
