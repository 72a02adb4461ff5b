"""Traits of the data behind figures, and of the code that made them. Server process."""

from __future__ import annotations

from traitlets import Integer
from traitlets.config import Configurable

from ...store.files.blob_cache import BlobCache
from ...store.store import Store
from ..services.figures.data.service import DataLimits, FigureDataService
from ..services.rendering.service import RenderService


class DataConfig(Configurable):
    """Settings of what the pages and links of figures offer besides images."""

    data_rows = Integer(
        100_000,
        min=1,
        help="Maximum number of rows of one table of a figure's data; further rows are counted and left out.",
    ).tag(config=True)
    data_bytes = Integer(
        16 * 2**20,
        min=1_000,
        help="Maximum size of a figure's data as JSON, in bytes; a request for more gets the status 413.",
    ).tag(config=True)

    cell_code_bytes = Integer(
        64 * 2**10,
        min=0,
        help="Maximum size of the code of a cell that is kept with the figure it publishes, in bytes; the rest is left"
        " out. 0 keeps none.",
    ).tag(config=True)

    def make_figure_data(self, store: Store, rendering: RenderService, blobs: BlobCache) -> FigureDataService:
        return FigureDataService(store, rendering, blobs.get, DataLimits(self.data_rows, self.data_bytes))
