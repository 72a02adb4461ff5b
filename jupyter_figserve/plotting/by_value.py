"""Pickling functions, classes and modules of the notebook by value, if cloudpickle is installed. Kernel."""

from __future__ import annotations

import os
import pickle
import sys
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from .bounded_buffer import BoundedBuffer

INSTALL = 'pip install "jupyter_figserve[detach]"'
"""The command that installs cloudpickle."""
_MAX_MODULES = 200
_PACKAGE = __name__.partition(".")[0]


def find_cloudpickle() -> Any | None:
    """Return the module ``cloudpickle``, None if it is not installed."""
    try:
        import cloudpickle
    except ImportError:
        return None
    return cloudpickle


def needs_notebook(data: bytes) -> bool:
    """Whether a pickle may refer to code of the notebook or next to it, which no other process has."""
    return any(name.encode() in data for name in ("__main__", *find_own_modules()))


def has_code(data: bytes) -> bool:
    """Whether a pickle contains functions or classes by value."""
    return b"cloudpickle" in data


def dump_by_value(
    value: object,
    limit: int,
    reducers: Mapping[type, Callable[[Any], Any]] | None = None,
) -> bytes:
    """Pickle with the notebook's code by value.

    Parameters
    ----------
    limit
        Maximum number of bytes.
    reducers
        Further reducers by exact class.

    Raises
    ------
    ImportError
        cloudpickle is not installed.
    LimitExceeded
        The pickle is larger.
    """
    import cloudpickle

    buffer = BoundedBuffer(limit)
    with _own_modules_by_value(cloudpickle):
        pickler = cloudpickle.Pickler(buffer, pickle.HIGHEST_PROTOCOL)
        if reducers:
            pickler.dispatch_table = ChainMap(dict(reducers), cloudpickle.Pickler.dispatch_table)
        pickler.dump(value)
    return buffer.getvalue()


@contextmanager
def _own_modules_by_value(cloudpickle: Any) -> Iterator[None]:
    own = [sys.modules[name] for name in find_own_modules()]
    for module in own:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in own:
            cloudpickle.unregister_pickle_by_value(module)


def find_own_modules() -> list[str]:
    """List the modules next to or below the notebook; the sandbox lacks them, so they are pickled by value."""
    places = frozenset(os.path.join(path, "") for path in (os.getcwd(), os.path.realpath(os.getcwd())))
    here, installed = tuple(places), _library_directories(places, (sys.prefix, sys.base_prefix, *sys.path))
    found = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name == "__main__" or name.partition(".")[0] == _PACKAGE or not isinstance(file, str):
            continue
        if file.startswith(here) and not file.startswith(installed):
            found.append(name)
    return found[:_MAX_MODULES]


@lru_cache(maxsize=1)
def _library_directories(places: frozenset[str], known: tuple[str, ...]) -> tuple[str, ...]:
    """Return the directories of installed libraries; the notebook may be in a parent of its environment.

    Parameters
    ----------
    known
        The two prefixes of this Python, then its path.
    """
    paths = [*known[:2], *(path for path in known[2:] if path.endswith(("-packages", ".zip")))]
    found = {os.path.join(form, "") for path in paths for form in (path, os.path.realpath(path))}
    # The notebook may also be inside one of them, if sys.prefix is / or /usr.
    return tuple(path for path in found if not any(place.startswith(path) for place in places))
