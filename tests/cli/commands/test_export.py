"""`export`: complete zip files, and no overwriting."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import zipfile

import pytest

from tests.security.actors import PNG, publish

from ..conftest import DEADLINE, Hostile


@pytest.fixture(scope="module", autouse=True)
def _figures(live_server):
    for index in range(3):
        publish(live_server, name=f"figure-{index}", title=f"Figure {index}")


def files_of(home) -> list[str]:
    return sorted(path.name for path in home.iterdir())


def test_export_all_figures(shell):
    """The default file is figures.zip, with a page; the output is the number and size."""
    done = shell.run("export", "--all")
    with zipfile.ZipFile(shell.home / "figures.zip") as file:
        assert file.testzip() is None
        assert len(json.loads(file.read("figures.json"))["figures"]) == 3
        assert "Figure 2" in file.read("index.html").decode()
    assert done.out.startswith("3 figures in figures.zip (")
    assert done.err == ""
    assert files_of(shell.home) == ["figures.zip"]


@pytest.mark.kernel
def test_export_of_a_notebook_and_of_a_session(live_server, shell):
    """Figures of a real kernel, by notebook path and by id."""
    code = "import jupyter_figserve as f, matplotlib.pyplot as plt; plt.plot([1, 2]); f.publish(name='drawn')"
    with live_server.kernel("deep/plots.ipynb") as kernel:
        assert kernel.run(code).error is None
        session = kernel.kernel_id
    for arguments in (("--notebook", "deep/plots.ipynb"), ("--session", session)):
        shell.run("export", *arguments, "-o", "one.zip", "--force")
        with zipfile.ZipFile(shell.home / "one.zip") as file:
            (record,) = json.loads(file.read("figures.json"))["figures"]
            assert record["name"] == "drawn"
            assert file.read("pictures/deep - plots/drawn.png").startswith(b"\x89PNG")
            assert "deep/plots.ipynb" in file.read("index.html").decode()


@pytest.mark.kernel
def test_captured_plots_and_files_are_exported(live_server, shell):
    """Captured plots and files of the session's directory, by kernel id and by Jupyter session id."""
    code = (
        "import jupyter_figserve as f, matplotlib.pyplot as plt; from IPython.display import Image, display\n"
        f"data = {PNG!r}\n"
        "display(Image(data)); (f.plots_dir() / 'sub').mkdir()\n"
        "(f.plots_dir() / 'sub' / 'written.png').write_bytes(data)\n"
        "plt.plot([1, 2]); f.publish(name='drawn'); plt.close('all')"
    )
    with live_server.kernel("seen.ipynb") as kernel:
        assert kernel.run(code).error is None
        for session in (kernel.kernel_id, kernel.session):
            shell.run("export", "--session", session, "-o", "seen.zip", "--force")
            with zipfile.ZipFile(shell.home / "seen.zip") as file:
                rows = json.loads(file.read("figures.json"))["figures"]
                assert sorted(row["origin"] for row in rows) == ["captured", "file", "published"]
                assert file.read("captured/sub - written.png") == PNG
                (seen,) = [row["files"]["png"] for row in rows if row["origin"] == "captured"]
                assert file.read(seen) == PNG
                assert file.read("index.html").decode().count("<img ") == 3


def test_nothing_to_export(shell):
    """Nothing is written if there are no figures."""
    done = shell.run("export", "--notebook", "no.ipynb", expect=1)
    assert "no figures to export" in done.err
    assert files_of(shell.home) == []


def test_existing_file_is_kept(shell):
    """Existing files need --force; a symbolic link is replaced itself."""
    (shell.home / "mine.zip").write_text("mine")
    (shell.home / "link.zip").symlink_to("mine.zip")
    for name in ("mine.zip", "link.zip"):
        assert "--force" in shell.run("export", "--all", "-o", name, expect=1).err
    shell.run("export", "--all", "-o", "link.zip", "--force")
    assert (shell.home / "mine.zip").read_text() == "mine"
    assert zipfile.is_zipfile(shell.home / "link.zip")
    assert not (shell.home / "link.zip").is_symlink()
    shell.run("export", "--all", "-o", "mine.zip", "--force")
    assert zipfile.is_zipfile(shell.home / "mine.zip")


def test_C2_odd_file_names_are_literal(shell):
    """Unusual file names."""
    for name in ("-rf.zip", "a\nb.zip", "é 漢.zip"):
        shell.run("export", "--all", f"--output={name}")
    assert files_of(shell.home) == sorted(("-rf.zip", "a\nb.zip", "é 漢.zip"))


def test_missing_output_directory(shell):
    """A missing directory is named."""
    assert "nowhere" in shell.run("export", "--all", "-o", "nowhere/x.zip", expect=1).err


@pytest.mark.parametrize("kind", ["short", "no zip", "half"])
def test_incomplete_zip_never_replaces_the_file(kind, isolated_shell, hostile):
    """After an incomplete or invalid response, the old file stays, and no temporary file is left."""
    (isolated_shell.home / "figures.zip").write_text("mine")
    headers = {"Content-Type": "application/zip"}
    bodies = {
        "short": (headers | {"Content-Length": "1000"}, PNG[:50]),
        "no zip": (headers, PNG),
        "half": (headers, b"PK"),
    }
    hostile.answers["export.zip"] = (200, *bodies[kind])
    user = isolated_shell.with_env(FIGSERVE_API_KEY="t", FIGSERVE_URL=hostile.url)
    done = user.run("export", "--all", "--force", expect=1)
    assert done.out == ""
    assert (isolated_shell.home / "figures.zip").read_text() == "mine"
    assert files_of(isolated_shell.home) == ["figures.zip", "runtime"]


def test_interrupt_leaves_no_file(isolated_shell, hostile: Hostile):
    """Ctrl-C during the download: exit code 130, and no temporary file."""

    class Endless(dict):
        """Headers that delay the rest of the response."""

        def items(self):
            yield "Content-Length", "1000000"
            yield "Content-Type", "application/zip"
            reached.set()
            ended.wait(DEADLINE)

        def __contains__(self, name: object) -> bool:
            return True

    reached, ended = threading.Event(), threading.Event()
    hostile.answers["export.zip"] = (200, Endless(), PNG)
    user = isolated_shell.with_env(FIGSERVE_API_KEY="t", FIGSERVE_URL=hostile.url)
    process = user.start("export", "--all", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert reached.wait(DEADLINE)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=DEADLINE)
    ended.set()
    assert process.returncode == 130
    assert files_of(isolated_shell.home) == ["runtime"]


def test_progress_bar_on_a_terminal(shell):
    """Progress is followed by the result on its own line."""
    done = shell.run_on_terminal("export", "--all")
    assert "Exporting  [" in done.out
    assert "100%" in done.out
    assert done.out.rstrip().endswith(")")
    assert os.path.getsize(shell.home / "figures.zip") > 0
