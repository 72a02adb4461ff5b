"""Systems other than Linux: all but posted code works where what only Linux has is hidden from this package."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jupyter_figserve.demo.kernel_session import KernelSession
from jupyter_figserve.demo.server_process import ServerProcess, fetch

from .server.sample_images import png
from .waiting import wait_until

pytestmark = pytest.mark.kernel
OTHER_SYSTEM = str(Path(__file__).parent / "other_system")
NOTEBOOK = """
import os
import pathlib
import jupyter_figserve as figserve
from IPython.display import Image
from matplotlib.figure import Figure

figure = Figure()
figure.subplots().plot([1, 2])
published = figserve.publish(figure, "line")
print(published.share().image_url("png"))

@figserve.live
def wave(n: int = 1):
    figure = Figure()
    figure.subplots().plot([0, n])
    return figure

print(wave.url(n=3))
board = figserve.Dashboard("Board", [[wave, published]])
print(board.share().url)
saved = pathlib.Path(os.environ["KERNEL_FIGSERVE_PLOTS"]) / "deep" / "saved.png"
saved.parent.mkdir()
figure.savefig(saved)
Image(filename=saved)
"""


@contextmanager
def running(home: Path, **environment: str) -> Iterator[ServerProcess]:
    server = ServerProcess(home, environment={"PYTHONPATH": OTHER_SYSTEM, **environment})
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server on Windows."""
    with running(tmp_path_factory.mktemp("windows")) as server:
        yield server


