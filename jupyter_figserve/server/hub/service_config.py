"""The settings of a server that runs as a JupyterHub's service, from its environment. Server process."""

from __future__ import annotations

import base64
import ipaddress
import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ...errors import FigServeError
from ...model.environment_variables import SETTINGS_VARIABLE
from .environment import CACHE_SECONDS
from .identity_provider import make_identity_provider_class


def make_service_config(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return the settings of a server that runs as the Hub's service.

    Raises
    ------
    FigServeError
        When the environment is incomplete, or jupyterhub is not installed.
    """
    missing = [
        name
        for name in ("JUPYTERHUB_SERVICE_PREFIX", "JUPYTERHUB_API_TOKEN", "JUPYTERHUB_API_URL", "JUPYTERHUB_CLIENT_ID")
        if not environment.get(name)
    ]
    if missing:
        raise FigServeError(
            f"JUPYTERHUB_SERVICE_NAME is set, but {missing[0]} is not. Start the service with all variables that"
            " jupyter_figserve.hub.configure(c, url=..., managed=False) writes.",
            code="wrong_setting",
        )
    server: dict[str, Any] = {
        "base_url": environment["JUPYTERHUB_SERVICE_PREFIX"],
        "identity_provider_class": make_identity_provider_class(environment["JUPYTERHUB_SERVICE_NAME"]),
        # The proxy passes the public host's name, and OAuth decides who may log in.
        "allow_remote_access": True,
        "trust_xheaders": True,
        "port_retries": 0,
        **_find_listener(environment.get("JUPYTERHUB_SERVICE_URL", "")),
    }
    return {
        "ServerApp": server,
        "HubOAuth": {"cache_max_age": CACHE_SECONDS},
        "FigServe": _read_settings(environment.get(SETTINGS_VARIABLE, "")),
    }


def _read_settings(text: str) -> dict[str, Any]:
    try:
        if text and not text.startswith("{"):
            text = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise FigServeError(
            f"{SETTINGS_VARIABLE} is neither JSON with settings nor that in base64.", code="wrong_setting"
        )
    return found


def _find_listener(url: str) -> dict[str, Any]:
    """Return the IP and port to listen on; a host that is no address of this machine means all of its addresses."""
    parts = urlsplit(url)
    if not parts.hostname:
        return {}
    try:
        ip = str(ipaddress.ip_address(parts.hostname))
    except ValueError:
        ip = "127.0.0.1" if parts.hostname == "localhost" else "0.0.0.0"  # noqa: S104 - a pod's address
    return {"ip": ip} | ({"port": parts.port} if parts.port else {})
