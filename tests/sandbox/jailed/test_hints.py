"""Hints on errors that the sandbox causes; all other errors keep Python's message."""

from __future__ import annotations

import pytest

from jupyter_figserve.errors import CodeFailed

from ..harness import Sandbox


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("n = int(input('how many? '))", "has no input()"),
        ("open('data.csv')", "none of your files"),
        ("import matplotlib.pyplot as plt; plt.imread('cat.jpg')", "none of your files"),
        ("import no_such_module", "does not have this module"),
        ("import urllib.request as r; r.urlopen('http://example.com')", "no network"),
        ("import socket; socket.create_connection(('127.0.0.1', 80), 1)", "no network"),
        ("import subprocess; subprocess.run(['ls'])", "cannot start processes"),
        ("from multiprocessing import Pool; Pool(2)", "cannot start processes"),
        (
            "from concurrent.futures import ProcessPoolExecutor as E; E(2).submit(abs, 1).result()",
            "cannot start processes",
        ),
        ("open('/etc/evil', 'w')", "to its own directory"),
        ("%run other.py", "notebook syntax"),
        ("x = 1\n%%bash\nls", "notebook syntax"),
        ("PanicException = type('PanicException', (BaseException,), {})\nraise PanicException('socket')", "Altair"),
    ],
)
def test_errors_of_the_sandbox_have_a_hint(full_sandbox: Sandbox, code: str, hint: str):
    """The hint follows Python's own message."""
    answer = full_sandbox.attack(code)
    assert isinstance(answer, CodeFailed)
    assert hint in answer.message
    assert answer.message.endswith(".")
    assert answer.line in (1, 2)


def test_a_panic_is_told_as_its_hint_alone(full_sandbox: Sandbox):
    """Its own message is about the internals of Altair's engine."""
    define = "PanicException = type('PanicException', (BaseException,), {})"
    answer = full_sandbox.attack(f"{define}\nraise PanicException('poisoned')")
    assert answer.message.startswith("PanicException: Altair renders with vl-convert")
    assert "poisoned" not in answer.message


@pytest.mark.parametrize(
    "code", ["1 / 0", "raise OSError('mine')", "raise EOFError", "x = (", "{}['a']", "import os; os.close(99)"]
)
def test_other_errors_have_no_hint(full_sandbox: Sandbox, code: str):
    """They would be the same outside the sandbox."""
    answer = full_sandbox.attack(code)
    assert isinstance(answer, CodeFailed)
    assert "sandbox" not in answer.message
    assert "notebook" not in answer.message
