"""Code as notebooks have it becomes Python, and Python stays as it is."""

from __future__ import annotations

import ast

import pytest

from jupyter_figserve.errors import CodeFailed
from jupyter_figserve.sandbox.jailed.notebook_syntax import as_python

from ..harness import LINE, Sandbox


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("if x:\n    %matplotlib inline", "if x:\n    pass"),
        ("%load_ext autoreload\n%autoreload 2", "pass\npass"),
        ("%%time\nx = 1", "pass\nx = 1"),
        ("%%capture out\nx = 1", "pass\nx = 1"),
        ("%time x = f()", "x = f()"),
        ("!pip install seaborn\n%pip install -q x", "pass\npass"),
        ("! python -m pip install x", "pass"),
        ("%pylab inline", "from pylab import *"),
        ("    x = 1\n    y = 2\n", "x = 1\ny = 2\n"),
    ],
)
def test_lines_of_notebooks(text: str, python: str):
    """As many lines as before, so that errors name the right one."""
    assert as_python(text) == python
    assert text.count("\n") == python.count("\n")
    ast.parse(as_python(text))


@pytest.mark.parametrize("text", ["%run a.py", "%%bash\nls", "!ls", "%matplotlibx", "x = 5\n%y", "%timer"])
def test_what_asks_for_more_stays(text: str):
    """It is an error, and not silently left out."""
    assert as_python(text) == text


def test_such_code_is_drawn(full_sandbox: Sandbox):
    """The same figure as without; in code that is Python, nothing is touched."""
    plain = full_sandbox.render(LINE).images[0].data
    for before in ("%matplotlib inline\n", "%load_ext autoreload\n%autoreload 2\n", "%%time\n", "!pip install numpy\n"):
        assert full_sandbox.render(before + LINE).images[0].data == plain
    shown = full_sandbox.render("text = '''\n%matplotlib inline\n'''\nprint(text)\n" + LINE).output
    assert "%matplotlib inline" in shown


def test_an_error_after_them_has_its_own_line(full_sandbox: Sandbox):
    """And its own words."""
    answer = full_sandbox.attack("%matplotlib inline\n\n1 / 0\n")
    assert isinstance(answer, CodeFailed)
    assert (answer.kind, answer.line) == ("ZeroDivisionError", 3)
