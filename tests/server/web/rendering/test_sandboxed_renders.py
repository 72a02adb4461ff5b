"""Rendering with the real sandbox: images, errors, hostile jobs, renders of published figures, and recovery."""

from __future__ import annotations

import base64
import io
import socket
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import psutil
import pytest
from PIL import Image

from jupyter_figserve.demo.server_process import ServerProcess

from ....png_header import png_size
from ....waiting import wait_until

LINE = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nprint('drawn')\n"
FORMATS = {
    "png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF", "jpg": b"\xff\xd8\xff", "webp": b"RIFF", "eps": b"%!PS",
    "svgz": b"\x1f\x8b",
}  # fmt: skip
DEADLINE = 60


@pytest.fixture(scope="module")
def server(live_server: ServerProcess) -> ServerProcess:
    status = live_server.fetch("figserve/api/status").json()["sandbox"]
    if status["tier"] == "none":
        pytest.skip(f"not on this machine: a sandbox ({' '.join(status['why'])})")
    return live_server


def render(server: ServerProcess, code: str, headers: dict[str, str] | None = None, **fields: object):
    return server.fetch("figserve/api/renders", method="POST", body={"code": code, **fields}, headers=headers or {})


def savefig(code: str, **options: object) -> bytes:
    """Return the pixels of the code's current figure, rendered here without our code."""
    from matplotlib import pyplot

    buffer = io.BytesIO()
    try:
        exec(compile(code, "<test>", "exec"), {"__name__": "__main__"})
        pyplot.gcf().savefig(buffer, **options)
    finally:
        pyplot.close("all")
    return buffer.getvalue()


def pixels(data: bytes):
    from PIL import Image

    return Image.open(io.BytesIO(data)).convert("RGBA").tobytes()


def test_the_pixels_are_those_of_savefig(server):
    """The image of posted code equals that of running it here."""
    answer = render(server, LINE)
    assert answer.status == 200
    assert pixels(answer.body) == pixels(savefig(LINE, format="png"))
    assert answer.headers["X-FigServe-Output"] == "drawn%0A"


@pytest.mark.parametrize("name", FORMATS)
def test_every_format(server, name):
    """By its name; the bytes are of the declared type."""
    answer = render(server, LINE, format=name, width=320, height=200)
    assert (answer.status, answer.body[: len(FORMATS[name])]) == (200, FORMATS[name])


def test_several_figures(server):
    """One by its number, or all in a zip."""
    code = LINE + "plt.figure(figsize=(2, 1)); plt.plot([2, 1])\n"
    assert png_size(render(server, code).body) == (200, 100)
    assert png_size(render(server, code, figure=1).body) == (640, 480)
    with zipfile.ZipFile(io.BytesIO(render(server, code, figure="all").body)) as file:
        assert [png_size(file.read(name)) for name in file.namelist()] == [(640, 480), (200, 100)]


def test_a_seed_gives_the_same_bytes_from_the_store(server):
    """Without a seed, each image differs."""
    code = "import numpy as np, matplotlib.pyplot as plt\nplt.plot(np.random.rand(9))"
    first, again = (render(server, code, seed=4) for _ in range(2))
    assert first.body == again.body
    assert again.headers["Cache-Status"] == "figserve; hit"
    fresh = render(server, code, {"If-None-Match": first.headers["ETag"]}, seed=4)
    assert fresh.status == 304
    assert render(server, code).body != render(server, code).body


def test_json_has_the_image_and_the_output(server):
    """In base64, with its size."""
    result = render(server, LINE, {"Accept": "application/json"}, width=100, height=50).json()
    assert (result["width"], result["height"], result["output"]) == (100, 50, "drawn\n")
    assert png_size(base64.b64decode(result["data"])) == (100, 50)


@pytest.mark.parametrize("name", ["png", "jpg", "webp", "svg"])
def test_an_error_as_a_image(server, name):
    """In the requested format, with a size that depends on the number of lines."""
    one, three = (
        render(server, f"raise ValueError({message!r})", format=name, errors="image")
        for message in ("$no\\such_math", "a\nb\n\N{SNOWMAN}")
    )
    assert (one.status, one.body[: len(FORMATS[name])]) == (422, FORMATS[name].replace(b"<?xml", b"<svg "))
    if name != "svg":
        first, second = (Image.open(io.BytesIO(answer.body)) for answer in (one, three))
        assert (first.size, second.size) == ((640, 104), (640, 144))
        assert first.convert("L").getextrema()[0] < 100


