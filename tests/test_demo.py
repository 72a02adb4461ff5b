"""The demo: its pages work, failures are reported, and nothing is left running."""

from __future__ import annotations

import http.server
import os
import re
import signal
import subprocess
import sys
import threading

import psutil
import pytest

from jupyter_figserve import demo
from jupyter_figserve.demo.kernel_session import RunnerError
from jupyter_figserve.demo.server_process import ServerProcess, fetch

from .conftest import WITH_FRONT_ENDS

TOKEN = "A" * 32
COMMAND = [sys.executable, "-m", "jupyter_figserve.cli", "demo"]


@pytest.fixture
def demo_environment(tmp_path) -> dict[str, str]:
    """Place the demo's temporary directory inside the test's. The demo has JupyterLab."""
    plain = {name: value for name, value in os.environ.items() if name not in WITH_FRONT_ENDS}
    return {**plain, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def responding():
    """Run a server on loopback that responds to every GET with the status and type from ``answers``."""
    answers: dict[str, tuple[int, str]] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, mimetype = answers[self.path]
            self.send_response(status)
            self.send_header("Content-Type", mimetype)
            self.end_headers()
            self.wfile.write(b"x")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", answers
        server.shutdown()
        thread.join()


@pytest.mark.nightly
@pytest.mark.kernel
def test_the_exit_option_ends_the_demo(demo_environment, tmp_path):
    """`--exit`: the URLs are printed, the exit code is 0, and the directory is removed."""
    done = subprocess.run([*COMMAND, "--exit"], env=demo_environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    assert demo.find_share_link([{"text": done.stdout}])
    assert "00_quickstart.ipynb?token=" in done.stdout
    assert "curl -o figure.png http" in done.stdout
    assert list(tmp_path.glob("figserve-demo-*")) == []


@pytest.mark.kernel
@pytest.mark.parametrize("kind", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.nightly)])
def test_the_demo_serves_until_it_is_interrupted(kind, demo_environment, tmp_path):
    """The link works while the demo runs; Ctrl-C or SIGTERM ends it, its server and its kernels."""
    process = subprocess.Popen(COMMAND, env=demo_environment, stdout=subprocess.PIPE, text=True)
    try:
        printed = ""
        for line in process.stdout:
            printed += line
            if "Ctrl-C" in line:
                break
        assert "00_quickstart.ipynb?token=" in printed
        assert "curl -o figure.png http" in printed
        link = demo.find_share_link([{"text": printed}])
        assert fetch(f"{link}.png").mimetype == "image/png"
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 2
        process.send_signal(kind)
        assert process.wait(60) == 0
        _, alive = psutil.wait_procs(children, timeout=10)
        assert alive == []
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert list(tmp_path.glob("figserve-demo-*")) == []


@pytest.mark.parametrize(
    ("page", "image", "faults"),
    [
        ((200, "text/html"), (200, "image/png"), 0),
        ((404, "text/html"), (200, "image/png"), 1),
        ((200, "text/html"), (200, "text/html"), 1),
        ((500, "application/json"), (302, "text/html"), 2),
    ],
)
def test_the_check_opens_page_and_image(responding, page, image, faults):
    """Both must respond with 200 and the right types."""
    url, answers = responding
    answers.update({"/f/x": page, "/f/x.png": image})
    assert len(demo.check(demo.Pages("", "", "", f"{url}/f/x", f"{url}/f/x.png"))) == faults


def test_the_check_reports_an_unresponsive_server():
    """A server that does not respond is reported by its URL, without a traceback."""
    (page, image) = demo.check(demo.Pages("", "", "", "http://127.0.0.1:9/f/x", "http://127.0.0.1:9/f/x.png"))
    assert "http://127.0.0.1:9/f/x: " in page
    assert "http://127.0.0.1:9/f/x.png: " in image


@pytest.mark.parametrize(
    "text",
    [
        f"http://127.0.0.1:8888/figserve/f/{TOKEN}",
        f"[![a](http://127.0.0.1:8888/figserve/f/{TOKEN}.png)](http://127.0.0.1:8888/figserve/f/{TOKEN})",
        f'<a href="http://127.0.0.1:8888/figserve/f/{TOKEN}">',
        f"Link to sales: http://127.0.0.1:8888/figserve/f/{TOKEN} (until May)",
    ],
)
def test_the_share_link_is_found(text):
    """In plain text, Markdown and HTML, in streams and mimebundles, without surrounding characters."""
    expected = f"http://127.0.0.1:8888/figserve/f/{TOKEN}"
    assert demo.find_share_link([{"output_type": "stream", "text": text}]) == expected
    assert demo.find_share_link([{"output_type": "display_data", "data": {"text/plain": text}}]) == expected


def test_other_urls_are_not_share_links():
    """The URL of a figure's own page is not a link."""
    outputs = [{"output_type": "stream", "text": "http://127.0.0.1:8888/figserve/figures/abc"}, {"data": {"a": {}}}]
    assert demo.find_share_link(outputs) is None


def test_the_notebook_is_found_in_a_checkout():
    """The wheel's quick-start notebook is the one in the checkout."""
    assert demo.find_notebook().name == "00_quickstart.ipynb"


def test_a_server_that_does_not_start_reports_why(tmp_path):
    """The error includes the end of the server's log."""
    server = ServerProcess(tmp_path, ["--ServerApp.port=not-a-number"])
    with pytest.raises(RunnerError, match=re.compile("did not start.*not-a-number", re.DOTALL)):
        server.start()
    assert server.wait(0)


LATE = """
import json, os, pathlib, sys

runtime = pathlib.Path(os.environ["JUPYTER_RUNTIME_DIR"])
started = pathlib.Path("started")
if not started.exists():
    started.touch()
    url = sys.argv[1]
    (runtime / f"jpserver-{os.getpid()}.json").write_text(json.dumps({"url": url}))
    # Until the other server has been asked.
    pathlib.Path(sys.argv[2]).open().read()
    sys.exit("ERROR: the Jupyter server could not be started because no available port could be found.")
sys.argv[1:] = sys.argv[3:]
from jupyter_server.serverapp import main
main()
"""


def test_a_port_that_another_server_took_is_given_up(tmp_path, live_server):
    """Jupyter names its address before it listens there: a server that does not know the token is another one."""
    asked = tmp_path / "asked"
    os.mkfifo(asked)
    server = ServerProcess(tmp_path, command=("-c", LATE, live_server.url, str(asked)))
    is_ready = server._is_ready

    def watch() -> bool:
        found = is_ready()
        if server.url == live_server.url and asked.exists():
            assert not found
            asked.write_text("")
            asked.unlink()
        return found

    server._is_ready = watch
    server.start()
    try:
        assert server.url != live_server.url
        with server.kernel() as kernel:
            assert kernel.run("1 + 1").error is None
    finally:
        server.stop()


def test_a_failing_demo_exits_1(monkeypatch, capsys):
    """With one line on standard error, without a traceback."""
    monkeypatch.setattr(demo, "find_notebook", lambda: None)
    assert demo.run(serve_on=False) == 1
    assert capsys.readouterr().err == "The demo failed. 00_quickstart.ipynb is missing from this installation.\n"
