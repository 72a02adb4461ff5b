"""`list` and `show`: pages of figures, on terminals and in pipes."""

from __future__ import annotations

import os

import pytest

from tests.security.actors import SVG, make_png, publish


@pytest.fixture(scope="module")
def figures(live_server) -> list[dict]:
    """Seven figures, two of them with a title."""
    made = [publish(live_server, make_png(shade=index), name=f"figure-{index}") for index in range(5)]
    made.append(publish(live_server, SVG, "image/svg+xml", name="sales", title="Sales of the year", alt="They rise"))
    made.append(publish(live_server, make_png(), name="long", title="漢字 " * 60))
    return made


@pytest.fixture(autouse=True)
def _filled(figures):
    """All tests use these figures."""


def test_list_is_newest_first(shell, figures):
    """Columns: id, name, title, version, formats and time."""
    done = shell.run("list")
    head, first, second, *_ = done.lines
    assert head.split() == ["ID", "NAME", "TITLE", "PLACE", "VERSION", "FILES", "UPDATED"]
    assert first.startswith(figures[-1]["id"])
    assert second.split()[:2] == [figures[-2]["id"], "sales"]
    assert "Sales of the year" in second
    assert "SVG" in second
    assert done.err == ""


def test_pages(shell, figures):
    """The next page is named on standard error and follows without a gap; --all lists everything."""
    seen = []
    arguments: tuple[str, ...] = ()
    for _ in range(4):
        done = shell.run("list", "--limit", "2", *arguments)
        seen += [line.split()[0] for line in done.lines[1:]]
        if not done.err:
            break
        assert "--all" in done.err
        arguments = ("--cursor", done.err.split("--cursor ")[1].strip())
    assert seen == [figure["id"] for figure in reversed(figures)]
    assert [line.split()[0] for line in shell.run("list", "--all", "--limit", "2").lines[1:]] == seen


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["--search", "YEAR"], 1),
        (["--name", "sales"], 1),
        (["--name", "figure"], 0),
        (["--search", "figure-"], 5),
        (["--notebook", "no.ipynb"], 0),
        (["--session", "none"], 0),
    ],
)
def test_filters(arguments, count, shell):
    """Filters are those of the server; no match is reported on standard error, with exit code 0."""
    done = shell.run("list", *arguments)
    assert len(done.lines) == (count + 1 if count else 0)
    assert ("No figures match" in done.err) == (count == 0)
    assert len(shell.run("list", *arguments, "--json").json()["figures"]) == count


def test_json_is_the_servers(shell, live_server):
    """JSON has the records and the next cursor."""
    listed = shell.run("list", "--limit", "3", "--json").json()
    assert listed == live_server.fetch("figserve/api/figures?limit=3").json()
    assert shell.run("list", "--all", "--json").json()["next"] is None


@pytest.mark.parametrize("columns", [80, 120])
def test_lines_fit_the_terminal(columns, shell):
    """Long titles are shortened."""
    from jupyter_figserve.cli.output import display_width

    done = shell.with_env(NO_COLOR="1").run_on_terminal("list", columns=columns)
    assert done.code == 0
    assert all(display_width(line) <= columns for line in done.out.splitlines())
    assert "…" in done.out
    assert "\x1b[" not in done.out
    assert "\x1b[1mID" in shell.run_on_terminal("list").out
    assert "\x1b" not in shell.run("list").out


def test_C4_control_sequences_in_texts_are_removed(isolated_shell, hostile):
    """Control characters of a title are removed, in columns and in JSON."""
    evil = "a\x1b[2Jb\x1b]8;;http://evil\x07c\x9b1m\u202ed\ne"
    part = {"mimetype": evil, "width": 1, "height": 1, "size": 1, "url": evil}
    record = {"id": evil, "name": evil, "title": evil, "alt": evil, "notebook": evil, "version": evil, "url": evil}
    record |= {"updated": evil, "representations": [part]}
    hostile.print_line("api/figures", {"figures": [record], "next": evil})
    user = isolated_shell.with_env(FIGSERVE_API_KEY="t")
    for arguments in (["list"], ["list", "--json"], ["show", "x"], ["show", "x", "--json"]):
        done = user.run(*arguments, "--server", hostile.url)
        assert not set("\x1b\x07\x9b\u202e") & set(done.out + done.err)
    assert len(user.run("list", "--server", hostile.url).lines) == 2


def test_show(shell, figures):
    """By name, id and URL: metadata, page and files."""
    for text in ("sales", figures[5]["id"], figures[5]["url"]):
        output = shell.run("show", text).out
        for part in ("Sales of the year", "They rise", figures[5]["url"], "SVG", f"{figures[5]['url']}.svg"):
            assert part in output
    assert shell.run("show", "sales", "--json").json() == figures[5]
    assert "There is no figure 'nothing'" in shell.run("show", "nothing", expect=1).err


def test_show_versions(shell, live_server):
    """Versions are listed newest first."""
    for shade in (1, 2):
        publish(live_server, make_png(shade=shade), name="sales-2", title=f"Shade {shade}")
    lines = shell.run("show", "sales-2", "--versions").lines
    assert [line.split()[0] for line in lines[-2:]] == ["2", "1"]
    versions = shell.run("show", "sales-2", "--versions", "--json").json()["versions"]
    assert [one["title"] for one in versions] == ["Shade 2", "Shade 1"]


def test_open_opens_the_page(shell, figures):
    """The user's browser is opened without a token on its command line."""
    browser = shell.home / "browser"
    browser.write_text('#!/bin/sh\necho "$@" > opened\n')
    browser.chmod(0o700)
    shell.with_env(BROWSER=f"{browser} %s").run("show", "sales", "--open")
    assert (shell.home / "opened").read_text() == f"{figures[5]['url']}\n"


def test_open_opens_no_other_program(isolated_shell, hostile):
    """A page URL from the server may not be a file or a program of this machine."""
    browser = isolated_shell.home / "browser"
    browser.write_text("#!/bin/sh\ntouch opened\n")
    browser.chmod(0o700)
    for url in ("file:///etc/passwd", "javascript:alert(1)", "--version", "http://x/ --evil"):
        record = {"id": "x", "name": "x", "title": "", "alt": "", "notebook": None, "version": 1, "url": url}
        hostile.print_line("api/figures", {"figures": [record | {"updated": "x", "representations": []}], "next": None})
        user = isolated_shell.with_env(BROWSER=f"{browser} %s", FIGSERVE_API_KEY="t")
        user.run("show", "x", "--open", "--server", hostile.url, expect=1)
    assert not os.path.exists(isolated_shell.home / "opened")
