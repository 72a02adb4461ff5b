"""Cards of figures in the gallery, in a section for each notebook and collection. Server process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ....model.figures import FigureRecord, Representation
from ....model.formats import FORMATS, Format
from ....model.sessions import Session
from ..context import AppContext

_MAX_SHARP_BYTES = 128 * 1024
"""Size of an image that dense screens load instead of its thumbnail."""


@dataclass(frozen=True)
class FigureCard:
    """A figure on the page, with its number of open links."""

    record: FigureRecord
    links: int = 0

    @property
    def preview(self) -> Representation | None:
        """The thumbnail, else the image itself; None for documents."""
        version = self.record.version
        return version.thumbnail or version.inline_image

    @property
    def address(self) -> str:
        """URL of the preview relative to our prefix, pinned to the version so that browsers cache it forever."""
        assert self.preview is not None
        size = f"&width={self.preview.width}" if self.preview is self.record.version.thumbnail else ""
        return self._address_of(FORMATS["png"] if size else self.preview.format) + size

    @property
    def sharp(self) -> str | None:
        """URL of the whole image, for dense screens; None where it is moving, large, or no sharper than the preview."""
        thumbnail, image = self.record.version.thumbnail, self.record.version.inline_image
        if thumbnail is None or image is None or image is thumbnail or image.is_animation:
            return None
        is_sharper = image.format is FORMATS["svg"] or (image.width or 0) > (thumbnail.width or 0)
        return self._address_of(image.format) if is_sharper and image.size <= _MAX_SHARP_BYTES else None

    @property
    def library(self) -> str:
        """The library of an interactive figure, where its kernel had loaded only one such library; else ""."""
        libraries = self.record.version.provenance.get("libraries")
        known = libraries if isinstance(libraries, dict) else {}
        loaded = [label for name, label in _INTERACTIVE if name in known]
        return loaded[0] if len(loaded) == 1 else ""

    def _address_of(self, row: Format) -> str:
        return f"figures/{self.record.id}.{row.name}?version={self.record.version.number}"


_INTERACTIVE = (("plotly", "Plotly"), ("bokeh", "Bokeh"), ("altair", "Altair"), ("folium", "Folium"))


@dataclass(frozen=True)
class Section:
    """The figures of a notebook or a collection on the page.

    Parameters
    ----------
    session
        The notebook's running session, else the one that made the newest figure.
    """

    scope: str
    notebook: str
    collection: str
    session: Session | None
    cards: list[FigureCard] = field(default_factory=list)

    @property
    def is_running(self) -> bool:
        return self.session is not None and self.session.ended is None


async def make_sections(
    context: AppContext, found: Sequence[FigureRecord], running: Sequence[Session]
) -> list[Section]:
    """Group the figures by notebook or collection: running notebooks first, then by their newest figure."""
    links = await context.store.links.count_open([record.id for record in found], context.store.clock())
    makers = {record.version.session for record in found if record.version.session}
    known = await context.store.sessions.find_many(makers)
    alive = {(session.scope, session.notebook): session for session in reversed(running) if session.notebook}
    sections: dict[tuple[str, str, str], Section] = {}
    for record in found:
        identity = record.identity
        place = identity.scope, identity.notebook, identity.collection
        session = alive.get(place[:2]) or known.get(record.version.session or "")
        section = sections.setdefault(place, Section(*place, session if place[1] else None))
        section.cards.append(FigureCard(record, links.get(record.id, 0)))
    return sorted(sections.values(), key=lambda section: not section.is_running)
