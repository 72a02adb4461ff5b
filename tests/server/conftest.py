"""A server with the extension in the test's own event loop, and clients that validate every response."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

import pytest
from jupyter_server.serverapp import ServerApp

# Here and not as a plug-in of all tests: it makes and ends an event loop for each of them.
from pytest_jupyter.jupyter_server import *  # noqa: F403
from tornado.httpclient import HTTPRequest
from tornado.httputil import HTTPHeaders
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from jupyter_figserve.model.keys import Key, new_key
from jupyter_figserve.model.links import hash_secret
from jupyter_figserve.sandbox.fake import FakeRenderer
from jupyter_figserve.server.app import FigServe
from jupyter_figserve.server.services.auth.principal import Principal
from jupyter_figserve.server.web.context import AppContext
from jupyter_figserve.store.catalog import keys

from .. import contract
from ..catalogs import make_data_directory
from ..waiting import PATIENCE, until
from .cheap_starts import make_starts_cheap
from .making import jupyter  # noqa: F401
from .sample_images import png

make_starts_cheap()
DEADLINE = 20.0
"""Seconds after which what a test waits for is taken as never coming."""


@pytest.fixture
def figserve_config() -> dict[str, object]:
    """Traits of FigServe for ``jp_serverapp``; override it in a test module or class."""
    return {}


@pytest.fixture(autouse=True)
def jp_server_cleanup(jp_asyncio_loop) -> Iterator[None]:
    """End the test's server, where pytest-jupyter would make one to end it; two of three tests have none."""
    yield
    if ServerApp.initialized():
        app = ServerApp.instance()
        jp_asyncio_loop.run_until_complete(app._cleanup())
        app.kernel_manager.context.destroy()
        ServerApp.clear_instance()


@pytest.fixture
def jp_nbconvert_templates() -> None:
    """Do without a copy of nbconvert's templates, which no test uses."""


@pytest.fixture
def jp_server_config(tmp_path: Path, figserve_config: dict[str, object]) -> dict[str, object]:
    """The server of pytest-jupyter with the extension, and figures in the test's directory."""
    make_data_directory(tmp_path / "figures")
    return {
        "ServerApp": {"jpserver_extensions": {"jupyter_figserve": True, "jupyter_server_terminals": False}},
        "FigServe": {"data_dir": str(tmp_path / "figures"), **figserve_config},
    }


@pytest.fixture
def jp_base_url() -> str:
    """The base URL contains an escaped character, so that every test checks the escaping."""
    return "/a%40b/"


@pytest.fixture(autouse=True)
def renderer(monkeypatch: pytest.MonkeyPatch) -> FakeRenderer:
    """A fake renderer instead of the sandbox, which has its own tests."""
    fake = FakeRenderer()
    monkeypatch.setattr(FigServe, "make_renderer", lambda self: fake)
    return fake


@dataclass(frozen=True)
class Answer:
    status: int
    headers: HTTPHeaders
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def mimetype(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0]

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The error code of the response."""
        code: str = self.json()["code"]
        return code


@dataclass(frozen=True)
class Client:
    """A client of the server; every response is validated against the OpenAPI document.

    Parameters
    ----------
    prefix
        Absolute URL of our routes.
    headers
        Sent with every request: the client's credentials, for instance.
    xsrf
        What a page of Jupyter's would add to a form.
    """

    prefix: str
    http: SimpleAsyncHTTPClient
    headers: Mapping[str, str] = field(default_factory=dict)
    xsrf: str = ""

    def with_headers(self, **headers: str) -> Client:
        """Return the same client with more headers: ``with_headers(User_Agent="x")``."""
        return replace(self, headers={**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}})

    def with_key(self, key: str) -> Client:
        return Client(self.prefix, self.http, {"X-API-Key": key})

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes | dict[str, Any] | list[Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **query: object,
    ) -> Answer:
        """Send one request to a path below our prefix, or to an absolute URL."""
        # As browsers and proxies have it: some responses are sent in another way when the connection is kept.
        head = {"Connection": "keep-alive", **self.headers, **(headers or {})}
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            head.setdefault("Content-Type", "application/json")
        url = path if "://" in path else self.prefix + path
        url += ("&" if "?" in url else "?") + urlencode(query) if query else ""
        request = HTTPRequest(
            url,
            method,
            head,
            body,
            allow_nonstandard_methods=True,
            follow_redirects=False,
            decompress_response=False,
            request_timeout=DEADLINE,
        )
        response = await self.http.fetch(request, raise_error=False)
        assert response.code != 599, response.error
        answer = Answer(response.code, response.headers, response.body or b"")
        below = unquote(urlsplit(url).path.removeprefix(urlsplit(self.prefix).path))
        contract.check(method, below, answer.status, answer.headers, answer.body)
        return answer

    async def get(self, path: str, headers: Mapping[str, str] | None = None, **query: object) -> Answer:
        return await self.ask("GET", path, None, headers, **query)

    async def head(self, path: str, headers: Mapping[str, str] | None = None, **query: object) -> Answer:
        return await self.ask("HEAD", path, None, headers, **query)

    async def post(self, path: str, body: dict[str, Any] | None = None, **query: object) -> Answer:
        return await self.ask("POST", path, body or {}, **query)

    async def patch(self, path: str, body: dict[str, Any]) -> Answer:
        return await self.ask("PATCH", path, body)

    async def delete(self, path: str, **query: object) -> Answer:
        return await self.ask("DELETE", path, **query)

    async def publish(self, name: str = "sales", data: bytes | None = None, type: str = "image/png", **fields: str):
        """Publish a figure and return its record; the image is a small PNG by default."""
        answer = await self.ask(
            "POST", "/api/figures", png() if data is None else data, {"Content-Type": type}, name=name, **fields
        )
        assert answer.status == 201, answer.text
        return answer.json()

    async def share(self, figure: Mapping[str, Any], **fields: object) -> dict[str, Any]:
        """Create a link to a figure."""
        answer = await self.post(f"/api/figures/{figure['id']}/links", fields)
        assert answer.status == 201, answer.text
        link: dict[str, Any] = answer.json()
        return link


@pytest.fixture
def http(jp_asyncio_loop) -> Iterator[SimpleAsyncHTTPClient]:
    async def make() -> SimpleAsyncHTTPClient:
        return SimpleAsyncHTTPClient(force_instance=True, max_clients=100)

    client = jp_asyncio_loop.run_until_complete(make())
    yield client
    client.close()


@pytest.fixture
def stranger(http_server, http_server_port, http, jp_base_url: str) -> Client:
    """A client without credentials."""
    return Client(f"http://127.0.0.1:{http_server_port[1]}{jp_base_url}figserve", http)


@pytest.fixture
def owner(stranger: Client, jp_auth_header: dict[str, str]) -> Client:
    """A client with the token of Jupyter's login."""
    return replace(stranger, headers=jp_auth_header)


