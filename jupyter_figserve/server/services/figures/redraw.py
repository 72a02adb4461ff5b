"""Renders a published figure in another size or format, from its source. Server process.

The sandbox does it; where there is none, the running kernel that has made the source.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ....errors import Conflict, FigServeError, OutputInvalid, Unavailable
from ....model.figures import EncodedImage, FigureRecord, Representation, Source, sha256_hex
from ....model.formats import FORMATS
from ....model.images.vector_sizes import CSS_DPI
from ....model.rendering import DrawOptions, RenderJob
from ....store.store import Store
from ..bounded_queue import Claim
from ..callers import BACKGROUND, OWNER, Caller
from ..rendering.executor import NoKernelError
from ..rendering.service import BeforeRender, RenderService
from .offers import find_convertible, offered_formats
from .source_problems import explain_no_kernel, find_problem, name_stored_formats, without_executor

_log = logging.getLogger("jupyter_figserve")


class NotRunning(Conflict):
    """There is no sandbox, and the kernel that made the figure is not running."""

    code = "not_redrawable"


def _check_redrawable(record: FigureRecord, format: str) -> None:
    """Check that nothing known prevents rendering a figure in a format.

    Raises
    ------
    Conflict
        When it has no source, or its source was tried and failed; the message is for the owner.
    """
    problem = find_problem(record.version, format)
    if problem is not None:
        raise Conflict(explain_problem(record, problem.reason), code="not_redrawable")


def explain_problem(record: FigureRecord, reason: str) -> str:
    """Return a message about a figure that cannot be rendered."""
    return (
        f"This figure is available as {', '.join(offered_formats(record.version))}, and not in that size or format."
        f" {reason}"
    )


async def render_again(
    store: Store,
    rendering: RenderService,
    record: FigureRecord,
    options: DrawOptions,
    caller: Caller = OWNER,
    before_render: BeforeRender | None = None,
) -> EncodedImage:
    """Return the figure's image with these options, rendered or from the cache.

    Parameters
    ----------
    caller
        Whose turn in the render queue a job takes.
    before_render
        Called before a job is queued; when it raises, there is none.

    Raises
    ------
    Conflict
        When it has no source, or its source is known to fail.
    NotRunning
        There is neither a sandbox nor the kernel that made it.
    OutputInvalid
        When the source cannot be rendered; ``version_mismatch`` when another version of matplotlib made it.
    FigServeError
        ``source_damaged`` when the digest of the stored source does not match.
    """
    if find_problem(record.version, options.format) is not None and (
        converted := await _convert_stored(store, rendering, record, options, caller, before_render)
    ):
        return converted
    _check_redrawable(record, options.format)
    try:
        return await render_source(store, rendering, record, options, caller, before_render)
    except NotRunning:
        record = without_executor(record)
        if find_convertible(record.version, FORMATS[options.format]) is None:
            raise
        return await render_again(store, rendering, record, options, caller, before_render)


async def render_source(
    store: Store,
    rendering: RenderService,
    record: FigureRecord,
    options: DrawOptions,
    caller: Caller = OWNER,
    before_render: BeforeRender | None = None,
) -> EncodedImage:
    """Return what the source of a figure makes with these options, as ``render_again``, whatever is known about it."""
    source = record.version.source
    assert source is not None
    read = partial(_read_checked, store, source, f"The source of figure {record.id}", "publish it again")
    try:
        job = _job(record, source, options)
        executor = await rendering.choose_executor(record.owner, source, options)
        rendered, _ = await rendering.render_stored(job, source.digest, read, caller, before_render, executor)
    except NoKernelError as error:
        reason = explain_no_kernel(record.version).reason
        raise NotRunning(explain_problem(without_executor(record), reason)) from error
    except OutputInvalid as error:
        raise _explain(error, record, source, rendering) from error
    return rendered.images[0]


async def redraw_as_published(store: Store, rendering: RenderService, record: FigureRecord) -> None:
    """Draw a figure from its source as it was published, in the sandbox, with low priority.

    Raises
    ------
    OutputInvalid
        It cannot be rendered; with the code ``different``, it is another picture.
    """
    version, source = record.version, record.version.source
    assert source is not None
    is_png = version.representations[0].format is FORMATS["png"]
    part = version.representations[0] if is_png else version.thumbnail

    async def compose() -> RenderJob:
        data = await read_source(store, source, f"The source of figure {record.id}", "publish it again")
        published = None if part is None else await store.read_blob(part.digest)
        job = replace(_job(record, source, DrawOptions("png")), source=data)
        return replace(job, published=published or b"", with_thumbnail=not is_png)

    await rendering.queue.render_composed(compose, Claim(BACKGROUND))


async def _convert_stored(
    store: Store,
    rendering: RenderService,
    record: FigureRecord,
    options: DrawOptions,
    caller: Caller,
    before_render: BeforeRender | None,
) -> EncodedImage | None:
    """Return an image made from the stored one, in its size; None if the options ask for anything else."""
    part = find_convertible(record.version, FORMATS[options.format])
    if part is None or options != DrawOptions(options.format):
        return None
    data = await store.read_blob(part.digest)
    if data is None:
        return None
    if options.format == "svgz":
        packed = await asyncio.get_running_loop().run_in_executor(None, partial(gzip.compress, data, mtime=0))
        return EncodedImage(FORMATS["svgz"].mimetype, packed, part.width, part.height)
    rendered, _ = await rendering.render_cached(RenderJob("image", data, options), caller, before_render)
    return rendered.images[0]


async def read_source(store: Store, source: Source, name: str, remedy: str) -> bytes:
    """Return the bytes of a source whose digest matches; bytes changed in the store are never opened.

    Parameters
    ----------
    name, remedy
        The source's name and the advice to the user, for error messages.
    """
    return await asyncio.to_thread(_read_checked, store, source, name, remedy)


def _read_checked(store: Store, source: Source, name: str, remedy: str) -> bytes:
    data = store.blobs.find(source.digest)
    if data is None:
        raise Unavailable(f"{name} is missing from the store; {remedy}.", code="blob_missing")
    if sha256_hex(data) != source.digest:
        _log.error("%s does not match its digest; it is not opened.", name)
        raise FigServeError(f"{name} was changed in the store and is not opened; {remedy}.", code="source_damaged")
    return data


def _job(record: FigureRecord, source: Source, options: DrawOptions) -> RenderJob:
    """Return the job without its source."""
    if source.kind != "code":
        return RenderJob("figure", b"", options, libraries=source.libraries)
    settings = record.version.provenance.get("render", {})
    # Options that the request does not name are those of the original.
    named = {name: settings[name] for name in ("style", "dpi", "tight", "transparent") if settings.get(name)}
    size = _size_of_original(settings, record.version.representations[0], options)
    named = {name: value for name, value in (named | size).items() if not getattr(options, name)}
    options = replace(options, **named)
    return RenderJob(
        "code",
        b"",
        options,
        figure=settings.get("figure"),
        seed=settings.get("seed", 0),
        timeout=settings.get("timeout", 10.0),
    )


def _size_of_original(settings: Mapping[str, Any], part: Representation, options: DrawOptions) -> dict[str, int]:
    """Return the sides that a render was asked for, for an image with these options.

    With one side given, the other keeps the proportions; a raster image at another resolution has the size in inches.
    """
    sides: dict[str, int] = {name: settings[name] for name in ("width", "height") if settings.get(name)}
    scale = 1.0
    if options.width or options.height:
        if len(sides) < 2:
            return {}
        given = "width" if options.width else "height"
        scale = getattr(options, given) / sides[given]
    elif options.dpi and not FORMATS[options.format].is_vector:
        scale = options.dpi / (part.dpi or CSS_DPI)
    return {name: max(1, round(side * scale)) for name, side in sides.items()}


def _explain(error: OutputInvalid, record: FigureRecord, source: Source, rendering: RenderService) -> OutputInvalid:
    """Replace the error by one about the versions of matplotlib where these differ."""
    theirs, ours = (known.get("matplotlib") for known in (source.libraries, rendering.queue.libraries))
    if theirs is None or ours is None or theirs == ours:
        return error
    return OutputInvalid(
        f"This figure was made by matplotlib {theirs}, and this server's matplotlib {ours} cannot render it. The stored"
        f" formats are still available: {name_stored_formats(record)}.",
        code="version_mismatch",
    )
