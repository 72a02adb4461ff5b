"""Uploads that follow the publish of a figure: the code of its cell, its source and archive images. Kernel."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...errors import FigServeError
from ...model.formats import FORMATS
from ..client import source_uploader
from ..client.client import FigServeClient
from . import archiver, redraws

if TYPE_CHECKING:
    from ...plotting.encode import EncodedFigure

_log = logging.getLogger(__name__)


class FigureSource:
    """The figure and its state, pickled during the call that publishes it: the next line of the cell may change it.

    Parameters
    ----------
    code
        The code of the cell; ``""`` to send none.
    """

    def __init__(self, encoded: EncodedFigure, code: str = "") -> None:
        self._encoded = encoded
        self._code = code
        self._data: bytes | None = None
        self._problem = ""

    def pickle(self) -> None:
        state = self._encoded.state
        if self._encoded.figure is None or state is None:
            return
        from ...plotting.pickling import pickle_figure

        if state.obstacle:
            self._problem = state.obstacle
            return
        try:
            self._data = pickle_figure(self._encoded.figure, state)
        except FigServeError as error:
            self._problem = error.message

    def send(self, client: FigServeClient, record: Mapping[str, Any], libraries: Mapping[str, str]) -> str:
        """Queue the uploads; return why the figure will have no source, or ``""``."""
        if self._code:
            code = self._code.encode("utf-8", "replace")
            source_uploader.enqueue(source_uploader.CodeUpload(client, record["id"], record["version"], code))
        if self._encoded.figure is None or self._encoded.state is None:
            return ""
        target = archiver.PublishedVersion(client, record["id"], record["version"])
        if self._data is not None and not record.get("redrawable"):
            redraws.between_cells.begin_cell()
            upload = source_uploader.SourceUpload(
                client, target.figure, target.version, self._data, libraries, redraws.keep_source
            )
            if not source_uploader.enqueue(upload):
                self._problem = "Its source is too large, or the server accepts sources too slowly."
        if self._problem:
            _log.debug("The figure is published without its source: %s", self._problem)
            source_uploader.enqueue(source_uploader.ProblemReport(client, target.figure, target.version, self._problem))
        if not self._has_archive(record):
            archiver.enqueue(self._archive_job(target))
        return self._problem

    def _archive_job(self, target: archiver.PublishedVersion) -> archiver.SnapshotJob | archiver.UnpickledJob:
        if self._data is None:
            return archiver.UnpickledJob(target, self._encoded)
        from ...plotting.by_value import has_code

        published = self._encoded.images[0] if has_code(self._data) else None
        return archiver.SnapshotJob(target, self._data, published)

    def _has_archive(self, record: Mapping[str, Any]) -> bool:
        """Whether the version has an SVG, or archive images from an earlier publish of the same figure."""
        stored = [part["mimetype"] for part in record.get("representations", ())]
        return FORMATS["svg"].mimetype in stored or len(stored) > len(self._encoded.images)
