"""Captured figures as plots that can be read. Server process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from ....model.canonical_json import canonical_json
from ....model.figures import EncodedImage, sha256_hex
from ....model.formats import get_format_of_mimetype
from ..capture.ring_buffer import CaptureBuffer, CapturedImage
from ..script_figures.pages import make_page
from .code_titles import find_code_title
from .plot import Plot, ReadablePlot
from .safe_files import PlotNotFound


def find(buffer: CaptureBuffer, path: str) -> ReadablePlot | None:
    """Return the plot at a path, or another image of one; None if it has been evicted."""
    image = buffer.find(path)
    digest = None if image is None else buffer.find_digest(image)
    if image is None or digest is None:
        return None
    plot = make_plot(buffer, image)
    if path != image.path:
        return _other_plot(image, image.other_paths.index(path), plot, digest)

    async def read() -> bytes:
        data, library = image.content.read(), image.display.library
        if data is None:
            raise PlotNotFound
        return data if library is None else await make_page(library, data)

    return ReadablePlot(plot, image.format, digest, read, lambda: _read_others(image))


def make_plot(buffer: CaptureBuffer, image: CapturedImage) -> Plot:
    return Plot.from_captured(image, _find_title(buffer, image))


def _find_title(buffer: CaptureBuffer, image: CapturedImage) -> str:
    """Return the title of a figure; that in the code of its cell only when the cell has no other figure."""
    if image.display.title or not image.code:
        return image.display.title
    is_only = sum((one.cell, one.code) == (image.cell, image.code) for one in buffer) == 1
    return find_code_title(image.code) if is_only else ""


def find_digest(images: Sequence[CapturedImage], digest: str) -> str | None:
    """Return the path of the first figure whose displayed bytes have this digest: of JSON, its canonical form."""
    for image in images:
        known = image.display.digest
        if known is None and (data := image.content.read()) is not None:
            try:
                known = sha256_hex(data if image.display.library is None else canonical_json(json.loads(data)))
            except ValueError:
                continue
        if known == digest:
            return image.path
    return None


def _other_plot(image: CapturedImage, index: int, plot: Plot, digest: str) -> ReadablePlot:
    """Return another image of a plot as a plot."""
    row = get_format_of_mimetype(image.display.others[index].mimetype)

    async def read() -> bytes:
        data = image.others[index].read() if index < len(image.others) else None
        if data is None:
            raise PlotNotFound
        return data

    other = replace(plot, path=image.other_paths[index], mimetype=row.mimetype, still=None, others=())
    return ReadablePlot(other, row, sha256_hex(f"{digest} {row.name}".encode()), read)


def _read_others(image: CapturedImage) -> tuple[EncodedImage, ...]:
    pairs = [(one, part.read()) for one, part in zip(image.display.others, image.others, strict=True)]
    return tuple(replace(one, data=data) for one, data in pairs if data is not None)
