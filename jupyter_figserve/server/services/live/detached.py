"""Live functions that outlive their kernels: stored as sources, and called in the sandbox only. Server process."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from ....errors import Conflict, DeadlineExceeded, InvalidInput, OutputInvalid, SandboxUnavailable, UnsupportedType
from ....model.detached import DetachedFunction
from ....model.formats import get_live_format
from ....model.live import LiveDeclaration, LiveFigureRecord, LiveRequest
from ....model.progress import ProgressListener
from ....model.rendering import DrawOptions, RenderJob
from ....store.store import Store
from ..bounded_queue import Claim
from ..callers import OWNER, Caller
from ..figures.redraw import read_source
from ..rendering.queue import RenderQueue
from .image_cache import CachedImage
from .registry import LiveTarget

_PYTHON = "python"
_MISSING = re.compile(r"No module named '([\w.]{1,100})'")


class SandboxBackend:
    """A ``LiveBackend`` without a kernel: each call is a job of the sandbox."""

    def __init__(self, store: Store, queue: RenderQueue, function: DetachedFunction, caller: Caller = OWNER) -> None:
        self._store = store
        self._queue = queue
        self._function = function
        self._caller = caller

    def on_behalf_of(self, caller: Caller) -> SandboxBackend:
        """Return a backend whose jobs take the turns of a caller."""
        return SandboxBackend(self._store, self._queue, self._function, caller)

    async def call(
        self, name: str, request: LiveRequest, known: tuple[str, ...], on_progress: ProgressListener
    ) -> CachedImage | None:
        """Call the function with the parameters of a request.

        Raises
        ------
        OutputInvalid
            Also ``version_mismatch``, where the sandbox's Python has changed since the function was detached.
        FigServeError
            ``source_damaged`` when the stored bytes are not those that were sent; they are not opened.
        """
        source, declaration = self._function.source, self._function.declaration
        if declaration.version is not None and declaration.version in known:
            return None
        data = await read_source(self._store, source, f"The detached function of {name}", "detach it again")
        await self._queue.start()
        if (problem := find_python_mismatch(source.libraries, self._queue.libraries)) is not None:
            raise OutputInvalid(f"{problem} Detach it again.", code="version_mismatch")
        job = _make_job(request, data, declaration, declaration.timeout, source.libraries)
        rendered = await self._queue.render(job, Claim(self._caller))
        return CachedImage(
            rendered.images[0],
            alt=rendered.alt,
            revision=declaration.revision,
            version=declaration.version,
            device_pixel_ratio=rendered.device_pixel_ratio,
            status=rendered.status,
        )


class DetachedFunctions:
    """Keeps detached functions, and resolves live figures to them.

    Parameters
    ----------
    max_seconds
        Upper limit of a call's timeout.
    """

    def __init__(self, store: Store, queue: RenderQueue, max_seconds: float) -> None:
        self._store = store
        self._queue = queue
        self._max_seconds = max_seconds

    async def find(self, live_id: str) -> DetachedFunction | None:
        return await self._store.live.find_detached(live_id)

    async def find_target(self, record: LiveFigureRecord) -> LiveTarget | None:
        """Return the target that renders a live figure when no kernel offers it."""
        function = await self.find(record.id)
        if function is None:
            return None
        if function.declaration.is_versioned and function.declaration.version is None:
            # A callable data_version looks at files that the sandbox does not have: detached data is fixed.
            declaration = replace(function.declaration, version=function.source.digest)
            function = replace(function, declaration=declaration)
        return LiveTarget(record, function.declaration, backend=SandboxBackend(self._store, self._queue, function))

    async def targets(self, session: str | None = None) -> list[LiveTarget]:
        """Return all detached live figures, or those that one session declared."""
        found = [await self.find_target(record) for record in await self._store.live.list_detached(session)]
        return [target for target in found if target is not None]

    async def attach(
        self, record: LiveFigureRecord, declaration: LiveDeclaration, data: bytes, libraries: Mapping[str, str]
    ) -> DetachedFunction:
        """Test a function in the sandbox, and store it, replacing the previous one.

        Raises
        ------
        SandboxUnavailable
            When this server cannot call it.
        Conflict
            When the sandbox's Python cannot run the function's bytecode.
        OutputInvalid
            When the function cannot be opened there, or fails with its defaults.
        QuotaExceeded
            When the owner has no room for it.
        """
        await self._queue.start()
        if not self._queue.is_available:
            reasons = " ".join(self._queue.status.reasons)
            raise SandboxUnavailable(
                f"A detached live figure is drawn in the sandbox, which this server does not have: {reasons} freeze(…)"
                " keeps images of the values that you name."
            )
        if (problem := find_python_mismatch(libraries, self._queue.libraries)) is not None:
            raise Conflict(problem, code="version_mismatch")
        await self._try(declaration, data, libraries)
        return await self._store.live.attach_function(record, declaration, data, libraries)

    async def remove(self, record: LiveFigureRecord) -> bool:
        """Remove the function, so that only stale images answer without a kernel; False when there was none."""
        return await self._store.live.remove_function(record)

    async def _try(self, declaration: LiveDeclaration, data: bytes, libraries: Mapping[str, str]) -> None:
        """Call the function with its defaults; one with required parameters is only opened."""
        timeout = min(declaration.timeout, self._max_seconds)
        try:
            await self._queue.render(_make_job(LiveRequest(), data, declaration, timeout, libraries))
        except (InvalidInput, UnsupportedType):
            # It was called, or its parameters have no defaults; its result is not a PNG.
            return
        except DeadlineExceeded as error:
            raise OutputInvalid(
                f"The function did not finish in the sandbox within {timeout:g} s. Allow more time"
                ' (@figserve.live(timeout="60s")), or let it do less.',
                code="not_detachable",
            ) from error
        except OutputInvalid as error:
            raise self._explain(error, libraries) from error

    def _explain(self, error: OutputInvalid, libraries: Mapping[str, str]) -> OutputInvalid:
        """Return an error that says what to do about a function that fails in the sandbox."""
        if (missing := _MISSING.search(error.message)) is not None:
            return OutputInvalid(
                f"The function needs the module {missing[1]}, which the sandbox does not have. Define it in the"
                " notebook, or in a module beside the notebook, or install it in the sandbox's environment"
                " (FigServe.render_python).",
                code="not_detachable",
            )
        text = f"The function does not work in the sandbox, which has neither your files nor the network: {error}"
        differences = describe_differences(libraries, self._queue.libraries)
        if not differences:
            return OutputInvalid(text, code="not_detachable")
        return OutputInvalid(f"{text} The versions differ: {differences}.", code="version_mismatch")


def _make_job(
    request: LiveRequest, data: bytes, declaration: LiveDeclaration, timeout: float, libraries: Mapping[str, str]
) -> RenderJob:
    """Return the job that calls a detached function."""
    dpi = None if get_live_format(request.format).is_vector else request.dpi
    options = DrawOptions(request.format, request.width, request.height, dpi, tight=declaration.tight)
    return RenderJob(
        "function",
        data,
        options,
        arguments=request.arguments,
        timeout=timeout,
        libraries=libraries,
        device_pixel_ratio=request.device_pixel_ratio,
    )


def find_python_mismatch(theirs: Mapping[str, str], ours: Mapping[str, str]) -> str | None:
    """Return why the sandbox's Python cannot run a function's bytecode; None when it can."""
    made_by, here = theirs.get(_PYTHON), ours.get(_PYTHON)
    if made_by is None or here is None or made_by == here:
        return None
    return (
        f"The function was made by Python {made_by}, and the sandbox has Python {here}, which cannot run it. An admin"
        " can choose the sandbox's Python (FigServe.render_python)."
    )


def describe_differences(theirs: Mapping[str, str], ours: Mapping[str, str]) -> str:
    """List the libraries that both know, in different versions."""
    both = sorted(name for name in theirs.keys() & ours.keys() if theirs[name] != ours[name])
    return ", ".join(f"{name} {theirs[name]} in the kernel, {ours[name]} in the sandbox" for name in both)
