"""The progress bar: one line, no wider than the terminal, and nothing without one."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace

import pytest

from jupyter_figserve.cli import progress
from jupyter_figserve.cli.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch) -> Terminal:
    terminal = Terminal()
    # In the module alone: pytest replaces sys.stderr between here and the test.
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=terminal))
    monkeypatch.setenv("COLUMNS", "70")
    monkeypatch.setenv("TERM", "xterm")
    return terminal


def lines(terminal: Terminal) -> list[str]:
    return [line.replace("\x1b[K", "") for line in re.split(r"[\r\n]", terminal.getvalue()) if line]


def test_progress_from_zero_to_the_total(terminal):
    """The end is always shown, followed by a newline."""
    with Progress("Sending", 10) as bar:
        for _ in range(10):
            bar.advance(1)
    assert lines(terminal)[-1] == "Sending  [########################] 100%  10 of 10"
    assert terminal.getvalue().endswith("\n")
    assert terminal.getvalue().count("\n") == 1


def test_without_a_total(terminal):
    """Without a total, only the count is shown."""
    with Progress("Reading", None) as bar:
        bar.set(1234)
    assert lines(terminal)[-1] == "Reading  1,234"


def test_progress_beyond_the_total(terminal):
    """A value above the total shows a full bar."""
    with Progress("Exporting", 10) as bar:
        bar.set(15)
    assert "100%  15 of 10" in lines(terminal)[-1]
    assert "#" * 25 not in terminal.getvalue()


def test_line_fits_the_terminal(terminal, monkeypatch):
    """Control characters of a file name are removed."""
    monkeypatch.setenv("COLUMNS", "20")
    with Progress("Sending \x1b[2J\n" + "x" * 300, 10) as bar:
        bar.set(10)
    assert all(len(line) < 20 for line in lines(terminal))
    assert "\x1b[2J" not in terminal.getvalue()


@pytest.mark.parametrize("dumb", [True, False])
def test_no_output_without_a_terminal(dumb, terminal, monkeypatch):
    """Log files and dumb terminals get no bar."""
    if dumb:
        monkeypatch.setenv("TERM", "dumb")
    else:
        monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=io.StringIO()))
    with Progress("Sending", 10) as bar:
        bar.set(10)
    assert terminal.getvalue() == ""
