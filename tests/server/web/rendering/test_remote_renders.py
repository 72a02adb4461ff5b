"""A real server that renders on a real worker: renders, redraws, its status, the doctor, and a worker that ends."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_figserve.cli.checks.server import Examination
from jupyter_figserve.demo.server_process import Response, ServerProcess
from jupyter_figserve.kernel.client.address import parse_pasted
from jupyter_figserve.kernel.client.client import FigServeClient

from ....conftest import MakeServer
from ....sandbox.harness import LINE, is_started
from ....sandbox.remote.processes import KEY, Worker
from ....waiting import wait_until
from ...sample_images import png


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    made = Worker(tmp_path_factory.mktemp("worker"), slots=2)
    made.wait_ready()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def server(worker: Worker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    made = MakeServer()
    key: Path = tmp_path_factory.mktemp("key") / "worker.key"
    key.write_text(KEY, encoding="utf-8")
    key.chmod(0o600)
    yield made(renderer="http", renderer_url=worker.url, renderer_key_file=key, render_jobs=1)
    made.stop_all()


def render(server: ServerProcess, code: str = LINE) -> Response:
    headers = {"Content-Type": "text/x-python"}
    return server.fetch("figserve/api/renders", method="POST", body=code, headers=headers)


def doctor(server: ServerProcess) -> tuple[str, str]:
    client = FigServeClient(parse_pasted(server.url)[0], server.token)
    try:
        (found,) = [one for one in Examination(client).results() if one.check == "render_workers"]
    finally:
        client.close()
    return found.state, found.says


def test_renders_run_on_the_worker(server: ServerProcess, worker: Worker):
    """Images, errors with their traceback, and redraws of published figures; this machine runs no sandbox."""
    assert render(server).body.startswith(b"\x89PNG")
    failed = render(server, "print('before')\n1 / 0").json()
    assert (failed["code"], failed["line"], failed["output"]) == ("code_failed", 2, "before\n")
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(3, 2))
    source = pickle.dumps(figure)
    pyplot.close(figure)
    record = server.fetch(
        "figserve/api/figures?name=redrawn", method="POST", body=png(), headers={"Content-Type": "image/png"}
    ).json()
    path = f"figserve/api/figures/{record['id']}/versions/1/source?kind=figure"
    server.fetch(path, method="PUT", body=source, headers={"Content-Type": "application/octet-stream"})
    drawn = server.fetch(f"figserve/figures/{record['id']}.svg?width=500&height=300")
    assert (drawn.status, b"<svg" in drawn.body) == (200, True)
    import psutil

    assert not [child for child in psutil.Process(server.pid).children() if is_started(child)]


def test_the_status_and_the_doctor(server: ServerProcess):
    """Both name the renderer, the workers and their sandbox, and no address."""
    sandbox = server.fetch("figserve/api/status", anonymous=True).json()["sandbox"]
    assert (sandbox["renderer"], sandbox["slots"]) == ("http", 2)
    assert sandbox["workers"] == [{"tier": sandbox["tier"], "slots": 2}]
    assert sandbox["tier"] in ("FULL", "NS", "STRICT")
    state, says = doctor(server)
    assert (state, "1 render worker (http) with 2 slots" in says) == ("ok", True)


def test_a_worker_ends_and_comes_back(server: ServerProcess, worker: Worker):
    """503 with Retry-After and a sentence at once, and then images again, without a restart of the server."""
    worker.kill()
    refused = render(server)
    assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
    assert "No render worker can be reached" in refused.json()["error"]
    assert server.fetch("figserve/api/status").json()["sandbox"]["tier"] == "none"
    assert doctor(server)[0] == "wrong"
    worker.start()
    worker.wait_ready()
    # Nobody asks for a render meanwhile: the server notices by itself, and pages offer formats again.
    wait_until(lambda: server.fetch("figserve/api/status").json()["sandbox"]["slots"] == 2)
    assert render(server).status == 200
