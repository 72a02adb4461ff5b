"""This interpreter's packages, and the proxies of this shell. Any process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any
from urllib import request

from .result import Result, note, ok, wrong

_LOOPBACK = ("localhost", "127.0.0.1")
PACKAGE = "jupyter_figserve"


def check_environment() -> Iterator[Result]:
    yield from _check_packages()
    yield _check_proxies()


def requirements(*names: str) -> dict[str, str]:
    """What this package wants of others, by name: ``{"matplotlib": ">=3.8"}``; of its extras too."""
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(text) for text in metadata.requires(PACKAGE) or []]
    except metadata.PackageNotFoundError:
        return {}
    found: dict[str, str] = {}
    for requirement in wanted:
        if (not names and requirement.marker is None) or requirement.name in names:
            found.setdefault(requirement.name, str(requirement.specifier))
    return found


def is_good(version: str, wanted: str) -> bool:
    """Whether a version is within ``">=3.8"``; a version that nobody can read passes."""
    from packaging.specifiers import SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        return SpecifierSet(wanted).contains(Version(version), prereleases=True)
    except InvalidVersion:
        return True


def _check_packages() -> Iterator[Result]:
    subject, faults = sys.executable, []
    for name, wanted in requirements().items():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            faults.append((name, wanted, f"{name} is missing"))
            continue
        if not is_good(version, wanted):
            faults.append((name, wanted, f"{name} {version} is too old"))
    for name, wanted, what in faults:
        mend = f"{sys.executable} -m pip install --upgrade '{name}{wanted}'"
        yield wrong("packages", subject, f"{what}: jupyter_figserve wants {name}{wanted}.", mend)
    if not faults:
        from ... import __version__

        yield ok("packages", subject, f"jupyter_figserve {__version__} has all that it wants.")


def _is_direct(host: str) -> bool:
    bypass: Any = getattr(request, "proxy_bypass_environment")  # noqa: B009 - typeshed does not know it
    return bool(bypass(host))


def _check_proxies() -> Result:
    proxies = {kind: url for kind, url in request.getproxies_environment().items() if kind in ("http", "https", "all")}
    if not proxies:
        return ok("proxies", "environment", "No proxy is set.")
    caught = [host for host in _LOOPBACK if not _is_direct(host)]
    names = " and ".join(f"{kind}_proxy" for kind in proxies)
    if caught:
        return wrong(
            "proxies",
            "environment",
            f"{names} would send what is for {' and '.join(caught)} to a proxy: curl and requests do not reach a server"
            " on this machine. (jupyter_figserve itself uses no proxy.)",
            "export NO_PROXY=localhost,127.0.0.1,::1",
        )
    return note("proxies", "environment", f"{names} is set, but not for this machine; jupyter_figserve uses no proxy.")
