"""What a notebook holds of a figure that it published, answering by the server's API. Kernel."""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from ...errors import FigServeError, InvalidInput
from ...model import snippets
from ...model.figures import EncodedImage
from ...model.formats import get_format
from ...model.links import DEFAULT_LINK_LIFE
from ...model.times import parse_expiry
from ..client.connection import Connection
from . import display
from .shared_link import SharedLink

__all__ = ["Published", "FigureVersion", "SharedLink"]

AUDIENCES = ("link", "hub", "people")


@dataclass(frozen=True)
class FigureVersion:
    """One line of a figure's history."""

    number: int
    created: datetime
    title: str
    alt: str
    session: str | None


class Published:
    """A published figure. As a cell's result it shows the picture, its link and a button that copies it.

    Showing it closes the pyplot figure that it was made of, where the inline backend would else show the same
    picture again at the end of the cell (and close it then). Without being shown, it leaves the figure alone.
    """

    def __init__(self, record: dict[str, Any], connection: Connection, picture: EncodedImage | None = None) -> None:
        self._record = record
        self._connection = connection
        self._client = connection.client
        self._picture = picture
        self._drawn_from: weakref.ref[Any] | None = None

    @property
    def id(self) -> str:
        return str(self._record["id"])

    @property
    def name(self) -> str:
        return str(self._record["name"])

    @property
    def title(self) -> str:
        return str(self._record.get("title") or "")

    @property
    def alt(self) -> str:
        return str(self._record.get("alt") or self.title or self.name)

    @property
    def version(self) -> int:
        """The version that this publish made, or found unchanged."""
        return int(self._record["version"])

    @property
    def url(self) -> str:
        """The figure's page, for those who may log in; ``share()`` makes a link for others."""
        return str(self._record["url"])

    @property
    def path(self) -> str:
        """The same as a path, where the notebook's own page is of this server; ``""`` where it is of another."""
        return urlsplit(self.url).path if self._connection.is_own else ""

    @property
    def is_interactive(self) -> bool:
        """Whether it is HTML, so that a picture of it is only a stand-in."""
        return [part["mimetype"] for part in self._record.get("representations", ())][:1] == ["text/html"]

    @property
    def is_redrawable(self) -> bool:
        """Whether the server has, or is about to get, what it needs to draw other sizes and formats."""
        return bool(self._record.get("redrawable"))

    def image_url(
        self,
        format: str = "png",
        *,
        width: float | None = None,
        height: float | None = None,
        dpi: float | None = None,
    ) -> str:
        """URL of the newest picture in a format; ``width`` and ``height`` in pixels."""
        return snippets.image_url(self.url, get_format(format).name, width=width, height=height, dpi=dpi)

    def versions(self) -> list[FigureVersion]:
        """The versions that the server keeps, in its order."""
        answer = self._client.get(f"api/figures/{self.id}/versions")
        return [
            FigureVersion(
                number=entry["version"],
                created=datetime.fromisoformat(entry["created"].replace("Z", "+00:00")),
                title=entry.get("title") or "",
                alt=entry.get("alt") or "",
                session=entry.get("session"),
            )
            for entry in answer["versions"]
        ]

    def delete(self) -> None:
        """Take the figure off the server with all its versions and links."""
        self._client.delete(f"api/figures/{self.id}")

    def share(
        self,
        expires: str | float = DEFAULT_LINK_LIFE,
        *,
        label: str | None = None,
        views: int | None = None,
        version: int | None = None,
        audience: str = "link",
        users: Iterable[str] = (),
        groups: Iterable[str] = (),
    ) -> SharedLink:
        """Make a link for people without an account.

        Parameters
        ----------
        expires
            ``"12h"``, ``"30d"``, a time in RFC 3339, seconds, or ``"never"``.
        label
            A note for yourself, to know the link by in lists.
        views
            How often it may be opened; None for any number.
        version
            The one version it shows; None for whatever is newest.
        audience
            ``"link"``: whoever has it; ``"hub"``: who is logged in to the Hub; ``"people"``: ``users``, ``groups``.

        Raises
        ------
        InvalidInput
            When an argument is not one of these.
        """
        wanted = {
            "expires": _checked_expiry(expires),
            "label": label,
            "views": views,
            "version": version,
            "audience": audience,
            "users": _names(users, "users"),
            "groups": _names(groups, "groups"),
        }
        if audience not in AUDIENCES:
            raise InvalidInput(f"There is no audience {audience!r:.40}; use one of {', '.join(AUDIENCES)}.")
        return SharedLink(self._client.post(f"api/figures/{self.id}/links", wanted), self._client, self.name)

    def links(self) -> list[SharedLink]:
        """The figure's links; their URLs were shown when they were made, and are not known any more."""
        answer = self._client.get("api/links", figure=self.id)
        return [SharedLink(entry, self._client, self.name) for entry in answer["links"]]

    def mark_drawn_from(self, figure: Any) -> None:
        """Remember, weakly, the matplotlib figure that would else be shown twice."""
        self._drawn_from = weakref.ref(figure)

    def bundle(self, *, with_link: bool = True) -> tuple[dict[str, Any], dict[str, Any]]:
        """Data and metadata by mimetype for the notebook; ``with_link=False`` leaves the picture alone."""
        if self._drawn_from is not None:
            display.close_if_inline(self._drawn_from())
        picture = self.still()
        card = display.FigureCaption(
            name=self.name,
            title=self.title,
            alt=self.alt,
            version=self.version,
            url=self.url,
            href=display.href_of(self.url, is_own=self._connection.is_own),
            figure=self.id,
        )
        return display.figure_bundle(card, picture, with_link=with_link)

    def still(self) -> EncodedImage | None:
        """A picture of this version as an ``img`` element takes it; None when there is none at hand."""
        if self._picture is None:
            self._picture = self._fetch_picture()
        return self._picture

    def fetch(self, format: str, *, dpi: float | None = None) -> EncodedImage:
        """The picture of this version in a format of the table, as the server keeps or draws it.

        Raises
        ------
        FigServeError
            When it cannot.
        """
        from ...plotting.images import payload_of

        row = get_format(format)
        data = self._client.get_bytes(f"figures/{self.id}.{row.name}", version=self.version, dpi=dpi)
        return payload_of(row, data, dpi=dpi)

    def fetch_page(self) -> bytes:
        """The newest version as HTML, which interactive figures have.

        Raises
        ------
        FigServeError
            When it has none, and when the figure is gone.
        """
        return self._client.get_bytes(f"figures/{self.id}.html")

    def __repr__(self) -> str:
        return f'Figure "{self.name}", version {self.version}: {self.url}'

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        return self.bundle()

    def _fetch_picture(self) -> EncodedImage | None:
        """The stored picture of a figure from a list, None when there is none to show or the server is gone."""
        for entry in self._record.get("representations", ()):
            if entry.get("mimetype") not in display.SHOWN_FORMATS:
                continue
            suffix = display.SHOWN_FORMATS[entry["mimetype"]]
            try:
                data = self._client.get_bytes(f"figures/{self.id}.{suffix}", version=self.version)
            except FigServeError:
                return None
            return EncodedImage(entry["mimetype"], data, entry.get("width"), entry.get("height"), entry.get("dpi"))
        return None


def _checked_expiry(expires: object) -> str | float:
    parse_expiry(expires, time.time())
    assert isinstance(expires, (str, int, float))
    return expires


def _names(names: Iterable[str], what: str) -> list[str]:
    if isinstance(names, str):
        raise InvalidInput(f"Give {what} as a list of names, such as [{names!r:.60}].")
    return list(names)
