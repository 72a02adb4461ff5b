"""The exception family: its tree in the docstring is the tree of the classes."""

from __future__ import annotations

import inspect
import re

import pytest

from jupyter_figserve import errors
from jupyter_figserve.errors import (
    FigServeError,
    NotFound,
    RangeNotSatisfiable,
    ReadOnly,
    RetryLater,
    TooManyRequests,
    Unavailable,
)

CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]


def test_docstring_draws_the_tree():
    """Every class stands in the drawing once, below its base and indented under it."""
    drawn, stack = {}, []
    for line in errors.__doc__.splitlines():
        match = re.match(r"^([│├└─ ]*)([A-Z]\w+)(?:\s|$)", line)
        if match is None or match[2] not in vars(errors):
            continue
        depth = len(match[1]) // 4
        stack[depth:] = [match[2]]
        assert match[2] not in drawn
        drawn[match[2]] = stack[depth - 1] if depth else "Exception"
    assert drawn == {kind.__name__: kind.__base__.__name__ for kind in CLASSES}


def test_classes_of_errors_have_distinct_snake_case_codes():
    """A program can tell errors apart by ``code`` alone."""
    codes = [kind.__dict__.get("code") for kind in CLASSES if kind is not RetryLater]
    assert None not in codes
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


def test_message_is_the_text_and_code_can_be_narrowed():
    """What was said is the text; a code given at the raise stays with that error alone."""
    error = NotFound("There is no such figure.", code="figure_gone")
    assert (str(error), error.message, error.code) == ("There is no such figure.",) * 2 + ("figure_gone",)
    assert NotFound.code == NotFound("x").code == "not_found"


@pytest.mark.parametrize("kind", [TooManyRequests, Unavailable, ReadOnly])
def test_what_passes_by_itself_says_when(kind: type[RetryLater]):
    """Every error that passes by itself has the seconds of its ``Retry-After``."""
    assert kind("Later.").retry_after == 60
    assert kind("Soon.", retry_after=5).retry_after == 5


def test_range_error_knows_the_size():
    """The size is what a 416's ``Content-Range`` needs."""
    error = RangeNotSatisfiable(123)
    assert error.size == 123
    assert "123 bytes" in error.message
    assert isinstance(error, FigServeError)
