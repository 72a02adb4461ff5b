"""Checks of this interpreter's packages and this shell's proxy settings. Any process."""

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
    """Return version requirements by package, such as ``{"matplotlib": ">=3.8"}``; extras only if named."""
    from packaging.requirements import Requirement

    try:
        declared = [Requirement(text) for text in metadata.requires(PACKAGE) or []]
    except metadata.PackageNotFoundError:
        return {}
    found: dict[str, str] = {}
    for requirement in declared:
        if (not names and requirement.marker is None) or requirement.name in names:
            found.setdefault(requirement.name, str(requirement.specifier))
    return found


def satisfies(version: str, specifier: str) -> bool:
    """Whether a version satisfies a specifier such as ``">=3.8"``; an unparseable version does."""
    from packaging.specifiers import SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        return SpecifierSet(specifier).contains(Version(version), prereleases=True)
    except InvalidVersion:
        return True


def _check_packages() -> Iterator[Result]:
    subject, problems = sys.executable, []
    for name, specifier in requirements().items():
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            problems.append((name, specifier, f"{name} is missing"))
            continue
        if not satisfies(version, specifier):
            problems.append((name, specifier, f"{name} {version} is too old"))
    for name, specifier, problem in problems:
        mend = f"{sys.executable} -m pip install --upgrade '{name}{specifier}'"
        yield wrong("packages", subject, f"{problem}. jupyter_figserve requires {name}{specifier}.", mend)
    if not problems:
        from ... import __version__

        yield ok("packages", subject, f"jupyter_figserve {__version__} has all required packages.")


def _is_direct(host: str) -> bool:
    bypass: Any = getattr(request, "proxy_bypass_environment")  # noqa: B009 - typeshed does not know it
    return bool(bypass(host))


def _check_proxies() -> Result:
    proxies = {kind: url for kind, url in request.getproxies_environment().items() if kind in ("http", "https", "all")}
    if not proxies:
        return ok("proxies", "environment", "No proxy is set.")
    proxied = [host for host in _LOOPBACK if not _is_direct(host)]
    names = " and ".join(f"{kind}_proxy" for kind in proxies)
    if proxied:
        return wrong(
            "proxies",
            "environment",
            f"{names} sends requests for {' and '.join(proxied)} to a proxy, so curl and requests cannot reach a server"
            " on this machine. (jupyter_figserve itself does not use proxies.)",
            "export NO_PROXY=localhost,127.0.0.1,::1",
        )
    return note(
        "proxies", "environment", f"{names} is set, but not for this machine. jupyter_figserve does not use proxies."
    )
