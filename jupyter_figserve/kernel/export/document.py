"""A dashboard drawn to be given away: every panel in every state, each picture once. Kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...errors import TooLarge
from ...model.figures import EncodedImage, sha256_hex
from ...model.parameter import Parameter
from ..dashboards.controls import DashboardControl
from ..dashboards.panels import LaidOutPanel
from .parameter_grid import ParameterAxis, ParameterGrid

if TYPE_CHECKING:
    from ..dashboards.dashboard import Dashboard

HTML = "text/html"


@dataclass(frozen=True)
class ExportedImage:
    """A panel in one state: a picture, or why there is none."""

    digest: str | None = None
    message: str = ""


class ImageStore:
    """Pictures by their digests.

    Parameters
    ----------
    most
        Bytes of all together.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._kept: dict[str, EncodedImage] = {}
        self.size = 0

    def keep(self, picture: EncodedImage) -> ExportedImage:
        """Its place; an equal one is there already.

        Raises
        ------
        TooLarge
            When there is no room for it.
        """
        digest = sha256_hex(picture.data)
        if digest not in self._kept:
            self.size += len(picture.data)
            if self.size > self.most:
                raise TooLarge(
                    f"The pictures take more than {self.most / 2**20:,.0f} MB. Save fewer states (max_states=…), give"
                    ' controls wider steps, take smaller figures or format="png", or raise max_bytes.'
                )
            self._kept[digest] = picture
        return ExportedImage(digest)

    def __getitem__(self, digest: str) -> EncodedImage:
        return self._kept[digest]

    def __len__(self) -> int:
        return len(self._kept)

    def items(self) -> list[tuple[str, EncodedImage]]:
        return list(self._kept.items())


@dataclass(frozen=True)
class ExportPanel:
    """One panel with all its states.

    Parameters
    ----------
    grid
        None for what is no live figure.
    shots
        In the order of the grid's states; one for a figure, none for text.
    """

    panel: LaidOutPanel
    grid: ParameterGrid | None = None
    shots: tuple[ExportedImage, ...] = ()

    @property
    def first(self) -> ExportedImage:
        """What it shows before anybody moves a control."""
        return self.shots[self.grid.first if self.grid else 0]


@dataclass(frozen=True)
class ExportDocument:
    """Everything that a file has.

    Parameters
    ----------
    axes
        By key of their controls, the shared ones first.
    fixed
        Controls that have no positions, so that their defaults stay.
    """

    title: str
    theme: str | None
    rows: tuple[tuple[ExportPanel, ...], ...]
    pictures: ImageStore
    axes: Mapping[str, ParameterAxis] = field(default_factory=dict)
    fixed: tuple[DashboardControl, ...] = ()

    @classmethod
    def of(
        cls,
        board: Dashboard,
        pictures: ImageStore,
        shots: Mapping[str, tuple[ExportedImage, ...]],
        grids: Mapping[str, ParameterGrid],
        axes: Mapping[str, ParameterAxis],
        fixed: tuple[DashboardControl, ...],
    ) -> ExportDocument:
        rows = tuple(
            tuple(ExportPanel(panel, grids.get(panel.place), shots.get(panel.place, ())) for panel in row)
            for row in board.rows
        )
        return cls(board.title, board.theme, rows, pictures, axes, fixed)

    def picture_of(self, shot: ExportedImage) -> EncodedImage | None:
        return None if shot.digest is None else self.pictures[shot.digest]

    def notes(self) -> list[str]:
        """What this file cannot show, in sentences."""
        said = [f"{label_of(one.parameter)} stays at {value_words(one.parameter.default)} here." for one in self.fixed]
        for row in self.rows:
            said += [note for saved in row if saved.grid is not None for note in _thinned(saved.grid)]
        return list(dict.fromkeys(said))


def label_of(parameter: Parameter) -> str:
    words = parameter.name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def value_words(value: Any) -> str:
    """A JSON value as a reader sees it beside its control."""
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.12g}"
    return ", ".join(map(value_words, value)) if isinstance(value, (list, tuple)) else str(value)


def _thinned(grid: ParameterGrid) -> list[str]:
    said = [
        f"{label_of(axis.parameter)} stays at {value_words(axis.values[axis.first])} in panel {grid.place}."
        for axis in grid.held
    ]
    return said + [
        f"Panel {grid.place} has {len(drawn)} of the {len(axis.values)} values of {label_of(axis.parameter)} here; it"
        " shows the nearest one."
        for axis, drawn in zip(grid.axes, grid.drawn, strict=True)
        if len(drawn) < len(axis.values)
    ]
