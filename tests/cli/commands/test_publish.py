"""`publish`: the bytes of the files, and a message for each."""

from __future__ import annotations

import os

import pytest

from jupyter_figserve.demo.server_process import fetch
from tests.server.sample_images import SAMPLES, SVG, png


@pytest.fixture
def plot(shell):
    (shell.home / "plot.png").write_bytes(png())
    return shell.home / "plot.png"


def bytes_of(live_server, record: dict) -> bytes:
    return live_server.fetch(record["representations"][0]["url"]).body


def test_file_is_published(shell, plot, live_server):
    """The figure is named after the file; only its URL is on standard output."""
    done = shell.run("publish", "plot.png")
    (url,) = done.lines
    assert done.err == 'plot.png is figure "plot", version 1.\n'
    assert live_server.fetch(f"{url}.png").body == png()


def test_texts_and_versions(shell, plot, live_server):
    """Name, title and alt text are sent; the same name makes a version."""
    options = ("--name", "sales", "--title", "Sales & <b> Σ", "--alt", "It's “up”\tall year")
    first = shell.run("publish", "plot.png", *options, "--json").json()["figures"][0]
    assert (first["title"], first["alt"]) == ("Sales & <b> Σ", "It's “up” all year")
    plot.write_bytes(png(grey=9))
    second = shell.run("publish", "plot.png", "--name", "sales", "--json").json()["figures"][0]
    assert (second["id"], second["version"]) == (first["id"], 2)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_content_determines_the_type(name, shell, live_server):
    """The format is detected from the content."""
    mimetype, data = SAMPLES[name][0], SAMPLES[name][1]
    (shell.home / "figure.dat").write_bytes(data)
    record = shell.run("publish", "figure.dat", "--name", f"as-{name}", "--json").json()["figures"][0]
    assert record["representations"][0]["mimetype"] == mimetype
    assert bytes_of(live_server, record) == data


def test_files_with_one_stem_are_one_figure(shell, plot, live_server):
    """One figure in two formats, in the given order."""
    (shell.home / "plot.svg").write_bytes(SVG)
    done = shell.run("publish", "plot.png", "plot.svg", "--name", "both", "--title", "Both", "--json")
    (record,) = done.json()["figures"]
    assert [part["mimetype"] for part in record["representations"]] == ["image/png", "image/svg+xml"]
    assert record["title"] == "Both"
    assert live_server.fetch(record["representations"][1]["url"]).body == SVG


def test_failing_file_does_not_stop_the_others(shell, plot):
    """Valid files are published, the others reported; the exit code is 1."""
    (shell.home / "notes.txt").write_text("no image")
    (shell.home / "empty.png").touch()
    (shell.home / "folder").mkdir()
    (shell.home / "x.png").write_bytes(png()[:20])
    (shell.home / "§§.png").write_bytes(png())
    (shell.home / "other.svg").write_bytes(SVG)
    files = ("notes.txt", "empty.png", "folder", ".", "missing.png", "x.png", "§§.png", "plot.png", "other.svg")
    files += ("https://example.org/a.png",)
    done = shell.run("publish", *files, expect=1)
    assert len(done.lines) == 2
    messages = done.err
    for text in (
        "notes.txt: the format is not one of PNG, SVG",
        "empty.png: the file is empty",
        "folder: not a regular file",
        ".: not a regular file",
        "No such file or directory. Download what is at the URL",
        "missing.png: No such file",
        "x.png: The body is not image/",
        "§§.png: no figure name can be derived from the file name. Use --name",
    ):
        assert text in messages


def test_from_standard_input(shell, live_server):
    """Standard input requires a name."""
    record = shell.run("publish", "-", "--name", "piped", "--json", stdin=SVG).json()["figures"][0]
    assert bytes_of(live_server, record) == SVG
    assert "standard input: the file is empty" in shell.run("publish", "-", "--name", "x", expect=1).err


@pytest.mark.parametrize("name", ["-rf.png", "--help.png", "a\nb.png", "a b'\"$(id).png", "é漢.png", "*.png"])
def test_C2_odd_file_names_are_literal(name, shell, live_server):
    """File names may contain hyphens, newlines, quotes and stars; messages stay on one line."""
    (shell.home / name).write_bytes(png())
    done = shell.run("publish", "--name", "odd", "--json", "--", name)
    assert bytes_of(live_server, done.json()["figures"][0]) == png()
    assert done.err == ""
    assert len(shell.run("publish", "--name", "odd", "--", name).err.splitlines()) == 1


