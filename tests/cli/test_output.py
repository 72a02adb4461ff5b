"""Output: control characters, tables that fit, and colours."""

from __future__ import annotations

import io
import json

import pytest

from jupyter_figserve.cli import output


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a\x1b[31mred\x1b[0m", "a red"),
        ("\x1b]0;owned\x07title", "title"),
        ("\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("\x1bPq#0;2;0;0;0\x1b\\sixel", "sixel"),
        ("\x9b31mC1\x9d0;x\x9c", "C1"),
        ("a\rb\nc\td\x08\x7f", "a b c d"),
        ("safe\u202egnp.exe\u2069", "safe gnp.exe"),
        ("zero\u200bwidth\ufeff", "zero width"),
        ("tag\U000e0041", "tag"),
        ("lone\ud800", "lone"),
        ("Bären 漢字 🐻", "Bären 漢字 🐻"),
        ("\x1b", ""),
    ],
)
def test_C4_terminal_control_sequences_are_removed(text, expected):
    """Control sequences, bidirectional overrides and invisible characters are removed; letters stay."""
    assert output.clean(text) == expected


def test_long_texts_are_shortened():
    """Text is shortened to the maximum length, with an ellipsis."""
    assert output.clean("x" * 30, 10) == "x" * 9 + "…"
    assert len(output.clean("x" * 30, None)) == 30


def test_json_is_exact_and_escaped(capsys):
    """The JSON parses to the original value, and the terminal shows it as text."""
    value = {"title": "a\x1b[31m\x9b1m\u202e\u200b\ud800 é 漢", "n": [1, None]}
    output.print_json(value)
    output_text = capsys.readouterr().out
    assert json.loads(output_text) == value
    assert "é 漢" in output_text
    assert not {"\x1b", "\x9b", "\u202e", "\u200b", "\ud800"} & set(output_text)


def test_table_in_a_pipe_is_not_shortened(capsys):
    """No cell is shortened if the output is not a terminal."""
    output.print_table(("ID", "TITLE"), [("1", "x" * 200), ("22", "y")], flexible=("TITLE",))
    assert capsys.readouterr().out == f"ID  TITLE\n1   {'x' * 200}\n22  y\n"


@pytest.mark.parametrize("columns", [30, 60, 100])
def test_table_on_a_terminal_fits(columns, monkeypatch, capsys):
    """Flexible columns are shortened, wide characters count twice, and the id stays complete."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    rows = [("abcd1234", "漢字" * 30, "n" * 40), ("x", "e\u0301" * 10, "")]
    output.print_table(("ID", "TITLE", "NOTEBOOK"), rows, flexible=("TITLE", "NOTEBOOK"))
    lines = capsys.readouterr().out.splitlines()
    assert all(output.display_width(line) <= columns for line in lines)
    assert lines[1].startswith("abcd1234  漢")


def test_table_on_a_very_narrow_terminal(monkeypatch, capsys):
    """Columns keep a minimum width; the lines wrap then."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "5")
    output.print_table(("A", "B"), [("x" * 50, "y" * 50)], flexible=("A", "B"))
    assert "xxxxxxx…" in capsys.readouterr().out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environment", "stream", "is_coloured"),
    [
        ({}, Terminal(), True),
        ({"NO_COLOR": "1"}, Terminal(), False),
        ({"NO_COLOR": ""}, Terminal(), True),
        ({"TERM": "dumb"}, Terminal(), False),
        ({}, io.StringIO(), False),
    ],
)
def test_colours(environment, stream, is_coloured, monkeypatch):
    """Colours are only used on a terminal, and not with NO_COLOR."""
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert output.colourize("x", "red", stream) == ("\x1b[31mx\x1b[0m" if is_coloured else "x")


def test_times_and_sizes():
    """Times are local; an invalid time is shown as it is; sizes have a unit."""
    assert len(output.format_time("2026-11-21T07:00:00.000Z")) == len("2026-11-21 07:00")
    assert output.format_time(None, "never") == "never"
    assert output.format_time("soon") == "soon"
    assert output.format_size(25_300) == "25.3 kB"
