"""The exceptions: the tree in the docstring equals the class hierarchy, with its HTTP statuses."""

from __future__ import annotations

import inspect
import linecache
import re
from types import SimpleNamespace

import pytest

from jupyter_figserve import errors
from jupyter_figserve.errors import (
    FigServeError,
    InvalidInput,
    NotFound,
    RangeNotSatisfiable,
    ReadOnly,
    RetryLater,
    TooManyRequests,
    Unavailable,
)

CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]
WITHOUT_STATUS = {"FigServeError", "RetryLater", "NotConnected", "ServerError"}
"""Base classes, and exceptions of the notebook side: a server that lets one through answers 500."""


def test_docstring_shows_the_tree():
    """The docstring lists every class once, indented below its base class."""
    tree, stack = {}, []
    for line in errors.__doc__.splitlines():
        match = re.match(r"^([│├└─ ]*)([A-Z]\w+)(?:\s|$)", line)
        if match is None or match[2] not in vars(errors):
            continue
        depth = len(match[1]) // 4
        stack[depth:] = [match[2]]
        assert match[2] not in tree
        tree[match[2]] = stack[depth - 1] if depth else "Exception"
    assert tree == {kind.__name__: kind.__base__.__name__ for kind in CLASSES}


def test_docstring_states_the_status_of_each_class():
    """The number at the end of a class's line is its HTTP status; lines without a number mean 500."""
    lines = errors.__doc__.splitlines()
    stated = {}
    for kind in CLASSES:
        line = next(line for line in lines if re.match(rf"[│├└─ ]*{kind.__name__}(\s|$)", line))
        number = re.search(r" (\d{3})$", line)
        stated[kind.__name__] = int(number[1]) if number else 500
    assert stated == {kind.__name__: kind.status for kind in CLASSES}
    assert {name for name, status in stated.items() if status == 500} == WITHOUT_STATUS


def test_subclasses_inherit_the_status():
    """A subclass in another module responds with the status of its base class."""
    assert type("Special", (InvalidInput,), {})("x").status == 400


def test_classes_of_errors_have_distinct_snake_case_codes():
    """A program can distinguish errors by ``code`` alone."""
    codes = [kind.__dict__.get("code") for kind in CLASSES if kind is not RetryLater]
    assert None not in codes
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


def test_message_is_the_text_and_code_can_be_narrowed():
    """The message is the exception's text; a code passed to the constructor applies only to that instance."""
    error = NotFound("There is no such figure.", code="figure_gone")
    assert (str(error), error.message, error.code) == ("There is no such figure.",) * 2 + ("figure_gone",)
    assert NotFound.code == NotFound("x").code == "not_found"


@pytest.mark.parametrize("kind", [TooManyRequests, Unavailable, ReadOnly])
def test_temporary_errors_state_when_to_retry(kind: type[RetryLater]):
    """Every temporary error carries the seconds of its ``Retry-After`` header."""
    assert kind("Later.").retry_after == 60
    assert kind("Soon.", retry_after=5).retry_after == 5


def test_range_error_has_the_size():
    """The ``Content-Range`` header of a 416 needs the size."""
    error = RangeNotSatisfiable(123)
    assert error.size == 123
    assert "123 bytes" in error.message
    assert isinstance(error, FigServeError)


class TestInANotebook:
    """What a cell shows of an error: IPython calls ``_render_traceback_``."""

    @staticmethod
    def run(code: str) -> list[str]:
        """Return what is shown of the error of a cell."""
        linecache.cache["<cell>"] = (len(code), None, code.splitlines(keepends=True), "<cell>")
        with pytest.raises(FigServeError) as caught:
            exec(compile(code, "<cell>", "exec"), {"__name__": "__main__"})
        return caught.value._render_traceback_()

    def test_error_is_its_message_and_the_users_lines(self):
        """Not the frames of this package."""
        code = "import jupyter_figserve as figserve\ndef f():\n    figserve.publish(nam=1)\nf()"
        shown = [line for line in self.run(code) if "exec(" not in line]
        message = "UnknownOption: publish() has no option 'nam' here. Did you mean 'name'?"
        assert shown == [message, "  line 4: f()", "  line 3: figserve.publish(nam=1)"]

    def test_verbose_mode_shows_all_frames(self, monkeypatch):
        """As IPython shows them of any other error."""
        ipython = pytest.importorskip("IPython")
        shown = SimpleNamespace(mode="Verbose", structured_traceback=lambda *error: ["all frames"])
        monkeypatch.setattr(ipython, "get_ipython", lambda: SimpleNamespace(InteractiveTB=shown))
        assert self.run("import jupyter_figserve\njupyter_figserve.publish(nam=1)") == ["all frames"]
