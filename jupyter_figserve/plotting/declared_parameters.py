"""What a function declares of its parameters: their names, and the annotations evaluated. Kernel and jailed child."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import InvalidInput
from ..model.query_names import RESERVED


def read_parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters of a function, all of which can be given by a query.

    Raises
    ------
    InvalidInput
        A query cannot have one of them, or the function does not tell them.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"{_name(function)} does not tell its parameters; write a function around it, with def."
        ) from error
    for parameter in parameters:
        _check(parameter)
    return parameters


def read_hints(function: Callable[..., Any], names: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the annotations of a function as objects.

    Parameters
    ----------
    names
        Additional names for them.

    Raises
    ------
    InvalidInput
        One cannot be evaluated.
    """
    if isinstance(function, functools.partial):
        function = function.func
    annotated = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
    if getattr(annotated, "__annotations__", None) is None:
        return {}
    try:
        return typing.get_type_hints(annotated, localns=dict(names or {}), include_extras=True)
    except NameError as error:
        raise InvalidInput(
            f"An annotation of {_name(function)} names {error.name!r}, which is not defined; define or import it before"
            " the function."
        ) from error
    except Exception as error:
        # Annotations that are text are code, which may fail in any way.
        raise InvalidInput(
            f"An annotation of {_name(function)} cannot be evaluated; correct it: {type(error).__name__}: {error}"
        ) from error


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", "This function")


def _check(given: inspect.Parameter) -> None:
    if given.kind in (given.VAR_POSITIONAL, given.VAR_KEYWORD, given.POSITIONAL_ONLY):
        raise InvalidInput(f"{given} cannot be written in a URL; a live function can only have named parameters.")
    if given.name in RESERVED:
        raise InvalidInput(f"The parameter name {given.name!r} is reserved by Jupyter; rename it.")
    if given.name.startswith("_"):
        raise InvalidInput(f"The parameter name {given.name!r} starts with _, which queries ignore; rename it.")
