"""Whether code runs at a front end or in a batch run."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from jupyter_figserve.kernel.client import front_end


class Shell:
    """An IPython shell with a kernel, while a cell runs."""

    def __init__(self, *, last_allow_stdin: bool = True, **content: object) -> None:
        self.kernel = SimpleNamespace(_allow_stdin=last_allow_stdin)
        self.content = content

    def get_parent(self) -> dict[str, object]:
        return {"content": self.content}


@pytest.mark.parametrize(
    ("shell", "is_batch"),
    [
        (Shell(allow_stdin=True), False),
        (Shell(allow_stdin=False), True),
        (Shell(last_allow_stdin=True, comm_id="c"), False),
        (Shell(last_allow_stdin=False, comm_id="c"), True),
        (SimpleNamespace(kernel=None), False),
    ],
)
def test_front_ends_allow_input(monkeypatch, shell, is_batch):
    """Known from a cell's own message, in a widget callback from the last cell's, in a terminal from the prompt."""
    monkeypatch.setattr(front_end, "find_shell", lambda: shell)
    assert front_end.is_batch_run() is is_batch


def test_script_is_a_batch_run_and_a_prompt_is_not(monkeypatch):
    """Python has ``sys.ps1`` only at its prompt."""
    monkeypatch.setattr(front_end, "find_shell", lambda: None)
    monkeypatch.delattr(sys, "ps1", raising=False)
    assert front_end.is_batch_run()
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    assert not front_end.is_batch_run()


def test_file_that_ipython_runs_is_a_batch_run(monkeypatch):
    """``ipython script.py`` has a shell but no prompt."""
    from traitlets.config import Application

    monkeypatch.setattr(front_end, "find_shell", lambda: SimpleNamespace(kernel=None))
    monkeypatch.setattr(Application, "_instance", None)
    app = Application.instance()
    assert not front_end.is_batch_run()
    app.interact = False
    assert front_end.is_batch_run()
