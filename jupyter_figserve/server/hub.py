"""JupyterHub: the environment that it gives to servers and services, and who its users are. Server process.

With ``hub_directory``, the modules that know JupyterHub.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import os
import signal
from collections.abc import Mapping
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit

from tornado.ioloop import IOLoop
from traitlets import default

from ..errors import FigServeError, Forbidden, Unavailable
from ..hub import PUBLISH_SCOPE, READ_SCOPE, SERVICE_VARIABLE, SETTINGS_VARIABLE
from ..model.keys import SCOPES, Scope
from .services.auth.logins import Logins, SingleOwner
from .services.auth.principal import Principal
from .services.auth.signing_secrets import read_given
from .services.sessions.service_client import ServiceClient

CACHE_SECONDS = 30
"""How long a login, with its groups and scopes, is remembered without asking the Hub."""
_MAX_NEXT_URL = 1_200
"""Length above which the address to return to loses its query: a cookie has 4,096 bytes, and holds it twice encoded."""
SERVICE_PERSON = "service "
"""Precedes the name of a service."""
_ADVICE = "Ask the JupyterHub's administrator for {line} (jupyter_figserve.hub.configure(c, url=...) sets it)."
_TOKEN_LINE = f'c.Spawner.server_token_scopes = [..., "access:services!service={{service}}", "{PUBLISH_SCOPE}"]'
_LOGIN_LINE = (
    f'c.JupyterHub.extra_user_scopes = {{{{"access:services!service={{service}}", "{PUBLISH_SCOPE}"}}}} (JupyterHub 5:'
    f' in the role "user" of load_roles) and "oauth_client_allowed_scopes": ["{PUBLISH_SCOPE}"] in the service'
)
_ACCESS_LINE = 'the scope "access:services!service={service}" in ' + _LOGIN_LINE.partition(" and ")[0]


def is_service(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this is the environment of a Hub's service, and not that of a user's server, which has no such name."""
    return bool(environment.get("JUPYTERHUB_SERVICE_NAME"))


class UserServerLogins:
    """On the server of a Hub's user: the user is its owner, and all others may only look.

    Such guests are those with a share of the server, and the Hub's administrators and services.

    Parameters
    ----------
    owner
        Owner of all figures of this server, ``FigServe.owner``.
    user
        The Hub's name of the user.
    """

    knows_people = True

    def __init__(self, owner: str, user: str) -> None:
        self._owner = owner
        self._user = user
        self._advice = f"This is the server of {user}: you may look at the figures; only {user} can change them."

    def identify(self, user: Any, *, by_token: bool = False) -> Principal:
        found: Mapping[str, Any] | None = getattr(user, "hub_user", None)
        if found is None:
            # The server's own token, where the Hub does not check logins.
            return Principal(self._owner, frozenset(SCOPES))
        groups = frozenset(found.get("groups") or ())
        if person_of(found) == self._user:
            return Principal(self._owner, frozenset(SCOPES), groups=groups)
        return Principal(
            self._owner, frozenset({Scope.READ}), person=person_of(found), groups=groups, advice=self._advice
        )


class ServiceLogins:
    """On the Hub's service: everybody owns what they publish, with the rights that the Hub's scopes give.

    Parameters
    ----------
    service
        The service's name in the Hub.
    """

    knows_people = True

    def __init__(self, service: str) -> None:
        self._service = service

    def identify(self, user: Any, *, by_token: bool = False) -> Principal:
        found: Mapping[str, Any] = user.hub_user
        name, given = person_of(found), set(found.get("scopes") or ())
        advice = _ADVICE.format(line=(_TOKEN_LINE if by_token else _LOGIN_LINE).format(service=self._service))
        scopes = set()
        if _has(given, READ_SCOPE, name) or _has(given, PUBLISH_SCOPE, name):
            scopes.add(Scope.READ)
        if _has(given, PUBLISH_SCOPE, name):
            scopes |= {Scope.PUBLISH, Scope.RENDER}
            # The token of an administrator's server is no administrator.
            if found.get("admin") and (not by_token or "admin:users" in given):
                scopes.add(Scope.ADMIN)
        if not scopes:
            subject = "This token of" if by_token else "The login of"
            raise Forbidden(f"{subject} {name} has no scope {PUBLISH_SCOPE}. {advice}", code="scope_missing")
        groups, login = frozenset(found.get("groups") or ()), getattr(user, "login", "")
        return Principal(name, frozenset(scopes), groups=groups, advice=advice, login=login)


def _has(given: set[str], scope: str, name: str) -> bool:
    return scope in given or f"{scope}!user={name}" in given


def person_of(hub_user: Mapping[str, Any]) -> str:
    """Return the name of a user, or of a service, which never is that of a user."""
    name = str(hub_user["name"])
    return name if hub_user.get("kind", "user") == "user" else SERVICE_PERSON + name


