"""The formats that a figure is offered in: those that are stored, and those known to work. Server process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from ....model.figures import Representation, Version
from ....model.formats import FORMATS, Format
from ....model.source_check import ALL_FORMATS, SourceProblem
from ..rendering.request import OFFERED_FORMATS
from .source_problems import FORMAT_MISSING, NOTHING_DRAWS, find_problem

_CONVERTIBLE = ("jpg", "webp", "avif", "tiff")
"""Raster formats that are made from a stored PNG, in its size, where the figure itself cannot be rendered."""


@dataclass(frozen=True)
class PageOffers:
    """Formats and sizes that a figure's page offers in addition to the stored files.

    Parameters
    ----------
    formats
        Names of formats that are made on request.
    exports
        Names of all formats that can be requested in another size, stored or not.
    widths
        Widths in pixels of further PNGs; empty if the figure cannot be rendered.
    is_redrawable
        Whether any size can be requested.
    limitation
        Why something is missing; None if nothing is.
    available
        Names of all formats in which the figure is available.
    """

    formats: tuple[str, ...]
    exports: tuple[str, ...]
    widths: tuple[int, ...]
    is_redrawable: bool
    limitation: SourceProblem | None
    available: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """Why something is missing, for the owner; ``""`` if nothing is."""
        return "" if self.limitation is None else self._describe(self.limitation.reason)

    @property
    def public_note(self) -> str:
        """The same for visitors."""
        return "" if self.limitation is None else self._describe(self.limitation.public_reason)

    def _describe(self, reason: str) -> str:
        if self.is_redrawable:
            return reason
        return f"Only {_join(self.available)}, and in no other size. {reason}"

    @classmethod
    def of(cls, version: Version, widths: Iterable[int] = ()) -> Self:
        stored = {part.format.name for part in version.representations}
        offered = offered_formats(version)
        formats = tuple(name for name in offered if name not in stored)
        exports = tuple(name for name in OFFERED_FORMATS if name in offered) if is_redrawable(version) else ()
        sizes = tuple(widths) if is_redrawable(version) else ()
        return cls(formats, exports, sizes, is_redrawable(version), find_limitation(version), tuple(offered))


def _join(names: Iterable[str]) -> str:
    """Return formats as a phrase: ``PNG, SVG and JPG``."""
    *first, last = [name.upper() for name in names]
    return f"{', '.join(first)} and {last}" if first else last


def is_redrawable(version: Version) -> bool:
    """Whether the source has been rendered in the sandbox, so that any size can be requested."""
    return version.source is not None and version.check is not None and ALL_FORMATS not in version.check.problems


def offered_formats(version: Version) -> list[str]:
    """Return the names of all formats in which a version is available: stored ones first."""
    stored = [part.format.name for part in version.representations]
    if is_redrawable(version):
        rendered = [name for name in OFFERED_FORMATS if find_problem(version, name) is None]
    else:
        rendered = [name for name in FORMATS if find_convertible(version, FORMATS[name]) is not None]
    return list(dict.fromkeys(stored + rendered))


def find_convertible(version: Version, row: Format) -> Representation | None:
    """Return the stored image that can be converted to a format although the figure cannot be rendered.

    Only of figures that were published by a plotting library; images are available as they were published.
    """
    if version.source is None and not version.source_problem:
        return None
    if row.name == "svgz":
        return version.find_representation(FORMATS["svg"])
    can_start = version.check is None or not any(
        problem.code in (*NOTHING_DRAWS, "unchecked") for problem in version.check.problems.values()
    )
    can_write = version.check is None or row.name not in version.check.problems
    return version.find_representation(FORMATS["png"]) if row.name in _CONVERTIBLE and can_start and can_write else None


def find_limitation(version: Version) -> SourceProblem | None:
    """Return why a version is not available in every size and format, None if it is.

    For a failure of one format, the reason names it.
    """
    problem = find_problem(version, ALL_FORMATS)
    own = {} if version.check is None else version.check.problems
    own = {name: one for name, one in own.items() if one.code != FORMAT_MISSING}
    if problem is not None or not own:
        return problem
    names = ", ".join(name.upper() for name in own)
    first = next(iter(own.values()))
    return SourceProblem(first.code, f"Not available as {names}. {first.reason}")
