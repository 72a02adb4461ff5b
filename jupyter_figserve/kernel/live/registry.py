"""The live functions of this kernel, and calls of them in the worker thread. Kernel."""

from __future__ import annotations

import hashlib
import inspect
import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ...errors import Conflict, FigServeError, NotConnected, NotFound
from ...model.live import LiveDeclaration, LiveRequest
from ...model.parameters import SIZES
from ...model.progress import ProgressListener
from ..agent.offers import Reply, check_size, error_json, offers
from ..agent.worker_thread import worker_thread
from ..client.discovery import find_connection

if TYPE_CHECKING:
    from ...plotting.live_call import LiveCallResult
    from ...plotting.signatures import Signature

_MAX_VERSION_LENGTH = 200
_MAX_DESCRIPTION_LENGTH = 500
_SIZE_ADVICE = "(FigServe.live_bytes). Draw or return less."


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
        """Return its declaration for the server."""
        declaration = LiveDeclaration(
            self.name,
            self.signature.parameters,
            self.description,
            tuple(name for name in SIZES if name not in self.signature.sizes),
            cache=self.cache,
            timeout=self.timeout,
            version=None if callable(self.data_version) else self.version(),
            is_versioned=self.data_version is not None,
            digest=_digest(self.function),
            revision=self.revision,
            tight=self.tight,
            refresh=self.refresh,
            refreshed=self.refreshed,
            form=self.form,
        )
        return declaration.as_json()

    def version(self) -> str | None:
        """Return the current version of the data as text."""
        value = self.data_version() if callable(self.data_version) else self.data_version
        return None if value is None else _bounded(str(value))


class LiveFunctions:
    """Holds the live functions, and answers calls in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._functions: dict[str, LiveFunction] = {}

    def register(self, function: LiveFunction) -> None:
        """Add a function, or replace the one of the same name from the next call on."""
        with self._lock:
            self._functions[function.name] = function

    def all(self) -> list[LiveFunction]:
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
        queued = time.perf_counter()

        def call() -> None:
            waited = time.perf_counter() - queued
            head, body = self.answer(request, on_progress)
            if "timing" in head:
                head["timing"]["queue"] = waited
            reply(head, body)

        worker_thread.submit(call)

    def reset_after_fork(self) -> None:
        """Keep the functions, which the child may call."""
        self._lock = threading.Lock()

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
            check_size(rendered.content.data, request.get("max_bytes"), _SIZE_ADVICE)
        except Exception as error:
            return head | {"error": {"type": "KernelEnding"} if worker_thread.is_ending else error_json(error)}, b""
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


def not_callable(name: str) -> NotConnected:
    """Return the error of a live figure in a process whose functions no server can call."""
    try:
        connection = find_connection()
    except FigServeError:
        connection = None
    if connection is not None and connection.is_own:
        why = "this is another process. Ask for the URL in the kernel."
    else:
        started = "no server with jupyter_figserve started" if connection is None else f"{connection.url} did not start"
        why = f"{started} this one. Open the notebook in JupyterLab or Notebook, with jupyter_figserve installed there."
    return NotConnected(
        f'"{name}" can be called here, but has no URL: only the server that started a kernel can call its functions,'
        f" and {why}"
    )


live_functions = LiveFunctions()
offers.find_functions = live_functions.all
offers.answerers["call"] = lambda request, _body, reply, report: live_functions.submit(request, reply, report)

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=live_functions.reset_after_fork)
