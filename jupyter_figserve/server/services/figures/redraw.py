"""A published figure in another size or format, drawn again from its source in the sandbox. Server process."""

from __future__ import annotations

import asyncio
import logging

from ....errors import Conflict, FigServeError, OutputInvalid, Unavailable
from ....model.figures import EncodedImage, FigureRecord, Source, sha256_hex
from ....sandbox.renderer import DrawOptions, RenderJob
from ....store.store import Store
from ..rendering.service import RenderService

_log = logging.getLogger("jupyter_figserve")


def check_redrawable(record: FigureRecord, format: str) -> None:
    """See that there is something that it could be drawn from, in this format.

    Raises
    ------
    Conflict
    """
    if record.version.source is None or format == "html":
        raise Conflict(
            f"This figure is stored as {_names(record)}, and cannot be drawn in another way: only matplotlib figures"
            " that were published with their source can. Ask for it as it is, or publish it in that format.",
            code="not_redrawable",
        )


async def draw_again(
    store: Store, drawing: RenderService, record: FigureRecord, options: DrawOptions, *, low_priority: bool = False
) -> EncodedImage:
    """The figure, drawn anew or known from before.

    Raises
    ------
    Conflict
        When there is nothing that it could be drawn from, or not in this format.
    OutputInvalid
        When its source cannot be drawn here; ``version_mismatch`` where other libraries made it.
    FigServeError
        ``source_damaged`` when the stored bytes are not those that were sent; they are not opened.
    """
    source = record.version.source
    check_redrawable(record, options.format)
    assert source is not None
    data = await read_source(store, source, f"The source of figure {record.id}", "publish it again")
    try:
        rendered, _ = await drawing.render_cached(_job(record, source, data, options), low_priority=low_priority)
    except OutputInvalid as error:
        raise _explained(error, record, source, drawing) from error
    return rendered.images[0]


async def read_source(store: Store, source: Source, name: str, remedy: str) -> bytes:
    """A source's bytes, seen to be those that were sent: what somebody else wrote there is not opened.

    Parameters
    ----------
    name, remedy
        How errors begin, and what they say to do.
    """
    return await asyncio.get_running_loop().run_in_executor(None, _read_checked, store, source, name, remedy)


def _read_checked(store: Store, source: Source, name: str, remedy: str) -> bytes:
    data = store.blobs.find(source.digest)
    if data is None:
        raise Unavailable(f"{name} is missing from the store; {remedy}.", code="blob_missing")
    if sha256_hex(data) != source.digest:
        _log.error("%s is not what was sent; it is not opened.", name)
        raise FigServeError(f"{name} was changed in the store, and is not opened; {remedy}.", code="source_damaged")
    return data


def _job(record: FigureRecord, source: Source, data: bytes, options: DrawOptions) -> RenderJob:
    if source.kind != "code":
        return RenderJob("figure", data, options, libraries=source.libraries)
    how = record.version.provenance.get("render", {})
    if options.style is None and how.get("style") is not None:
        options = DrawOptions(**{**options.__dict__, "style": how["style"]})
    return RenderJob(
        "code",
        data,
        options,
        figure=how.get("figure"),
        seed=how.get("seed", 0),
        timeout=how.get("timeout", 10.0),
    )


def _explained(error: OutputInvalid, record: FigureRecord, source: Source, drawing: RenderService) -> OutputInvalid:
    """The error, told as one of versions where these differ."""
    theirs, ours = (known.get("matplotlib") for known in (source.libraries, drawing.queue.report.libraries))
    if theirs is None or ours is None or theirs == ours:
        return error
    return OutputInvalid(
        f"This figure was made by matplotlib {theirs}, and matplotlib {ours} of this server cannot draw it again. It"
        f" stays as it is stored: {_names(record)}.",
        code="version_mismatch",
    )


def _names(record: FigureRecord) -> str:
    return ", ".join(part.format.name for part in record.version.representations)
