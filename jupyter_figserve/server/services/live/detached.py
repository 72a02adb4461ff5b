"""Live functions that outlive their kernels: kept as sources, opened in the sandbox alone. Server process."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace

from ....errors import Conflict, DeadlineExceeded, InvalidInput, OutputInvalid, SandboxUnavailable
from ....model.detached import KIND, Detached
from ....model.figures import Source, sha256_hex
from ....model.formats import get_format
from ....model.live import LiveDeclaration, LiveFigureRecord, LiveRequest
from ....sandbox.renderer import DrawOptions, RenderJob
from ....store.catalog import detached
from ....store.store import Store
from ..figures.redraw import read_source
from ..rendering.queue import RenderQueue
from .call_queue import LiveResponse
from .registry import LiveTarget

_PYTHON = "python"
_MISSING = re.compile(r"No module named '([\w.]{1,100})'")


class SandboxBackend:
    """A ``KernelLink`` where there is no kernel: each call is a job of the sandbox."""

    def __init__(self, store: Store, jobs: RenderQueue, kept: Detached) -> None:
        self._store = store
        self._jobs = jobs
        self._kept = kept

    async def call(self, name: str, request: LiveRequest, known: tuple[str, ...]) -> LiveResponse:
        """Raises
        ------
        OutputInvalid
            Also ``version_mismatch``, where the sandbox has become another since the function was detached.
        FigServeError
            ``source_damaged`` when the stored bytes are not those that were sent; they are not opened.
        """
        source, declaration = self._kept.source, self._kept.declaration
        if declaration.version is not None and declaration.version in known:
            return LiveResponse(None, declaration.version)
        data = await read_source(self._store, source, f"The detached function of {name}", "detach it again")
        await self._jobs.start()
        if (fault := unfit(source.libraries, self._jobs.report.libraries)) is not None:
            raise OutputInvalid(f"{fault} Detach it again.", code="version_mismatch")
        rendered = await self._jobs.render(make_job(request, data, declaration.timeout, source.libraries))
        picture = rendered.images[0]
        words = (rendered.title, rendered.alt, declaration.revision)
        return LiveResponse(picture, declaration.version, *words, density=rendered.device_pixel_ratio)

    def close(self) -> None:
        """Nobody waits here but for the sandbox."""


class DetachedFunctions:
    """Parameters
    ----------
    longest
        Seconds that anybody waits for a live figure.
    """

    def __init__(self, store: Store, jobs: RenderQueue, longest: float) -> None:
        self._store = store
        self._jobs = jobs
        self._longest = longest

    def find(self, live_id: str) -> Detached | None:
        return detached.find(self._store.catalog.reader, live_id)

    def find_target(self, record: LiveFigureRecord) -> LiveTarget | None:
        """What answers for a live figure that no kernel offers."""
        kept = self.find(record.id)
        if kept is None:
            return None
        if kept.declaration.is_versioned and kept.declaration.version is None:
            # A data_version that is called tells of files that the sandbox does not have: what is closed over stays.
            kept = replace(kept, declaration=replace(kept.declaration, version=kept.source.digest))
        return LiveTarget(record, kept.declaration, link=SandboxBackend(self._store, self._jobs, kept))

    def targets(self, session: str | None = None) -> list[LiveTarget]:
        """All that are detached, or those that one session declared."""
        found = (self.find_target(record) for record in detached.records(self._store.catalog.reader, session))
        return [target for target in found if target is not None]

    async def keep(
        self, record: LiveFigureRecord, declaration: LiveDeclaration, data: bytes, libraries: Mapping[str, str]
    ) -> Detached:
        """Try a function in the sandbox, and keep it in the place of the one that was there.

        Raises
        ------
        SandboxUnavailable
            When there is nothing that could call it.
        Conflict
            For a Python that reads no bytecode of the function's, naming both.
        OutputInvalid
            When it cannot be opened there or fails with its defaults; with both versions where libraries differ.
        QuotaExceeded
            Of the owner.
        """
        await self._jobs.start()
        if not self._jobs.is_available:
            why = " ".join(self._jobs.report.reasons)
            raise SandboxUnavailable(
                f"A detached live figure is drawn in the sandbox, which this server does not have: {why} freeze(…)"
                " keeps pictures of the values that you name."
            )
        if (fault := unfit(libraries, self._jobs.report.libraries)) is not None:
            raise Conflict(fault, code="version_mismatch")
        await self._try(declaration, data, libraries)
        source = Source(KIND, sha256_hex(data), len(data), dict(libraries))
        kept, store = Detached(record.id, source, declaration), self._store
        writing = store.write(lambda c: detached.keep(c, store.blobs, store.limits, record, kept, data, store.clock()))
        await asyncio.wrap_future(writing)
        await asyncio.wrap_future(store.write_live([record.id]))
        return kept

    async def remove(self, record: LiveFigureRecord) -> bool:
        """Forget the function: without a kernel there is its last good picture again; False when there was none."""
        store = self._store
        was_there = await asyncio.wrap_future(store.write(lambda c: detached.remove(c, record, store.clock())))
        await asyncio.wrap_future(store.write_live([record.id]))
        return was_there

    async def _try(self, declaration: LiveDeclaration, data: bytes, libraries: Mapping[str, str]) -> None:
        """Draw it once with its defaults; what has no default is opened, and that is all that can be tried."""
        timeout = min(declaration.timeout, self._longest)
        try:
            await self._jobs.render(make_job(LiveRequest({}, "png"), data, timeout, libraries))
        except InvalidInput:
            return
        except DeadlineExceeded as error:
            raise OutputInvalid(
                f"In the sandbox the function was not done within {timeout:g} seconds; give it longer"
                ' (@figserve.live(timeout="60s")), or less to do.',
                code="not_detachable",
            ) from error
        except OutputInvalid as error:
            ours = self._jobs.report.libraries
            if (missing := _MISSING.search(error.message)) is not None:
                raise OutputInvalid(
                    f"The function needs the module {missing[1]}, which the sandbox does not have. Define it in the"
                    " notebook, or in a module beside the notebook, or install it in the sandbox's environment"
                    " (FigServe.render_python).",
                    code="not_detachable",
                ) from error
            words = f"The function does not work in the sandbox, which has neither your files nor the network: {error}"
            differing = differences(libraries, ours)
            if differing:
                words = f"{words} The versions differ: {differing}."
            code = "version_mismatch" if differing else "not_detachable"
            raise OutputInvalid(words, code=code) from error


def make_job(request: LiveRequest, data: bytes, timeout: float, libraries: Mapping[str, str]) -> RenderJob:
    dpi = None if get_format(request.format).is_vector else request.dpi
    options = DrawOptions(request.format, request.width, request.height, dpi)
    return RenderJob(
        "function",
        data,
        options,
        arguments=request.arguments,
        timeout=timeout,
        libraries=libraries,
        device_pixel_ratio=request.density,
    )


def unfit(theirs: Mapping[str, str], ours: Mapping[str, str]) -> str | None:
    """Why bytecode of one Python cannot be run by the other; None when it can."""
    made_by, here = theirs.get(_PYTHON), ours.get(_PYTHON)
    if made_by is None or here is None or made_by == here:
        return None
    return (
        f"The function is of Python {made_by}, and the sandbox has Python {here}, which cannot run it; an admin can"
        " choose the sandbox's (FigServe.render_python)."
    )


def differences(theirs: Mapping[str, str], ours: Mapping[str, str]) -> str:
    """Libraries of which both know the version, and not the same."""
    both = sorted(name for name in theirs.keys() & ours.keys() if theirs[name] != ours[name])
    return ", ".join(f"{name} {theirs[name]} in the kernel, {ours[name]} in the sandbox" for name in both)
