"""URLs of images, returned only if the figure is available in the format and size. Kernel."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from ...errors import FigServeError, NotFound, UnsupportedType
from ...model import snippets
from ...model.formats import Format, get_format
from ..options import IMAGE, explain_options


class HasImageUrl(ABC):
    """An object with a page, whose image has the same URL plus a suffix."""

    @property
    @abstractmethod
    def url(self) -> str:
        """URL of the page."""

    @explain_options(IMAGE)
    def image_url(
        self,
        format: str = "png",
        *,
        width: float | None = None,
        height: float | None = None,
        dpi: float | None = None,
    ) -> str:
        """Return the URL of the image, in any size and format that is available.

        A link serves only the sizes on the server's list; its ``signed_image_url`` allows others.

        Parameters
        ----------
        format
            Name of the format, such as ``"png"``, ``"svg"`` or ``"pdf"``.
        width, height
            Pixels at ``dpi``, or at 96 dpi for vector formats; None is the figure's own size.
        dpi
            Resolution in pixels per inch; None is the figure's own.

        Returns
        -------
        str
            The absolute URL.

        Raises
        ------
        UnsupportedType
            The figure is not available in them; the message says why.
        """
        row, sizes = get_format(format), {"width": width, "height": height, "dpi": dpi}
        url = snippets.image_url(self.url, row.name, width=width, height=height, dpi=dpi)
        self._check_image(url, row, sizes)
        return url

    @abstractmethod
    def _check_image(self, url: str, row: Format, sizes: Mapping[str, float | None]) -> None:
        """Raise ``UnsupportedType`` if the image is known to be unavailable."""


def check_available(
    row: Format,
    sizes: Mapping[str, float | None],
    record: Mapping[str, Any],
    refresh: Callable[[], Mapping[str, Any]],
) -> None:
    """Check the format and size of an image, as far as known without the server if it cannot be reached.

    Parameters
    ----------
    record
        The figure as last received from the server.
    refresh
        Fetches the record with the formats and sizes that are known to work.

    Raises
    ------
    UnsupportedType
        The figure is not available in them.
    """
    if _is_stored(row, sizes, record):
        return
    try:
        current = refresh()
    except NotFound:
        raise
    except FigServeError:
        return
    is_sized = any(value is not None for value in sizes.values())
    is_available = row.name in current.get("formats", (row.name,)) and (current["redrawable"] or not is_sized)
    if is_available or _is_stored(row, sizes, current):
        return
    what = "in another size" if row.name in current["formats"] else f"as {row.name}"
    raise UnsupportedType(
        f'"{current["name"]}" is not available {what}, only as {", ".join(current["formats"])}.'
        f" {current['limitation'] or ''}".rstrip(),
        code="not_redrawable",
    )


def _is_stored(row: Format, sizes: Mapping[str, float | None], record: Mapping[str, Any]) -> bool:
    """Whether the server has the image already."""
    wanted = {name: value for name, value in sizes.items() if value is not None}
    parts = [part for part in record.get("representations", ()) if part["mimetype"] == row.mimetype]
    return any(all(part.get(name) == value for name, value in wanted.items()) for part in parts)