def make_logins(owner: str, environment: Mapping[str, str] = os.environ) -> Logins:
    """Return what identifies the logins of this server."""
    if is_service(environment):
        return ServiceLogins(environment["JUPYTERHUB_SERVICE_NAME"])
    user = environment.get("JUPYTERHUB_USER")
    return SingleOwner(owner) if user is None else UserServerLogins(owner, user)


def find_public_url(base_url: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the public address that the Hub gives to the server with this base URL; "" where it has none."""
    return environment.get("JUPYTERHUB_PUBLIC_URL", "").rstrip("/") if is_hubs_server(base_url, environment) else ""


def stop_on_interrupt(serverapp: Any, environment: Mapping[str, str] = os.environ) -> None:
    """Let the signal with which a Hub stops its servers stop this one in order, so that its sessions end.

    Without a terminal, Jupyter installs no handler: the signal then ends the process at once.
    """
    is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_hubs_server(serverapp.base_url, environment) and is_default:
        loop = IOLoop.current()
        signal.signal(signal.SIGINT, lambda *_: loop.add_callback_from_signal(serverapp.stop))


def is_hubs_server(base_url: str, environment: Mapping[str, str]) -> bool:
    """Whether the Hub itself started this server, rather than a process that inherited a server's environment."""
    prefix = environment.get("JUPYTERHUB_SERVICE_PREFIX")
    return prefix is not None and prefix.rstrip("/") == base_url.rstrip("/")


def find_service(base_url: str, scope: str, environment: Mapping[str, str] = os.environ) -> ServiceClient | None:
    """Return the Hub's service, for the server that the Hub started with this base URL; None where there is none."""
    url, token = environment.get(SERVICE_VARIABLE), environment.get("JUPYTERHUB_API_TOKEN")
    if not url or not token or not is_hubs_server(base_url, environment):
        return None
    return ServiceClient(url, token, scope, environment.get("KERNEL_FIGSERVE_CA"))


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
        "identity_provider_class": _make_identity_provider_class(environment["JUPYTERHUB_SERVICE_NAME"]),
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


def _make_identity_provider_class(service: str) -> type[Any]:
    try:
        from jupyterhub.singleuser.extension import JupyterHubIdentityProvider
        from tornado.web import HTTPError
    except ImportError as error:
        raise FigServeError(
            'A JupyterHub service needs jupyterhub: pip install "jupyter_figserve[hub]"', code="not_installed"
        ) from error

    class ServiceIdentityProvider(JupyterHubIdentityProvider):  # type: ignore[misc]
        """JupyterHub's own, with errors that say what to do."""

        async def get_user(self, handler: Any) -> Any:
            try:
                user = await super().get_user(handler)
                found = None if user is not None else await self.hub_auth.get_user(handler, sync=False)
            except HTTPError as error:
                raise Unavailable(
                    "The JupyterHub does not answer, so that nobody can log in. Try again.", code="hub_unavailable"
                ) from error
            if user is not None:
                # Ids of tokens are used again in the Hub's SQLite; of a token itself there is only one.
                token = str(self.hub_auth.get_token(handler) or "")
                user.login = hashlib.sha256(token.encode()).hexdigest()
            if found is not None:
                raise Forbidden(
                    f"{person_of(found)} has no access to the service {service}. "
                    + _ADVICE.format(line=_ACCESS_LINE.format(service=service)),
                    code="scope_missing",
                )
            return user

        @default("hub_auth")
        def _default_hub_auth(self) -> Any:
            return _make_oauth_class()(parent=self)

    return ServiceIdentityProvider


def _make_oauth_class() -> type[Any]:
    from cryptography.fernet import Fernet, InvalidToken, MultiFernet
    from jupyterhub.services.auth import HubOAuth

    secrets = read_given() or [token_hex(32)]
    keys = [hmac.digest(secret.encode(), b"figserve OAuth state v1", "sha256") for secret in secrets]
    box = MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])

    class StatelessHubOAuth(HubOAuth):  # type: ignore[misc]
        """JupyterHub's own, with the state of a login under way in the state itself, encrypted, and not in memory.

        So another server with the same secret, or this one after a restart, completes the login.
        """

        def generate_state(self, next_url: str | None = None, **extra: Any) -> str:
            if next_url and len(next_url) > _MAX_NEXT_URL:
                next_url = next_url.partition("?")[0][:_MAX_NEXT_URL]
            return str(box.encrypt(json.dumps({"next_url": next_url, **extra}).encode()).decode())

        def clear_oauth_state(self, state_id: str) -> None:
            """Do nothing: the cookie, which a login needs too, is removed by the caller."""

        def _decode_state(self, state_id: str, /) -> dict[str, Any]:
            try:
                return dict(json.loads(box.decrypt(state_id, ttl=self.oauth_state_max_age)))
            except (InvalidToken, ValueError):
                return {}

    return StatelessHubOAuth
