"""API keys: list, create and revoke one's own, or everybody's as an administrator. Server process."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from ...errors import Forbidden, NotFound
from ...model.keys import ADMIN, PUBLISH, Key, Scope, check_scopes, new_key
from ...model.links import check_label, hash_secret
from ...model.times import parse_expiry, rfc3339
from .http.private_handler import AuthenticatedHandler

_DEFAULT_LIFE = "90d"


class _OwnKeysHandler(AuthenticatedHandler):
    @property
    def required_scopes(self) -> tuple[Scope, ...]:
        """Of a person, who manages the keys to their own things, the right to publish; of a key, the scope admin."""
        return PUBLISH if self.principal.is_login else super().required_scopes


class KeysHandler(_OwnKeysHandler):
    """``/api/keys``."""

    scopes = {"GET": ADMIN, "HEAD": ADMIN, "POST": ADMIN}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        limit = self.limit_argument()
        owner = None if self.principal.is_admin else self.principal.owner
        found = await self.context.store.keys.list(owner, limit=limit)
        self.write_json({"keys": [_key_json(key) for key in found], "next": None})

    head = get

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def post(self) -> None:
        """Create a key; its text is shown in this response only."""
        if not self.principal.is_login:
            raise Forbidden("A key cannot create keys. Log in to create one.", code="keys_make_no_keys")
        body, now = self.json_body(("scopes", "label", "expires")), self.context.store.clock()
        scopes = check_scopes(body.get("scopes"))
        self._check_rights(scopes)
        key_id, secret, text = new_key()
        key = Key(
            id=key_id,
            secret_hash=hash_secret(secret),
            owner=self.principal.owner,
            scopes=scopes,
            created=now,
            expires=parse_expiry(_DEFAULT_LIFE if body.get("expires") is None else body["expires"], now),
            label=check_label(body.get("label")),
            maker=self.principal.person,
        )
        await self.context.store.keys.add(key)
        self.audit("key.created", key.id, scopes=sorted(scopes))
        self.write_json(_key_json(key) | {"key": text}, 201)

    def _check_rights(self, scopes: frozenset[str]) -> None:
        """Refuse a key that may do more than the person who makes it."""
        beyond = sorted(scopes - self.principal.scopes)
        if beyond:
            raise Forbidden(f"You have no right to {beyond[0]} here, so your keys have none.", code="scope_missing")


class KeyHandler(_OwnKeysHandler):
    """``/api/keys/{id}``."""

    scopes = {"GET": ADMIN, "HEAD": ADMIN, "DELETE": ADMIN}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, key_id: str) -> None:
        self.write_json(_key_json(await self._get_key(key_id)))

    head = get

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def delete(self, key_id: str) -> None:
        key = await self._get_key(key_id)
        await self.context.store.keys.remove(key.id)
        self.audit("key.revoked", key.id)
        self.write_no_content()

    async def _get_key(self, key_id: str) -> Key:
        key = await self.context.store.keys.find(key_id)
        if key is None or not self.principal.may_see(key.owner):
            raise NotFound("There is no key with this id.")
        return key


def _key_json(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "label": key.label,
        "owner": key.owner,
        "maker": key.maker,
        "scopes": sorted(key.scopes),
        "created": rfc3339(key.created),
        "expires": rfc3339(key.expires),
        "last_used": rfc3339(key.last_used),
    }
