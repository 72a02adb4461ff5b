"""Captured plots in the notebook."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

import jupyter_figserve as figserve
from jupyter_figserve.errors import Conflict, InvalidName, NotConnected, NotFound
from jupyter_figserve.kernel.figures import captured_plot
from jupyter_figserve.model.figures import MARKER

from ..conftest import PNG, Reply

PLOT = {
    "path": "cell-3.png",
    "url": "http://127.0.0.1:8888/figserve/plots/k/cell-3.png",
    "mimetype": "image/png",
    "size": len(PNG),
    "created": "2026-01-02T03:04:05.678Z",
    "origin": "captured",
    "figure": None,
    "version": 1,
}
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="3"/>'
RECORD = {"id": "f" * 16, "name": "cell-3-0123abcd", "version": 1, "url": "http://x/figserve/figures/f"}


@pytest.fixture
def server(connected):
    """A fake server that has captured one image."""
    connected.last = Reply.of(200, PLOT)
    connected.kept = Reply.of(201, RECORD)

    def respond(request):
        if request.path.endswith("/api/sessions/here/last"):
            return connected.last
        if request.path.endswith("/api/sessions/here/figures"):
            return connected.kept
        return Reply(200, PNG, {"Content-Type": "image/png"}) if "/plots/here/" in request.path else None

    connected.instead = respond
    return connected


@pytest.fixture
def published(monkeypatch):
    """The messages sent through IPython's display publisher."""
    sent = []
    publisher = SimpleNamespace(publish=lambda *arguments, **options: sent.append((arguments, options)))
    monkeypatch.setattr(captured_plot, "find_shell", lambda: SimpleNamespace(display_pub=publisher))
    return sent


def test_last_comes_from_the_server(server):
    """It has a name, a URL and a mimetype."""
    last = figserve.last()
    assert (last.path, last.url, last.mimetype) == (PLOT["path"], PLOT["url"], "image/png")
    assert repr(last) == f"Plot cell-3.png: {PLOT['url']}"


def test_mark_follows_the_displayed_outputs(server, published):
    """The mark is an invisible, unique update message, whose id is sent to the server."""
    for _ in range(2):
        figserve.last()
    marks = []
    for (data, metadata), options in published:
        assert (data, options["update"]) == ({}, True)
        marks.append(metadata[MARKER]["mark"])
        assert options["transient"]["display_id"] == f"figserve-{marks[-1]}"
    assert [request.query["mark"] for request in server.received] == marks
    assert len(set(marks)) == 2


def test_outside_ipython_there_is_no_mark(server):
    """The request to the server has no mark."""
    figserve.last()
    assert server.received[-1].query == {}


def test_last_without_a_plot(server):
    """The message is that of the server."""
    server.last = Reply.of(404, {"error": "Show one first.", "code": "nothing_captured"})
    with pytest.raises(NotFound, match="Show one first"):
        figserve.last()
    server.last = Reply.of(409, {"error": "FigServe.capture is off.", "code": "capture_off"})
    with pytest.raises(Conflict, match="capture is off"):
        figserve.last()


def test_last_of_a_process_that_is_no_kernel_of_the_server(server):
    """Such as a batch run that publishes to a running server: the message says what works there."""
    server.last = Reply.of(404, {"error": "Name the session by its id.", "code": "session_not_found"})
    with pytest.raises(NotFound, match=r"this process is none of them. Use figserve.publish\(fig\)"):
        figserve.last()


def test_without_a_server(monkeypatch):
    """The message says what to do, as for publish."""
    with pytest.raises(NotConnected, match=r"figserve\.serve"):
        figserve.last()


def test_publish_stores_the_plot(server):
    """The path identifies the plot; omitted arguments are not sent."""
    pub = figserve.last().publish()
    assert (pub.id, pub.name) == (RECORD["id"], RECORD["name"])
    assert server.received[-1].json == {"path": "cell-3.png"}
    figserve.last().publish("bears", title="T", alt="A")
    assert server.received[-1].json == {"path": "cell-3.png", "name": "bears", "title": "T", "alt": "A"}


