"""Results of a render as responses: an image, a zip of all figures, or JSON. Server process."""

from __future__ import annotations

import base64
import io
import zipfile
from typing import Any
from urllib.parse import quote

from ....model.figures import EncodedImage, sha256_hex
from ....model.rendering import ALL, RenderResult
from ....model.texts import slug
from ...services.rendering.request import RenderRequest, get_render_format
from ..http import security_headers
from ..http.handler import FigServeHandler
from ..http.representation import RepresentationResponse

_MAX_HEADER = 800
"""With two of them, all headers are within the 4 kB that nginx reads by default (proxy_buffer_size)."""
# The earliest time that a zip can hold; the same for all, so that equal figures make equal files.
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


class RenderResponseMixin(FigServeHandler):
    """Adds the responses of a render to a handler."""

    async def respond(self, request: RenderRequest, result: RenderResult) -> None:
        """Finish the request in the requested form."""
        if request.as_json:
            self._respond_json(request, result)
        elif request.figure == ALL:
            self._respond_zip(request, result)
        else:
            await self.respond_image(request, result)

    async def respond_image(self, request: RenderRequest, result: RenderResult) -> None:
        """Finish with the first image, or 304 where the client has it."""
        self.set_result_headers(result)
        await self.send_representation(image_response(request, result, _cache_control(request), is_public=False))

    def set_result_headers(self, result: RenderResult) -> None:
        """Set the headers with the printed output and the warnings, if there are any."""
        if result.output:
            self.set_header("X-FigServe-Output", _to_header(result.output))
        if result.warnings:
            self.set_header("X-FigServe-Warnings", _to_header("\n".join(result.warnings)))

    def _respond_zip(self, request: RenderRequest, result: RenderResult) -> None:
        """Finish with all figures, in the order of their numbers."""
        name, buffer = request.options.format, io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            for number, image in enumerate(result.images, 1):
                file.writestr(zipfile.ZipInfo(f"figure-{number}.{name}", _ZIP_EPOCH), image.data)
        etag = f'"{sha256_hex(buffer.getvalue())}"'
        self.replace_headers(security_headers.JSON_HEADERS | {"Cache-Control": _cache_control(request)})
        self.set_result_headers(result)
        self.set_header("ETag", etag)
        if self.is_not_modified(etag):
            self.set_status(304)
            self.finish()
            return
        self.set_header("Content-Type", "application/zip")
        self.set_header("Content-Disposition", 'attachment; filename="figures.zip"')
        self.finish(buffer.getvalue())

    def _respond_json(self, request: RenderRequest, result: RenderResult) -> None:
        """Finish with JSON: the image, or with ``figure="all"`` the list of them, and the other results."""
        images = [_image_json(image, request.options.format) for image in result.images]
        shown: dict[str, Any] = {"figures": images} if request.figure == ALL else images[0]
        metadata = {
            "title": result.title,
            "alt": result.alt,
            "output": result.output,
            "warnings": list(result.warnings),
        }
        self.write_json(shown | metadata | {"libraries": dict(result.libraries)})


def image_response(
    request: RenderRequest, result: RenderResult, cache_control: str, *, is_public: bool
) -> RepresentationResponse:
    """Return the first image of a result as a response."""
    data, row = result.images[0].data, get_render_format(request.options.format)
    digest = sha256_hex(data)
    name = f"{slug(result.title) or 'figure'}.{row.name}"
    return RepresentationResponse(row, digest, name, cache_control, data, is_public=is_public)


def _cache_control(request: RenderRequest) -> str:
    """Without a seed, each request may give a different image."""
    return "private, no-store" if request.seed is None else "private, no-cache"


def _to_header(text: str) -> str:
    """Return text percent-encoded and cut to the length of a header."""
    encoded = quote(text[:_MAX_HEADER], safe=" !#$&'()*+,/:;<=>?@[]^_`{|}~")
    if len(encoded) <= _MAX_HEADER:
        return encoded.strip()
    # Not in the middle of an escape.
    cut = encoded[:_MAX_HEADER]
    return (cut[: cut.rindex("%")] if "%" in cut[-2:] else cut).strip()


def _image_json(image: EncodedImage, format: str) -> dict[str, Any]:
    part = image.to_representation()
    return {
        "format": format,
        "mimetype": part.mimetype,
        "width": part.width,
        "height": part.height,
        "dpi": part.dpi,
        "size": part.size,
        "digest": part.digest,
        "data": base64.b64encode(image.data).decode(),
    }
