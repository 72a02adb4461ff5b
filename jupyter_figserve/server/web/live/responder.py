"""Sends the results of live requests. Server process."""

from __future__ import annotations

from ....model.formats import Format
from ...services.live.image_cache import CachedImage
from ...services.live.registry import LiveTarget
from ...services.live.result import LiveResult
from ..http import security_headers
from ..http.handler import FigServeHandler
from ..http.representation import RepresentationResponse


class LiveResponder:
    """Finishes a handler's request with an image of a live figure, or with the URL of a frame that shows it."""

    def __init__(self, handler: FigServeHandler, target: LiveTarget, row: Format) -> None:
        self._handler = handler
        self._target = target
        self._row = row

    async def send_image(self, result: LiveResult, *, cache_control: str, is_public: bool) -> None:
        """Send the image, with headers for its age and its device pixel ratio."""
        self._set_cache_headers(result)
        image = result.image
        if image is not None and image.device_pixel_ratio != 1:
            self._handler.set_header("Content-DPR", str(image.device_pixel_ratio))
        filename = f"{self._target.record.name}.{self._row.name}"
        if image is not None and not image.is_good:
            self._send_with_status(image, filename, is_public=is_public)
            return
        if image is not None:
            self._handler.set_status(image.status)
        data = b"" if image is None else image.content.data
        await self._handler.send_representation(
            RepresentationResponse(
                self._row, result.etag.strip('"'), filename, cache_control, data, is_public=is_public
            )
        )

    def _send_with_status(self, image: CachedImage, filename: str, *, is_public: bool) -> None:
        """Send data with an error's status: it is neither cached, nor conditional, nor sent in ranges."""
        response = RepresentationResponse(
            self._row, image.digest, filename, "no-store", image.content.data, is_public=is_public
        )
        omitted = ("ETag", "Accept-Ranges")
        self._handler.replace_headers({name: v for name, v in response.headers.items() if name not in omitted})
        self._handler.name_download(filename)
        self._handler.set_status(image.status)
        self._handler.finish(image.content.data)

    def send_frame(self, result: LiveResult, link_id: str | None) -> None:
        """Send the URL of a frame, valid for a minute: as JSON to our script, as a redirect to a frame itself.

        Parameters
        ----------
        link_id
            The link of the request, which must stay open; None for the owner.
        """
        assert result.image is not None, "a request for a frame knows no ETags"
        self._set_cache_headers(result)
        handler, context = self._handler, self._handler.context
        signed = context.frame_signer.sign(result.image.live, result.image.key, link_id)
        url = f"{handler.relative_root}/frame/{signed}.html"
        if "application/json" in handler.request.headers.get("Accept", ""):
            handler.write_json({"frame": url})
            return
        origins = security_headers.frame_ancestors(context.config.embed_origins, own=True)
        handler.replace_headers(
            security_headers.frame_headers(origins, is_frame=False) | {"Cache-Control": "private, no-store"}
        )
        handler.redirect(url, status=303)

    def _set_cache_headers(self, result: LiveResult) -> None:
        self._handler.set_header("Cache-Status", result.cache_status)
        if result.stale is not None:
            # Informs the page's script about an image that the page itself has loaded.
            self._handler.add_header("Server-Timing", "stale")
        if result.age or result.stale is not None:
            self._handler.set_header("Age", str(result.age))
