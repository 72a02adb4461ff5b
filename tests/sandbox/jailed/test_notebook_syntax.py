"""Notebook syntax is converted to Python, and plain Python is unchanged."""

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
        (">>> x = 1\n>>> if x:\n...     x = 2\n...\n>>> x\n2\n", "x = 1\nif x:\n    x = 2\n\nx\n\n"),
        ("In [1]: x = 1\n   ...: y = 2\n\nIn [2]: x\nOut[2]: 1", "x = 1\ny = 2\n\nx\n"),
    ],
)
def test_lines_of_notebooks(text: str, python: str):
    """The number of lines is kept, so that errors state the right line."""
    assert as_python(text) == python
    assert text.count("\n") == python.count("\n")
    ast.parse(as_python(text))


@pytest.mark.parametrize("text", ["%run a.py", "%%bash\nls", "!ls", "%matplotlibx", "x = 5\n%y", "%timer"])
def test_unsupported_magics_stay(text: str):
    """They are errors, and not silently removed."""
    assert as_python(text) == text


def test_notebook_code_is_rendered(full_sandbox: Sandbox):
    """The figure is the same as without the magics; plain Python is not changed."""
    plain = full_sandbox.render(LINE).images[0].data
    for before in ("%matplotlib inline\n", "%load_ext autoreload\n%autoreload 2\n", "%%time\n", "!pip install numpy\n"):
        assert full_sandbox.render(before + LINE).images[0].data == plain
    shown = full_sandbox.render("text = '''\n%matplotlib inline\n'''\nprint(text)\n" + LINE).output
    assert "%matplotlib inline" in shown


def test_an_error_after_them_has_its_own_line(full_sandbox: Sandbox):
    """And its own message."""
    answer = full_sandbox.attack("%matplotlib inline\n\n1 / 0\n")
    assert isinstance(answer, CodeFailed)
    assert (answer.kind, answer.line) == ("ZeroDivisionError", 3)
