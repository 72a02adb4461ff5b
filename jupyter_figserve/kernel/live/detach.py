"""Pickles a live function with its closure and stores it on the server, to run without this kernel. Kernel."""

from __future__ import annotations

import inspect
import types
import warnings
from typing import Any

from ...errors import Conflict, InvalidInput, TooLarge
from ...model.multipart import Part, encode_form, json_part
from ...plotting.bounded_buffer import LimitExceeded
from ...plotting.by_value import INSTALL, dump_by_value, find_cloudpickle, find_own_modules
from ...plotting.readable_text import error_line
from ..client.client import FigServeClient
from .registry import LiveFunction

MAX_PICKLE_BYTES = 64 * 2**20
"""Limit of the pickle in this process; the server's limit is FigServe.detach_bytes."""
WARN_BYTES = 2**20
"""Size from which a warning lists the largest variables."""
_MAX_LISTED = 5


def send_function(client: FigServeClient, live_id: str, function: LiveFunction) -> int:
    """Store a function on the server; return its size in bytes.

    Raises
    ------
    InvalidInput
        A variable that the function uses cannot be pickled; the message names it.
    TooLarge
        The function is too large; the message lists its largest variables.
    Conflict, OutputInvalid, SandboxUnavailable
        The server's sandbox cannot run it.
    """
    from ...plotting.libraries import loaded_versions

    data = pickle_function(function)
    if len(data) >= WARN_BYTES:
        text = f'"{function.name}" is stored with its closure, {_megabytes(len(data))}: {_largest(function, data)}.'
        warnings.warn(text, stacklevel=3)
    metadata = {"declaration": function.as_json(), "libraries": loaded_versions()}
    source = Part("source", "application/octet-stream", data, "source.pickle")
    try:
        client.post_form(f"api/live/{live_id}/source", *encode_form([json_part("function", metadata), source]))
    except TooLarge as error:
        raise _too_large(function, _megabytes(len(data)), error.message) from error
    return len(data)


def pickle_function(function: LiveFunction) -> bytes:
    """Pickle the function with its signature and drawing state; only the sandbox unpickles it.

    Raises
    ------
    InvalidInput, TooLarge
        See ``send_function``.
    """
    from ...plotting.detached import DetachedFunction
    from ...plotting.drawing_state import DrawingState

    try:
        state = DrawingState.capture(None)
        return _pickle(DetachedFunction(function.function, function.signature, state), MAX_PICKLE_BYTES)
    except LimitExceeded:
        limit = _megabytes(MAX_PICKLE_BYTES)
        raise _too_large(function, f"more than {limit}", f"The limit is {limit}") from None
    except Exception as error:
        raise _unpicklable(function, error) from error


def _pickle(value: Any, limit: int) -> bytes:
    if find_cloudpickle() is None:
        raise Conflict(
            f"detach() needs cloudpickle in this kernel's environment: {INSTALL}", code="cloudpickle_missing"
        )
    return dump_by_value(value, limit)


def _closure(function: LiveFunction) -> dict[str, Any]:
    """Return the notebook's variables that the function uses, by name."""
    try:
        found = inspect.getclosurevars(function.function)
    except (TypeError, ValueError):
        return {}
    names = {**found.globals, **found.nonlocals}
    return {name: value for name, value in names.items() if not isinstance(value, types.ModuleType)}


def _largest(function: LiveFunction, data: bytes = b"") -> str:
    """List the largest variables with their sizes, and the notebook's modules whose names are in ``data``."""
    sizes: list[tuple[int, str]] = []
    for name, value in _closure(function).items():
        try:
            sizes.append((len(_pickle(value, MAX_PICKLE_BYTES)), name))
        except LimitExceeded:
            sizes.append((MAX_PICKLE_BYTES, name))
        except Exception:  # noqa: S112  variables that cannot be pickled have their own message
            continue
    largest = sorted(sizes, reverse=True)[:_MAX_LISTED]
    text = ", ".join(f"{name} {_megabytes(size)}" for size, name in largest) or "all in the function itself"
    own = [name for name in find_own_modules() if name.encode() in data]
    return f"{text}, with the code of {', '.join(own)}" if own else text


def _too_large(function: LiveFunction, size: str, reason: str) -> TooLarge:
    return TooLarge(
        f'"{function.name}" and its closure take {size} ({_largest(function)}). {reason.rstrip(".")}. Use less data in'
        " the function: a part of it, or precomputed results. Or use freeze(…) to store images of given values."
    )


def _unpicklable(function: LiveFunction, error: Exception) -> Exception:
    if isinstance(error, Conflict):
        return error
    for name, value in _closure(function).items():
        try:
            _pickle(value, MAX_PICKLE_BYTES)
        except Exception as own:
            kind, reason = type(value).__name__, error_line(own)
            return InvalidInput(
                f'"{function.name}" uses {name} (of type {kind}), which cannot be pickled: {reason}. Create it inside'
                " the function, or use the data that was read from it.",
                code="not_picklable",
            )
    return InvalidInput(f'"{function.name}" cannot be pickled: {error_line(error)}.', code="not_picklable")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
