"""The longest time that one request of each kind, also a hostile one, holds the server's event loop."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jupyter_figserve.demo.server_process import ServerProcess

from . import servers
from .catalog_rows import fill
from .report import Row
from .scale import Scale

_GROUP = "longest that one request holds the event loop"
_MOST_MILLISECONDS = 50
_CONFIGURATION = "from tests.benchmarks.peers.loop_probe import install\ninstall()\n"
_CELL = """
import jupyter_figserve as figserve
from matplotlib.figure import Figure
names = [f"a{n}" for n in range(100)]
space = {"Figure": Figure}
exec("def many(" + ", ".join(f"{name}: int = 0" for name in names) + "): return Figure(figsize=(2, 1))", space)
many = figserve.live(space["many"])

@figserve.live
def one(n: bool = False, m: bool = False):
    figure = Figure()
    figure.subplots().plot(range(9))
    return figure

figure = Figure()
figure.subplots().plot(range(9))
published = figserve.publish(figure, "source")
board = figserve.Dashboard("Board", [[one, published]] + [[published, published]] * 20)
many.url()
"""
_HOSTILE_TEXTS = ("*_" * 25_000, "|a" * 12_000 + "\n" + "|-" * 12_000, "[" * 49_000, "[![a](http://b)" * 3_200)


@dataclass(frozen=True)
class _Request:
    """A request of a kind."""

    name: str
    path: str
    method: str = "GET"
    body: Any = None
    headers: dict[str, str] | None = None


def measure(home: Path, scale: Scale) -> Iterator[Row]:
    count = scale.galleries[1] if scale.galleries[1] <= 10_000 else 10_000
    fill(home / "catalog", count, 20, servers.make_png())
    configuration, log = home / "config.py", home / "holds.log"
    configuration.write_text(_CONFIGURATION)
    log.touch()
    server = ServerProcess(
        home / "server",
        [f"--config={configuration}"],
        data_dir=home / "catalog",
        environment={"PYTHONPATH": str(servers.REPOSITORY), "FIGSERVE_LOOP_LOG": str(log)},
    )
    server.start()
    # Templates are compiled a second after the start.
    time.sleep(3)
    try:
        for request in _requests(server):
            yield _measure(request.name, log, partial(_status, server, request))
        yield from _measure_kernel(server, log)
    finally:
        server.stop()


def _measure(name: str, log: Path, act: Callable[[], str]) -> Row:
    """Return the row of what ``act`` makes the server do; it returns a note."""
    start = len(log.read_text(encoding="utf-8").splitlines())
    note = act()
    time.sleep(0.2)
    holds = [line.partition(" ") for line in log.read_text(encoding="utf-8").splitlines()[start:]]
    longest = max(((float(ms), name) for ms, _, name in holds), default=(0.0, ""))
    if longest[0] > _MOST_MILLISECONDS:
        note += f"; {longest[1][:150]}"
    limit = _MOST_MILLISECONDS
    return Row(f"loop, {name}", longest[0], None, "ms", limit, against="nothing", note=note, group=_GROUP)


def _measure_kernel(server: ServerProcess, log: Path) -> Iterator[Row]:
    """Yield the rows of what a kernel asks of the server, and of live figures with many parameters."""
    with server.kernel("Loop.ipynb") as kernel:

        def run(code: str) -> str:
            execution = kernel.run(code, timeout=120)
            return execution.error or "done"

        yield _measure("declaration of 100 parameters", log, lambda: run(_CELL))
        path = f"figserve/live/{kernel.kernel_id}/many"
        query = "&".join(f"a{n}={n + 1}" for n in range(100))
        for request in (
            _Request("page of 100 parameters", f"{path}?{query}", headers={"Accept": "text/html"}),
            _Request("call with 100 parameters", f"{path}.png?{query}"),
            _Request("call with a wrong one of 6,000", f"{path}.png?" + "&".join(f"b{n}=1" for n in range(6_000))),
            _Request("list of live figures", "figserve/api/live"),
            _Request("live figure as PDF", f"{path}.pdf"),
        ):
            yield _measure(request.name, log, partial(_status, server, request))
        for suffix in ("html", "pdf"):
            yield _measure(
                f"save of a dashboard as {suffix.upper()}", log, partial(run, f"board.save('saved.{suffix}')")
            )
        figure = servers.json_of(server.fetch("figserve/api/figures?limit=1&name=source"))["figures"][0]["id"]
        pdf = _Request("figure as PDF", f"figserve/figures/{figure}.pdf?width=500")
        yield _measure(pdf.name, log, partial(_status, server, pdf))


def _status(server: ServerProcess, request: _Request) -> str:
    answer = server.fetch(request.path, method=request.method, body=request.body, headers=request.headers or {})
    return f"{answer.status}"


def _requests(server: ServerProcess) -> Iterator[_Request]:
    yield _Request("first request", "figserve/api/status")
    yield _Request("status", "figserve/api/status")
    yield from _lists()
    yield from _uploads()
    yield from _dashboards(server)
    yield from _links(server)
    yield from _bodies()


def _lists() -> Iterator[_Request]:
    html = {"Accept": "text/html"}
    yield _Request("gallery, cold", "figserve/", headers=html)
    yield _Request("gallery", "figserve/", headers=html)
    yield _Request("gallery, search", "figserve/?q=station+17", headers=html)
    yield _Request("gallery, long search", "figserve/?q=" + "a+" * 2_000, headers=html)
    yield _Request("1,000 figures", "figserve/api/figures?limit=1000")
    yield _Request("1,000 found figures", "figserve/api/figures?limit=1000&q=station")
    yield _Request("1,000 links", "figserve/api/links?limit=1000")
    yield _Request("sessions", "figserve/api/sessions?limit=1000")
    yield _Request("wrong cursor", "figserve/api/figures?cursor=" + "A" * 8_000)
    yield _Request("zip of all", "figserve/export.zip")
    yield _Request("many parameters", "figserve/api/figures?" + "&".join(f"a{n}=1" for n in range(6_000)))
    yield _Request("many escapes", "figserve/api/figures?q=" + "%C3%A4" * 8_000)
    yield _Request("long path", "figserve/plots/abc/" + "a/" * 20_000)


def _uploads() -> Iterator[_Request]:
    png = {"Content-Type": "image/png"}
    yield _Request("publish of 30 MB", "figserve/api/figures?name=large", "POST", servers.make_noise(3_200), png)
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'>" + b"<g>" * 1_000_000 + b"</g>" * 1_000_000 + b"</svg>"
    yield _Request("publish of SVG", "figserve/api/figures?name=svg", "POST", svg, {"Content-Type": "image/svg+xml"})
    html = b"<p>" * 5_000_000
    yield _Request("publish of HTML", "figserve/api/figures?name=html", "POST", html, {"Content-Type": "text/html"})
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    part = b'--b\r\nContent-Disposition: form-data; name="%d"\r\n\r\n\r\n'
    parts = b"".join(part % number for number in range(100_000)) + b"--b--\r\n"
    yield _Request("100,000 form parts", "figserve/api/figures", "POST", parts, form)
    named = b'--b\r\nContent-Disposition: form-data; name="figure"\r\n\r\n' + b'{"name": ' * 6_000 + b"\r\n--b--\r\n"
    yield _Request("nested JSON in a form", "figserve/api/figures", "POST", named, form)
    whole = b'--b\r\nContent-Disposition: form-data; name="figure"\r\n\r\n{"name": "form"}\r\n'
    whole += b'--b\r\nContent-Disposition: form-data; name="representation"; filename="a.png"\r\n'
    whole += b"Content-Type: image/png\r\n\r\n" + servers.make_noise(3_000) + b"\r\n--b--\r\n"
    yield _Request("publish of a form of 27 MB", "figserve/api/figures", "POST", whole, form)


def _dashboards(server: ServerProcess) -> Iterator[_Request]:
    figures = [figure["id"] for figure in servers.json_of(server.fetch("figserve/api/figures?limit=100"))["figures"]]
    panels = [{"kind": "figure", "figure": figure} for figure in figures]
    large = {"title": "large", "rows": [panels[n : n + 2] for n in range(0, 100, 2)]}
    texts = [[{"kind": "text", "markdown": text}] for text in _HOSTILE_TEXTS]
    for name, board in (("100 figures", large), ("hostile Markdown", {"title": "texts", "rows": texts})):
        made = server.fetch("figserve/api/dashboards", method="POST", body=board)
        assert made.status == 201, made.text[:300]
        board["title"] += " again"
        yield _Request(f"publish of a dashboard of {name}", "figserve/api/dashboards", "POST", board)
        page = f"figserve/dashboards/{made.json()['id']}"
        yield _Request(f"dashboard of {name}", page, headers={"Accept": "text/html"})
        yield _Request(f"dashboard of {name}, as PNG", f"{page}.png")
        yield _Request(f"dashboard of {name}, as JSON", f"figserve/api/dashboards/{made.json()['id']}")
        link = server.fetch(f"figserve/api/dashboards/{made.json()['id']}/links", method="POST", body={})
        token = link.json()["url"].rpartition("/")[2]
        yield _Request(f"linked dashboard of {name}", f"figserve/f/{token}", headers={"Accept": "text/html"})
        yield _Request(f"oEmbed of a dashboard of {name}", f"figserve/oembed?url={quote(link.json()['url'], '')}")
    yield _Request("1,000 dashboards", "figserve/api/dashboards?limit=1000")


def _links(server: ServerProcess) -> Iterator[_Request]:
    figure = servers.json_of(server.fetch("figserve/api/figures?limit=1&name=large"))["figures"][0]
    link = servers.json_of(server.fetch(f"figserve/api/figures/{figure['id']}/links", method="POST", body={}))
    path = f"figserve/f/{link['url'].rpartition('/')[2]}"
    yield _Request("link's page", path, headers={"Accept": "text/html"})
    yield _Request("link's image of 30 MB", f"{path}.png")
    yield _Request("oEmbed", f"figserve/oembed?url={quote(link['url'], '')}")
    yield _Request("long oEmbed address", "figserve/oembed?url=" + "http%3A%2F%2Fa/f/" * 3_500)
    yield _Request("wrong ETags", f"{path}.png", headers={"If-None-Match": ", ".join(['"a"'] * 10_000)})
    yield _Request("Accept of 60 KB", path, headers={"Accept": "image/png;q=0.1," * 3_800})
    yield _Request("cookies of 60 KB", path, headers={"Cookie": "a=b; " * 12_000})
    yield _Request("signed code", "figserve/render/" + "A" * 50_000 + ".png?sig=a")


def _bodies() -> Iterator[_Request]:
    key = {"X-API-Key": "fsk_abcdefgh_" + "x" * 60_000}
    yield _Request("long key", "figserve/api/figures", headers=key)
    deep = "[" * 30_000 + "]" * 30_000
    yield _Request("nested JSON", "figserve/api/keys", "POST", deep)
    yield _Request("JSON with many fields", "figserve/api/keys", "POST", json.dumps({f"a{n}": n for n in range(5_000)}))
    rows = [[{"kind": "text", "markdown": "a"} for _ in range(1_000)] for _ in range(90)]
    yield _Request("dashboard of 2 MB", "figserve/api/dashboards", "POST", {"title": "a", "rows": rows})
    code = {"code": "x = 1\n" * 20_000 + "import matplotlib.pyplot as p; p.plot([1])"}
    yield _Request("render of 120 KB of code", "figserve/api/renders", "POST", code)