def test_an_error_names_its_line(server):
    """The traceback has only the code's own frames."""
    answer = render(server, "def f():\n    return 1 / 0\nf()")
    result = answer.json()
    assert (answer.status, result["type"], result["line"]) == (422, "ZeroDivisionError", 2)
    assert "site-packages" not in result["traceback"]
    assert "jupyter_figserve" not in result["traceback"]


@pytest.mark.parametrize(
    ("code", "fields", "status", "word"),
    [
        ("1 + 1", {}, 422, "no_figure"),
        ("while True: pass", {"timeout": 0.5}, 504, "deadline_exceeded"),
        (LINE, {"style": "none_such"}, 400, "invalid_input"),
        ("x = bytearray(6 * 10**9)", {}, 422, "code_failed"),
        ("open('/etc/passwd')", {}, 422, "code_failed"),
        ("import os; os._exit(0)", {}, 422, None),
        ("import matplotlib.pyplot as plt; plt.figure(figsize=(1e5, 1e5)); plt.plot()", {}, None, None),
    ],
)
def test_R12_R13_R15_failing_code_is_reported_and_contained(server, code, fields, status, word):
    """Each fails with its own error code, and the next render is identical to the byte."""
    before = render(server, LINE, seed=0, dpi=77)
    answer = render(server, code, **fields)
    assert answer.status == status or (status is None and answer.status in (413, 422))
    if word is not None:
        assert answer.json()["code"] == word
    assert b"root:" not in answer.body
    assert render(server, LINE, dpi=77).body == before.body


def test_keep_makes_a_figure_with_links_in_every_size(server):
    """It is published, shared and rendered again, exact to the pixel, in every format."""
    record = render(server, LINE, keep=True, name="kept").json()
    link = server.fetch(f"figserve/api/figures/{record['id']}/links", method="POST", body={}).json()
    for name, magic in FORMATS.items():
        answer = server.fetch(f"figserve/figures/{record['id']}.{name}?width=400&height=300")
        assert (answer.status, answer.body[: len(magic)]) == (200, magic)
        assert server.fetch(f"{link['url']}.{name}?width=640", anonymous=True).status == 200
    for width, height in ((400, 300), (1200, 800), (33, 77)):
        answer = server.fetch(f"figserve/figures/{record['id']}.png?width={width}&height={height}")
        assert png_size(answer.body) == (width, height)


@pytest.mark.kernel
def test_a_published_figure_is_rendered_in_other_sizes(server):
    """It is rendered from its pickle, and its SVG is archived."""
    with server.kernel("sizes.ipynb") as kernel:
        code = (
            "import jupyter_figserve as figserve, matplotlib.pyplot as plt\n"
            "fig, ax = plt.subplots(); ax.plot([1, 3, 2])\n"
            "pub = figserve.publish(fig, 'sizes')\n"
            "from jupyter_figserve.kernel.client import source_uploader; source_uploader.flush()\n"
            "print(pub.id)"
        )
        execution = kernel.run(code)
        assert execution.error is None, execution.stderr
    figure = execution.stdout.split()[-1]
    for width, height in ((400, 300), (1200, 800)):
        answer = server.fetch(f"figserve/figures/{figure}.png?width={width}&height={height}")
        assert (answer.status, png_size(answer.body)) == (200, (width, height))
    assert server.fetch(f"figserve/figures/{figure}.pdf").body.startswith(b"%PDF")
    dark = server.fetch(f"figserve/figures/{figure}.png?style=dark_background")
    assert pixels(dark.body)[:4] == b"\x00\x00\x00\xff"
    unknown = server.fetch(f"figserve/figures/{figure}.png?style=none_such")
    assert (unknown.status, "ggplot" in unknown.json()["error"]) == (400, True)


