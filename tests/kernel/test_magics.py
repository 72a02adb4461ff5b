"""The magics in a real IPython shell."""

from __future__ import annotations

import re
import sys

import pytest

from jupyter_figserve import errors
from jupyter_figserve.kernel import magics
from jupyter_figserve.kernel.figures import offline

from .conftest import KEY, PNG, FakeEncoded, Reply


@pytest.fixture(scope="module")
def ipython(tmp_path_factory):
    """One shell for the module, with files in its own directory."""
    from IPython.core.interactiveshell import InteractiveShell

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        for name in ("ps1", "ps2", "ps3"):
            # A shell sets its prompts, by which programs know one.
            patch.setattr(sys, name, "", raising=False)
        shell = InteractiveShell.instance()
        shell.history_manager.enabled = False
        shell.run_line_magic("load_ext", "jupyter_figserve")
        yield shell
        shell.history_manager.end_session()
        InteractiveShell.clear_instance()


@pytest.fixture
def displayed(monkeypatch):
    """The displayed outputs of the cell."""
    bundles = []
    monkeypatch.setattr("IPython.display.publish_display_data", lambda data, metadata: bundles.append(data))
    return bundles


@pytest.fixture
def shell(ipython, connected, encoder, displayed):
    ipython.user_ns["png"] = PNG
    return ipython


def run(shell, code):
    return shell.run_cell(code, store_history=False)


def test_a_cell_is_run_and_its_result_published(shell, connected, encoder, capsys):
    """Assignments persist, and the result of the cell is the published figure."""
    result = run(
        shell, "%%publish 'monthly sales' --title 'Sales 2024' --alt Rising --format svg --format png\nx = 6 * 7\npng"
    )
    assert result.success
    assert shell.user_ns["x"] == 42
    assert encoder.calls == [(PNG, ("svg", "png"), {"dpi": None, "tight": False, "with_state": True})]
    described = connected.described()
    assert (described["name"], described["title"], described["alt"]) == ("monthly sales", "Sales 2024", "Rising")
    assert repr(result.result).startswith('Figure "monthly sales", version 1')


@pytest.mark.parametrize("code", ["", "None", "'words'", "(1, 2)"])
def test_without_a_result_the_open_figure_is_published(shell, encoder, monkeypatch, code):
    """The name is optional; a result that cannot be published, such as that of ``ax.hist``, is passed over."""
    from matplotlib.figure import Figure

    asked = []

    def encode(obj, *args, **options):
        asked.append(obj)
        if isinstance(obj, tuple):
            raise errors.OutputInvalid("Not a figure.")
        return FakeEncoded()

    monkeypatch.setattr(sys.modules["jupyter_figserve.plotting.encode"], "encode", encode)
    assert run(shell, f"%%publish\nfrom matplotlib.figure import Figure\nf = Figure()\n{code}").success
    assert isinstance(asked[-1], Figure)
    assert isinstance(run(shell, "%%publish a\n(1, 2)").error_in_exec, errors.OutputInvalid)


@pytest.mark.parametrize("code", ["y = 1", "None", "'words'"])
def test_a_cell_that_draws_nothing_publishes_nothing(shell, connected, code):
    """The message says what to do."""
    error = run(shell, f"%%publish a\n{code}").error_in_exec
    assert "drew no figure. Draw one in it, or end it with a figure." in str(error)
    assert connected.published == []


@pytest.mark.parametrize("code", ["1 / 0", "def (", "x = undefined"])
def test_an_error_in_the_cell_publishes_nothing(shell, connected, code, capsys):
    """The cell's error is raised, so that Run All stops."""
    result = run(shell, f"%%publish a\nbefore = 1\n{code}")
    assert not result.success
    assert connected.received == []


@pytest.mark.parametrize("code", ["await x()", "y = await x()\n3", "async with x: pass", "[z async for z in x]"])
def test_a_cell_that_awaits_is_refused_before_it_runs(shell, connected, code, capsys):
    """A cell magic runs inside of the event loop; the message says what to write instead."""
    shell.user_ns.pop("ran", None)
    assert not run(shell, f"%%publish sales\nran = True\n{code}").success
    assert "End the cell with figserve.publish()" in capsys.readouterr().err
    assert "ran" not in shell.user_ns
    assert connected.published == []


