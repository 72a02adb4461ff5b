"""The live functions of this kernel, and the one thread that runs them. Kernel.

One thread and one call at a time: rcParams are matplotlib's own in every other thread, and a second worker would only
wait for the interpreter's lock. It is a daemon, so that nothing waits for it when the kernel ends.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import queue
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ...errors import CodeFailed, FigServeError, NotFound
from ...model.live import LiveRequest
from ...model.parameters import SIZES
from ...plotting.signatures import Signature

Reply = Callable[[dict[str, Any], bytes], None]
"""Takes the head and the body of an answer; called in the worker's thread."""
_VERSION_LENGTH = 200
_DESCRIPTION_LENGTH = 500


@dataclass(frozen=True)
class LiveFunction:
    """A function that may be called from outside.

    Parameters
    ----------
    cache
        Seconds that an answer may be given again.
    timeout
        Seconds that a viewer waits.
    data_version
        Says when pictures must be drawn anew: a value, or a function that gives it; None is with every call.
    """

    name: str
    function: Callable[..., Any]
    signature: Signature
    cache: float = 0.0
    timeout: float = 20.0
    data_version: Any = None
    revision: str = field(default_factory=lambda: secrets.token_hex(6))

    @property
    def description(self) -> str:
        """The first line of the function's docstring."""
        doc = inspect.getdoc(self.function) or ""
        return doc.partition("\n")[0][:_DESCRIPTION_LENGTH]

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "description": self.description,
            "parameters": self.signature.parameters.as_json(),
            "sizes": [name for name in SIZES if name not in self.signature.sizes],
            "cache": self.cache,
            "timeout": self.timeout,
            "version": None if callable(self.data_version) else self.version(),
            "is_versioned": self.data_version is not None,
            "digest": _digest(self.function),
            "revision": self.revision,
        }

    def version(self) -> str | None:
        """The data's version now, as text."""
        value = self.data_version() if callable(self.data_version) else self.data_version
        return None if value is None else _bounded(str(value))


class LiveWorker:
    """Holds the offers and answers calls, in their order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offers: dict[str, LiveFunction] = {}
        self._queue: queue.SimpleQueue[tuple[dict[str, Any], Reply]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def offer(self, offer: LiveFunction) -> None:
        """In the place of the one of this name, from the next call on."""
        with self._lock:
            self._offers[offer.name] = offer

    def offers(self) -> list[LiveFunction]:
        with self._lock:
            return list(self._offers.values())

    def find(self, name: str) -> LiveFunction | None:
        with self._lock:
            return self._offers.get(name)

    def submit(self, request: dict[str, Any], reply: Reply) -> None:
        """Answer a request soon, from the worker's thread."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="figserve-live", daemon=True)
                self._thread.start()
        self._queue.put((request, reply))

    def reset_after_fork(self) -> None:
        """The offers stay the child's to call; its answers would go nowhere."""
        self._lock = threading.Lock()
        self._queue = queue.SimpleQueue()
        self._thread = None

    def _run(self) -> None:
        while True:
            request, reply = self._queue.get()
            reply(*self.answer(request))

    def answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Head and body for one request; every failure is an answer too."""
        from ...plotting.live_call import draw

        head: dict[str, Any] = {"op": "answer", "rid": request.get("rid")}
        try:
            offer = self.find(str(request.get("name")))
            if offer is None:
                raise NotFound("This kernel offers no such live figure any more; run its cell again.")
            version = _version_of(offer)
            if version is not None and version in request.get("known", ()):
                return head | {"version": version, "is_unchanged": True}, b""
            drawn = draw(offer.function, offer.signature, LiveRequest.from_json(request))
        except FigServeError as error:
            return head | {"error": _told(error)}, b""
        except Exception as error:
            # Not the function: encoding, or we ourselves.
            return head | {"error": {"type": "OutputInvalid", "message": f"{type(error).__name__}: {error}"}}, b""
        payload = drawn.payload
        described = {
            "mimetype": payload.mimetype,
            "width": payload.width,
            "height": payload.height,
            "dpi": payload.dpi,
            "title": drawn.title,
            "alt": drawn.alt,
            "output": drawn.output,
            "is_html": drawn.is_html,
            "density": drawn.device_pixel_ratio,
            "version": version,
            "revision": offer.revision,
        }
        return head | described, payload.data


def _version_of(offer: LiveFunction) -> str | None:
    if not callable(offer.data_version):
        return offer.version()
    from ...plotting.isolation import isolated_call
    from ...plotting.live_call import to_code_failed

    with isolated_call() as printed:
        try:
            return offer.version()
        except BaseException as error:
            raise to_code_failed(error, offer.data_version, "".join(printed)) from error


def _told(error: FigServeError) -> dict[str, Any]:
    told: dict[str, Any] = {"type": type(error).__name__, "code": error.code, "message": error.message}
    if isinstance(error, CodeFailed):
        told |= {"kind": error.kind, "line": error.line, "traceback": error.traceback, "output": error.output}
    return told


def _bounded(text: str) -> str:
    """A version is compared and nothing else, so that a long one may as well be its digest."""
    return text if len(text) <= _VERSION_LENGTH else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _digest(function: Callable[..., Any]) -> str:
    """The same for the same code, also in another kernel."""
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        text = secrets.token_hex(8) if code is None else f"{code.co_code.hex()} {code.co_names} {code.co_varnames}"
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


worker = LiveWorker()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=worker.reset_after_fork)
