"""The preview image of a dashboard: its panels' PNGs, decoded and laid out in the sandbox. Server process."""

from __future__ import annotations

import asyncio
import base64
import html
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ....errors import FigServeError, InvalidInput
from ....model.dashboards import TEXT
from ....model.figures import sha256_hex
from ....model.formats import FORMATS
from ....model.live import LiveRequest
from ....model.markdown import render_markdown
from ....model.rendering import DrawOptions, RenderJob
from ...services.callers import Caller
from ...services.dashboards.resolver import ResolvedPanel
from ...services.rendering.service import BeforeRender
from ..http.representation import RepresentationResponse

if TYPE_CHECKING:
    from ..context import AppContext
    from ..http.handler import FigServeHandler
    from .control_state import ControlState

_MAX_PANEL_BYTES = 2 * 2**20
_MAX_TOTAL_BYTES = 12 * 2**20
"""Limit on the images of one dashboard; further panels show their names."""
_LIVE_SECONDS = 10.0
_MAX_TEXT_LENGTH = 600
_MAX_MARKDOWN = 4_000
"""How much Markdown is converted to plain text, of which the first characters are shown."""
_TIMEOUT_SECONDS = 20.0
_CODE = """
import base64, io, json, textwrap
import matplotlib.pyplot as plt
dashboard = json.loads({dashboard})
WIDTH, GAP, TITLE, CAPTION, MAX_HEIGHT = 1200, 24, 76, 30, 2400
def height_of(panel, width):
    if panel["image"] is None:
        return min(0.6 * width, 240)
    rows, columns = panel["image"].shape[:2]
    return rows * width / columns
rows, top = [], TITLE
for row in dashboard["rows"]:
    for panel in row:
        data = panel.pop("data")
        panel["image"] = plt.imread(io.BytesIO(base64.b64decode(data)), format="png") if data else None
    space, shares, left, placed = WIDTH - GAP * (len(row) + 1), sum(p["share"] for p in row), GAP, []
    for panel in row:
        width = max(8, space * panel["share"] / shares)
        placed.append((panel, left, width, height_of(panel, width)))
        left += width + GAP
    tallest = max(height for *_, height in placed)
    rows.append((placed, top, tallest))
    top += tallest + GAP + (CAPTION if any(panel["caption"] for panel in row) else 0)
HEIGHT = max(630, min(top, MAX_HEIGHT))
figure = plt.figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor="white")
def write(x, y, text, size, **style):
    figure.text(x / WIDTH, 1 - y / HEIGHT, text, fontsize=size, parse_math=False, **style)
write(GAP, 48, textwrap.shorten(dashboard["title"], 70, placeholder=" …"), 22, weight="bold", color="#1d1f23")
for placed, top, tallest in rows:
    if top > HEIGHT:
        break
    for panel, left, width, height in placed:
        if panel["image"] is not None:
            axes = figure.add_axes([left / WIDTH, 1 - (top + height) / HEIGHT, width / WIDTH, height / HEIGHT])
            axes.imshow(panel["image"], aspect="auto", cmap="gray", vmin=0, vmax=1)
            axes.set_axis_off()
        else:
            column = max(12, int(width / 9))
            lines = [part for line in panel["text"].splitlines() for part in textwrap.wrap(line, column)]
            write(left, top + 4, chr(10).join(lines[:10]), 11, va="top", color="#3c4048", linespacing=1.5)
        if panel["caption"]:
            caption = textwrap.shorten(panel["caption"], max(12, int(width / 8)), placeholder=" …")
            write(left + width / 2, top + height + 8, caption, 10, va="top", ha="center", color="#5c6370")
figure
"""


@dataclass(frozen=True)
class PreviewCosts:
    """What the work for a preview counts against.

    Parameters
    ----------
    before_call
        Called before each call of a live figure; when it raises, the panel shows its name.
    before_render
        Called before the preview is rendered; when it raises, the first panel's image is sent.
    """

    caller: Caller
    before_render: BeforeRender
    before_call: Callable[[], None] | None = None


@dataclass(frozen=True)
class _PanelImage:
    """A panel's PNG, which is read only to be composed."""

    digest: str
    size: int
    read: Callable[[], bytes | None]


