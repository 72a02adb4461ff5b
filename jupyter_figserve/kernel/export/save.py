"""``Dashboard.save``: render a dashboard and write it to a file atomically. Kernel."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import FigServeError, InvalidInput, OutputInvalid, TooLarge
from ...model import dashboards
from ...model.figures import EncodedImage
from ...model.scalars import to_number
from ..arguments import check_path
from ..client.batch_server import get_connection
from ..dashboards.model import DashboardModel
from ..dashboards.panel_images import (
    PRINT,
    SVG,
    FormatPreference,
    preferred_formats,
    render_detached_panel,
    render_figure_panel,
    render_live_panel,
)
from ..dashboards.panels import LaidOutPanel
from .document import ExportDocument, ExportedImage, ImageStore
from .html_export import write_html_export, write_zip_export
from .parameter_grid import ParameterAxis, find_axes, make_grid
from .pdf_export import write_pdf_export
from .progress import ExportProgress

_CONCURRENT = (4, 12)
"""Minimum and maximum number of concurrent requests for images of a detached function."""
FORMATS = ("svg", "png")
_WRITERS: Mapping[str, Callable[[ExportDocument], bytes]] = {
    ".html": write_html_export,
    ".zip": write_zip_export,
    ".pdf": write_pdf_export,
}


def save_dashboard(
    model: DashboardModel,
    path: str | os.PathLike[str],
    *,
    max_states: int,
    max_bytes: int,
    format: str | None,
    progress: bool,
) -> Path:
    """Render every panel in every state that the file offers, write the file, and return its path.

    The options are those of ``Dashboard.save``. If the controls have more states than ``max_states``, some are omitted,
    and the page shows the nearest one.
    """
    target = check_path(path)
    _check_options(target, format, max_states, max_bytes)
    suffix = target.suffix.lower()
    is_print = suffix == ".pdf"
    run = _ExportRun(model, 1 if is_print else max_states, max_bytes, format, is_print=is_print)
    document = run.render(target.name, progress)
    data = _WRITERS[suffix](document)
    _write_atomically(target, data)
    run.progress.end(f"{target.name}: {len(document.images):,} different images, {len(data) / 1e6:,.1f} MB.")
    return target


def _check_options(target: Path, format: str | None, max_states: int, max_bytes: int) -> None:
    if target.suffix.lower() not in _WRITERS:
        raise InvalidInput(f"Cannot export to {target.name!r:.80}. Use a file name ending in .html, .zip or .pdf.")
    if format is not None and not (isinstance(format, str) and format in FORMATS):
        raise InvalidInput(f"Cannot export images as {format!r:.40}. Use svg or png.")
    for name, limit in (("max_states", max_states), ("max_bytes", max_bytes)):
        if not to_number(limit) >= 1:
            raise InvalidInput(f"{name} must be a number of at least 1, not {limit!r:.40}.")
    if target.is_dir():
        raise InvalidInput(f"{target} is a directory. Give the path of a file.")
    if not target.parent.is_dir():
        raise InvalidInput(f"The directory {target.parent} does not exist. Create it first.")


class _ExportRun:
    """A dashboard while it is rendered."""

    def __init__(
        self, model: DashboardModel, max_states: int, max_bytes: int, format: str | None, *, is_print: bool
    ) -> None:
        self._model = model
        self._images = ImageStore(max_bytes)
        self._format = format
        self._is_print = is_print
        self._axes, self._fixed = find_axes(model.controls.items)
        live = [panel for panel in model.panels if panel.kind == dashboards.LIVE]
        self._grids = {panel.place: make_grid(panel, self._axes, max_states) for panel in live}
        figures = sum(panel.kind == dashboards.FIGURE for panel in model.panels)
        self._total = figures + sum(grid.count for grid in self._grids.values())

    def render(self, name: str, is_visible: bool) -> ExportDocument:
        self.progress = ExportProgress(self._total, is_visible=is_visible)
        self.progress.announce(self._summary(name))
        images = {
            panel.place: tuple(self._render_panel(panel))
            for panel in self._model.panels
            if panel.kind != dashboards.TEXT
        }
        return ExportDocument.of(self._model, self._images, images, self._grids, self._used_axes(), tuple(self._fixed))

    def _used_axes(self) -> dict[str, ParameterAxis]:
        """Return the axes that at least one panel has."""
        used = {axis.key for grid in self._grids.values() for axis in grid.axes}
        return {key: axis for key, axis in self._axes.items() if key in used}

    def _summary(self, name: str) -> str:
        parts = [
            f"panel {place} {grid.count:,}" + (f" of {grid.total:,} states" if grid.count < grid.total else "")
            for place, grid in self._grids.items()
        ]
        details = f" ({', '.join(parts)})" if parts else ""
        images = f"{self._total:,} image" + ("" if self._total == 1 else "s")
        return f"{name}: {images} to render{details}, limit {self._images.max_bytes / 2**20:,.0f} MB."

    def _render_panel(self, panel: LaidOutPanel) -> Iterator[ExportedImage]:
        if panel.kind == dashboards.FIGURE:
            formats = PRINT if self._is_print else preferred_formats(None, self._format or "svg")
            yield self._store(partial(render_figure_panel, panel, formats))
            return
        formats, states = self._live_formats(panel), list(self._grids[panel.place].states())
        if len(states) > 1 and panel.object.is_detached:
            yield from self._render_concurrently(panel, states, formats)
            return
        for state in states:
            yield self._store(partial(render_live_panel, panel, state, formats))

    def _render_concurrently(
        self, panel: LaidOutPanel, states: list[dict[str, Any]], formats: FormatPreference
    ) -> Iterator[ExportedImage]:
        """Render several states concurrently in the sandbox; yield the images in order."""
        least, most = _CONCURRENT
        pool = ThreadPoolExecutor(min(most, max(least, _count_render_slots())), "figserve-export")
        try:
            for rendering in [pool.submit(render_detached_panel, panel, state, formats) for state in states]:
                yield self._store(rendering.result)
        finally:
            # After an interrupt, or when the limit is exceeded, the rest must not start.
            pool.shutdown(cancel_futures=True)

    def _live_formats(self, panel: LaidOutPanel) -> FormatPreference:
        """Choose one format for all states of a panel, so that its look does not depend on the controls."""
        if self._is_print:
            return PRINT
        if self._format is not None:
            return preferred_formats(None, self._format)
        try:
            return preferred_formats(render_live_panel(panel, {}, SVG), None)
        except FigServeError:
            return preferred_formats(None, None)

    def _store(self, render: Callable[[], EncodedImage]) -> ExportedImage:
        try:
            exported = self._images.add(render())
        except TooLarge:
            raise
        except FigServeError as error:
            is_complete = isinstance(error, OutputInvalid)
            exported = ExportedImage(message=error.message if is_complete else f"Not rendered: {error.message}")
        self.progress.advance(self._images.size)
        return exported


def _write_atomically(target: Path, data: bytes) -> None:
    """Write a temporary file and rename it, so that an interrupt leaves the previous file.

    Raises
    ------
    InvalidInput
        The directory is not writable, or the disk is full.
    """
    part = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        raise InvalidInput(
            f"Cannot write {target}: {error.strerror or error}. Save it elsewhere.", code="not_writable"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _count_render_slots() -> int:
    """Return how many images the server renders at once, on its machine or on its workers; 1 if it does not say."""
    try:
        slots = get_connection().client.get("api/status")["sandbox"]["slots"]
    except (FigServeError, KeyError, TypeError):
        return 1
    return slots if isinstance(slots, int) else 1
