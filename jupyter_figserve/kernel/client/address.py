"""The address of a server, parsed from a URL as users paste it or as a server reports it. Kernel."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from ...errors import InvalidInput

PREFIX = "figserve"
UNIX = "http+unix"
_SCHEMES = ("http", "https", UNIX)
# First path segment after the base URL on the pages of Jupyter applications.
_PAGES = frozenset(
    ("api", "consoles", "doc", "edit", "files", "hub", "lab", "lite", "login", "logout", "nbclassic")
    + ("notebooks", "retro", "static", "terminals", "tree", "view", "voila")
)
_SAFE_IN_PATH = "/%:@!$&'()*+,;=~"


@dataclass(frozen=True)
class Address:
    """A server's address, without a credential.

    Parameters
    ----------
    host
        Host name or IP address; for a Unix socket, its path.
    prefix
        Percent-encoded path of all routes, ending in ``/figserve``.
    """

    scheme: str
    host: str
    port: int
    prefix: str

    @property
    def origin(self) -> str:
        if self.scheme == UNIX:
            return f"{UNIX}://{quote(self.host, safe='')}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_default = self.port == _default_port(self.scheme)
        return f"{self.scheme}://{host}" + ("" if is_default else f":{self.port}")

    @property
    def url(self) -> str:
        return self.origin + self.prefix

    @property
    def is_loopback(self) -> bool:
        """Whether the address is only reachable from this machine."""
        return self.scheme == UNIX or is_loopback(self.host)


def parse_pasted(text: str) -> tuple[Address, str | None]:
    """Parse a URL from a browser or a terminal; return the server's address, and the token of the query if any.

    ``http://host:8888``, ``…/lab?token=…``, ``…/tree/x`` and ``…/figserve/figures/…`` all name the same server.

    Raises
    ------
    InvalidInput
        It is not the URL of a server.
    """
    parts = _split(text)
    token = parse_qs(parts.query).get("token", [""])[0].strip()
    return _address(parts, "/".join(["", *_base_segments(parts.path), PREFIX])), token or None


def parse_exact(text: str) -> Address:
    """Parse a URL that a server reported; it already ends in the prefix.

    Raises
    ------
    InvalidInput
        It is not the URL of a server.
    """
    parts = _split(text)
    return _address(parts, parts.path.rstrip("/"))


def is_loopback(host: str) -> bool:
    """Whether a host name or IP address is on loopback, without resolving it."""
    name = host.strip("[]").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _split(text: str) -> SplitResult:
    if not isinstance(text, str) or not text.strip():
        raise InvalidInput('The server URL is empty. Give one such as "http://localhost:8888".')
    text = text.strip()
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port
    except ValueError as error:
        raise InvalidInput(f"{_without_query(text)!r:.200} is not a URL: {error}.") from error
    if parts.scheme not in _SCHEMES or not parts.hostname or port == 0:
        raise InvalidInput(f"{_without_query(text)!r:.200} is not a server URL. Use the form http://localhost:8888.")
    if "@" in parts.netloc:
        raise InvalidInput("The URL contains a user name or password. Pass the credential as the key instead.")
    return parts


def _without_query(text: str) -> str:
    """Return the part of a URL that is safe to show; the query may contain a token."""
    return text.partition("?")[0].rpartition("@")[2]


def _address(parts: SplitResult, path: str) -> Address:
    prefix = quote(path, safe=_SAFE_IN_PATH)
    if parts.scheme == UNIX:
        return Address(UNIX, unquote(parts.netloc), 0, prefix)
    return Address(parts.scheme, parts.hostname or "", parts.port or _default_port(parts.scheme), prefix)


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _base_segments(path: str) -> list[str]:
    """Return the path segments of the base URL: those before ``figserve`` or before a Jupyter page.

    A JupyterHub's ``/user/<name>`` is skipped as a whole, since a user may be called "lab" or "figserve".
    """
    segments = [segment for segment in path.split("/") if segment]
    start = segments.index("user") + 2 if "user" in segments else 0
    if len(segments) > start and segments[-1] == PREFIX:
        return segments[:-1]
    for index, segment in enumerate(segments[start:], start):
        if segment == PREFIX or segment in _PAGES:
            return segments[:index]
    return segments
