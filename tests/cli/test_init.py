"""Exit codes and error messages of the program."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys

import pytest

from jupyter_figserve import cli
from jupyter_figserve.errors import FigServeError

from .conftest import DEADLINE, PROGRAM


@pytest.fixture
def run_failing(monkeypatch):
    """``run_failing(error)`` runs `gc` as a command that raises this error."""

    def run(error: BaseException) -> int:
        def fail(*_: object) -> int:
            raise error

        monkeypatch.setattr(cli, "parse", lambda _: (cli.Command("gc", fail, lambda _: None, ()), None))
        return cli.main([])

    return run


@pytest.mark.parametrize("error", [FigServeError("It is\x1b[31m broken."), OSError(28, "No space left on device")])
def test_expected_errors_have_no_traceback(error, run_failing, capsys):
    """The message has the command's name, without escape sequences; the exit code is 1."""
    assert run_failing(error) == cli.FAILED
    message = capsys.readouterr().err
    assert message.startswith("jupyter figserve gc: ")
    assert message.count("\n") == 1
    assert "\x1b" not in message


def test_unexpected_errors_have_a_traceback(run_failing):
    """Unexpected errors keep their traceback."""
    with pytest.raises(ZeroDivisionError):
        run_failing(ZeroDivisionError())


def test_messages_keep_their_lines(run_failing, capsys):
    """Further lines of a message are indented."""
    run_failing(FigServeError("Choose:\n  one\n  two"))
    assert capsys.readouterr().err == "jupyter figserve gc: Choose:\n  one\n  two\n"


@pytest.mark.parametrize("arguments", [["publish", "-", "--name", "x"], ["revoke"]])
def test_interrupt_exits_with_130(arguments, shell):
    """Ctrl-C exits with the shell's code, without a traceback."""
    process = shell.start(*arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    # More than a pipe holds: when it is written, the other end is reading.
    process.stdin.write(b" " * 500_000)
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == cli.INTERRUPTED
    assert (out, err) == (b"", b"\n")


def test_closed_output_pipe(shell):
    """`jupyter figserve list | true` prints no error."""
    reader, writer = os.pipe()
    os.close(reader)
    process = shell.start("list", "--json", stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    _, err = process.communicate(timeout=DEADLINE)
    assert (process.returncode, err) == (cli.PIPE_CLOSED, b"")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(shell, closed):
    """As of a service: the command does its work, and its files do not get the numbers of the streams."""
    (shell.home / "a.svg").write_text("<svg/>")
    for number, command in enumerate(("list", "publish a.svg", "publish - --name x", "revoke")):
        line = f"{shlex.join(PROGRAM)} {command} {closed}"
        done = subprocess.run(["sh", "-c", line], cwd=shell.home, env=shell.environment, input=b"", capture_output=True)
        assert (done.returncode, b"Traceback" in done.stderr) == (number > 1, False), done.stderr


@pytest.mark.parametrize("command", ["show", "revoke", "restore", "publish a.svg --name", "link a --label"])
def test_arguments_in_another_encoding(shell, command):
    """Bytes that are no UTF-8 are refused in a sentence."""
    (shell.home / "a.svg").write_text("<svg/>")
    shell.run("publish", "a.svg")
    assert shell.run(*command.split(), "\udcff", expect=None).code in (1, 2)


def test_unencodable_characters_are_escaped(shell):
    """An ASCII terminal shows escaped characters."""
    (shell.home / "a.svg").write_text("<svg/>")
    shell.run("publish", "a.svg", "--title", "Αρκούδες")
    done = shell.with_env(PYTHONIOENCODING="ascii").run("list")
    assert "\\u0391" in done.out


def test_import_loads_no_heavy_modules():
    """Showing the help imports neither servers nor plotting libraries."""
    heavy = "{'tornado', 'jupyter_server', 'numpy', 'matplotlib', 'sqlalchemy', 'traitlets'}"
    code = f"import sys, jupyter_figserve.cli; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
