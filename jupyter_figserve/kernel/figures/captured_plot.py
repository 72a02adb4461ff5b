"""What the server captured of this kernel's displays, and the directory whose files it serves. Kernel."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...errors import FigServeError, NotConnected, NotFound
from ...model.figures import MARKER, EncodedImage
from ...model.links import DEFAULT_LINK_LIFE
from ..client.connection import Connection, get_connection
from . import display
from .cell import find_shell
from .published_figure import Published
from .shared_link import SharedLink

PLOTS_VARIABLE = "KERNEL_FIGSERVE_PLOTS"
_HERE = "api/sessions/here"


class CapturedPlot:
    """A picture that this session displayed. It has a URL until it makes room for newer ones or the session ends."""

    def __init__(self, plot: dict[str, Any], connection: Connection) -> None:
        self._plot = plot
        self._connection = connection
        self._client = connection.client
        self._picture: EncodedImage | None = None

    @property
    def path(self) -> str:
        """Its name in the session, such as ``cell-3.png``."""
        return str(self._plot["path"])

    @property
    def url(self) -> str:
        """The picture, for those who may log in; ``share()`` makes a link for others."""
        return str(self._plot["url"])

    @property
    def mimetype(self) -> str:
        return str(self._plot["mimetype"])

    def publish(self, name: str | None = None, *, title: str | None = None, alt: str | None = None) -> Published:
        """Keep it as a figure, under the same URL each time it is published with the same name.

        Parameters
        ----------
        name
            None names it after its title, else after its cell and its picture.
        title, alt
            Heading of its pages, and alternative text.

        Raises
        ------
        NotFound
            When it has made room for newer ones.
        """
        wanted = {"path": self.path, "name": name, "title": title, "alt": alt}
        try:
            record = self._client.post(f"{_HERE}/figures", {k: v for k, v in wanted.items() if v is not None})
        except NotFound as error:
            raise NotFound(f"{self.path} has made room for newer pictures; show it again.", code=error.code) from error
        return Published(record, self._connection, self._picture)

    def share(
        self,
        expires: str | float = DEFAULT_LINK_LIFE,
        *,
        name: str | None = None,
        title: str | None = None,
        alt: str | None = None,
        label: str | None = None,
        views: int | None = None,
    ) -> SharedLink:
        """Publish it, and make a link for people without an account: as ``publish`` and ``Published.share``."""
        return self.publish(name, title=title, alt=alt).share(expires, label=label, views=views)

    def __repr__(self) -> str:
        return f"Plot {self.path}: {self.url}"

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        href = display.href_of(self.url, is_own=self._connection.is_own)
        return display.plot_bundle(repr(self), self.path, href, self.still())

    def still(self) -> EncodedImage | None:
        """The picture itself; None when it has made room for newer ones or the server is gone."""
        if self._picture is None:
            self._picture = self._fetch()
        return self._picture

    def _fetch(self) -> EncodedImage | None:
        try:
            return EncodedImage(self.mimetype, self._client.get_bytes(f"plots/here/{quote(self.path)}"))
        except FigServeError:
            return None


def last() -> CapturedPlot:
    """The picture that this session displayed last, by whatever library or language.

    A figure of the running cell is displayed when ``plt.show()`` is called, else after the cell; so this is mostly for
    the cell after.

    Raises
    ------
    NotFound
        When nothing was displayed yet.
    Conflict
        When the server does not capture; the text says why.
    """
    connection = get_connection()
    return CapturedPlot(connection.client.get(f"{_HERE}/last", mark=_send_mark()), connection)


def plots_dir() -> Path:
    """The directory of this session whose image files the server shows under their names, subdirectories included.

    Raises
    ------
    NotConnected
        When this process is no kernel of such a server, or the server that it was a kernel of has gone.
    """
    named = os.environ.get(PLOTS_VARIABLE)
    if not named:
        raise NotConnected(
            "This process has no directory for plots: only kernels that run beside a Jupyter server with"
            " jupyter_figserve have one. Use figserve.publish instead."
        )
    directory = Path(named)
    if not directory.is_dir():
        raise NotConnected(f"The session's directory {directory} has gone with its server; restart the kernel.")
    return directory


def _send_mark() -> str | None:
    """Send a message that shows nothing behind all that was displayed; when it has come, everything before it has.

    It updates a display that is nowhere, which front ends pass over.
    """
    publisher = getattr(find_shell(), "display_pub", None)
    if publisher is None:
        return None
    mark = secrets.token_hex(8)
    publisher.publish({}, {MARKER: {"mark": mark}}, transient={"display_id": f"figserve-{mark}"}, update=True)
    return mark
