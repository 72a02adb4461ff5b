"""The OpenAPI document: valid, complete, and enforced on every response of the tests."""

from __future__ import annotations

import re
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, Literal
from urllib.parse import quote

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from tornado import web
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from jupyter_figserve.model.keys import SCOPES
from jupyter_figserve.model.live import LiveDeclaration
from jupyter_figserve.model.parameters import Range
from jupyter_figserve.plotting.signatures import read_signature
from jupyter_figserve.server.web.http.handler import _UNIMPLEMENTED
from jupyter_figserve.server.web.http.private_handler import AuthenticatedHandler
from jupyter_figserve.server.web.http.public_handler import PublicHandler
from jupyter_figserve.server.web.routes import ROUTES
from jupyter_figserve.server.web.system.openapi import MAX_LIVE

from .... import contract
from ...making import FakeKernel

OPERATIONS = [(path, method) for path, method, _ in contract.operations()]
IMPLEMENTED = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


APPLICATION = web.Application([*ROUTES])


def find_handler(path: str):
    """Return the handler to which tornado routes a documented path, None without one."""
    request = HTTPServerRequest(
        start_line=RequestStartLine("GET", contract.sample(path), "HTTP/1.1"), headers=HTTPHeaders(Host="localhost")
    )
    delegate = APPLICATION.find_handler(request)
    return delegate.handler_class if delegate.handler_class in dict(map(reversed, ROUTES)) else None


def methods_of(handler: type) -> set[str]:
    return {method for method in IMPLEMENTED if getattr(handler, method.lower()) is not _UNIMPLEMENTED}


def test_document_is_valid():
    """It is OpenAPI 3.1, its schemas are JSON Schema 2020-12, and its references resolve."""
    assert [str(error)[:300] for error in OpenAPIV31SpecValidator(contract.document()).iter_errors()] == []


def test_every_documented_operation_is_implemented():
    """Each documented path and method has a handler with that method."""
    missing = [(p, m) for p, m in OPERATIONS if (h := find_handler(p)) is None or m not in methods_of(h)]
    assert missing == []


def test_every_implemented_method_is_documented():
    """Each method of each route is documented under a path that leads to it."""
    documented: dict[type, set[str]] = {}
    for path, method in OPERATIONS:
        documented.setdefault(find_handler(path), set()).add(method)
    assert {handler: methods_of(handler) for _, handler in ROUTES} == documented


def test_every_route_is_documented():
    """Also a second address of a handler: some documented path leads to each route, and not to one before it."""
    paths = {contract.sample(path) for path, _ in OPERATIONS}
    reached = {next(pattern for pattern, _ in ROUTES if re.fullmatch(pattern, path)) for path in paths}
    assert [pattern for pattern, _ in ROUTES if pattern not in reached] == []


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_documented_access_is_the_handlers(path: str, method: str):
    """A private operation has the scopes of its handler, a public one has no security."""
    operation, handler = contract.document()["paths"][path][method.lower()], find_handler(path)
    if issubclass(handler, PublicHandler):
        assert operation["security"] == []
        assert "x-scopes" not in operation
    else:
        assert issubclass(handler, AuthenticatedHandler)
        assert operation.get("security") != []
        assert tuple(operation["x-scopes"]) == handler.scopes[method]


def test_operation_ids_are_unique():
    """Generated clients use them as names."""
    ids = [operation["operationId"] for _, _, operation in contract.operations()]
    assert sorted(set(ids)) == sorted(ids)


def test_scopes_of_the_document_are_those_there_are():
    """The enumeration equals that of the domain."""
    assert contract.document()["components"]["schemas"]["Scopes"]["items"]["enum"] == list(SCOPES)


async def test_document_is_served(stranger):
    """It is public, and equal to the file."""
    answer = await stranger.get("/api/openapi.yaml")
    assert answer.headers["Content-Type"] == "application/yaml; charset=utf-8"
    assert contract.load_yaml(answer.body) == contract.document()


class Beast(Enum):
    BEAR = "Ursus: arctos"
    DEER = "Cervus"


