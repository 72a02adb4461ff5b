"""A renderer for tests of the layers above the sandbox: it returns small images of its own. Server process."""

from __future__ import annotations

import asyncio
import gzip
import struct
import zlib
from collections.abc import Callable

from ..model.data_tables import DataTable, FigureData, to_lines
from ..model.figures import EncodedImage
from ..model.formats import FORMATS, TABLES
from ..model.rendering import ALL, RenderJob, RenderResult
from .renderer import RendererStatus

LIBRARIES = {"python": "3.11", "matplotlib": "3.11.2", "numpy": "2.4.6"}
DATA = FigureData((DataTable("Lines", ("x", "y"), ((1, 2.5), (2, None)), 2),))
_DEFAULT_SIZE = (640, 480)
_FIXED_IMAGES = {
    "pdf": b"%PDF-1.7\n%%EOF\n",
    "jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\xff\xd9",
    "webp": b"RIFF\x0c\x00\x00\x00WEBPVP8 ",
    "avif": b"\x00\x00\x00\x14ftypavif\x00\x00\x00\x00avif",
    "gif": b"GIF89a\x01\x00\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;",
    "tiff": b"II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%EOF\n",
}


class FakeRenderer:
    """Records its jobs and answers each with an image of the requested size and format.

    Parameters
    ----------
    answer
        Called with the job instead of rendering; returns the result or raises.

    Attributes
    ----------
    gate
        No job finishes while this event is not set.
    cancelled
        Jobs that were cancelled before they finished.
    """

    def __init__(self, answer: Callable[[RenderJob], RenderResult] | None = None) -> None:
        self.answer = answer or draw
        self.status = RendererStatus("FULL", (), LIBRARIES)
        self.jobs: list[RenderJob] = []
        self.cancelled: list[RenderJob] = []
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.probes = self.starts = 0
        self.is_closed = False

    async def probe(self) -> None:
        self.probes += 1

    async def start(self) -> None:
        self.starts += 1

    async def render(self, job: RenderJob) -> RenderResult:
        self.jobs.append(job)
        self.begun.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled.append(job)
            raise
        return self.answer(job)

    async def close(self) -> None:
        self.is_closed = True


def draw(job: RenderJob) -> RenderResult:
    """Return an image of the job's size and format; three if the job requests all figures."""
    if job.options.format == TABLES.name:
        return RenderResult((EncodedImage(TABLES.mimetype, to_lines(DATA)),), libraries=LIBRARIES)
    row, options = FORMATS[job.options.format], job.options
    width, height = options.width or _DEFAULT_SIZE[0], options.height or _DEFAULT_SIZE[1]
    data = _FIXED_IMAGES.get(row.name) or _sized_image(row.name, width, height)
    image = EncodedImage(row.mimetype, data, width, height, None if row.is_vector else options.dpi or 100.0)
    thumbnail = EncodedImage("image/png", _png(32, 24), 32, 24) if job.with_thumbnail else None
    return RenderResult(
        images=(image,) * (3 if job.figure == ALL else 1),
        title="A drawing",
        alt="A line.",
        thumbnail=thumbnail,
        output="drawn\n",
        libraries=LIBRARIES,
        device_pixel_ratio=job.device_pixel_ratio,
    )


def _sized_image(name: str, width: int, height: int) -> bytes:
    if name in ("png", "apng"):
        return _png(width, height, is_animated=name == "apng")
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"/>'.encode()
    return gzip.compress(svg, mtime=0) if name == "svgz" else svg


def _png(width: int, height: int, *, is_animated: bool = False) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = (b"\x00" + b"\xff" * width) * height
    animation = (
        chunk(b"acTL", struct.pack(">II", 1, 0)),
        chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, width, height, 0, 0, 1, 10, 0, 0)),
    )
    body = (
        chunk(b"IHDR", header),
        *(animation if is_animated else ()),
        chunk(b"IDAT", zlib.compress(rows)),
        chunk(b"IEND", b""),
    )
    return FORMATS["png"].magic[0] + b"".join(body)
