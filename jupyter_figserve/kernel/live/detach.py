"""A live function sent to its server with what it closes over, to answer when this kernel is gone. Kernel."""

from __future__ import annotations

import inspect
import io
import sys
import types
import warnings
from pathlib import Path
from typing import Any

from ...errors import Conflict, InvalidInput, TooLarge
from ..client.client import FigServeClient
from ..client.multipart import Part, encode_form, json_part
from .registry import LiveFunction

SIZE_LIMIT = 64 * 2**20
"""Bytes that are pickled at most; a server takes what its FigServe.detach_bytes says."""
LARGE = 2**20
"""Bytes from which on it is said what takes them."""
_NAMED = 5
_MAX_MODULES = 200
_PACKAGE = __name__.partition(".")[0]
_REASON_LENGTH = 300


def send_function(client: FigServeClient, live_id: str, offer: LiveFunction) -> int:
    """Have the server keep the function; the bytes that it takes there.

    Raises
    ------
    InvalidInput
        When something that it closes over cannot be pickled, by name.
    TooLarge
        With what takes the room.
    Conflict, OutputInvalid, SandboxUnavailable
        When the server's sandbox cannot run it.
    """
    from ...plotting.describe import libraries

    data = pickle_function(offer)
    if len(data) >= LARGE:
        text = f'"{offer.name}" is kept with what it closes over, {_megabytes(len(data))}: {_told(offer, data)}.'
        warnings.warn(text, stacklevel=3)
    words = {"declaration": offer.as_json(), "libraries": libraries()}
    source = Part("source", "application/octet-stream", data, "source.pickle")
    try:
        client.post_form(f"api/live/{live_id}/source", *encode_form([json_part("function", words), source]))
    except TooLarge as error:
        raise _too_large(offer, _megabytes(len(data)), error.message) from error
    return len(data)


def pickle_function(offer: LiveFunction) -> bytes:
    """The function with its parameters and its looks, as only the sandbox opens it.

    Raises
    ------
    InvalidInput, TooLarge
        As ``send_function``.
    """
    from ...plotting.detached import DetachedFunction, changed_rcparams

    try:
        return _pickle(DetachedFunction(offer.function, offer.signature, changed_rcparams()), SIZE_LIMIT)
    except _Beyond:
        most = f"{_megabytes(SIZE_LIMIT)} are the most"
        raise _too_large(offer, f"more than {_megabytes(SIZE_LIMIT)}", most) from None
    except Exception as error:
        raise _unpicklable(offer, error) from error


class _Beyond(Exception):
    """More bytes than may be."""


class _Bounded(io.BytesIO):
    """Ends a pickle that grows too large while it is made, not when it fills the memory."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def write(self, data: Any) -> int:
        if self.tell() + memoryview(data).nbytes > self._limit:
            raise _Beyond
        return super().write(data)


def _pickle(value: Any, limit: int) -> bytes:
    try:
        import cloudpickle
    except ImportError as error:
        raise Conflict(
            'detach() needs cloudpickle in this kernel\'s environment: pip install "jupyter_figserve[detach]"',
            code="cloudpickle_missing",
        ) from error
    buffer, own = _Bounded(limit), [sys.modules[name] for name in find_own_modules()]
    for module in own:
        cloudpickle.register_pickle_by_value(module)
    try:
        cloudpickle.dump(value, buffer)
    finally:
        for module in own:
            cloudpickle.unregister_pickle_by_value(module)
    return buffer.getvalue()


def find_own_modules() -> list[str]:
    """Modules that lie beside the notebook or below it, which the sandbox does not have: they go along as code."""
    here, elsewhere = Path.cwd().resolve(), _installed_places()
    found = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name == "__main__" or name.partition(".")[0] == _PACKAGE or not isinstance(file, str):
            continue
        parents = Path(file).resolve().parents
        if here in parents and not elsewhere.intersection(parents):
            found.append(name)
    return found[:_MAX_MODULES]


def _installed_places() -> set[Path]:
    """Where libraries are; a notebook may lie above its environment."""
    places = [sys.prefix, sys.base_prefix, *(path for path in sys.path if path.endswith(("-packages", ".zip")))]
    here = Path.cwd().resolve()
    # A notebook may also lie inside of one, where sys.prefix is / or /usr.
    return {place for place in (Path(path).resolve() for path in places) if place not in (here, *here.parents)}


def _captured(offer: LiveFunction) -> dict[str, Any]:
    """What the function uses of the notebook, by name."""
    try:
        found = inspect.getclosurevars(offer.function)
    except (TypeError, ValueError):
        return {}
    names = {**found.globals, **found.nonlocals}
    return {name: value for name, value in names.items() if not isinstance(value, types.ModuleType)}


def _told(offer: LiveFunction, data: bytes = b"") -> str:
    """The largest of what is captured, with sizes; and the own modules whose names are in ``data``."""
    sizes: list[tuple[int, str]] = []
    for name, value in _captured(offer).items():
        try:
            sizes.append((len(_pickle(value, SIZE_LIMIT)), name))
        except _Beyond:
            sizes.append((SIZE_LIMIT, name))
        except Exception:  # noqa: S112  what cannot be pickled alone is told by another message
            continue
    largest = sorted(sizes, reverse=True)[:_NAMED]
    told = ", ".join(f"{name} {_megabytes(size)}" for size, name in largest) or "all in the function itself"
    own = [name for name in find_own_modules() if name.encode() in data]
    return f"{told}, with code of {', '.join(own)}" if own else told


def _too_large(offer: LiveFunction, size: str, reason: str) -> TooLarge:
    return TooLarge(
        f'"{offer.name}" with what it closes over has {size} ({_told(offer)}). {reason.rstrip(".")}. Let it close over'
        " less: a part of the data, or what was computed from it; or freeze(…) keeps pictures of the values you name."
    )


def _unpicklable(offer: LiveFunction, error: Exception) -> Exception:
    if isinstance(error, Conflict):
        return error
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:_REASON_LENGTH]
    for name, value in _captured(offer).items():
        try:
            _pickle(value, SIZE_LIMIT)
        except Exception:
            kind = type(value).__name__
            return InvalidInput(
                f'"{offer.name}" uses {name} (of type {kind}), which cannot be pickled and so cannot outlive this'
                f" kernel: {reason}. Make it inside the function, or close over what was read from it.",
                code="not_picklable",
            )
    return InvalidInput(f'"{offer.name}" cannot be pickled: {reason}.', code="not_picklable")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
