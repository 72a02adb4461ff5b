"""Every URL that we write: for kernels, for people on this machine, for the world. Server process."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from ...model.figures import FigureRecord
from ...model.formats import Format

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp
    from tornado.httputil import HTTPServerRequest

_WILDCARDS = ("", "*", "0.0.0.0", "::", "[::]")  # noqa: S104 - compared with, never bound
_PATH_SAFE = "/%~@:!$&'()*+,;="
LOCAL_NOTE = (
    "This link opens only on this machine. To share it with others, let them reach this server (a proxy, a tunnel or"
    " ServerApp.ip) and set c.FigServe.public_url to its address."
)


@dataclass(frozen=True)
class PublicBase:
    """The absolute address of our prefix, ``https://host/base/figserve``, and whether others can open it."""

    url: str
    is_local: bool

    @property
    def origin(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def page(self, record: FigureRecord) -> str:
        return f"{self.url}/figures/{record.id}"

    def bytes(self, record: FigureRecord, row: Format, version: int | None = None, width: int | None = None) -> str:
        query = "&".join(f"{k}={v}" for k, v in (("version", version), ("width", width)) if v is not None)
        return f"{self.page(record)}.{row.name}" + (f"?{query}" if query else "")

    def plots(self, session: str) -> str:
        return f"{self.url}/plots/{session}"

    def plot(self, session: str, path: str) -> str:
        return f"{self.plots(session)}/{quote(path)}"

    def dashboard(self, dashboard_id: str) -> str:
        return f"{self.url}/dashboards/{dashboard_id}"

    def link(self, token: str) -> str:
        return f"{self.url}/f/{token}"


class ServerAddresses:
    """Knows the server's addresses.

    Parameters
    ----------
    public_url
        ``FigServe.public_url``: the server's address for the world, without our prefix; "" when not set.
    kernel_url
        ``FigServe.kernel_url``: the same for kernels on other machines; "" when not set.
    """

    def __init__(self, serverapp: ServerApp, public_url: str = "", kernel_url: str = "") -> None:
        self._app = serverapp
        self._public_url = public_url.rstrip("/")
        self._kernel_url = kernel_url.rstrip("/")

    @property
    def prefix(self) -> str:
        """Path of our routes below the server's origin, as browsers write it."""
        return quote(self._app.base_url.rstrip("/"), safe=_PATH_SAFE) + "/figserve"

    @property
    def public_url(self) -> str | None:
        """Where the world is told to find us, None when nobody set it."""
        return _with_prefix(self._public_url) if self._public_url else None

    @property
    def public_origin(self) -> str | None:
        return PublicBase(self._public_url, False).origin if self._public_url else None

    def base(self, request: HTTPServerRequest) -> PublicBase:
        """The address to write into answers: ``public_url``, else the one by which the client reached us."""
        if self._public_url:
            return PublicBase(_with_prefix(self._public_url), False)
        host = request.host
        return PublicBase(f"{request.protocol}://{host}{self.prefix}", _is_loopback(host))

    def for_kernels(self) -> str:
        """What a kernel dials: loopback where the server listens there, so that no name need resolve."""
        if self._kernel_url:
            return _with_prefix(self._kernel_url)
        if self._app.sock:
            return f"http+unix://{quote(self._app.sock, safe='')}{self.prefix}"
        ip = self._app.ip
        if ip in _WILDCARDS or ip == "localhost":
            ip = "127.0.0.1"
        host = f"[{ip}]" if ":" in ip else ip
        scheme = "https" if self._app.certfile else "http"
        return f"{scheme}://{host}:{self._app.port}{self.prefix}"

    def kernel_certificate(self) -> str | None:
        """The certificate to trust, where a local kernel is to dial a server with its own."""
        return str(Path(self._app.certfile).resolve()) if self._app.certfile else None

    def is_own_host(self, host: str) -> bool:
        """Whether a ``Host`` header names ``public_url``, which a proxy may pass on."""
        return self._public_url != "" and host == urlsplit(self._public_url).netloc


def _with_prefix(url: str) -> str:
    return url if url.endswith("/figserve") else f"{url}/figserve"


@lru_cache(maxsize=64)
def _is_loopback(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