async def send_preview(
    handler: FigServeHandler,
    state: ControlState,
    suffix: str,
    costs: PreviewCosts,
    *,
    cache_control: str,
    is_public: bool,
    before_send: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Finish the request with the preview image.

    Parameters
    ----------
    before_send
        Called before the response, unless it is a 304 or a range.

    Raises
    ------
    InvalidInput
        For a format other than PNG.
    """
    if suffix != "png":
        raise InvalidInput("The preview image of a dashboard is a PNG. Use the suffix .png.")
    digest, data = await handler.run_until_disconnect(_render(handler.context, state, handler.known_etags(), costs))
    row, name = FORMATS["png"], f"{state.dashboard.record.name}.png"
    response = RepresentationResponse(row, digest, name, cache_control, data, is_public=is_public)
    if before_send is not None and handler.sends_full_body(response):
        await before_send()
    await handler.send_representation(response)


async def _render(
    context: AppContext, state: ControlState, known_etags: Sequence[str], costs: PreviewCosts
) -> tuple[str, bytes]:
    """Return the preview and its ETag; no bytes if the client has it, and the first panel's image without a sandbox."""
    panels = list(state.dashboard.panels)
    found = await asyncio.gather(*(_find_png(context, state, panel, costs) for panel in panels))
    remaining, images = _MAX_TOTAL_BYTES, {}
    for panel, image in zip(panels, found, strict=True):
        if image is not None and image.size <= min(remaining, _MAX_PANEL_BYTES):
            remaining -= image.size
            images[panel.name] = image
    key = _make_key(state, images)
    if f'"{key}"' in known_etags:
        return key, b""
    try:
        rendered, _ = await context.rendering.render_composed(
            key, lambda: _compose(state, images), _TIMEOUT_SECONDS, costs.caller, costs.before_render
        )
    except FigServeError:
        if not images:
            raise
        data = await asyncio.get_running_loop().run_in_executor(None, next(iter(images.values())).read)
        if data is None:
            raise
        return sha256_hex(data), data
    return key, rendered.images[0].data


def _make_key(state: ControlState, images: Mapping[str, _PanelImage]) -> str:
    """Return the digest of all that the preview shows."""
    layout = state.dashboard.record.layout
    digests = {name: image.digest for name, image in images.items()}
    headings = [panel.heading for panel in state.dashboard.panels]
    return sha256_hex(json.dumps([_CODE, layout.as_json(), digests, headings], sort_keys=True).encode())


def _compose(state: ControlState, images: Mapping[str, _PanelImage]) -> RenderJob:
    """Return the job that draws the preview. It takes long for large images and texts: for a thread."""
    dashboard = state.dashboard
    rows = [[_describe(panel, images.get(panel.name)) for panel in row] for row in dashboard.rows]
    # An ASCII string literal: no text of the dashboard can become code.
    code = _CODE.format(dashboard=repr(json.dumps({"title": dashboard.record.layout.title, "rows": rows})))
    return RenderJob("code", code.encode(), DrawOptions("png", dpi=100), seed=0, timeout=_TIMEOUT_SECONDS)


def _describe(panel: ResolvedPanel, image: _PanelImage | None) -> dict[str, Any]:
    spec, data = panel.spec, image.read() if image else None
    text = _to_plain_text(spec.markdown) if spec.kind == TEXT else panel.heading
    encoded = base64.b64encode(data).decode() if data else None
    return {"data": encoded, "text": text[:_MAX_TEXT_LENGTH], "share": spec.share, "caption": spec.caption}


def _to_plain_text(markdown: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", render_markdown(markdown[:_MAX_MARKDOWN])))


async def _find_png(
    context: AppContext, state: ControlState, panel: ResolvedPanel, costs: PreviewCosts
) -> _PanelImage | None:
    """Return a panel's PNG: stored, from its function, or its thumbnail; None without one."""
    try:
        if panel.target is not None:
            request = LiveRequest(state.values(panel), "png")
            call = context.live.render(panel.target, request, before_call=costs.before_call, caller=costs.caller)
            result = await asyncio.wait_for(call, _LIVE_SECONDS)
            if result.image is None:
                return None
            data = result.image.content.data
            return _PanelImage(result.image.digest, len(data), lambda: data)
        if panel.figure is None:
            return None
        stored = panel.figure.version.find_representation(FORMATS["png"])
        if stored is None or stored.size > _MAX_PANEL_BYTES:
            stored = panel.figure.version.thumbnail
        if stored is None:
            return None
        return _PanelImage(stored.digest, stored.size, partial(context.store.blobs.find, stored.digest))
    except (FigServeError, TimeoutError):
        return None
