"""The live functions of this kernel, and the worker thread that runs them. Kernel.

One call at a time: matplotlib's rcParams are only isolated in this thread, and a second thread would only wait for the
interpreter lock. It is a daemon thread, so that the kernel can exit at any time.
"""

from __future__ import annotations

import atexit
import hashlib
import inspect
import os
import queue
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ...errors import CodeFailed, Conflict, FigServeError, NotFound, TooLarge
from ...model.live import LiveRequest
from ...model.parameters import SIZES
from ...model.progress import ProgressListener
from .switch_interval import short_switch_interval

if TYPE_CHECKING:
    from ...plotting.live_call import LiveCallResult
    from ...plotting.signatures import Signature

Reply = Callable[[dict[str, Any], bytes], None]
"""Takes the head and body of a response; called in the worker thread."""
_Call = tuple[float, dict[str, Any], Reply, ProgressListener | None]
"""When it was queued, the request, and what takes its response and its progress."""
_MAX_VERSION_LENGTH = 200
_MAX_DESCRIPTION_LENGTH = 500
_MAX_MESSAGE_LENGTH = 2_000


@dataclass(frozen=True)
class LiveFunction:
    """A function that the server can call.

    Parameters
    ----------
    cache
        Seconds that a result may be reused.
    timeout
        Seconds that a viewer waits.
    data_version
        A value, or a function that returns it, that changes with the data; None renders an image for each call.
    tight
        Whether images are cropped or extended to their content.
    refresh
        Seconds after which open pages refresh the image; None for never.
    refreshed
        Changes with each refresh.
    form
        Form of the result as the return annotation declares it; ``""`` if it declares none.
    """

    name: str
    function: Callable[..., Any]
    signature: Signature
    cache: float = 0.0
    timeout: float = 20.0
    data_version: Any = None
    tight: bool = False
    refresh: float | None = None
    revision: str = field(default_factory=lambda: secrets.token_hex(6))
    refreshed: str = ""
    form: str = ""

    @property
    def description(self) -> str:
        """First line of the function's docstring."""
        doc = inspect.getdoc(self.function) or ""
        return doc.partition("\n")[0][:_MAX_DESCRIPTION_LENGTH]

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
            "tight": self.tight,
            "refresh": self.refresh,
            "refreshed": self.refreshed,
            "form": self.form,
        }

    def version(self) -> str | None:
        """Return the current version of the data as text."""
        value = self.data_version() if callable(self.data_version) else self.data_version
        return None if value is None else _bounded(str(value))


