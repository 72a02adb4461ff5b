"""Logins at a JupyterHub service: the Hub's identity provider, and the state of its OAuth flow. Server process."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from secrets import token_hex
from typing import Any

from traitlets import default

from ...errors import FigServeError, Forbidden, Unavailable
from ..services.auth.signing_secrets import read_given
from .logins import access_advice, person_of

_MAX_NEXT_URL = 1_200
"""Length above which the address to return to loses its query: a cookie has 4,096 bytes, and holds it twice encoded."""


def make_identity_provider_class(service: str) -> type[Any]:
    """Return JupyterHub's identity provider for a service, with errors that say what to do.

    Raises
    ------
    FigServeError
        When jupyterhub is not installed.
    """
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
                message = f"{person_of(found)} has no access to the service {service}. {access_advice(service)}"
                raise Forbidden(message, code="scope_missing")
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
        """JupyterHub's own, which keeps the state of an unfinished login encrypted in its parameter, not in memory.

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