def odd(
    text: str = "# no: comment\x7f\u2028\ud7ff\U0001f43b {a} & *b",
    n: Annotated[int, Range(1, 9)] = 3,
    x: float = 1e300,
    log: bool = False,
    day: date = date(2024, 3, 31),
    moment: datetime = datetime(2024, 3, 31, 9, 30),
    beast: Beast = Beast.BEAR,
    one: Literal[1, 2, "none"] = 1,
    many: list[int] = [1, 2],  # noqa: B006  a declaration, never called
    some: list[Literal["a", "b"]] | None = None,
    maybe: float | None = None,
):
    """A parameter of every kind."""


def needy(n: int):
    """A parameter without a default."""


ODD_NAMES = ("animal", "a b", "a-b", "Ångström", "\U00020000" * 100, "_")


class TestLiveFigures:
    """Live figures that kernels offer are operations, for callers who may render them."""

    @pytest.fixture
    def offered(self, context, jp_asyncio_loop) -> list[str]:
        """The names that kernel k1 offers."""
        parameters = [read_signature(function).parameters for function in (odd, needy)]
        declared = [LiveDeclaration(name, parameters[0], 'Of "every": kind') for name in ODD_NAMES]
        declared.append(LiveDeclaration("needy", parameters[1], sizes=()))
        taking = context.live.registry.register(context.config.owner, "k1", FakeKernel(), declared)
        jp_asyncio_loop.run_until_complete(taking)
        return [*ODD_NAMES, "needy"]

    async def read(self, client, **query: object) -> dict[str, Any]:
        """Return the live figures' part of the document, which is otherwise unchanged."""
        loaded = contract.load_yaml((await client.get("/api/openapi.yaml", **query)).body)
        known = contract.document()["paths"]
        added = {path: item for path, item in loaded["paths"].items() if path not in known}
        assert loaded == contract.document() | {"paths": known | added}
        return added

    async def test_each_is_an_operation(self, owner, offered):
        """At its own path, for any name; operation ids are plain and unique, and the document is valid."""
        added = await self.read(owner)
        whole = contract.document() | {"paths": added}
        assert [str(error)[:300] for error in OpenAPIV31SpecValidator(whole).iter_errors()] == []
        assert list(added) == [f"/live/k1/{quote(name)}.{{ext}}" for name in offered]
        ids = [item["get"]["operationId"] for item in added.values()]
        assert ids == ["live_animal", "live_a_b", "live_a_b_2", "live_ngstr_m", "live_figure", "live_figure_2",
                       "live_needy"]  # fmt: skip
        for path in added:
            assert (await owner.get(path.replace("{ext}", "png"), n=3)).status == 200

    async def test_parameters_are_those_of_the_function(self, owner, offered):
        """With their schemas, and sizes unless the function has its own."""
        added = await self.read(owner)
        described = added["/live/k1/animal.{ext}"]["get"]
        assert described["description"] == 'Of "every": kind'
        own = {one["name"]: one for one in described["parameters"] if "name" in one}
        assert list(own) == list(read_signature(odd).parameters.names)
        assert own["text"]["schema"]["default"] == read_signature(odd).parameters.items[0].default
        assert own["n"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 9, "default": 3}
        assert own["n"]["description"] == "A whole number from 1 to 9."
        assert own["one"]["schema"] == {"enum": [1, 2, "none"], "default": 1}
        assert (own["many"]["style"], own["many"]["explode"]) == ("form", False)
        references = [one["$ref"].rpartition("/")[2] for one in described["parameters"] if "$ref" in one]
        assert references == ["Width", "Height", "Dpi", "Suffix", "IfNoneMatch", "Range"]
        (needed, *others) = added["/live/k1/needy.{ext}"]["get"]["parameters"]
        assert (needed["name"], needed["required"], len(others)) == ("n", True, 3)

    async def test_names_are_visible_to_their_owner_only(self, stranger, owner, browser, make_key, offered):
        """Not to other callers, wrong keys, or requests from another site."""
        allowed = [owner, browser, stranger.with_key(await make_key("read"))]
        refused = [
            stranger,
            stranger.with_headers(Authorization="token wrong"),
            stranger.with_headers(Cookie="username-localhost-8888=wrong"),
            stranger.with_key("fsk_abcdefgh_" + "x" * 43),
            stranger.with_key(await make_key("publish", "render", "admin")),
            stranger.with_key(await make_key("read", owner="somebody")),
            browser.with_headers(Sec_Fetch_Site="cross-site"),
        ]
        assert [len(await self.read(client)) for client in allowed] == [7] * 3
        assert [len(await self.read(client)) for client in refused] == [0] * 7

    async def test_only_the_bare_document_is_for_all(self, stranger, owner, offered):
        """Caches share only the response to requests without credentials."""
        for client, kept in ((stranger, "public, max-age=3600"), (owner, "private, no-store"),
                             (stranger.with_headers(Cookie="a=b"), "private, no-store")):  # fmt: skip
            answer = await client.get("/api/openapi.yaml")
            assert answer.headers["Cache-Control"] == kept
            assert answer.headers["Vary"] == "Authorization, Cookie, X-API-Key"

    async def test_one_kernels_alone(self, owner, context, offered):
        """Two kernels of a notebook have two operations; ``session`` selects one."""
        declared = [LiveDeclaration("animal")]
        await context.live.registry.register(context.config.owner, "k2", FakeKernel(), declared)
        both = await self.read(owner)
        assert len(both) == len(offered) + 1
        assert [both[f"/live/{k}/animal.{{ext}}"]["get"]["operationId"] for k in ("k2", "k1")] == [
            "live_animal",
            "live_animal_2",
        ]
        assert list(await self.read(owner, session="k2")) == ["/live/k2/animal.{ext}"]
        assert await self.read(owner, session="k3") == {}

    async def test_there_is_a_bound(self, owner, context):
        """The number of operations is limited."""
        declared = [LiveDeclaration(f"f{n}") for n in range(MAX_LIVE + 5)]
        await context.live.registry.register(context.config.owner, "k1", FakeKernel(), declared)
        assert len(await self.read(owner)) == MAX_LIVE