def test_C2_symlinks_are_followed_and_devices_rejected(shell, plot, live_server):
    """Symbolic links are followed; devices and pipes are rejected."""
    (shell.home / "link.png").symlink_to("plot.png")
    record = shell.run("publish", "link.png", "--json").json()["figures"][0]
    assert record["name"] == "link"
    os.mkfifo(shell.home / "pipe.png")
    assert "not a regular file" in shell.run("publish", "pipe.png", "/dev/zero", expect=1).err


def test_share_prints_only_the_link(shell, plot):
    """The link opens without a login, for the given time."""
    done = shell.run("publish", "plot.png", "--share", "7d")
    (url,) = done.lines
    assert fetch(f"{url}.png").body == png()
    done = shell.run("publish", "plot.png", "--share", "soon", expect=1)
    assert "not a duration" in done.err


def test_too_large_file_is_reported(shell):
    """The message is the server's limit, not a connection error."""
    (shell.home / "large.svg").write_bytes(b"<svg>" + b" " * 34_000_000 + b"</svg>")
    done = shell.run("publish", "large.svg", expect=1)
    assert "FigServe.figure_bytes" in done.err


def test_large_file_with_an_invalid_key(shell, live_server):
    """An early rejection is read although the upload is not complete."""
    (shell.home / "large.svg").write_bytes(b"<svg>" + b" " * 12_000_000 + b"</svg>")
    bad = shell.with_env(FIGSERVE_API_KEY=f"fsk_{'a' * 8}_{'b' * 43}")
    for _ in range(3):
        done = bad.run("publish", "large.svg", "--server", live_server.url, expect=1)
        assert "Invalid, expired or revoked API key" in done.err


def test_large_file_has_a_progress_bar(shell):
    """A progress bar is shown on a terminal only."""
    (shell.home / "large.svg").write_bytes(b"<svg>" + b" " * 5_000_000 + b"</svg>")
    done = shell.run_on_terminal("publish", "large.svg")
    assert done.code == 0
    assert "Sending large.svg  [########################] 100%  5 MB of 5 MB" in done.out
    (shell.home / "large.svg").write_bytes(b"<svg>" + b" " * 5_000_001 + b"</svg>")
    done = shell.run("publish", "large.svg")
    assert "Sending" not in done.err + done.out


def test_C4_control_sequences_in_the_response_are_removed(isolated_shell, hostile):
    """Control characters in the server's response are removed."""
    (isolated_shell.home / "a.svg").write_bytes(SVG)
    evil = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\u202eevil\n"
    hostile.print_line("api/figures", {"name": evil, "version": evil, "url": f"http://x/{evil}", "id": "x"}, 201)
    done = isolated_shell.with_env(FIGSERVE_API_KEY="t").run("publish", "a.svg", "--server", hostile.url)
    assert not set("\x1b\x07\x9b\r\u202e") & set(done.out + done.err)
    assert len(done.lines) == 1
    hostile.print_line("api/figures", {"error": evil, "code": evil}, 409)
    done = isolated_shell.with_env(FIGSERVE_API_KEY="t").run("publish", "a.svg", "--server", hostile.url, expect=1)
    assert not set("\x1b\x07\x9b\r\u202e") & set(done.err)
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("body", [b"<html>", b"", b"[" * 100_000])
def test_invalid_response(body, isolated_shell, hostile):
    """An invalid response is reported without a traceback."""
    (isolated_shell.home / "a.svg").write_bytes(SVG)
    hostile.answers["api/figures"] = (201, {"Content-Type": "application/json"}, body)
    assert isolated_shell.with_env(FIGSERVE_API_KEY="t").run("publish", "a.svg", "--server", hostile.url, expect=1).err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--share", ""), "is not a duration"),
        (("--name", ""), "cannot be a figure's name"),
        (("--server", ""), "The server URL is empty"),
    ],
)
def test_empty_options_are_no_defaults(shell, plot, options, message):
    """As of a variable that is not set: what was asked for is not left out silently."""
    assert message in shell.run("publish", "plot.png", *options, expect=1).err


def test_code_is_no_image(shell):
    """The command that draws it is named; for a text, which is no code, it is not."""
    (shell.home / "plot.py").write_text("import matplotlib.pyplot as plt")
    (shell.home / "notes.txt").write_text("import")
    assert "To draw a figure from code: `jupyter figserve render`." in shell.run("publish", "plot.py", expect=1).err
    assert "render" not in shell.run("publish", "notes.txt", expect=1).err


def test_standard_input_without_end_is_refused(shell):
    """Its format is known from its beginning."""
    with open("/dev/zero", "rb") as endless:
        process = shell.start("publish", "-", "--name", "zero", stdin=endless, stderr=-1)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"the format is not one of" in said
