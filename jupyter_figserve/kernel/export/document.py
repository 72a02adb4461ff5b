"""The content of an export: every panel in every state, each image once. Kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import TooLarge
from ...model.figures import EncodedImage, sha256_hex
from ...model.parameter import Parameter
from ..dashboards.controls import DashboardControl
from ..dashboards.model import DashboardModel
from ..dashboards.panels import LaidOutPanel
from .parameter_grid import ParameterAxis, ParameterGrid

HTML = "text/html"


@dataclass(frozen=True)
class ExportedImage:
    """A panel in one state: the digest of its image, or a message if there is none."""

    digest: str | None = None
    message: str = ""


class ImageStore:
    """Images by digest.

    Parameters
    ----------
    max_bytes
        Maximum size of all images together.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.size = 0
        self._images: dict[str, EncodedImage] = {}

    def add(self, image: EncodedImage) -> ExportedImage:
        """Add an image, unless an identical one is stored.

        Raises
        ------
        TooLarge
            The images would exceed the limit.
        """
        digest = sha256_hex(image.data)
        if digest not in self._images:
            self.size += len(image.data)
            if self.size > self.max_bytes:
                raise TooLarge(
                    f"The images take more than {self.max_bytes / 2**20:,.0f} MB. Export fewer states (max_states=…),"
                    ' use wider steps, smaller figures or format="png", or raise max_bytes.'
                )
            self._images[digest] = image
        return ExportedImage(digest)

    def __getitem__(self, digest: str) -> EncodedImage:
        return self._images[digest]

    def __len__(self) -> int:
        return len(self._images)

    def items(self) -> list[tuple[str, EncodedImage]]:
        return list(self._images.items())


@dataclass(frozen=True)
class ExportPanel:
    """A panel with all its states.

    Parameters
    ----------
    grid
        The states of a live figure; None for other panels.
    images
        In the order of the grid's states; one for a figure, none for text.
    """

    panel: LaidOutPanel
    grid: ParameterGrid | None = None
    images: tuple[ExportedImage, ...] = ()

    @property
    def first(self) -> ExportedImage:
        """The image for the default values."""
        return self.images[self.grid.first if self.grid else 0]


@dataclass(frozen=True)
class ExportDocument:
    """The content of an exported file.

    Parameters
    ----------
    axes
        By key of their controls, the shared ones first.
    fixed
        Controls that the file omits; their parameters stay at the default.
    """

    title: str
    theme: str | None
    rows: tuple[tuple[ExportPanel, ...], ...]
    images: ImageStore
    axes: Mapping[str, ParameterAxis] = field(default_factory=dict)
    fixed: tuple[DashboardControl, ...] = ()

    @classmethod
    def of(
        cls,
        model: DashboardModel,
        store: ImageStore,
        images: Mapping[str, tuple[ExportedImage, ...]],
        grids: Mapping[str, ParameterGrid],
        axes: Mapping[str, ParameterAxis],
        fixed: tuple[DashboardControl, ...],
    ) -> ExportDocument:
        rows = tuple(
            tuple(ExportPanel(panel, grids.get(panel.place), images.get(panel.place, ())) for panel in row)
            for row in model.rows
        )
        return cls(model.title, model.theme, rows, store, axes, fixed)

    def find_image(self, exported: ExportedImage) -> EncodedImage | None:
        return None if exported.digest is None else self.images[exported.digest]

    def notes(self) -> list[str]:
        """Return sentences about what this file does not include."""
        found = [f"{label_of(one.parameter)} stays at {value_text(one.parameter.default)} here." for one in self.fixed]
        for row in self.rows:
            found += [note for panel in row if panel.grid is not None for note in _omissions(panel.grid)]
        return list(dict.fromkeys(found))


def label_of(parameter: Parameter) -> str:
    """Return the label of a parameter's control, such as "Bin width" for ``bin_width``."""
    text = parameter.name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def value_text(value: Any) -> str:
    """Format a JSON value for display next to its control."""
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.12g}"
    return ", ".join(map(value_text, value)) if isinstance(value, (list, tuple)) else str(value)


def _omissions(grid: ParameterGrid) -> list[str]:
    found = [
        f"{label_of(axis.parameter)} stays at {value_text(axis.values[axis.first])} in panel {grid.place}."
        for axis in grid.held
    ]
    return found + [
        f"Panel {grid.place} has {len(rendered)} of the {len(axis.values)} values of {label_of(axis.parameter)} here;"
        " it shows the nearest one."
        for axis, rendered in zip(grid.axes, grid.rendered, strict=True)
        if len(rendered) < len(axis.values)
    ]