def test_P2_a_source_that_is_no_figure_is_an_error(server):
    """A gadget, an empty and a truncated source are 422, and the stored image stays."""
    import os
    import pickle
    from pathlib import Path

    from ...sample_images import png

    witness = Path(server.home) / "witness"

    class Gadget:
        def __reduce__(self):
            return os.system, (f"touch {witness}",)

    for name, source in {"gadget": pickle.dumps(Gadget()), "dict": pickle.dumps({}), "cut": b"\x80\x05\x95"}.items():
        answer = server.fetch(
            f"figserve/api/figures?name={name}", method="POST", body=png(), headers={"Content-Type": "image/png"}
        )
        figure = answer.json()["id"]
        put = server.fetch(
            f"figserve/api/figures/{figure}/versions/1/source?kind=figure",
            method="PUT",
            body=source,
            headers={"Content-Type": "application/octet-stream"},
        )
        assert put.status == 204
        assert server.fetch(f"figserve/figures/{figure}.svg").status == 422
        assert server.fetch(f"figserve/figures/{figure}.png").body == png()
    assert not witness.exists()


def test_a_signed_address_shows_its_image_to_anybody(server):
    """Without the signature it is refused."""
    url = server.fetch("figserve/api/renders/url", method="POST", body={"code": LINE, "format": "svg"}).json()["url"]
    answer = server.fetch(url, anonymous=True)
    assert (answer.status, answer.body[:5]) == (200, b"<?xml")
    assert server.fetch(url.partition("?")[0], anonymous=True).status == 403


def _under_way(server: ServerProcess) -> int:
    sandbox = server.fetch("figserve/api/status").json()["sandbox"]
    count: int = sandbox["running"] + sandbox["waiting"]
    return count


def test_R31_sandbox_restarts_after_a_crash(server):
    """Waiting clients get the image or 503, and the next render works."""
    before = render(server, LINE, dpi=66)
    process = psutil.Process(server.pid)
    with ThreadPoolExecutor(4) as pool:
        waiting = [
            pool.submit(render, server, f"import time; time.sleep(3)\n{LINE}# {n}", timeout=50) for n in range(4)
        ]
        wait_until(lambda: _under_way(server) == 4)
        for child in process.children():
            child.kill()
        statuses = {one.result(DEADLINE).status for one in waiting}
    assert statuses <= {200, 503}
    assert render(server, LINE, dpi=66).body == before.body


def test_R33_links_are_served_while_hostile_jobs_run(make_server):
    """Of fifty endless loops some time out and others are refused; a link's image is still served."""
    server = make_server(rate_limit="", render_queue=4)
    kept = render(server, LINE, keep=True, name="shown")
    if kept.json().get("code") == "sandbox_unavailable":
        pytest.skip("not on this machine: a sandbox")
    link = server.fetch(f"figserve/api/figures/{kept.json()['id']}/links", method="POST", body={}).json()
    is_over = threading.Event()
    seen = []

    def look() -> None:
        while not is_over.is_set():
            seen.append(server.fetch(link["image_url"], anonymous=True).status)

    with ThreadPoolExecutor(51) as pool:
        looking = pool.submit(look)
        loops = [pool.submit(render, server, f"while True: pass  # {n}", timeout=1) for n in range(50)]
        statuses = [one.result(DEADLINE).status for one in loops]
        is_over.set()
        looking.result(DEADLINE)
    assert set(statuses) == {503, 504}
    assert set(seen) == {200}
    assert len(seen) > 50


def test_a_server_that_ends_leaves_no_process(make_server):
    """The zygote and its children end with it."""
    server = make_server()
    assert render(server, LINE).status in (200, 503)
    processes = psutil.Process(server.pid).children(recursive=True)
    server.stop()
    _, alive = psutil.wait_procs(processes, timeout=DEADLINE)
    assert alive == []


def test_R32_who_hangs_up_frees_the_place_and_ends_the_child(make_server):
    """The next render starts at once, although a job of a minute was running."""
    server = make_server(render_jobs=1, render_queue=0)
    assert render(server, LINE).status == 200
    body = b"while True: pass"
    head = (
        f"POST /figserve/api/renders?timeout=60 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: token {server.token}\r\n"
        f"Content-Type: text/x-python\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(head.encode() + body)
        wait_until(lambda: running(server) == 1)
    wait_until(lambda: running(server) == 0)
    assert render(server, LINE).status == 200


def running(server: ServerProcess) -> int:
    return server.fetch("figserve/api/status").json()["sandbox"]["running"]