@pytest.fixture(params=["windows", "macos"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server on either system."""
    if request.param == "windows":
        yield request.getfixturevalue("server")
        return
    with running(tmp_path, OTHER_SYSTEM="darwin") as server:
        yield server
        assert "Traceback" not in server.log


@pytest.fixture(scope="module")
def kernel(server: ServerProcess) -> Iterator[KernelSession]:
    with server.kernel("Other.ipynb") as kernel:
        yield kernel


@pytest.fixture(scope="module")
def urls(kernel: KernelSession) -> list[str]:
    execution = kernel.run(NOTEBOOK, timeout=120)
    assert execution.error is None, execution.error
    return execution.stdout.split()


def test_names_are_hidden(kernel):
    """From this package alone, in the server's kernels too."""
    execution = kernel.run(
        "import os; from jupyter_figserve.model import open_flags; print(open_flags.DIRECTORY, os.O_DIRECTORY > 0)"
    )
    assert execution.stdout == "0 True\n"


def test_links_live_figures_and_dashboards_are_served(urls, server):
    """To strangers and owners."""
    image, live, dashboard = urls
    assert (fetch(image).status, fetch(image).body[:4]) == (200, b"\x89PNG")
    assert server.fetch(live.removeprefix(server.url)).status == 200
    assert "Board" in fetch(dashboard, headers={"Accept": "text/html"}).text


def test_plots_of_the_session_are_served(urls, kernel, server):
    """What it displayed, and what it wrote; a link is followed nowhere."""
    plots = server.runtime / "figserve"
    (directory,) = plots.glob("server-*/plots-*")
    (directory / "outside.png").symlink_to(server.root.parent / "server.log")
    path = f"figserve/plots/{kernel.kernel_id}"

    def list_origins() -> set[str]:
        return {one["origin"] for one in server.fetch(path).json()["plots"]}

    wait_until(lambda: list_origins() >= {"captured", "file", "published"})
    listed = [one["path"] for one in server.fetch(path).json()["plots"]]
    assert "deep/saved.png" in listed
    assert "outside.png" not in listed
    assert server.fetch(f"{path}/deep/saved.png").body[:4] == b"\x89PNG"
    assert server.fetch(f"{path}/outside.png").status == 404


WAYS = """
import matplotlib.pyplot as plt
from matplotlib.animation import FuncAnimation

plt.plot([3, 1])
plt.show()
kept = figserve.last().share()
moving, axes = plt.subplots()
(line,) = axes.plot([0, 1])
animation = FuncAnimation(moving, lambda i: line.set_ydata([0, i]), frames=2)
assert figserve.publish(animation, "moving", format="gif").version == 1
plt.close("all")
assert wave.freeze(n=[1, 2]) == 2
board.save("board.html")
assert pathlib.Path("board.html").stat().st_size > 10_000
published.delete()
published.restore()
assert (figserve.get("line").version, len(figserve.links()) >= 3) == (1, True)
print(kept.image_url("png"))
"""


def test_every_way_to_publish_works(either):
    """Captured figures, animations, whole cells, frozen live figures, saved dashboards, the trash, lists of links."""
    with either.kernel("Ways.ipynb") as kernel:
        kernel.run(NOTEBOOK, timeout=120)
        execution = kernel.run(WAYS, timeout=120)
        assert execution.error is None, execution.error
        image = execution.stdout.splitlines()[-1]
        kernel.run("%load_ext jupyter_figserve")
        execution = kernel.run("%%publish cell\nplt.plot([1, 4])\nplt.show()", timeout=120)
        assert execution.error is None, execution.error
    assert fetch(image).body[:4] == b"\x89PNG"
    named = either.fetch("figserve/api/figures?name=cell").json()["figures"]
    assert [one["notebook"] for one in named] == ["Ways.ipynb"]


def test_posted_code_is_refused(server):
    """With the reason, and nothing has run."""
    answer = server.fetch("figserve/api/renders", method="POST", body={"code": "import matplotlib.pyplot"})
    assert answer.status == 503
    assert "Linux" in answer.json()["error"]


def test_the_kernel_draws_other_formats(either):
    """A figure is available in all formats while its kernel runs, then in those that are stored; pages say so."""
    code = (
        "again = figserve.publish(figure, 'again')\n"
        "link = again.share(data=True)\n"
        "print(again.id, link.url, link.image_url('pdf', width=640), again.is_redrawable, len(again.data()))"
    )
    with either.kernel("Again.ipynb") as other:
        execution = other.run(f"{NOTEBOOK}\n{code}", timeout=120)
        assert execution.error is None, execution.error
        figure, link, pdf, is_redrawable, tables = execution.stdout.splitlines()[-1].split()
        assert (is_redrawable, tables) == ("True", "1")
        assert fetch(pdf).body[:4] == b"%PDF"
        assert either.fetch(f"figserve/figures/{figure}.eps").body[:4] == b"%!PS"
        assert ".webp" in fetch(link, headers={"Accept": "text/html"}).text
    wait_until(lambda: either.fetch(f"figserve/figures/{figure}.webp").status == 409)
    refused = either.fetch(f"figserve/figures/{figure}.png?width=333")
    assert "available as png, svg, svgz, and not in that size or format" in refused.json()["error"]
    assert {either.fetch(f"figserve/figures/{figure}.{name}").status for name in ("png", "svg", "svgz")} == {200}
    page = fetch(link, headers={"Accept": "text/html"}).text
    assert "Only PNG, SVG and SVGZ" in page
    assert ".webp" not in page


def test_nothing_failed(urls, server):
    """The log has no error."""
    assert "Traceback" not in server.log
    assert "ERROR" not in server.log.upper().replace("ERRORS", "")


def test_server_of_a_script(tmp_path):
    """``figserve.serve()`` starts one, publishes there, and stops it."""
    code = (
        "import jupyter_figserve as figserve\n"
        "with figserve.serve(data_dir='figures') as server:\n"
        "    published = figserve.publish('shown.png', 'shown')\n"
        "    print(published.version, server.is_running)\n"
        "print(server.is_running)\n"
    )
    (tmp_path / "shown.png").write_bytes(png())
    environment = os.environ | {"PYTHONPATH": OTHER_SYSTEM, "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100
    )
    assert (done.stdout, done.returncode) == ("1 True\nFalse\n", 0), done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["list"], ""),
        (["doctor"], "kernels of figures draw them"),
        (["keys", "list"], "no keys"),
        (["mcp"], ""),
        (["publish", "shown.png"], "figures/"),
        (["export", "--all"], "figures.zip"),
        (["restore"], ""),
        (["connect", "--list"], "no server"),
    ],
)
def test_command_line(arguments, says, server, tmp_path):
    """Commands find the server and answer."""
    (tmp_path / "shown.png").write_bytes(png())
    environment = os.environ | {
        "PYTHONPATH": OTHER_SYSTEM,
        "JUPYTER_RUNTIME_DIR": str(server.runtime),
        "FIGSERVE_URL": server.url + "figserve",
    }
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_figserve.cli", *arguments],
        cwd=tmp_path,
        env=environment | {"HOME": str(tmp_path)},
        input="",
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert says in done.stdout + done.stderr


def test_all_modules_can_be_imported():
    """But for those of the sandbox, which runs on Linux only."""
    code = (
        "import importlib, pkgutil, re, jupyter_figserve\n"
        "for module in pkgutil.walk_packages(jupyter_figserve.__path__, 'jupyter_figserve.'):\n"
        "    if not re.search('[.]sandbox[.]jail|__main__|[.]migrations[.]', module.name):\n"
        "        importlib.import_module(module.name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": OTHER_SYSTEM},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
