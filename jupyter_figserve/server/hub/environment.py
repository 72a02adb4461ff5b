"""What the environment says of a server or service that a JupyterHub started. Server process."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any

from tornado.ioloop import IOLoop

from ...model.environment_variables import KERNEL_CA_VARIABLE, SERVICE_VARIABLE
from ..services.sessions.service_client import ServiceClient

CACHE_SECONDS = 30
"""How long a login, with its groups and scopes, is remembered without asking the Hub."""


def is_service(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this is the environment of a Hub's service, and not that of a user's server, which has no such name."""
    return bool(environment.get("JUPYTERHUB_SERVICE_NAME"))


def find_public_url(base_url: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the public address that the Hub gives to the server with this base URL; "" where it has none."""
    return environment.get("JUPYTERHUB_PUBLIC_URL", "").rstrip("/") if _is_hubs_server(base_url, environment) else ""


def stop_on_interrupt(serverapp: Any, environment: Mapping[str, str] = os.environ) -> None:
    """Let the signal with which a Hub stops its servers stop this one in order, so that its sessions end.

    Without a terminal, Jupyter installs no handler: the signal then ends the process at once.
    """
    is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if _is_hubs_server(serverapp.base_url, environment) and is_default:
        loop = IOLoop.current()
        signal.signal(signal.SIGINT, lambda *_: loop.add_callback_from_signal(serverapp.stop))


def _is_hubs_server(base_url: str, environment: Mapping[str, str]) -> bool:
    """Whether the Hub itself started this server, rather than a process that inherited a server's environment."""
    prefix = environment.get("JUPYTERHUB_SERVICE_PREFIX")
    return prefix is not None and prefix.rstrip("/") == base_url.rstrip("/")


def find_service(base_url: str, scope: str, environment: Mapping[str, str] = os.environ) -> ServiceClient | None:
    """Return the Hub's service, for the server that the Hub started with this base URL; None where there is none."""
    url, token = environment.get(SERVICE_VARIABLE), environment.get("JUPYTERHUB_API_TOKEN")
    if not url or not token or not _is_hubs_server(base_url, environment):
        return None
    return ServiceClient(url, token, scope, environment.get(KERNEL_CA_VARIABLE))
