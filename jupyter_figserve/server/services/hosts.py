"""Host names and origins in one form, so that they are compared as such and not as text. Server process.

Case, a default port, a trailing dot and the form of an international name (``plätze.example`` or
``xn--pltze-hra.example``) make no difference.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from functools import lru_cache
from urllib.parse import SplitResult, quote, urlsplit

_MAX_NAME = 253
"""Of a name in the DNS. Source: RFC 1035, section 2.3.4."""
# The DNS has underscores in names of services, and networks of containers have them in names of hosts.
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
_NUMERIC = re.compile(r"(^|\.)([0-9]+|0x[0-9a-f]*)$")
PATH_SAFE = "/%~@:!$&'()*+,;="
"""Characters that browsers leave as they are in a path."""
_DEFAULT_PORTS = {"http": 80, "https": 443}


@lru_cache(maxsize=256)
def normalize_host(name: str) -> str:
    """Return a host name, without a port, in ASCII and lower case; IP addresses in their shortest form."""
    # A header with UTF-8, which HTTP libraries decode as Latin-1.
    with contextlib.suppress(UnicodeError):
        name = name.encode("latin-1").decode()
    name = name.strip().strip("[]").rstrip(".").lower()
    try:
        return ipaddress.ip_address(name).compressed
    except ValueError:
        return name if name.isascii() else _to_ascii(name)


def normalize_netloc(netloc: str, scheme: str = "") -> str:
    """Return the host and port of a URL or of a ``Host`` header, without the scheme's default port."""
    parts = _split(f"//{netloc}")
    if parts is None or not parts.hostname:
        return netloc.lower()
    host = _read_host(parts)
    shown = f"[{host}]" if ":" in host else host
    return shown if parts.port in (None, _DEFAULT_PORTS.get(scheme)) else f"{shown}:{parts.port}"


def normalize_url(url: str) -> str:
    """Return a URL with its scheme, host and port in one form, and its path in ASCII as browsers send it.

    What is no URL of a host stays as it is.
    """
    parts = _split(url)
    if parts is None or not parts.hostname or set("*@%").intersection(parts.netloc):
        return url
    path = quote(parts.path, safe=PATH_SAFE)
    return parts._replace(netloc=normalize_netloc(parts.netloc, parts.scheme), path=path).geturl()


def get_origin(url: str) -> str:
    """Return the scheme, host and port of a URL in one form, "" of what has none."""
    parts = _split(normalize_url(url))
    return f"{parts.scheme}://{parts.netloc}" if parts is not None and parts.netloc else ""


def get_host_name(host: str) -> str:
    """Return the name in a ``Host`` header in one form."""
    parts = _split(f"//{host}")
    return _read_host(parts) if parts is not None and parts.hostname else ""


def is_address(url: str) -> bool:
    """Whether a setting is the address of a server: of http or https, without a query and without credentials."""
    parts = _split(url)
    if parts is None or parts.port == 0 or not _is_host(_read_host(parts)):
        return False
    has_more = parts.query or parts.fragment or "@" in parts.netloc or re.search(r"[\s\\\x00-\x20\x7f]", url)
    return parts.scheme in ("http", "https") and not has_more


def _is_host(name: str) -> bool:
    """Whether a host in one form is an IP address or a name that a browser could ask for."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        # Browsers read a name whose last label is a number as an IP address (url.spec.whatwg.org, section 3.5).
        return len(name) <= _MAX_NAME and _NAME.fullmatch(name) is not None and not _NUMERIC.search(name)
    return True


def _read_host(parts: SplitResult) -> str:
    """Return the host of a URL; ``hostname`` would change the case of text that is not decoded yet."""
    return normalize_host(re.sub(r":[0-9]*$", "", parts.netloc.rpartition("@")[2]))


def _to_ascii(name: str) -> str:
    """Return an international name as it is in the DNS, or as it is if it is none."""
    import idna

    try:
        return idna.encode(name, uts46=True).decode()
    except idna.IDNAError:
        return name


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises ValueError for what is no port
    except ValueError:
        return None
    return parts