def test_tracebacks_show_the_cell_and_not_the_magic(shell, capsys):
    """Output appears as without the magic."""
    run(shell, "%%publish a\nbefore = 1\n1 / 0")
    text = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert "1 / 0" in text
    assert "ZeroDivisionError" in text
    assert "magics.py" not in text


def test_magics_work_inside(shell, capsys):
    """The cell is transformed like any other."""
    assert run(shell, "%%publish a\nlines = !echo hello\npng").success
    assert list(shell.user_ns["lines"]) == ["hello"]


def test_quiet_shows_only_the_image(shell, displayed):
    """The output has no link, and the cell has no result."""
    result = run(shell, "%%publish a --quiet\npng")
    assert result.result is None
    assert len(displayed) == 1
    assert "data:image/png" in displayed[0]["text/html"]
    assert "http://" not in str(displayed)


def test_share_makes_and_displays_a_link(shell, displayed, connected):
    """The link is displayed next to the image."""
    run(shell, "%%publish a --share 7d\npng")
    assert connected.received[-1].json["expires"] == "7d"
    image, link = displayed
    assert "data:image/png" in image["text/html"]
    assert "/f/ttt" in link["text/plain"]


def test_share_in_a_batch_run_without_a_server(ipython, encoder, displayed, monkeypatch):
    """The run goes on: its figure is shown as the cell's result, and there is nothing to share."""
    monkeypatch.setenv("FIGSERVE_OFFLINE", "warn")
    monkeypatch.setattr(offline, "_has_warned", True)
    ipython.user_ns["png"] = PNG
    result = run(ipython, "%%publish a --share 7d\npng")
    assert result.success
    assert result.result.url is None
    assert not displayed


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a --quiet --share 7d", "Use either --share"),
        ("a b", "unrecognized arguments: b"),
        ("a --format bmp", "invalid choice"),
        ("'a", "No closing quotation"),
    ],
)
def test_invalid_line_runs_nothing(shell, line, message, capsys):
    """A usage error is raised, without a traceback, and the process continues."""
    shell.user_ns.pop("ran", None)
    assert not run(shell, f"%%publish {line}\nran = 1").success
    assert "ran" not in shell.user_ns
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("code", ["%%publish --help\nran = 1", "%figserve --help"])
def test_help_is_printed(shell, code, capsys):
    """Nothing is executed."""
    shell.user_ns.pop("ran", None)
    assert run(shell, code).success
    assert "usage: %" in capsys.readouterr().out
    assert "ran" not in shell.user_ns


def test_help_is_the_docstring(shell):
    """``%%publish?`` shows the same help."""
    assert "--share EXPIRES" in shell.find_cell_magic("publish").__doc__
    assert "%figserve" in shell.find_line_magic("figserve").__doc__


def test_status_shows_server_and_source(shell, connected, capsys):
    """The status includes this notebook's figures and no credential."""
    run(shell, "%%publish a\npng")
    capsys.readouterr()
    run(shell, "%figserve status")
    text = capsys.readouterr().out
    assert f"Server     {connected.url}\nFound by   a test\nAvailable  yes, jupyter_figserve 0.1.0 (standalone)" in text
    assert "Owner      local\nFigures    1 from this notebook\nLinks      open only on this machine" in text
    assert KEY not in text


def test_status_of_a_server_that_does_not_answer(connected):
    """The reason is displayed in place of the status."""
    connected.instead = lambda request: Reply.of(503, {"error": "Starting.", "code": "unavailable"})
    assert "Available  no: Starting." in magics.status_text(connected.connection)


def test_status_takes_the_servers_note(connected):
    """The server's own note about its links is displayed."""
    status = {"version": "1", "host": "extension", "caller": {"owner": "jo", "scopes": []}, "note": "Set public_url."}
    connected.instead = lambda request: Reply.of(200, status) if request.path.endswith("status") else None
    text = magics.status_text(connected.connection)
    assert "Owner      jo" in text
    assert "Links      Set public_url." in text


def test_status_without_a_server_has_advice():
    """No error is raised."""
    assert magics.status_text(lambda: None).startswith("Not connected. No figserve server was found.")

    def half():
        raise errors.NotConnected("FIGSERVE_URL is set without FIGSERVE_API_KEY.")

    assert magics.status_text(half) == "Not connected. FIGSERVE_URL is set without FIGSERVE_API_KEY."
