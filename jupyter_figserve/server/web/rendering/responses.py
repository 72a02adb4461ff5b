"""What a render came to, as an answer: a picture, a zip of all figures, or JSON with everything. Server process."""

from __future__ import annotations

import base64
import io
import zipfile
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ....model.figures import EncodedImage, sha256_hex
from ....sandbox.renderer import ALL, RenderResult
from ...services.rendering.request import RenderRequest, get_picture_format
from ..http import security_headers
from ..http.conditional_get import is_not_modified, send_representation
from ..http.representation import InHand, RepresentationResponse

if TYPE_CHECKING:
    from ..http.handler import FigServeHandler

_HEADER_LENGTH = 2_000
_NOT_KEPT = "private, no-store"
_ASKED_AGAIN = "private, no-cache"
# A zip's times begin with 1980; one for all, so that the same figures are the same file.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def respond_image(handler: FigServeHandler, wish: RenderRequest, rendered: RenderResult) -> None:
    """The one picture; 304 where the client has it."""
    (picture,) = rendered.images[:1]
    digest, row = sha256_hex(picture.data), get_picture_format(wish.options.format)
    kept = _NOT_KEPT if wish.seed is None else _ASKED_AGAIN
    set_output_header(handler, rendered)
    send_representation(
        handler,
        RepresentationResponse(row, digest, f"{digest[:16]}.{row.name}", kept, is_public=False),
        InHand(picture.data),
    )


def respond_zip(handler: FigServeHandler, wish: RenderRequest, rendered: RenderResult) -> None:
    """All figures, in the order of their numbers."""
    name, buffer = wish.options.format, io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for number, picture in enumerate(rendered.images, 1):
            file.writestr(zipfile.ZipInfo(f"figure-{number}.{name}", _NO_TIME), picture.data)
    etag = f'"{sha256_hex(buffer.getvalue())}"'
    handler.replace_headers(
        security_headers.JSON_HEADERS | {"Cache-Control": _NOT_KEPT if wish.seed is None else _ASKED_AGAIN}
    )
    set_output_header(handler, rendered)
    handler.set_header("ETag", etag)
    if is_not_modified(handler, etag):
        handler.set_status(304)
        handler.finish()
        return
    handler.set_header("Content-Type", "application/zip")
    handler.set_header("Content-Disposition", 'attachment; filename="figures.zip"')
    handler.finish(buffer.getvalue())


def respond_json(handler: FigServeHandler, wish: RenderRequest, rendered: RenderResult) -> None:
    """JSON: the picture, or with ``figure="all"`` the list of them, and what else is known."""
    pictures = [_picture(picture, wish.options.format) for picture in rendered.images]
    shown: dict[str, Any] = {"figures": pictures} if wish.figure == ALL else pictures[0]
    words = {"title": rendered.title, "alt": rendered.alt, "output": rendered.output}
    handler.write_json(shown | words | {"libraries": dict(rendered.libraries)})


def set_output_header(handler: FigServeHandler, rendered: RenderResult) -> None:
    """The header with what the code printed, if it did."""
    if rendered.output:
        handler.set_header("X-FigServe-Output", _output_header(rendered.output))


def _output_header(output: str) -> str:
    """What the code printed, percent-encoded and cut."""
    encoded = quote(output[:_HEADER_LENGTH], safe=" !#$&'()*+,/:;<=>?@[]^_`{|}~")
    if len(encoded) <= _HEADER_LENGTH:
        return encoded.strip()
    # Not in the middle of an escape.
    cut = encoded[:_HEADER_LENGTH]
    return (cut[: cut.rindex("%")] if "%" in cut[-2:] else cut).strip()


def _picture(picture: EncodedImage, format: str) -> dict[str, Any]:
    part = picture.to_representation()
    return {
        "format": format,
        "mimetype": part.mimetype,
        "width": part.width,
        "height": part.height,
        "dpi": part.dpi,
        "size": part.size,
        "digest": part.digest,
        "data": base64.b64encode(picture.data).decode(),
    }
