"""Declared parameters: annotations are evaluated, and what cannot be is explained."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from jupyter_figserve.errors import InvalidInput
from jupyter_figserve.plotting.declared_parameters import read_hints, read_parameters


class Plot:
    def __call__(self, since: int = 3) -> None:
        """Draw nothing."""

    def draw(self, since: int = 3) -> None:
        """Draw nothing."""


def plain(since: int = 3): ...


def incomplete(since: "list[" = 3): ...  # type: ignore[valid-type]  # noqa: F722


def failing(since: "1/0" = 3): ...  # type: ignore[valid-type]  # noqa: UP037


def unknown(since: Nothing = 3): ...  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize("function", [plain, Plot(), Plot().draw, functools.partial(plain, since=5)])
def test_annotations_of_callables(function: Any):
    """Functions, methods, objects that can be called, and partial functions."""
    assert read_hints(function, None)["since"] is int
    assert [one.name for one in read_parameters(function)] == ["since"]


def test_builtins_have_none():
    """Functions in C may have no annotations, and may tell no parameters."""
    assert read_hints(len, None) == {}
    with pytest.raises(InvalidInput, match="max does not tell its parameters"):
        read_parameters(max)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (incomplete, "An annotation of incomplete cannot be evaluated; correct it: SyntaxError"),
        (failing, "An annotation of failing cannot be evaluated; correct it: ZeroDivisionError"),
        (unknown, "names 'Nothing', which is not defined"),
    ],
)
def test_wrong_annotations(function, message):
    """Annotations that are text are code, which may fail in any way."""
    with pytest.raises(InvalidInput, match=message):
        read_hints(function, None)