def test_publish_elsewhere_sends_all_formats(server, monkeypatch):
    """On a Hub, the service gets what the own server would keep: each format, the title, and the displayed size."""
    others = {"cell-3.svg": SVG}
    plot = PLOT | {"others": [PLOT["url"].replace("png", "svg")], "width": 40, "height": 30, "title": "Bears"}
    server.last = Reply.of(200, plot)
    respond = server.instead

    def answer(request):
        name = request.path.rpartition("/")[2]
        return Reply(200, others[name], {"Content-Type": "image/svg+xml"}) if name in others else respond(request)

    server.instead = answer
    monkeypatch.setattr(captured_plot, "find_local_connection", captured_plot.get_connection)
    figserve.last().publish()
    upload = next(one for one in server.received if one.path.endswith("/api/figures"))
    parts = upload.parts
    assert [(name, kind, data) for name, kind, data in parts if name == "representation"] == [
        ("representation", "image/png", PNG),
        ("representation", "image/svg+xml; charset=utf-8", SVG),
    ]
    figure = json.loads(parts[0][2])
    assert (figure["name"], figure["title"]) == ("cell-3", "Bears")
    assert [figure["sizes"][0][f"display_{side}"] for side in ("width", "height")] == [40, 30]
    others.clear()
    gone = Reply.of(404, {"error": "Plot not found", "code": "plot_not_found"})
    server.instead = lambda request: gone if request.path.endswith("svg") else respond(request)
    with pytest.raises(NotFound, match="replaced cell-3"):
        figserve.last().publish()


def test_share_is_one_call(server):
    """The plot is published, and the link has the given options."""
    link = figserve.last().share("7d", name="bears", label="for Jo", views=3)
    assert server.received[-2].json == {"path": "cell-3.png", "name": "bears"}
    sent = server.received[-1].json
    assert [sent[name] for name in ("expires", "label", "views")] == ["7d", "for Jo", 3]
    assert link.url.startswith("http")


def test_evicted_plot(server):
    """The message says what happened and what to do."""
    server.kept = Reply.of(404, {"error": "Plot not found", "code": "plot_not_found"})
    with pytest.raises(NotFound, match=r"replaced cell-3\.png\. Display it again"):
        figserve.last().publish()


def test_server_refuses_invalid_names(server):
    """The exception belongs to the package's hierarchy."""
    server.kept = Reply.of(400, {"error": "No such name.", "code": "invalid_name"})
    with pytest.raises(InvalidName):
        figserve.last().publish("../x")


def test_display_shows_image_and_link(server):
    """The image is shown with its URL, marked as ours, and fetched once."""
    last = figserve.last()
    for _ in range(2):
        data, metadata = last._repr_mimebundle_(include=None, exclude=None)
    assert metadata == {MARKER: {"plot": "cell-3.png"}}
    assert "data:image/png;base64," in data["text/html"]
    assert PLOT["url"] in data["text/html"]
    assert data["text/plain"] == repr(last)
    assert len([r for r in server.received if "/plots/here/cell-3.png" in r.path]) == 1


def test_display_without_the_image(server):
    """The URL is shown if the image is gone."""
    last = figserve.last()
    server.instead = lambda request: Reply.of(404, {"error": "Plot not found", "code": "plot_not_found"})
    data, _ = last._repr_mimebundle_()
    assert "<img" not in data["text/html"]


def test_markup_in_a_path_is_escaped(server):
    """The server's fields are escaped."""
    server.last = Reply.of(200, PLOT | {"path": "<script>.png", "url": 'http://x/"><script>'})
    data, _ = figserve.last()._repr_mimebundle_()
    assert "<script>" not in data["text/html"]


@pytest.mark.compat
@pytest.mark.kernel
def test_in_a_real_kernel(live_server):
    """Inline figures of this cell and the previous one are shown with their URLs."""
    with live_server.kernel("captured.ipynb") as kernel:
        code = (
            "import json, matplotlib.pyplot as plt, jupyter_figserve as figserve\n%matplotlib inline\nplt.plot([1, 2])"
        )
        assert kernel.run(code).error is None
        found = json.loads(kernel.run("last = figserve.last(); print(json.dumps([last.path, last.url]))").stdout)
        assert found[0] == "cell-1.png"
        response = live_server.fetch(found[1])
        assert (response.status, response.mimetype) == (200, "image/png")
        execution = kernel.run("last")
        assert "<img " in execution.bundles[0]["text/html"]
        same = kernel.run("plt.plot([3]); plt.show(); print(figserve.last().path)")
        assert same.stdout.strip() == "cell-4.png"
        plots = live_server.fetch(f"figserve/plots/{kernel.session}").json()["plots"]
        assert sorted(plot["path"] for plot in plots) == ["cell-1.png", "cell-4.png"]
