"""A fake server over real HTTP that records requests; its responses follow the OpenAPI document."""

from __future__ import annotations

import base64
import json
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from jupyter_figserve.demo.kernel_session import KernelSession
from jupyter_figserve.errors import OutputInvalid
from jupyter_figserve.kernel.cells.cell import CellFigureNames
from jupyter_figserve.kernel.client import batch_server, discovery
from jupyter_figserve.kernel.client.address import parse_exact
from jupyter_figserve.kernel.client.client import FigServeClient
from jupyter_figserve.kernel.client.connection import Connection
from jupyter_figserve.model.figures import EncodedImage, sha256_hex
from jupyter_figserve.model.formats import get_format_of_mimetype

from .. import contract

KEY = "fsk_abcdefgh_" + "k" * 43
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PICTURE = EncodedImage("image/png", PNG, 1, 1, 72.0)
THUMBNAIL = EncodedImage("image/png", PNG + b"thumbnail", 1, 1)
TOKEN = "t" * 32
PREFIX = "/base/figserve"
STATUS = {
    "version": "0.1.0",
    "host": "standalone",
    "sandbox": {"tier": "none", "why": ["The fake has no sandbox."], "libraries": {}, "running": 0, "waiting": 0},
    "redraws": "none",
    "limits": {
        "figure_bytes": 2**25,
        "figure_pixels": 10**8,
        "animation_frames": 1_000,
        "keep_versions": 0,
        "link_max_age": None,
        "max_audience": "link",
    },
    "capture": {"on": False, "why": "The fake has no kernels.", "dropped": 0},
    "instance": "i",
    "counts": {"figures": 0, "bytes": 0, "sessions": 0, "captured": 0, "captured_bytes": 0},
    "writable": True,
}


def output_of(kernel: KernelSession, code: str) -> str:
    """Run code in a real kernel, and return what it prints."""
    execution = kernel.run(code)
    assert execution.error is None, execution.error
    return execution.stdout.strip()


@dataclass
class Received:
    """A received request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def parts(self) -> list[tuple[str, str, bytes]]:
        """Return name, content type and bytes of each part of a form."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        form = BytesParser(policy=HTTP).parsebytes(head + self.body)
        return [
            (
                str(part.get_param("name", header="content-disposition")),
                part["content-type"].replace('"', ""),
                part.get_payload(decode=True),
            )
            for part in form.iter_parts()
        ]