class LiveWorker:
    """Holds the live functions, and answers calls in order."""

    is_ending = False
    """Whether the kernel ends, so that the functions lose their globals."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._functions: dict[str, LiveFunction] = {}
        self._queue: queue.SimpleQueue[_Call] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def register(self, function: LiveFunction) -> None:
        """Add a function, or replace the one of the same name from the next call on."""
        with self._lock:
            self._functions[function.name] = function

    def functions(self) -> list[LiveFunction]:
        with self._lock:
            return list(self._functions.values())

    def find(self, name: str) -> LiveFunction | None:
        with self._lock:
            return self._functions.get(name)

    def refresh(self, name: str) -> bool:
        """Invalidate the function's earlier images; False if there is no such function."""
        with self._lock:
            function = self._functions.get(name)
            if function is not None:
                self._functions[name] = replace(function, refreshed=secrets.token_hex(6))
            return function is not None

    def submit(self, request: dict[str, Any], reply: Reply, on_progress: ProgressListener | None = None) -> None:
        """Queue a request; the worker thread calls ``reply`` with the response, and before it ``on_progress``."""
        with self._lock:
            if self._thread is None:
                # IPython clears the user's namespace in an exit handler of its own, which runs after later ones.
                atexit.register(self.begin_end)
                self._thread = threading.Thread(target=self._run, name="figserve-live", daemon=True)
                self._thread.start()
        short_switch_interval.__enter__()
        self._queue.put((time.perf_counter(), request, reply, on_progress))

    def begin_end(self) -> None:
        """From now on a failure is that of the kernel, which ends, not of the function."""
        self.is_ending = True

    def reset_after_fork(self) -> None:
        """Keep the functions, which the child may call; drop the queue, since the parent answers it."""
        self._lock = threading.Lock()
        self._queue = queue.SimpleQueue()
        self._thread = None

    def _run(self) -> None:
        while True:
            queued, request, reply, on_progress = self._queue.get()
            waited = time.perf_counter() - queued
            try:
                head, body = self.answer(request, on_progress)
                if "timing" in head:
                    head["timing"]["queue"] = waited
                reply(head, body)
            finally:
                short_switch_interval.__exit__()

    def answer(
        self, request: dict[str, Any], on_progress: ProgressListener | None = None
    ) -> tuple[dict[str, Any], bytes]:
        """Return head and body of the response to a request; failures are responses, too."""
        from ...plotting.live_call import render_live
        from ...plotting.progress import reporting

        head: dict[str, Any] = {"op": "answer", "rid": request.get("rid")}
        try:
            function = self.find(str(request.get("name")))
            if function is None:
                raise NotFound("This kernel no longer has this live figure. Run its cell again.")
            version = _current_version(function)
            if version is not None and version in request.get("known", ()):
                return head | {"version": version, "is_unchanged": True}, b""
            with reporting(on_progress):
                rendered = render_live(
                    function.function, function.signature, LiveRequest.from_json(request), tight=function.tight
                )
            _check_size(rendered.content.data, request.get("max_bytes"))
        except Exception as error:
            return head | {"error": {"type": "KernelEnding"} if self.is_ending else _error_json(error)}, b""
        result = {**_result_json(rendered), "version": version, "revision": function.revision}
        return head | result, rendered.content.data


def _result_json(rendered: LiveCallResult) -> dict[str, Any]:
    content = rendered.content
    return {
        "mimetype": content.mimetype,
        "width": content.width,
        "height": content.height,
        "dpi": content.dpi,
        "title": rendered.title,
        "alt": rendered.alt,
        "output": rendered.output,
        "status": rendered.status,
        "is_html": rendered.is_html,
        "density": rendered.device_pixel_ratio,
        "timing": dict(rendered.timing),
    }


def _check_size(data: bytes, limit: Any) -> None:
    """Raise ``TooLarge`` beyond the server's limit, which would otherwise close the connection."""
    if isinstance(limit, int) and len(data) > limit:
        raise TooLarge(
            f"The result has {len(data):,} bytes, and the server accepts {limit:,} (FigServe.live_bytes). Draw or"
            " return less.",
            code="result_too_large",
        )


def _current_version(function: LiveFunction) -> str | None:
    if not callable(function.data_version):
        return function.version()
    from ...plotting.isolation import isolated_call
    from ...plotting.live_call import to_code_failed

    with isolated_call() as printed:
        try:
            return function.version()
        except BaseException as error:
            raise to_code_failed(error, function.data_version, "".join(printed)) from error


def _error_json(error: Exception) -> dict[str, Any]:
    if not isinstance(error, FigServeError):
        # Not raised by the function: an encoder's error, or a bug in this package.
        return {"type": "OutputInvalid", "message": f"{type(error).__name__}: {error}"[:_MAX_MESSAGE_LENGTH]}
    value: dict[str, Any] = {"type": type(error).__name__, "code": error.code, "message": error.message}
    if isinstance(error, CodeFailed):
        value |= {"kind": error.kind, "line": error.line, "traceback": error.traceback, "output": error.output}
    return value


def _bounded(text: str) -> str:
    """Return a version, or its digest if it is long; versions are only compared."""
    return text if len(text) <= _MAX_VERSION_LENGTH else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _digest(function: Callable[..., Any]) -> str:
    """Return a digest of the code, the same in every kernel."""
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        text = secrets.token_hex(8) if code is None else f"{code.co_code.hex()} {code.co_names} {code.co_varnames}"
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def not_live(name: str) -> Conflict:
    """Return the error of a live figure whose function this kernel no longer has."""
    return Conflict(f'"{name}" is no longer a live figure. Run its cell again.')


worker = LiveWorker()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=worker.reset_after_fork)
