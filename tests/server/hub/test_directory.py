"""The Hub's users and groups, from an API like that of a Hub; tests/hub has a real one."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from jupyter_figserve.server.hub import directory as directory_module
from jupyter_figserve.server.hub.directory import HubDirectory, make_directory
from jupyter_figserve.server.hub.service_config import make_service_config
from jupyter_figserve.server.services.auth.directory import CANNOT_TELL, Lookup, NoDirectory
from tests.conftest import require_package

ALL = ["read:users", "read:users:name", "list:groups", "read:groups:name"]


class HubApi:
    """Answers as a Hub's API does: 404 for unknown names and, without the scope, for every name."""

    def __init__(self) -> None:
        self.scopes = ALL
        self.users = {"ada": {"created": "2026-01-01T00:00:00.000000Z"}, "a/b": {}}
        self.groups = {"ada": ["lab"]}
        self.fails = False
        self.asked: list[str] = []
        api = self

        class Handler(web.RequestHandler):
            def get(self, path: str) -> None:
                api.asked.append(path)
                assert self.request.headers["Authorization"] in ("token secret", "token adas")
                self.set_status(*api.answer(self, path))

        self.socket, port = bind_unused_port()
        self.server = HTTPServer(web.Application([(r"/hub/api/(.*)", Handler)]))
        self.url = f"http://127.0.0.1:{port}/hub/api"

    def answer(self, handler: web.RequestHandler, path: str) -> tuple[int]:
        kind, _, name = path.partition("/")
        if self.fails:
            return (500,)
        if handler.request.headers["Authorization"] == "token adas":
            handler.write(json.dumps({"name": "ada", "kind": "user", "groups": self.groups["ada"], "scopes": []}))
        elif path == "user":
            handler.write(json.dumps({"kind": "service", "scopes": self.scopes}))
        elif kind == "users" and name in self.users and "read:users:name" in self.scopes:
            handler.write(json.dumps({"name": name, **self.users[name]}))
        elif path == "groups/lab" and "read:groups:name" in self.scopes:
            handler.write(json.dumps({"name": "lab"}))
        else:
            return (404,)
        return (200,)


@pytest.fixture
def hub(jp_asyncio_loop) -> Iterator[HubApi]:
    api = HubApi()

    async def start() -> None:
        api.server.add_socket(api.socket)

    jp_asyncio_loop.run_until_complete(start())
    yield api
    api.server.stop()


async def test_names_are_looked_up(hub):
    """Users with the time at which they were created, names of any characters, and groups."""
    directory = HubDirectory(hub.url, "secret")
    assert await directory.find_user("ada") == Lookup(True, "2026-01-01T00:00:00.000000Z")
    assert await directory.find_user("a/b") == Lookup(True)
    assert await directory.find_user("bob") == Lookup(False)
    assert await directory.find_group("lab") == Lookup(True)
    assert await directory.find_group("labs") == Lookup(False)
    assert await directory.find_abilities() == {"users": True, "groups": True, "created": True}
    assert hub.asked.count("user") == 1
    assert await directory.find_user("service figserve") == CANNOT_TELL


@pytest.mark.parametrize("scopes", [[], ["read:users:name!user=ada", "read:groups:name!group=lab"]])
async def test_without_the_scope_nothing_can_be_told(hub, scopes):
    """The Hub's 404 for a name that may not be read does not count as unknown."""
    hub.scopes = scopes
    directory = HubDirectory(hub.url, "secret")
    assert await directory.find_user("ada") == await directory.find_group("lab") == CANNOT_TELL
    assert hub.asked == ["user"]


async def test_hub_that_fails_tells_nothing(hub):
    """Neither an error nor a Hub that is down makes a name unknown."""
    hub.fails = True
    assert await HubDirectory(hub.url, "secret").find_user("ada") == CANNOT_TELL
    closed, port = bind_unused_port()
    closed.close()
    assert await HubDirectory(f"http://127.0.0.1:{port}/hub/api", "secret").find_user("ada") == CANNOT_TELL
    directory = HubDirectory(hub.url, "secret")
    hub.fails = False
    assert (await directory.find_user("ada")).is_known
    hub.fails = True
    assert await directory.find_user("ada") == CANNOT_TELL


async def test_change_of_scopes_is_noticed(hub, monkeypatch):
    """Within half a minute: the Hub may have been restarted."""
    now = 1_000.0
    monkeypatch.setattr(directory_module.time, "monotonic", lambda: now)
    hub.scopes = []
    directory = HubDirectory(hub.url, "secret")
    assert await directory.find_user("ada") == CANNOT_TELL
    hub.scopes = ALL
    assert await directory.find_user("ada") == CANNOT_TELL
    now += 30
    assert (await directory.find_user("ada")).is_known


async def test_change_of_groups_is_noticed(hub, monkeypatch):
    """Within half a minute, for which JupyterHub's own client remembers a person."""
    require_package("jupyterhub")
    from jupyterhub.services import auth
    from traitlets.config import Config

    settings = {"JUPYTERHUB_SERVICE_NAME": "figserve", "JUPYTERHUB_SERVICE_PREFIX": "/services/figserve/"}
    settings |= {"JUPYTERHUB_API_TOKEN": "secret", "JUPYTERHUB_API_URL": hub.url, "JUPYTERHUB_CLIENT_ID": "service-x"}
    now = 1_000.0
    monkeypatch.setattr(auth.time, "monotonic", lambda: now)
    client = auth.HubOAuth(
        config=Config(HubOAuth=make_service_config(settings)["HubOAuth"]),
        api_url=hub.url,
        api_token="secret",
        oauth_client_id="service-x",
    )

    async def groups() -> list[str]:
        found: list[str] = (await client.user_for_token("adas", sync=False))["groups"]
        return found

    assert await groups() == ["lab"]
    hub.groups["ada"] = []
    now += 29
    assert await groups() == ["lab"]
    now += 2
    assert await groups() == []


def test_only_the_service_has_a_directory():
    """Of the Hub that started it."""
    assert isinstance(make_directory({}), NoDirectory)
    environment = {"JUPYTERHUB_API_URL": "http://127.0.0.1:1/hub/api", "JUPYTERHUB_API_TOKEN": "secret"}
    assert isinstance(make_directory(environment), NoDirectory)
    assert isinstance(make_directory(environment | {"JUPYTERHUB_SERVICE_NAME": "figserve"}), HubDirectory)