@dataclass
class Reply:
    """A response; a test can return its own in place of the usual one."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, status: int, value: Any, **headers: str) -> Reply:
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json; charset=utf-8", **headers})


class FakeFigServe:
    """Figures in a dictionary, served as by the real server."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.figures: dict[str, dict[str, Any]] = {}
        self.versions: dict[str, list[dict[str, Any]]] = {}
        self.links: dict[str, dict[str, Any]] = {}
        self.addresses: dict[str, dict[str, Any]] = {}
        self.sources: dict[tuple[str, int], bytes] = {}
        self.faults: dict[tuple[str, int], str] = {}
        self.codes: dict[tuple[str, int], str] = {}
        self.archived: dict[tuple[str, int], list[Received]] = {}
        self.instead: Callable[[Received], Reply | None] = lambda request: None
        self.violations: list[AssertionError] = []
        self.keys = {KEY}
        self.connections = 0
        self.drops = 0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}{PREFIX}"

    @property
    def published(self) -> list[Received]:
        return [r for r in self.received if r.method == "POST" and r.path.endswith("/api/figures")]

    def client(self, key: str | None = KEY, **options: Any) -> FigServeClient:
        return FigServeClient(parse_exact(self.url), key, **options)

    def connection(self, **options: Any) -> Connection:
        return Connection(self.client(), "a test", **options)

    def described(self, index: int = -1) -> dict[str, Any]:
        """Return the JSON part of a publish."""
        return json.loads(self.published[index].parts[0][2])

    def respond(self, request: Received) -> Reply:
        reply = self.instead(request)
        if reply is not None:
            return reply
        path = request.path.removeprefix(PREFIX)
        if path == request.path:
            return Reply(404, b"<html>not here</html>", {"Content-Type": "text/html"})
        reply = self._respond(path.removeprefix("/"), request)
        try:
            contract.check(request.method, path, reply.status, reply.headers, reply.body)
        except AssertionError as error:
            # Raised at the end of the test: here it would only end the connection.
            self.violations.append(error)
        return reply

    def _respond(self, path: str, request: Received) -> Reply:
        if path == "api/status":
            return Reply.of(200, STATUS)
        if request.headers.get("x-api-key") not in self.keys:
            return Reply.of(
                401, {"error": "The key is not valid.", "code": "unauthorized"}, **{"WWW-Authenticate": "figserve"}
            )
        names = path.split("/")
        if names[0] == "figures":
            return Reply(200, PNG, {"Content-Type": "image/png", "ETag": f'"{sha256_hex(PNG)}"'})
        return getattr(self, f"_{request.method.lower()}_{names[1]}")(names[2:], request)

    def _post_figures(self, rest: list[str], request: Received) -> Reply:
        if rest[1:] == ["links"]:
            return self._new_link(rest[0], request.json)
        described = json.loads(request.parts[0][2])
        figure_id = next((i for i, r in self.figures.items() if r["name"] == described["name"]), None)
        figure_id = figure_id or f"figure{len(self.figures):010}"
        page = f"{self.url}/figures/{figure_id}"
        images = [part for part in request.parts if part[0] == "representation"]
        representations = [
            self._representation(page, kind.partition(";")[0], data, size)
            for (_, kind, data), size in zip(images, described["sizes"], strict=True)
        ]
        record = {
            **{name: described[name] for name in ("name", "title", "alt")},
            "caption": described.get("caption") or "",
            "id": figure_id,
            "owner": "local",
            "notebook": "a.ipynb",
            "collection": None,
            "session": None,
            "version": len(self.versions.get(figure_id, ())) + 1,
            "created": "2026-01-02T03:04:05.678Z",
            "updated": "2026-01-02T03:04:05.678Z",
            "url": page,
            "thumbnail": None,
            "representations": representations,
            "redrawable": False,
            "formats": ["png"],
            "limitation": None,
            "origin": "published",
        }
        self.figures[figure_id] = record
        self.versions.setdefault(figure_id, []).append(record)
        return Reply.of(201, record, Location=page)

    def _representation(self, page: str, mimetype: str, data: bytes, size: dict[str, Any]) -> dict[str, Any]:
        url = f"{page}.{get_format_of_mimetype(mimetype).name}"
        return {"mimetype": mimetype, **size, "size": len(data), "digest": sha256_hex(data), "url": url}

    def _version(self, record: dict[str, Any]) -> dict[str, Any]:
        names = (
            "version",
            "created",
            "session",
            "title",
            "alt",
            "caption",
            "redrawable",
            "formats",
            "limitation",
            "representations",
        )
        size = sum(part["size"] for part in record["representations"])
        return {**{name: record[name] for name in names}, "size": size, "provenance": {}}

    def _put_figures(self, rest: list[str], request: Received) -> Reply:
        key = rest[0], int(rest[2])
        if rest[3] == "representations":
            self.archived.setdefault(key, []).append(request)
        elif rest[3] == "code":
            self.codes[key] = request.body.decode()
        elif request.query["kind"] == "none":
            self.faults[key] = request.json["reason"]
        else:
            self.sources[key] = request.body
        return Reply(204)

    def _get_figures(self, rest: list[str], request: Received) -> Reply:
        if rest[1:] == ["links"]:
            found = [link for link in self.links.values() if link["figure"] == rest[0]]
            return Reply.of(200, {"links": found})
        if rest[1:] == ["versions"]:
            return Reply.of(200, {"versions": [self._version(record) for record in self.versions[rest[0]]]})
        if rest:
            return Reply.of(200, self._availability(rest[0]))
        start = int(request.query.get("cursor", 0))
        records = list(self.figures.values())
        following = str(start + 2) if len(records) > start + 2 else None
        return Reply.of(200, {"figures": records[start : start + 2], "next": following})

    def _availability(self, figure_id: str) -> dict[str, Any]:
        """Return a record with the formats that work: all of them for a figure with a source."""
        record = self.figures[figure_id]
        is_redrawable = (figure_id, record["version"]) in self.sources
        formats = ["png", "svg", "pdf"] if is_redrawable else ["png"]
        limitation = None if is_redrawable else self.faults.get((figure_id, record["version"]), "It has no source.")
        return {**record, "redrawable": is_redrawable, "formats": formats, "limitation": limitation}

    def _delete_figures(self, rest: list[str], request: Received) -> Reply:
        if rest:
            del self.figures[rest[0]]
            return Reply(204)
        deleted = len(self.figures)
        self.figures.clear()
        return Reply.of(200, {"deleted": deleted})

    def _new_link(self, figure_id: str, options: dict[str, Any]) -> Reply:
        page = f"{self.url}/f/{TOKEN}"
        link = {
            "id": f"lnk{len(self.links):012}",
            "figure": figure_id,
            "created": "2026-01-02T03:04:05.678Z",
            "seen": 0,
            "last_seen": None,
            "paused": False,
            "label": options["label"] or "",
            **{name: options[name] for name in ("views", "version")},
            **{name: bool(options.get(name)) for name in ("data", "code")},
            "audience": options.get("audience") or "link",
            "users": list(options.get("users") or ()),
            "groups": list(options.get("groups") or ()),
            "expires": None if options["expires"] == "never" else "2026-02-01T03:04:05.678Z",
        }
        self.links[link["id"]] = link
        texts = {name: f"{name} of {page}" for name in ("markdown", "html", "iframe", "latex")}
        urls = {"url": page, "image_url": f"{page}.png", "snippets": {"url": page, **texts}}
        self.addresses[link["id"]] = urls | {"local_only": True, "note": "Opens only on this machine."}
        return Reply.of(201, {**link, **self.addresses[link["id"]]})

    def _get_links(self, rest: list[str], request: Received) -> Reply:
        assert rest[1:] == ["url"]
        return Reply.of(200, {"id": rest[0], **self.addresses[rest[0]]})

    def _patch_links(self, rest: list[str], request: Received) -> Reply:
        self.links[rest[0]].update(request.json)
        return Reply.of(200, self.links[rest[0]])

    def _delete_links(self, rest: list[str], request: Received) -> Reply:
        del self.links[rest[0]]
        return Reply(204)

    def _handler(fake) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                fake.connections += 1

            def handle_any(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("Content-Length", 0))
                request = Received(
                    self.command,
                    parts.path,
                    {name: values[0] for name, values in parse_qs(parts.query).items()},
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(length),
                )
                fake.received.append(request)
                if fake.drops:
                    fake.drops -= 1
                    self.close_connection = True
                    return
                reply = fake.respond(request)
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if reply.status != 204:
                    self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