@pytest.fixture
def browser(jp_serverapp, jp_asyncio_loop, stranger: Client, owner: Client) -> Client:
    """A client with the cookies of a login, as a browser sends them, but without ``_xsrf``."""

    async def log_in() -> list[str]:
        base = owner.prefix.removesuffix("/figserve")
        login = await owner.http.fetch(f"{base}/api/kernels", headers=owner.headers)
        form = await owner.http.fetch(f"{base}/login")
        return [c.partition(";")[0] for answer in (login, form) for c in answer.headers.get_list("Set-Cookie")]

    cookies = dict(cookie.split("=", 1) for cookie in jp_asyncio_loop.run_until_complete(log_in()))
    assert any(name.startswith("username-") for name in cookies)
    return replace(
        stranger.with_headers(Cookie="; ".join(f"{name}={value}" for name, value in cookies.items())),
        xsrf=cookies["_xsrf"],
    )


@pytest.fixture
def figserve(jp_serverapp) -> FigServe:
    """The extension of the running server."""
    (app,) = jp_serverapp.extension_manager.extension_apps["jupyter_figserve"]
    return app


@pytest.fixture
def context(figserve: FigServe) -> AppContext:
    return figserve.context


@pytest.fixture
def log_in_as(context: AppContext) -> Callable[[Principal], None]:
    """``log_in_as(principal)`` makes every login from now on that principal's."""

    class OneLogin:
        knows_people = True

        def __init__(self, principal: Principal) -> None:
            self.principal = principal

        def identify(self, user: Any, *, by_token: bool = False) -> Principal:
            return self.principal

    def choose(principal: Principal) -> None:
        context.authenticator.logins = OneLogin(principal)

    return choose


class Clock:
    """A clock that only the test advances."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(context: AppContext) -> Clock:
    """The store's clock, which stands still until the test advances it."""
    context.store.clock = clock = Clock()
    return clock


@pytest.fixture
def put_forward(jp_asyncio_loop) -> Callable[[float], None]:
    """``put_forward(seconds)`` makes the clock of the event loop jump: timers that end within them fire at once.

    So what happens before a deadline has happened, however slow the machine is, and nobody waits for the deadline.
    """
    clock, jumps = jp_asyncio_loop.time, [0.0]
    jp_asyncio_loop.time = lambda: clock() + sum(jumps)
    return jumps.append


@pytest.fixture
def finish_source_checks(context: AppContext, put_forward) -> Callable[[], Awaitable[None]]:
    """``await finish_source_checks()`` returns when all scheduled sources have been tested, without a pause before."""

    async def finish() -> None:
        put_forward(PATIENCE)
        await until(lambda: context.source_checker._worker.done())

    return finish


MakeKey = Callable[..., Awaitable[str]]


@pytest.fixture
def make_key(context: AppContext) -> MakeKey:
    """``await make_key("read")`` returns the text of a key; ``owner``, ``expires`` and ``kernel`` are optional."""

    async def make(*scopes: str, **fields: Any) -> str:
        key_id, secret, text = new_key()
        row: dict[str, Any] = {"owner": context.config.owner, "created": context.store.clock()} | fields
        key = Key(key_id, hash_secret(secret), scopes=frozenset(scopes), **row)
        await asyncio.wrap_future(context.store.catalog.write(lambda connection: keys.add(connection, key)))
        return text

    return make
