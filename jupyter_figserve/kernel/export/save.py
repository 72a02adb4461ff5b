"""``board.save(path)``: a dashboard drawn into a file to give away, written whole or not at all. Kernel."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import FigServeError, InvalidInput, TooLarge
from ...model import dashboards
from ...model.figures import EncodedImage
from ..dashboards.panels import LaidOutPanel
from .document import ExportDocument, ExportedImage, ImageStore
from .html_export import html_page, zip_folder
from .panel_images import (
    PRINTED,
    SVG,
    Forms,
    draw_figure,
    message_of,
    preferred_formats,
    render_detached_panel,
    render_live_panel,
)
from .parameter_grid import ParameterAxis, find_axes, make_grid
from .pdf_export import pdf_pages
from .progress import ExportProgress

if TYPE_CHECKING:
    from ..dashboards.dashboard import Dashboard

MAX_STATES = 500
"""Pictures of one panel."""
_AT_ONCE = 4
"""Requests for pictures that a detached function draws."""
MAX_BYTES = 50 * 2**20
"""Of all pictures together."""
FORMATS = ("svg", "png")
_WRITERS: Mapping[str, Callable[[ExportDocument], bytes]] = {
    ".html": html_page,
    ".zip": zip_folder,
    ".pdf": pdf_pages,
}


def save_dashboard(
    board: Dashboard,
    path: str | os.PathLike[str],
    *,
    max_states: int = MAX_STATES,
    max_bytes: int = MAX_BYTES,
    format: str | None = None,
    progress: bool = True,
) -> Path:
    """Draw every panel in every state that a file can have, and write it.

    Parameters
    ----------
    path
        ``.html`` is one page with its controls, ``.zip`` the same as a folder for a static host, ``.pdf`` a printed
        page for each row.
    max_states
        Pictures of one panel; where its controls have more states, some are left out, and the page shows the nearest.
    max_bytes
        Of all pictures together.
    format
        ``"svg"`` or ``"png"``; None is SVG while that is small.
    progress
        Whether to say what it will take, and how far it is.

    Returns
    -------
    Path
        Where it is.

    Raises
    ------
    InvalidInput
        For another suffix or format, naming those that there are.
    TooLarge
        When the pictures take more than ``max_bytes``.
    """
    target = Path(path).expanduser()
    write = _WRITERS.get(target.suffix.lower())
    if write is None:
        raise InvalidInput(f"{target.name!r:.80} ends in none of .html, .zip and .pdf, which say what is saved.")
    if format is not None and format not in FORMATS:
        raise InvalidInput(f"There is no picture format {format!r:.40} for a saved dashboard; take svg or png.")
    if max_states < 1 or max_bytes < 1:
        raise InvalidInput("max_states and max_bytes must be 1 or more.")
    if not target.parent.is_dir():
        raise InvalidInput(f"There is no directory {target.parent}; make it first.")
    is_printed = target.suffix.lower() == ".pdf"
    drawing = _ExportRun(board, 1 if is_printed else max_states, max_bytes, format, is_printed=is_printed)
    saved = drawing.draw(target.name, progress)
    data = write(saved)
    _replace(target, data)
    drawing.progress.end(f"{target.name}: {len(saved.pictures):,} different pictures, {len(data) / 1e6:,.1f} MB.")
    return target


class _ExportRun:
    """A board while it is drawn."""

    def __init__(self, board: Dashboard, most: int, max_bytes: int, format: str | None, *, is_printed: bool) -> None:
        self._board = board
        self._pictures = ImageStore(max_bytes)
        self._format = format
        self._is_printed = is_printed
        self._axes, self._fixed = find_axes(board.controls.items)
        self._live = [panel for panel in board.panels if panel.kind == dashboards.LIVE]
        self._grids = {panel.place: make_grid(panel, self._axes, most) for panel in self._live}
        figures = sum(panel.kind == dashboards.FIGURE for panel in board.panels)
        self._total = figures + sum(grid.count for grid in self._grids.values())

    def draw(self, name: str, is_told: bool) -> ExportDocument:
        self.progress = ExportProgress(self._total, is_wanted=is_told)
        self.progress.announce(self._budget(name))
        shots = {
            panel.place: tuple(self._shots(panel)) for panel in self._board.panels if panel.kind != dashboards.TEXT
        }
        return ExportDocument.of(self._board, self._pictures, shots, self._grids, self._used_axes(), tuple(self._fixed))

    def _used_axes(self) -> dict[str, ParameterAxis]:
        """Those that move something."""
        moving = {axis.key for grid in self._grids.values() for axis in grid.axes}
        return {key: axis for key, axis in self._axes.items() if key in moving}

    def _budget(self, name: str) -> str:
        parts = [
            f"panel {place} {grid.count:,}" + (f" of {grid.whole:,} states" if grid.count < grid.whole else "")
            for place, grid in self._grids.items()
        ]
        told = f" ({', '.join(parts)})" if parts else ""
        pictures = f"{self._total:,} picture" + ("" if self._total == 1 else "s")
        return f"{name}: {pictures} to draw{told}, {self._pictures.most / 2**20:,.0f} MB at most."

    def _shots(self, panel: LaidOutPanel) -> Iterator[ExportedImage]:
        if panel.kind == dashboards.FIGURE:
            yield self._kept(lambda: draw_figure(panel, self._first_forms()))
            return
        forms, states = self._forms_of(panel), list(self._grids[panel.place].states())
        if len(states) > 1 and panel.object.is_detached:
            yield from self._shots_at_once(panel, states, forms)
            return
        for state in states:
            yield self._kept(partial(render_live_panel, panel, state, forms))

    def _shots_at_once(
        self, panel: LaidOutPanel, states: list[dict[str, Any]], forms: Forms
    ) -> Iterator[ExportedImage]:
        """In the order of the states, while several are drawn in the sandbox."""
        pool = ThreadPoolExecutor(_AT_ONCE, "figserve-saving")
        try:
            for drawn in [pool.submit(render_detached_panel, panel, state, forms) for state in states]:
                yield self._kept(drawn.result)
        finally:
            # An interrupt, or too many bytes: what has not begun is not to begin.
            pool.shutdown(cancel_futures=True)

    def _first_forms(self) -> Forms:
        return PRINTED if self._is_printed else preferred_formats(None, self._format or "svg")

    def _forms_of(self, panel: LaidOutPanel) -> Forms:
        """One form for all states of a panel, so that no move changes its looks."""
        if self._is_printed:
            return PRINTED
        if self._format is not None:
            return preferred_formats(None, self._format)
        try:
            return preferred_formats(render_live_panel(panel, {}, SVG), None)
        except FigServeError:
            return preferred_formats(None, None)

    def _kept(self, draw: Callable[[], EncodedImage]) -> ExportedImage:
        try:
            shot = self._pictures.keep(draw())
        except TooLarge:
            raise
        except FigServeError as error:
            shot = ExportedImage(message=message_of(error))
        self.progress.advance(self._pictures.size)
        return shot


def _replace(target: Path, data: bytes) -> None:
    """Write beside it and rename: an interrupt leaves what was there.

    Raises
    ------
    OSError
        When the directory or the disk does not take it.
    """
    part = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