@pytest.fixture
def fake() -> Iterator[FakeFigServe]:
    """A running fake server; the test fails if a response violates the OpenAPI document."""
    server = FakeFigServe()
    server.thread.start()
    yield server
    server.server.shutdown()
    server.thread.join()
    server.server.server_close()
    assert not server.violations, server.violations[0]


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Discovery finds only servers of the test, and figure names are numbered from the start."""
    for name in ("FIGSERVE_URL", "FIGSERVE_API_KEY", "KERNEL_FIGSERVE_URL", "KERNEL_FIGSERVE_KEY", "JPY_PARENT_PID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("KERNEL_FIGSERVE_CA", raising=False)
    # As at a front end, although a test is a script; and without the servers of the user who runs the tests.
    monkeypatch.setenv("FIGSERVE_OFFLINE", "error")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", "/nonexistent")
    monkeypatch.setattr(batch_server, "_known", None)
    monkeypatch.setattr("jupyter_figserve.kernel.cells.cell.names", CellFigureNames())
    monkeypatch.setattr(discovery, "_kept", {})
    monkeypatch.setattr(discovery, "_warned", set())
    yield
    discovery.use(None)


@pytest.fixture
def connected(fake: FakeFigServe) -> FakeFigServe:
    """The fake server, with this process connected to it."""
    discovery.use(fake.connection())
    return fake


@dataclass(frozen=True)
class FakeEncoded:
    """Result of the fake encoder, with the fields of ``EncodedFigure``."""

    images: tuple[EncodedImage, ...] = (PICTURE,)
    thumbnail: EncodedImage | None = THUMBNAIL
    title: str = ""
    alt: str = ""
    figure: Any | None = None
    state: Any = field(default_factory=lambda: SimpleNamespace(obstacle=""))


class FakeFigure:
    """Stands for a matplotlib figure; supports weak references."""


@dataclass
class FakeEncoder:
    """Stands for the modules ``encode`` and ``pickling``; ``makes`` is the result of the next call."""

    makes: FakeEncoded = field(default_factory=FakeEncoded)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    archived: list[Any] = field(default_factory=list)
    pickles: bool = True

    def encode(self, obj: Any, formats: tuple[str, ...] = ("png",), **options: Any) -> FakeEncoded:
        self.calls.append((obj, formats, options))
        return self.makes

    def pickle_figure(self, figure: Any, state: Any) -> bytes:
        if not self.pickles:
            raise OutputInvalid("A lambda cannot be pickled.")
        return b"pickle"

    def libraries(self) -> dict[str, str]:
        return {"python": "3.11", "matplotlib": "3.11.2", "numpy": "2.0"}


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> FakeEncoder:
    """Replaces both modules, so that a test determines the encoding of a figure; ``archived`` has the queued jobs."""
    fake = FakeEncoder()
    monkeypatch.setattr("jupyter_figserve.kernel.figures.archiver.enqueue", fake.archived.append)
    module = SimpleNamespace(encode=fake.encode)
    monkeypatch.setitem(sys.modules, "jupyter_figserve.plotting.encode", module)
    monkeypatch.setattr("jupyter_figserve.plotting.libraries.loaded_versions", fake.libraries)
    pickling = SimpleNamespace(pickle_figure=fake.pickle_figure)
    monkeypatch.setitem(sys.modules, "jupyter_figserve.plotting.pickling", pickling)
    return fake
