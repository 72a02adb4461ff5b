"""The users and groups of a JupyterHub, as its service may look them up. Server process.

With the scope ``read:users:name`` it checks names, and with ``read:users`` it notices that another user got one.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from ..services.auth.directory import CANNOT_TELL, Directory, Lookup, NoDirectory
from .environment import CACHE_SECONDS, is_service
from .logins import SERVICE_PERSON

_CONNECT_SECONDS, _REQUEST_SECONDS = 1.0, 3.0
_log = logging.getLogger("jupyter_figserve")
_USER_SCOPES = frozenset({"read:users", "read:users:name"})
_GROUP_SCOPES = frozenset({"read:groups", "read:groups:name"})


class HubDirectory:
    """Asks the Hub's API with the token of the service, whose scopes are remembered for half a minute.

    Parameters
    ----------
    url
        Of the Hub's API.
    files
        Of the Hub's internal TLS: ``client_key``, ``client_cert`` and ``ca_certs``.
    """

    def __init__(self, url: str, token: str, files: Mapping[str, str] | None = None) -> None:
        self._url = url.rstrip("/")
        self._options: dict[str, Any] = {
            "headers": {"Authorization": f"token {token}", "Accept": "application/json"},
            "connect_timeout": _CONNECT_SECONDS,
            "request_timeout": _REQUEST_SECONDS,
            **(files or {}),
        }
        self._asked = float("-inf")
        self._scopes: frozenset[str] = frozenset()

    async def find_user(self, name: str) -> Lookup:
        """Look up a user; services of the Hub are not in the directory."""
        if name.startswith(SERVICE_PERSON) or not await self._may(_USER_SCOPES):
            return CANNOT_TELL
        return await self._look_up(f"users/{quote(name, safe='')}")

    async def find_group(self, name: str) -> Lookup:
        return await self._look_up(f"groups/{quote(name, safe='')}") if await self._may(_GROUP_SCOPES) else CANNOT_TELL

    async def find_abilities(self) -> dict[str, bool]:
        return {
            "users": await self._may(_USER_SCOPES),
            "groups": await self._may(_GROUP_SCOPES),
            "created": await self._may(frozenset({"read:users"})),
        }

    async def _may(self, scopes: frozenset[str]) -> bool:
        """Whether the service has one of these scopes for everybody: without, the Hub answers 404 for any name."""
        now = time.monotonic()
        if now >= self._asked + CACHE_SECONDS:
            found = await self._get("user")
            self._scopes = frozenset((found or {}).get("scopes") or ())
            self._asked = now
        return not scopes.isdisjoint(self._scopes)

    async def _look_up(self, path: str) -> Lookup:
        found = await self._get(path)
        if found is None:
            return CANNOT_TELL
        return Lookup(True, str(found.get("created") or "")) if found else Lookup(False)

    async def _get(self, path: str) -> dict[str, Any] | None:
        """Return a decoded answer, {} for 404, and None when the Hub does not answer the question."""
        try:
            response = await AsyncHTTPClient().fetch(f"{self._url}/{path}", **self._options)
            found = json.loads(response.body)
        except HTTPClientError as error:
            if error.code == 404:
                return {}
            _log.warning("The JupyterHub does not answer about %s: %s", path, error)
            return None
        except (OSError, ValueError) as error:
            _log.warning("The JupyterHub does not answer about %s: %s", path, error)
            return None
        return found if isinstance(found, dict) else None


def make_directory(environment: Mapping[str, str] = os.environ) -> Directory:
    """Return the directory of this server: that of the Hub for its service, and none elsewhere."""
    if not is_service(environment):
        return NoDirectory()
    names = {
        "client_key": "JUPYTERHUB_SSL_KEYFILE",
        "client_cert": "JUPYTERHUB_SSL_CERTFILE",
        "ca_certs": "JUPYTERHUB_SSL_CLIENT_CA",
    }
    files = {option: environment[name] for option, name in names.items() if environment.get(name)}
    return HubDirectory(environment["JUPYTERHUB_API_URL"], environment["JUPYTERHUB_API_TOKEN"], files)
