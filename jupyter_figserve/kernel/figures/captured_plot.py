"""Plots that the server captured from this kernel's outputs. Kernel."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from ...errors import FigServeError, InvalidInput, NotFound
from ...model.figures import MARKER, EncodedImage
from ...model.formats import get_format, get_format_of_mimetype
from ...model.links import DEFAULT_LINK_LIFE
from ...model.texts import slug
from ...model.times import Expiry
from ..client.batch_server import get_connection
from ..client.connection import Connection
from ..client.discovery import find_local_connection
from ..client.front_end import find_shell
from ..options import explain_options
from . import display
from .audience_options import audience_options
from .publish import publish_encoded
from .published_figure import Published
from .shared_link import SharedLink

_SESSION = "api/sessions/here"


class CapturedPlot:
    """A figure that this session displayed. Its URL is valid until newer plots evict it or the session ends."""

    def __init__(self, plot: dict[str, Any], connection: Connection, *, is_beside: bool = False) -> None:
        self._plot = plot
        self._is_beside = is_beside
        self._connection = connection
        self._client = connection.client
        self._image: EncodedImage | None = None

    @property
    def path(self) -> str:
        """Name within the session, such as ``cell-3.png``."""
        return str(self._plot["path"])

    @property
    def url(self) -> str:
        """URL of the image, which requires a login; ``share()`` makes a link that does not."""
        return str(self._plot["url"])

    @property
    def mimetype(self) -> str:
        """Media type, such as ``image/png``."""
        return str(self._plot["mimetype"])

    @property
    def title(self) -> str:
        """Title of the figure, as its library or the code of its cell states it, or ``""``."""
        return str(self._plot.get("title") or "")

    @property
    def alt(self) -> str:
        """Alternative text that the figure was displayed with, or ``""``."""
        return str(self._plot.get("alt") or "")

    @explain_options({})
    def publish(self, name: str | None = None, *, title: str | None = None, alt: str | None = None) -> Published:
        """Keep the plot as a figure; publishing under the same name again keeps the same URL.

        Parameters
        ----------
        name
            Name of the figure; None derives it from the title, else from the cell and the image.
        title, alt
            Title of its pages, and alternative text. None keeps those that it was displayed with.

        Returns
        -------
        Published
            The figure, which outlives the session.

        Raises
        ------
        NotFound
            Newer plots have evicted it.
        InvalidInput
            It is a published figure, which keeps its name.
        """
        if self._plot["origin"] == "published":
            return self._as_published(name, title, alt)
        if self._is_beside:
            return self._publish_elsewhere(name, title, alt)
        options = {"path": self.path, "name": name, "title": title, "alt": alt}
        try:
            record = self._client.post(f"{_SESSION}/figures", {k: v for k, v in options.items() if v is not None})
        except NotFound as error:
            raise self._to_evicted(error) from error
        return Published(record, self._connection, self._image)

    def _publish_elsewhere(self, name: str | None, title: str | None, alt: str | None) -> Published:
        """Publish all formats to the server that stores this kernel's figures, which has not captured them."""
        from ...plotting.encode import encode

        paths = [self.path, *map(_name_of, self._plot.get("others", ()))]
        try:
            files = [self._client.get_bytes(f"plots/here/{quote(path)}") for path in paths]
        except NotFound as error:
            raise self._to_evicted(error) from error
        parts = [encode(data, (path.rpartition(".")[2],)) for path, data in zip(paths, files, strict=True)]
        images = [image for part in parts for image in part.images]
        width, height = self._plot.get("width"), self._plot.get("height")
        images[0] = replace(images[0], display_width=width, display_height=height)
        thumbnail = next((part.thumbnail for part in parts if part.thumbnail is not None), None)
        whole = replace(parts[0], images=tuple(images), thumbnail=thumbnail)
        own = slug(title or "") or slug(self.path.rpartition(".")[0])
        return publish_encoded(
            whole, name or own or None, title=title or self.title or None, alt=alt or self.alt or None
        )

    def _to_evicted(self, error: NotFound) -> NotFound:
        return NotFound(f"Newer plots have replaced {self.path}. Display it again.", code=error.code)

    def _as_published(self, name: str | None, title: str | None, alt: str | None) -> Published:
        record = self._client.get(f"api/figures/{self._plot['figure']}")
        if name is not None and name != record["name"]:
            raise InvalidInput(
                f'The figure is published as "{record["name"]}" already. Publish the object itself under another name.'
            )
        changes = {name: text for name, text in (("title", title), ("alt", alt)) if text is not None}
        if changes:
            record = self._client.patch(f"api/figures/{record['id']}", changes)
        return Published(record, self._connection)

    @explain_options({})
    def share(
        self,
        expires: Expiry = DEFAULT_LINK_LIFE,
        *,
        name: str | None = None,
        title: str | None = None,
        alt: str | None = None,
        label: str | None = None,
        views: int | None = None,
        audience: str | None = None,
        users: Iterable[str] = (),
        groups: Iterable[str] = (),
        data: bool = False,
        code: bool = False,
        server: str | None = None,
    ) -> SharedLink:
        """Publish the plot and make a link.

        Parameters
        ----------
        expires, label, views, audience, users, groups, data, code, server
            Options of the link, as in ``Published.share``.
        name, title, alt
            Name and texts of the figure, as in ``publish``.

        Returns
        -------
        SharedLink
            The link, with its ``url`` and snippets to paste.

        Raises
        ------
        NotFound
            Newer plots have evicted it.
        """
        people = audience_options(audience, users, groups)
        published = self.publish(name, title=title, alt=alt)
        return published.share(expires, label=label, views=views, data=data, code=code, server=server, **people)

    def __repr__(self) -> str:
        return f"Plot {self.path}: {self.url}"

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        href = display.link_href(self.url, is_own=self._connection.is_own)
        return display.plot_bundle(repr(self), self.path, href, self.still(), self.alt)

    def still(self) -> EncodedImage | None:
        """Return the image, of an interactive figure its static image; None if there is none, or it was evicted."""
        if self._image is None:
            self._image = self._fetch()
        return self._image

    def _fetch(self) -> EncodedImage | None:
        still = self._plot.get("still")
        path = _name_of(still) if still else self.path
        mimetype = _mimetype_of(path) if still else self.mimetype
        if mimetype not in display.INLINE_SUFFIXES:
            return None
        try:
            data = self._client.get_bytes(f"plots/here/{quote(path)}")
        except FigServeError:
            return None
        shown = {"display_width": self._plot.get("width"), "display_height": self._plot.get("height")}
        return EncodedImage(mimetype, data, **shown)