class TestContract:
    """The validation itself accepts documented responses and no others."""

    JSON = {"Content-Type": "application/json; charset=utf-8"}
    LINKS = b'{"links": [], "next": null}'

    def test_documented_answer_passes(self):
        """A documented status, type and body."""
        contract.check("GET", "/api/links", 200, self.JSON, self.LINKS)

    @pytest.mark.parametrize(
        ("method", "path", "status", "headers", "body"),
        [
            ("GET", "/api/links", 201, JSON, LINKS),
            ("GET", "/api/links", 200, {"Content-Type": "text/html"}, LINKS),
            ("GET", "/api/links", 200, JSON, b'{"links": []}'),
            ("GET", "/api/links", 200, JSON, b'{"links": [], "next": null, "token": "x"}'),
            ("GET", "/api/links", 200, JSON, b'{"links": [{"id": "x"}], "next": null}'),
            ("GET", "/api/links", 401, JSON, b'{"error": "No.", "code": "unauthorized"}'),
            ("GET", "/api/nothing", 200, JSON, b"{}"),
            ("PUT", "/api/links", 200, JSON, b"{}"),
            ("DELETE", "/api/links/x", 204, {}, b"{}"),
            ("HEAD", "/api/links", 200, JSON, LINKS),
        ],
    )
    def test_undocumented_answer_fails(self, method, path, status, headers, body):
        """Another status, type, shape, path or method, a missing header, or an unexpected body."""
        with pytest.raises(AssertionError):
            contract.check(method, path, status, headers, body)

    @pytest.mark.parametrize(
        ("path", "template"),
        [
            ("/figures/abc", "/figures/{id}"),
            ("/figures/abc.png", "/figures/{id}.{ext}"),
            ("/f/tok.png", "/f/{token}.{ext}"),
            ("/f/tok/embed", "/f/{token}/embed"),
            ("/f/tok", "/f/{token}"),
            ("/f/tok/other", None),
        ],
    )
    def test_path_is_found(self, path, template):
        """A response is validated against the path of its request."""
        assert contract.find_path(path) == template
