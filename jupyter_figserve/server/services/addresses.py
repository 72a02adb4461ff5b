"""The server's URLs, as kernels, local users and the public reach it. Server process."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from cachetools import LRUCache

from ...model.figures import FigureRecord, Representation
from ...model.formats import Format
from .hosts import PATH_SAFE, get_host_name, get_origin, normalize_host, normalize_netloc, normalize_url

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp
    from tornado.httputil import HTTPServerRequest

_WILDCARDS = ("", "*", "0.0.0.0", "::", "[::]")  # noqa: S104 - compared with, never bound
_MAX_BASES = 64
PREFIX = "/figserve"
"""Path of our routes below a Jupyter server's; a server of nothing else has none."""
LOCAL_NOTE = (
    "This link opens only on this machine. To share it with others, make this server reachable for them (through a"
    " proxy, a tunnel or ServerApp.ip) and set c.FigServe.public_url to its address."
)


@dataclass(frozen=True)
class PublicBase:
    """The absolute URL of our prefix, ``https://host/base/figserve``, and whether only this machine can open it."""

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


def hidpi_address(part: Representation, query: str = "") -> str:
    """Return suffix and query of the address of a version's image for HiDPI screens (``Version.hidpi``).

    Parameters
    ----------
    query
        Further query, such as the version.
    """
    # The width distinguishes the PNG from the one for standard screens.
    parts = [text for text in (query, f"width={part.width}" if part.format.is_raster else "") if text]
    return f"{part.format.name}?{'&'.join(parts)}" if parts else part.format.name


class ServerAddresses:
    """Builds the server's URLs.

    Parameters
    ----------
    public_url
        ``FigServe.public_url``: the server's public URL, without our prefix; "" when not set.
    kernel_url
        ``FigServe.kernel_url``: the same for kernels on other machines; "" when not set.
    """

    def __init__(self, serverapp: ServerApp, public_url: str = "", kernel_url: str = "") -> None:
        self._app = serverapp
        self._public_url = normalize_url(public_url.rstrip("/"))
        self._kernel_url = normalize_url(kernel_url.rstrip("/"))
        self._bases: LRUCache[tuple[str, str], PublicBase] = LRUCache(_MAX_BASES)

    @cached_property
    def prefix(self) -> str:
        """Path of our routes, percent-encoded as browsers do it."""
        return quote(self._app.base_url.rstrip("/"), safe=PATH_SAFE) + prefix_of(self._app)

    @property
    def public_url(self) -> str | None:
        """The public URL of our prefix, None when it is not set."""
        return self._with_prefix(self._public_url) if self._public_url else None

    @property
    def public_origin(self) -> str | None:
        return PublicBase(self._public_url, False).origin if self._public_url else None

    def base(self, request: HTTPServerRequest) -> PublicBase:
        """Return the base of URLs in a response: ``public_url``, else the address that the client used."""
        key = request.protocol, request.host
        base = self._bases.get(key)
        if base is None:
            base = self._bases[key] = self._make_base(*key)
        return base

    def _make_base(self, protocol: str, host: str) -> PublicBase:
        if self._public_url:
            return PublicBase(self._with_prefix(self._public_url), False)
        host = normalize_netloc(host, protocol)
        return PublicBase(f"{protocol}://{host}{self.prefix}", is_loopback(host))

    def for_kernels(self) -> str:
        """Return the URL that kernels connect to: a loopback IP where possible, which needs no name resolution."""
        if self._kernel_url:
            return self._with_prefix(self._kernel_url)
        if self._app.sock:
            return f"http+unix://{quote(self._app.sock, safe='')}{self.prefix}"
        ip = self._app.ip
        if ip in _WILDCARDS or ip == "localhost":
            ip = "127.0.0.1"
        host = f"[{ip}]" if ":" in ip else ip
        scheme = "https" if self._app.certfile else "http"
        return f"{scheme}://{host}:{self._app.port}{self.prefix}"

    @property
    def listens_on_network(self) -> bool:
        """Whether machines of the network can connect, as far as this server decides."""
        return not self._app.sock and self._app.ip in _WILDCARDS

    @property
    def ends_with_program(self) -> bool:
        """Whether this is the server of ``figserve.serve()``, which ends with the program that called it."""
        return bool(getattr(self._app, "exit_with_stdin", False))

    def at_host(self, host: str) -> str:
        """Return the URL of our prefix at another address of this machine."""
        scheme = "https" if self._app.certfile else "http"
        return f"{scheme}://{host}:{self._app.port}{self.prefix}"

    def kernel_certificate(self) -> str | None:
        """Return the path of the certificate that a local kernel must trust, None for a server without its own."""
        return str(Path(self._app.certfile).resolve()) if self._app.certfile else None

    def is_own_host(self, host: str) -> bool:
        """Whether a ``Host`` header names ``public_url``, as a proxy may forward it: with another port, or none."""
        return self._public_url != "" and get_host_name(host) == urlsplit(self._public_url).hostname

    def is_local_host(self, host: str) -> bool:
        """Whether a ``Host`` header names this machine, as ``ServerApp.local_hostnames`` lists its names."""
        return get_host_name(host) in map(normalize_host, self._app.local_hostnames)

    def _with_prefix(self, url: str) -> str:
        prefix = prefix_of(self._app)
        return url if url.endswith(prefix) else url + prefix

    def is_own_origin(self, request: HTTPServerRequest) -> bool:
        """Whether the ``Origin`` header is that of this server as the client reaches it, or of ``public_url``."""
        origin = get_origin(request.headers.get("Origin", ""))
        return origin != "" and origin in (self.public_origin, get_origin(f"{request.protocol}://{request.host}"))


def prefix_of(serverapp: Any) -> str:
    """Return the path of our routes below the server's base URL: "" where it serves nothing else."""
    return str(getattr(serverapp, "figserve_prefix", PREFIX))


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host, with or without a port."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
