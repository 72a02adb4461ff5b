"""A published figure in the notebook that published or listed it. Kernel."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from ...errors import FigServeError
from ...model.figures import EncodedImage
from ...model.formats import Format, get_format
from ...model.links import DEFAULT_LINK_LIFE
from ...model.times import Expiry
from ..client import source_uploader
from ..client.client import FigServeClient
from ..client.connection import Connection
from ..options import SHARE_FIGURE, explain_options
from . import display
from .audience_options import audience_options
from .availability import HasImageUrl, check_available
from .data_frames import DataFrames, check_pandas, to_frames
from .figure_version import FigureVersion
from .shared_link import SharedLink
from .sharing import Shareable

__all__ = ["Published", "FigureVersion", "SharedLink"]


class Published(Shareable, HasImageUrl):
    """A published figure. As a cell's result, it shows the image, its link and a button that copies the link.

    Displaying it closes the pyplot figure that it was made from, if the inline backend would otherwise display and
    close that figure at the end of the cell. Without being displayed, the figure stays open.
    """

    def __init__(
        self,
        record: dict[str, Any],
        connection: Connection,
        image: EncodedImage | None = None,
        source_problem: str = "",
    ) -> None:
        self._record = record
        self._source_problem = source_problem
        self._connection = connection
        self._client = connection.client
        self._image = image
        self._source_figure: weakref.ref[Any] | None = None

    @property
    def id(self) -> str:
        """Permanent id, the same for all versions."""
        return str(self._record["id"])

    @property
    def name(self) -> str:
        """Name, which identifies the figure within its notebook or collection."""
        return str(self._record["name"])

    @property
    def title(self) -> str:
        """Heading of its pages; ``""`` for none."""
        return str(self._record.get("title") or "")

    @property
    def alt(self) -> str:
        """Alternative text for screen readers; the title or the name where there is none."""
        return str(self._record.get("alt") or self.title or self.name)

    @property
    def caption(self) -> str:
        """The text shown below the figure; ``""`` for none."""
        return str(self._record.get("caption") or "")

    @property
    def version(self) -> int:
        """The version that publishing created, or kept if nothing changed."""
        return int(self._record["version"])

    @property
    def url(self) -> str:
        """The figure's page, which requires a login; ``share()`` makes a link that does not."""
        return str(self._record["url"])

    @property
    def path(self) -> str:
        """Path of the page, if the notebook's own server serves it; else ``""``."""
        return urlsplit(self.url).path if self._connection.is_own else ""

    @property
    def is_interactive(self) -> bool:
        """Whether the figure is HTML, of which an image is only a preview."""
        return [part["mimetype"] for part in self._record.get("representations", ())][:1] == ["text/html"]

    @property
    def is_redrawable(self) -> bool:
        """Whether any size can be requested: the server, now if necessary, tries to render the published image."""
        return bool(self._find_availability()["redrawable"])

    @property
    def formats(self) -> tuple[str, ...]:
        """Names of the formats in which the figure is available, the stored ones first."""
        return tuple(self._find_availability()["formats"])

    @property
    def limitation(self) -> str | None:
        """The reason why a size or format is not available, as a sentence; None if all are."""
        reason = self._source_problem or self._find_availability()["limitation"]
        return None if reason is None else str(reason)

    def _check_image(self, url: str, row: Format, sizes: Mapping[str, float | None]) -> None:
        check_available(row, sizes, self._record, self._find_availability)

    def versions(self) -> list[FigureVersion]:
        """List the stored versions, newest first.

        Returns
        -------
        list of FigureVersion
            Each with ``number``, ``created``, ``title``, ``alt``, ``caption`` and ``session``.
        """
        listed = self._client.get(f"api/figures/{self.id}/versions")["versions"]
        return [FigureVersion.from_json(entry) for entry in listed]

    def data(self) -> DataFrames:
        """Return what the axes of this version show, as pandas tables by their names.

        Returns
        -------
        DataFrames
            A table for each of the axes and each kind of chart in it, with dates in ISO 8601; ``[0]`` is the first one.

        Raises
        ------
        InvalidInput
            pandas is not installed in this kernel's environment.
        Conflict
            The figure has no data, or none that can be read; the message says why.
        """
        check_pandas()
        source_uploader.flush()
        return to_frames(self._client.get(f"api/figures/{self.id}/data", version=self.version))

    def delete(self) -> None:
        """Delete the figure from the server, with all its versions and links; ``restore()`` brings them back."""
        self._client.delete(f"api/figures/{self.id}")

    def restore(self) -> None:
        """Undo a deletion, within ``FigServe.keep_deleted``; a figure that was not deleted stays as it is.

        Raises
        ------
        NotFound
            It is too late.
        Conflict
            Another figure has been published under the name.
        """
        self._record |= self._client.post(f"api/figures/{self.id}/restore", {})

    @explain_options(SHARE_FIGURE)
    def share(
        self,
        expires: Expiry = DEFAULT_LINK_LIFE,
        *,
        label: str | None = None,
        views: int | None = None,
        version: int | None = None,
        audience: str | None = None,
        users: Iterable[str] = (),
        groups: Iterable[str] = (),
        data: bool = False,
        code: bool = False,
        server: str | None = None,
    ) -> SharedLink:
        """Make a link, which works without an account unless it is for certain people.

        Parameters
        ----------
        expires
            ``"12h"``, ``"30d"``, ``"1h30m"``, a ``timedelta``, a date (its end), a ``datetime``, or ``"never"``;
            without a zone of their own, dates and times are in yours.
        label
            A note for yourself, shown in lists of links.
        views
            View limit; None for unlimited.
        version
            The version to show; None for the newest.
        audience
            ``"link"``: anyone with the link; ``"hub"``: everyone who may log in to the JupyterHub; ``"people"``:
            ``users`` and ``groups``; ``"me"``: only you. None: the people who are named, else anyone with the link,
            or the widest audience that the server allows.
        users, groups
            Names of users and groups of the JupyterHub.
        data, code
            Whether viewers may also read the figure's data, and the code of the cell that published it.
        server
            Publish it on another server and share it there: ``"team"`` or a URL, of `jupyter figserve connect`.

        Returns
        -------
        SharedLink
            The link, with its ``url`` and snippets to paste.

        Raises
        ------
        InvalidInput
            An option is not valid, or exceeds what the server allows (``FigServe.link_max_age``, ``.max_audience``).
        """
        options = {"label": label, "views": views, "version": version, "data": data, "code": code, "server": server}
        return self._create_link({"expires": expires, **options, **audience_options(audience, users, groups)})

    def set_source_figure(self, figure: Any) -> None:
        """Keep a weak reference to the matplotlib figure, to close it if it would be displayed twice."""
        self._source_figure = weakref.ref(figure)

    @property
    def source_figure(self) -> Any | None:
        """The matplotlib figure, while it exists in this kernel."""
        return None if self._source_figure is None else self._source_figure()

    def bundle(self, *, with_link: bool = True) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the mimebundle and its metadata for the notebook; ``with_link=False`` shows only the image."""
        display.close_if_inline(self.source_figure)
        image = self.still()
        caption = display.FigureCaption(
            name=self.name,
            title=self.title,
            alt=self.alt,
            version=self.version,
            url=self.url,
            href=display.link_href(self.url, is_own=self._connection.is_own),
            figure=self.id,
            limitation=self._source_problem,
        )
        return display.figure_bundle(caption, image, with_link=with_link)

    def still(self) -> EncodedImage | None:
        """Return an image of this version that browsers can display; None if there is none."""
        if self._image is None:
            self._image = self._fetch_stored()
        return self._image

    def fetch(self, format: str, *, dpi: float | None = None) -> EncodedImage:
        """Fetch the image of this version in a format, as the server stores or renders it.

        Raises
        ------
        FigServeError
            The server cannot provide it.
        """
        from ...plotting.images import to_encoded_image

        row = get_format(format)
        data = self._client.get_bytes(f"figures/{self.id}.{row.name}", version=self.version, dpi=dpi)
        return to_encoded_image(row, data, dpi=dpi)

    def fetch_page(self) -> bytes:
        """Fetch the HTML of the newest version of an interactive figure.

        Raises
        ------
        FigServeError
            The figure has no HTML, or no longer exists.
        """
        return self._client.get_bytes(f"figures/{self.id}.html")

    def __repr__(self) -> str:
        text = f'Figure "{self.name}", version {self.version}: {self.url}'
        return f"{text}\n{display.limitation_text(self._source_problem)}" if self._source_problem else text

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        return self.bundle()

    def _links_api(self) -> tuple[FigServeClient, str]:
        return self._client, f"api/figures/{self.id}/links"

    def _find_availability(self) -> dict[str, Any]:
        """Return the record with the formats and sizes that work; the server tests the source if it has not yet."""
        if not self._record.get("redrawable") or self._record.get("limitation"):
            source_uploader.flush()
            self._record |= self._client.get(f"api/figures/{self.id}", version=self.version)
        return self._record

    def _fetch_stored(self) -> EncodedImage | None:
        """Fetch a stored image of a listed figure; None if there is none, or the server is unavailable."""
        for entry in self._record.get("representations", ()):
            if entry.get("mimetype") not in display.INLINE_SUFFIXES:
                continue
            suffix = display.INLINE_SUFFIXES[entry["mimetype"]]
            try:
                data = self._client.get_bytes(f"figures/{self.id}.{suffix}", version=self.version)
            except FigServeError:
                return None
            names = ("width", "height", "dpi", "display_width", "display_height")
            return EncodedImage(entry["mimetype"], data, **{name: entry.get(name) for name in names})
        return None
