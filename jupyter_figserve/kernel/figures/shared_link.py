"""A link in the notebook that made or listed it. Kernel."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ...errors import InvalidInput
from ...model.audiences import LINK, describe_audience
from ...model.formats import Format, get_format
from ...model.times import Expiry, write_expiry
from ..client import source_uploader
from ..client.client import FigServeClient
from . import display
from .audience_options import audience_options
from .availability import HasImageUrl, check_available


class SharedLink(HasImageUrl):
    """A link. Its URL is the secret, and is visible wherever this object is displayed."""

    _is_revoked = False

    def __init__(self, entry: dict[str, Any], client: FigServeClient, name: str) -> None:
        self._entry = entry
        self._client = client
        self._name = name

    @property
    def id(self) -> str:
        """Id of the link for the API; it opens nothing."""
        return str(self._entry["id"])

    @property
    def url(self) -> str:
        """The link itself; of a link from a list, the server is asked for it once.

        Raises
        ------
        Conflict
            The server cannot derive it any more, with the code ``address_unknown``.
        """
        return str(self._with_address()["url"])

    def _check_image(self, url: str, row: Format, sizes: Mapping[str, float | None]) -> None:
        figure = self._entry.get("figure")
        if figure and url != self._entry.get("image_url"):
            check_available(row, sizes, {}, lambda: self._find_figure(figure))

    def _find_figure(self, figure: str) -> dict[str, Any]:
        # A figure that has just been published gets its source now.
        source_uploader.flush()
        record: dict[str, Any] = self._client.get(f"api/figures/{figure}", version=self._entry.get("version"))
        return record

    def signed_image_url(
        self,
        format: str = "png",
        *,
        width: int | None = None,
        height: int | None = None,
        dpi: float | None = None,
        style: str | None = None,
        transparent: bool = False,
    ) -> str:
        """Return the URL of the image in any size, signed by the server because the size is not on its list.

        Parameters
        ----------
        format
            Name of the format, such as ``"png"`` or ``"pdf"``.
        width, height
            Pixels at ``dpi``, or at 96 dpi for vector formats; None is the figure's own size.
        dpi
            Resolution in pixels per inch; None is the figure's own.
        style
            Name of a matplotlib style; None is the style that the figure was drawn in.
        transparent
            Whether the background is transparent.

        Returns
        -------
        str
            The URL; it is valid as long as the link.

        Raises
        ------
        Conflict
            The figure cannot be drawn again; the message says why.
        """
        options = {"width": width, "height": height, "dpi": dpi, "style": style, "transparent": transparent}
        given = {name: value for name, value in options.items() if value is not None and value is not False}
        body = {"format": get_format(format).name, **given}
        signed = self._client.post(f"api/links/{self.id}/sizes", body)
        return f"{self.url}.{signed['format']}?{signed['query']}"

    @property
    def markdown(self) -> str:
        """The image with its alternative text, linked to the page, as Markdown."""
        return self._snippet("markdown")

    @property
    def html(self) -> str:
        """The same as HTML."""
        return self._snippet("html")

    @property
    def iframe(self) -> str:
        """The bare page in a frame, for the sites in ``FigServe.embed_origins``."""
        return self._snippet("iframe")

    @property
    def latex(self) -> str:
        """The image as a figure in LaTeX; the first line says which file to save."""
        return self._snippet("latex")

    @property
    def label(self) -> str:
        """The note for yourself; ``""`` for none."""
        return str(self._entry.get("label") or "")

    @property
    def audience(self) -> str:
        """``"me"``, ``"people"``, ``"hub"`` or ``"link"``: whom the link is for, besides you."""
        return str(self._entry.get("audience", LINK))

    @property
    def users(self) -> list[str]:
        """Names of the users of a link for certain people."""
        return list(self._entry.get("users", ()))

    @property
    def groups(self) -> list[str]:
        """Names of the groups of a link for certain people."""
        return list(self._entry.get("groups", ()))

    @property
    def expires(self) -> str | None:
        """RFC 3339 time in UTC; None for never."""
        return self._entry.get("expires")

    @property
    def is_expired(self) -> bool:
        """Whether its time is over, by the clock of this machine."""
        expires = self.expires
        return expires is not None and datetime.fromisoformat(expires) <= datetime.now(UTC)

    @property
    def views(self) -> int | None:
        """View limit; None for unlimited."""
        return self._entry.get("views")

    @property
    def seen(self) -> int:
        """Number of views in the server's last response."""
        return int(self._entry.get("seen") or 0)

    @property
    def shows_data(self) -> bool:
        """Whether viewers may read the figure's data."""
        return bool(self._entry.get("data"))

    @property
    def shows_code(self) -> bool:
        """Whether viewers may read the code of the figure's cell."""
        return bool(self._entry.get("code"))

    @property
    def is_paused(self) -> bool:
        """Whether it is paused; viewers get 404."""
        return bool(self._entry.get("paused"))

    @property
    def note(self) -> str | None:
        """A hint from the server, such as that the link opens only on this machine, and the ways to others."""
        note, team = self._entry.get("note"), (self._entry.get("reach") or {}).get("team")
        return f'{note} Your team reaches {team}: share(server="team") publishes and shares there.' if team else note

    @property
    def server(self) -> str | None:
        """URL of the other server whose link this is; None for a link of the figure's own server."""
        return self._entry.get("server")

    def pause(self) -> None:
        """Disable the link until ``resume()``; viewers get 404."""
        self._update(paused=True)

    def resume(self) -> None:
        """End a pause; the link shows its figure again."""
        self._update(paused=False)

    def set_audience(
        self, audience: str | None = None, *, users: Iterable[str] = (), groups: Iterable[str] = ()
    ) -> None:
        """Change whom the link is for, at once and under the same URL.

        Parameters
        ----------
        audience
            ``"me"``, ``"people"``, ``"hub"`` or ``"link"``, as in ``Published.share``.
        users, groups
            Names of users and groups of the JupyterHub.

        Raises
        ------
        InvalidInput
            Nobody is named, or the audience is wider than ``FigServe.max_audience``.
        """
        options = audience_options(audience, users, groups)
        if audience is None and not options["users"] and not options["groups"]:
            raise InvalidInput("Give an audience, or users or groups who may open the link.")
        self._update(**options)

    def set_shown(self, *, data: bool | None = None, code: bool | None = None) -> None:
        """Change what viewers may read besides the image.

        Parameters
        ----------
        data, code
            Whether they may read the figure's data, and the code of its cell; None leaves it as it is.
        """
        given = {"data": data, "code": code}
        self._update(**{name: value for name, value in given.items() if value is not None})

    def set_expiry(self, expires: Expiry) -> None:
        """Change when the link expires, under the same URL.

        Parameters
        ----------
        expires
            As in ``Published.share``; durations are counted from now.

        Raises
        ------
        InvalidInput
            It is not a time ahead, or later than ``FigServe.link_max_age`` allows.
        """
        self._update(expires=write_expiry(expires, time.time()))

    def revoke(self) -> None:
        """Revoke the link permanently."""
        self._client.delete(f"api/links/{self.id}")
        self._is_revoked = True

    def __repr__(self) -> str:
        if self._is_revoked:
            return f'Revoked link to "{self._name}": it opens for nobody.'
        where = self._entry.get("url") or f"{self.id} ({self.label or 'no label'})"
        return display.link_text(self._name, where, self.expires, self.note, self._for_whom)

    def bundle(self) -> dict[str, Any]:
        """Return the mimebundle for the notebook."""
        bundle = {"text/plain": repr(self)}
        if self._entry.get("url") and not self._is_revoked:
            bundle["text/html"] = display.link_html(self._name, self.url, self.expires, self.note, self._for_whom)
        return bundle

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return self.bundle()

    @property
    def _for_whom(self) -> str:
        return describe_audience(self.audience, self.users, self.groups)

    def _snippet(self, kind: str) -> str:
        return str(self._with_address()["snippets"][kind])

    def _with_address(self) -> dict[str, Any]:
        if "url" not in self._entry:
            self._entry = {**self._entry, **self._client.get(f"api/links/{self.id}/url")}
        return self._entry

    def _update(self, **values: Any) -> None:
        self._entry = {**self._entry, **self._client.patch(f"api/links/{self.id}", values)}
