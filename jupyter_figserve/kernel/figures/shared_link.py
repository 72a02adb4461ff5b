"""A link onto a figure as the notebook that made it holds it, answering by the server's API. Kernel."""

from __future__ import annotations

from typing import Any

from ...errors import Conflict
from ...model import snippets
from ...model.formats import get_format
from ..client.client import FigServeClient
from . import display


class SharedLink:
    """A link onto a figure that needs no login. Its URL is the secret: it shows where you show this object."""

    def __init__(self, entry: dict[str, Any], client: FigServeClient, name: str) -> None:
        self._entry = entry
        self._client = client
        self._name = name

    @property
    def id(self) -> str:
        return str(self._entry["id"])

    @property
    def url(self) -> str:
        """The link itself.

        Raises
        ------
        Conflict
            For a link from a list: the server keeps only its hash.
        """
        url = self._entry.get("url")
        if not url:
            raise _url_gone()
        return str(url)

    def image_url(
        self,
        format: str = "png",
        *,
        width: float | None = None,
        height: float | None = None,
        dpi: float | None = None,
    ) -> str:
        """URL of the picture alone; sizes other than the stored one must be on the server's list."""
        return snippets.image_url(self.url, get_format(format).name, width=width, height=height, dpi=dpi)

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
        """URL of the picture in any size, which the server signs because it is not on its list."""
        sizes = {"width": width, "height": height, "dpi": dpi, "style": style, "transparent": transparent}
        asked = {"format": get_format(format).name, **{name: value for name, value in sizes.items() if value}}
        signed = self._client.post(f"api/links/{self.id}/sizes", asked)
        return f"{self.url}.{signed['format']}?{signed['query']}"

    @property
    def markdown(self) -> str:
        return self._snippet("markdown")

    @property
    def html(self) -> str:
        return self._snippet("html")

    @property
    def iframe(self) -> str:
        return self._snippet("iframe")

    @property
    def latex(self) -> str:
        return self._snippet("latex")

    @property
    def label(self) -> str:
        return str(self._entry.get("label") or "")

    @property
    def expires(self) -> str | None:
        """RFC 3339 in UTC, None for never."""
        return self._entry.get("expires")

    @property
    def views(self) -> int | None:
        """How often it may be opened, None for any number."""
        return self._entry.get("views")

    @property
    def seen(self) -> int:
        """How often it had been opened when this was last asked of the server."""
        return int(self._entry.get("seen") or 0)

    @property
    def is_paused(self) -> bool:
        return bool(self._entry.get("paused"))

    @property
    def note(self) -> str | None:
        """What to know before sending it, such as that it opens only on this machine."""
        return self._entry.get("note")

    def pause(self) -> None:
        """Answer as if the link did not exist, until ``resume()``."""
        self._change(paused=True)

    def resume(self) -> None:
        self._change(paused=False)

    def revoke(self) -> None:
        """End the link for good."""
        self._client.delete(f"api/links/{self.id}")

    def __repr__(self) -> str:
        where = self._entry.get("url") or f"{self.id} ({self.label or 'no label'})"
        return display.link_text(self._name, where, self.expires, self.note)

    def bundle(self) -> dict[str, Any]:
        """Data by mimetype for the notebook."""
        bundle = {"text/plain": repr(self)}
        if self._entry.get("url"):
            bundle["text/html"] = display.link_html(self._name, self.url, self.expires, self.note)
        return bundle

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return self.bundle()

    def _snippet(self, kind: str) -> str:
        if "snippets" not in self._entry:
            raise _url_gone()
        return str(self._entry["snippets"][kind])

    def _change(self, **values: Any) -> None:
        answer = self._client.patch(f"api/links/{self.id}", values)
        self._entry = {**self._entry, **answer}


def _url_gone() -> Conflict:
    return Conflict("A link's URL is shown only when it is made; make another one with share().", code="url_gone")