def last() -> CapturedPlot:
    """Return the figure that this session displayed last, from any library or language; never an older one.

    A figure of the running cell is displayed by ``plt.show()`` or at the end of the cell, so this is mostly useful in
    the next cell.

    Returns
    -------
    CapturedPlot
        The plot, with a URL of its own; ``publish`` and ``share`` keep it.

    Raises
    ------
    NotFound
        Nothing has been displayed yet.
    Conflict
        What was displayed last cannot be kept, or the server does not capture plots; the message says why.
    Unavailable
        What was displayed last has not arrived at the server within three seconds.
    """
    local = find_local_connection()
    connection = local or get_connection()
    try:
        plot = connection.client.get(f"{_SESSION}/last", mark=_send_mark())
    except NotFound as error:
        if error.code != "session_not_found":
            raise
        message = f"{connection.url} captures what its own kernels display, and this process is none of them."
        raise NotFound(f"{message} Use figserve.publish(fig).", code=error.code) from error
    if local is not None and plot["origin"] == "published":
        return _find_published(plot["figure"], get_connection())
    return CapturedPlot(plot, connection, is_beside=local is not None)


def _find_published(figure: str, connection: Connection) -> CapturedPlot:
    """Return the plot of a figure that was published to another server than the one that captures."""
    record = connection.client.get(f"api/figures/{figure}")
    shown = record["representations"][0]
    path = f"{record['name']}.{get_format_of_mimetype(shown['mimetype']).name}"
    values = {"path": path, "url": shown["url"], "mimetype": shown["mimetype"], "alt": record["alt"]}
    return CapturedPlot(values | {"origin": "published", "figure": figure}, connection)


def _name_of(address: str) -> str:
    """Return the name below the session of a captured plot: the last segment of its address."""
    return unquote(urlsplit(address).path.rpartition("/")[2])


def _mimetype_of(path: str) -> str:
    return get_format(path.rpartition(".")[2]).mimetype


def _send_mark() -> str | None:
    """Send an invisible message after all displayed outputs; once it arrives, the outputs before it have arrived.

    It updates a display that does not exist, which front ends ignore.
    """
    publisher = getattr(find_shell(), "display_pub", None)
    # With %%capture, nothing is displayed, and the mark would not be sent either.
    if publisher is None or type(publisher).__name__ == "CapturingDisplayPublisher":
        return None
    mark = secrets.token_hex(8)
    publisher.publish({}, {MARKER: {"mark": mark}}, transient={"display_id": f"figserve-{mark}"}, update=True)
    return mark
