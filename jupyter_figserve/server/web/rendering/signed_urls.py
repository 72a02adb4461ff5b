"""Signed render URLs: the code in the address, for use in any Markdown, signed by this server. Server process."""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import replace
from urllib.parse import urlencode

from jupyter_server.auth.decorator import allow_unauthenticated, authorized
from tornado import web

from ....errors import Forbidden, InvalidInput, TooLarge
from ....model.figures import sha256_hex
from ....model.rendering import ALL
from ....model.snippets import Snippets
from ...services.addresses import LOCAL_NOTE
from ...services.callers import visitor_caller
from ...services.rendering.request import RenderRequest, get_render_format, parse_render_request, to_query
from ..http.public_handler import PublicHandler
from .error_responses import CodeErrorMixin
from .handlers import PostedCodeHandler
from .responses import image_response

UNSIGNED = "This address is not signed by this server; make one with POST api/renders/url or figserve.render_url()."
SIGNED_SEED = 0
"""Seed of code that names none, so that an address always shows the same image."""


def pack(code: str) -> str:
    """Return code as a segment of a path: zlib, then base64 for URLs."""
    return base64.urlsafe_b64encode(zlib.compress(code.encode(), 9)).decode().rstrip("=")


def unpack(text: str, max_bytes: int) -> str:
    """Return the code of ``pack``; never holds more than ``max_bytes`` and one in memory.

    Raises
    ------
    InvalidInput
        When the text is malformed.
    TooLarge
        When the code has more bytes.
    """
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        data = zlib.decompressobj().decompress(packed, max_bytes + 1)
        code = data.decode()
    except (binascii.Error, zlib.error, UnicodeDecodeError, ValueError) as error:
        raise InvalidInput("The address holds no code.", code="invalid_source") from error
    if len(data) > max_bytes:
        raise TooLarge(f"The code has more than {max_bytes:,} bytes (FigServe.render_code_bytes).")
    return code


class RenderUrlHandler(PostedCodeHandler):
    """``POST /api/renders/url``: signs an address."""

    @web.authenticated
    @authorized(action="execute", resource="figserve")
    async def post(self) -> None:
        request = self.read_request()
        if request.keep or request.figure == ALL:
            raise InvalidInput("A signed address shows one image and stores none; leave out keep and figure=all.")
        url = self._sign(request)
        snippets = Snippets(url, url, "", "Plot", request.options.width, request.options.height)
        self.write_json(
            {
                "url": url,
                "markdown": f"![Plot]({url})",
                "html": snippets.html,
                "local_only": self.base.is_local,
                "note": LOCAL_NOTE if self.base.is_local else None,
            },
            201,
        )

    def _sign(self, request: RenderRequest) -> str:
        row, config = get_render_format(request.options.format), self.context.config
        source = pack(request.code)
        if len(source) > config.render_url_length:
            raise TooLarge(
                f"The code has {len(source):,} characters when compressed; the maximum in an address is"
                f" {config.render_url_length:,} (FigServe.render_url_length). Render it with keep=true and share the"
                " figure instead.",
                code="url_too_long",
            )
        query = sorted(to_query(request, config).items())
        signature = self.context.query_signer.sign("render", source, row.name, query)
        return f"{self.base.url}/render/{source}.{row.name}?{urlencode([*query, ('sig', signature)])}"


class SignedRenderHandler(CodeErrorMixin, PublicHandler):
    """``GET /render/{source}.{ext}?sig=…``: the image of the code in the address."""

    redacted_path = "/render/[signed]"

    @allow_unauthenticated
    async def get(self, source: str, suffix: str) -> None:
        async with self.error_images():
            request = self._read_signed(source, suffix)
            share = f"render {sha256_hex(request.code.encode())}"
            rendering = self.context.rendering.render_cached(
                request.job(), visitor_caller(share), lambda: self.context.rates.renders.count(share)
            )
            result, _ = await self.run_until_disconnect(rendering)
        cache_control = f"public, max-age={self.context.config.render_url_cache_seconds}"
        await self.send_representation(image_response(request, result, cache_control, is_public=True))

    head = get

    def _read_signed(self, source: str, suffix: str) -> RenderRequest:
        """Verify the signature and return the request.

        Raises
        ------
        Forbidden
            With the same message for a missing and for a wrong signature.
        """
        query = self.raw_query()
        signature = query.pop("sig", "")
        if not self.context.query_signer.is_good(signature, "render", source, suffix, sorted(query.items())):
            self.context.rates.failed_attempts.count(self.request.remote_ip or "")
            raise Forbidden(UNSIGNED, code="not_signed")
        config = self.context.config
        code = unpack(source, config.render_code_bytes)
        request = parse_render_request({**query, "code": code, "format": suffix}, config)
        self.error_format = request.options.format if request.errors_as_image else None
        return replace(request, seed=SIGNED_SEED if request.seed is None else request.seed)
