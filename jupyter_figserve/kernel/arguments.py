"""Checks of arguments that callers of the notebook API can get wrong: lists, mappings, paths and switches. Kernel."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import InvalidInput


def list_names(names: Iterable[str] | None, argument: str) -> list[str]:
    """Return a list of names; None is an empty one.

    Raises
    ------
    InvalidInput
        It is a single string, is not iterable, or contains something other than strings.
    """
    if isinstance(names, str):
        raise InvalidInput(f"{argument} must be a list of names, such as [{names!r:.60}].")
    if not isinstance(names, Iterable | None):
        raise InvalidInput(f"{argument} must be a list of names, not {describe_type(names)}.")
    listed = [] if names is None else list(names)
    wrong = [name for name in listed if not isinstance(name, str)]
    if wrong:
        raise InvalidInput(f"{argument} must be a list of names, but contains {describe_type(wrong[0])}.")
    return [str(name) for name in listed]


def check_values(values: Mapping[str, Any] | None, argument: str) -> Mapping[str, Any]:
    """Return values of parameters by their names; None is no values.

    Raises
    ------
    InvalidInput
        It is not a mapping, or a key is not a string.
    """
    if values is None:
        return {}
    if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
        raise InvalidInput(f'{argument} must be a dict of parameters and their values, such as {{"since": 2015}}.')
    return values


def check_path(path: object) -> Path:
    """Return the path of a file, with ``~`` for the home directory.

    Raises
    ------
    InvalidInput
        It is not a path, or begins with the ``~`` of a user that this machine does not know.
    """
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str) or "\0" in os.fspath(path):
        raise InvalidInput(f'The path must be text such as "report.html", or a pathlib.Path, not {path!r:.60}.')
    return expand_home(Path(path))


def expand_home(path: Path) -> Path:
    """Return a path with the home directory for ``~``.

    Raises
    ------
    InvalidInput
        This machine does not know the user whose home directory it is.
    """
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise InvalidInput(f"There is no home directory {path.parts[0]!r:.60}. Write the whole path.") from error


def check_switch(value: object, argument: str) -> bool:
    """Return a switch, also of NumPy or as 0 or 1; None is off.

    Raises
    ------
    InvalidInput
        It is anything else, such as the text ``"no"``, which Python takes for true.
    """
    # NumPy's booleans have a dtype and no dimensions.
    is_numpy = str(getattr(value, "dtype", "")) == "bool" and getattr(value, "ndim", 0) == 0
    if not (is_numpy or value is None or (isinstance(value, int) and value in (0, 1))):
        raise InvalidInput(f"{argument} must be True or False, not {describe_type(value)}.")
    return bool(value)


def describe_type(value: object) -> str:
    """Return what a value is, for a message: its type, as its text may be long."""
    return f"a value of type {type(value).__name__}"
