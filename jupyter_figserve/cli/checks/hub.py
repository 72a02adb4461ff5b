"""Checks of a server under a JupyterHub: public address, service, scopes of its token. Any process."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ...errors import FigServeError, Forbidden, Unauthorized
from ...model.environment_variables import KERNEL_CA_VARIABLE, SERVICE_VARIABLE
from .result import Result, note, ok, wrong

_CONFIGURE = "jupyter_figserve.hub.configure(c)  # at the end of jupyterhub_config.py"
_PUBLIC_URL = 'c.JupyterHub.public_url = "https://..."  # in jupyterhub_config.py: the address that browsers use'


def check_hub(environment: Mapping[str, str] = os.environ) -> Iterator[Result]:
    """Check what figserve needs of the Hub that started the server of this shell or kernel; nothing elsewhere."""
    if not environment.get("JUPYTERHUB_USER") or not environment.get("JUPYTERHUB_API_URL"):
        return
    public, service = environment.get("JUPYTERHUB_PUBLIC_URL", ""), environment.get(SERVICE_VARIABLE, "")
    if not public:
        says = "The Hub does not know its public address, so links have the address of each request."
        yield wrong("hub_public_url", "JupyterHub", says, _PUBLIC_URL)
    if not service:
        says = "This Hub has no service of figserve, so links end with their author's server."
        yield note("hub_service", "JupyterHub", says, _CONFIGURE)
        return
    yield _check_scopes(environment)
    status, found = _check_service(service)
    yield found
    if status is not None:
        yield from _check_directory(service, status)
    if public and status is not None and not _has_own_domain(public, environment):
        # With a domain for each server, the service's is another one.
        yield _check_public_url(public, service, status)


def _has_own_domain(public: str, environment: Mapping[str, str]) -> bool:
    """Whether the Hub gives a domain to each server."""
    host = urlsplit(environment.get("JUPYTERHUB_HOST", "")).hostname
    return host is not None and host != urlsplit(public).hostname


def _check_scopes(environment: Mapping[str, str]) -> Result:
    """Check the scopes with which this server registers its kernels."""
    from ...hub import ACCESS_SCOPE, PUBLISH_SCOPE

    line = f'c.Spawner.server_token_scopes = [..., "{ACCESS_SCOPE}", "{PUBLISH_SCOPE}"]'
    mend = f"{line}  # or {_CONFIGURE}; then restart this server"
    url = environment["JUPYTERHUB_API_URL"]
    try:
        given = _client(url, environment.get("JUPYTERHUB_API_TOKEN")).get("user").get("scopes", [])
    except (Unauthorized, Forbidden):
        return wrong("hub_scopes", url, "The Hub rejects this server's token.", "restart this server")
    except FigServeError as error:
        return wrong("hub_scopes", url, f"The Hub does not answer: {error}", "start the Hub, or see its log")
    bases = {scope.partition("!user=")[0] for scope in given}
    missing = [] if PUBLISH_SCOPE in bases else [PUBLISH_SCOPE]
    if not bases & {ACCESS_SCOPE, "access:services"}:
        missing.insert(0, ACCESS_SCOPE)
    if missing:
        says = (
            f"This server's token has no scope {' and '.join(missing)}, so its kernels cannot publish to the service."
        )
        return wrong("hub_scopes", url, says, mend)
    return ok("hub_scopes", url, "This server's token may publish to the service.")


def _check_service(service: str) -> tuple[dict[str, Any] | None, Result]:
    mend = (
        f"start the service, or correct c.Spawner.environment[{SERVICE_VARIABLE!r}], which names its address for"
        " users' servers"
    )
    try:
        status = _client(service, None).get("api/status")
        if status.get("host") != "hub":
            return None, wrong(
                "hub_service", service, "Another server of figserve responds, not the Hub's service.", mend
            )
    except FigServeError as error:
        return None, wrong("hub_service", service, f"The service of figserve does not respond: {error}", mend)
    return status, ok("hub_service", service, "The service of figserve responds.")


def _check_directory(service: str, status: Mapping[str, Any]) -> Iterator[Result]:
    """Check that the service may look up names; it works without."""
    from ...hub import NAME, SERVICE_SCOPES

    can = status.get("directory", {})
    scopes = ", ".join(f'"{scope}"' for scope in SERVICE_SCOPES)
    mend = f'{{"name": "{NAME}", "services": ["{NAME}"], "scopes": [{scopes}]}} in c.JupyterHub.load_roles'
    lacks = [
        what
        for ability, what in (
            ("users", "the names of users are not checked when a link is shared"),
            ("groups", "the names of groups are not checked when a link is shared"),
            ("created", "a new user with the name of a deleted one gets the figures of both"),
        )
        if can.get(ability) is False
    ]
    if lacks:
        says = f"The service may not look up everything in the Hub: {'; '.join(lacks)}."
        yield note("hub_directory", service, says, f"{mend}  # or {_CONFIGURE}")
    elif can:
        yield ok("hub_directory", service, "The service checks the names of users and groups.")


def _check_public_url(public: str, service: str, status: Mapping[str, Any]) -> Result:
    """Check that the public address of links leads to the service."""
    parts = urlsplit(public)
    url = f"{parts.scheme}://{parts.netloc}{urlsplit(service).path.rstrip('/')}"
    try:
        there = _client(url, None).get("api/status")
    except FigServeError as error:
        says = f"Links lead to an address that does not reach the service: {error}"
        return wrong("hub_public_url", url, says, _PUBLIC_URL)
    if there.get("instance") != status.get("instance"):
        return wrong("hub_public_url", url, "Another server responds there, so links lead to that one.", _PUBLIC_URL)
    return ok("hub_public_url", url, "It leads to the service.")


def _client(url: str, token: str | None) -> Any:
    from ...kernel.client.address import parse_exact
    from ...kernel.client.client import FigServeClient

    ca_file = os.environ.get(KERNEL_CA_VARIABLE)
    return FigServeClient(parse_exact(url.rstrip("/")), token, ca_file=ca_file, connect_timeout=3.0, read_timeout=10.0)
