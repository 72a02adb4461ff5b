"""Links of the tests."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_figserve.model.keys import SCOPES, Scope
from jupyter_figserve.server.services.auth.principal import Principal

from ...conftest import Client
from ...sample_images import SAMPLES

GROUPS = {"mia": ("lab", "staff"), "eve": ("staff",)}


def token_of(link: dict) -> str:
    return link["url"].rpartition("/")[2]


@pytest.fixture
def publish_and_share(owner: Client):
    """Return a link to a new figure."""

    async def make(type: str = "png", **options: object) -> dict:
        mimetype, data = SAMPLES[type]
        figure = await owner.publish("sales", data, mimetype, title="Sales <b>", alt='A "line" & more')
        return await owner.share(figure, **options)

    return make


class HubPeople:
    """The logins of a Hub's service: the header ``X-Person`` takes the place of its cookie."""

    knows_people = True

    def identify(self, user: Any, *, by_token: bool = False) -> Principal:
        scopes = frozenset(SCOPES) if user.name == "root" else frozenset(SCOPES) - {Scope.ADMIN}
        return Principal(user.name, scopes, groups=frozenset(GROUPS.get(user.name, ())))


@pytest.fixture
def hub(context, jp_serverapp, monkeypatch) -> None:
    """Makes the server know people, who log in by the header ``X-Person``."""
    monkeypatch.setattr(context.authenticator, "logins", HubPeople())

    def get_user(handler: Any) -> Any:
        name = handler.request.headers.get("X-Person")
        return SimpleNamespace(name=name, username=name) if name else None

    monkeypatch.setattr(jp_serverapp.identity_provider, "get_user", get_user)


@pytest.fixture
def viewers(hub, stranger: Client, make_key) -> Callable[[], Any]:
    """All viewers by name."""

    async def make() -> dict[str, Client]:
        def login(name: str) -> Client:
            return stranger.with_headers(X_Person=name)

        async def key(name: str) -> Client:
            return stranger.with_key(await make_key("read", owner=name))

        return {
            "owner": login("local"),
            "key of the owner": await key("local"),
            "named": login("bob"),
            "member": login("mia"),
            "key of the named": await key("bob"),
            "other": login("eve"),
            "admin": login("root"),
            "key of another": await key("eve"),
            "key of a member": await key("mia"),
            "stranger": stranger,
            "wrong login": stranger.with_headers(Cookie="username-localhost=x", Authorization="token wrong"),
        }

    return make


@pytest.fixture
def publisher(hub, stranger: Client, make_key) -> Callable[[], Any]:
    async def make() -> Client:
        return stranger.with_key(await make_key("publish", "read"))

    return make
