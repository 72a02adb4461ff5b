"""Posted code as a signed address: any Markdown shows its picture, and only we can make one. Server process."""

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
from ....model.snippets import Snippets
from ....sandbox.renderer import ALL
from ...services.addresses import LOCAL_NOTE
from ...services.rendering.request import RenderRequest, get_picture_format, parse_render_request, to_query
from ..http.conditional_get import send_representation
from ..http.handler import PublicHandler
from ..http.representation import InHand, RepresentationResponse
from .error_responses import CodeErrorMixin
from .handlers import CodeHandler

UNSIGNED = "This address is not signed by this server; have it made by POST api/renders/url or figserve.render_url()."
SIGNED_SEED = 0
"""An address shows one picture, so that code which names no seed is given one."""


def pack(code: str) -> str:
    """Code as a part of a path: zlib, then base64 for URLs."""
    return base64.urlsafe_b64encode(zlib.compress(code.encode(), 9)).decode().rstrip("=")


def unpack(text: str, most: int) -> str:
    """The code of ``pack``; never more than ``most`` bytes and one are in memory.

    Raises
    ------
    InvalidInput
        When it is no such text.
    TooLarge
        When it would be more.
    """
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        data = zlib.decompressobj().decompress(packed, most + 1)
        code = data.decode()
    except (binascii.Error, zlib.error, UnicodeDecodeError, ValueError) as error:
        raise InvalidInput("The address holds no code.", code="invalid_source") from error
    if len(data) > most:
        raise TooLarge(f"The code has more than {most:,} bytes (FigServe.render_code_bytes).")
    return code


class RenderUrlHandler(CodeHandler):
    """``POST /api/renders/url``: signs an address."""

    @web.authenticated
    @authorized(action="execute", resource="figserve")
    async def post(self) -> None:
        wish = self.read_wish()
        if wish.keep or wish.figure == ALL:
            raise InvalidInput("An address shows one picture, and keeps none: leave out keep and figure=all.")
        row, limits = get_picture_format(wish.options.format), self.context.config.render
        source = pack(wish.code)
        if len(source) > limits.url_length:
            raise TooLarge(
                f"The code has {len(source):,} characters when compressed; an address may have {limits.url_length:,}"
                " (FigServe.render_url_length). Render it with keep=true and share the figure instead.",
                code="url_too_long",
            )
        query = sorted(to_query(wish, limits).items())
        signature = self.context.query_signer.sign("render", source, row.name, query)
        url = f"{self.base.url}/render/{source}.{row.name}?{urlencode([*query, ('sig', signature)])}"
        snippets = Snippets(url, url, "", "Plot", wish.options.width, wish.options.height)
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


class SignedRenderHandler(CodeErrorMixin, PublicHandler):
    """``GET /render/{source}.{ext}?sig=…``: the picture of the code in the address."""

    redacted_path = "/render/[signed]"

    @allow_unauthenticated
    async def get(self, source: str, suffix: str) -> None:
        drawing, limits = self.context.rendering, self.context.config.render
        async with self.drawing_cards():
            wish = self._read(source, suffix)
            rendered, _ = await self.run_until_disconnect(drawing.render_cached(wish.job()))
        picture = rendered.images[0]
        digest, row = sha256_hex(picture.data), get_picture_format(wish.options.format)
        kept = f"public, max-age={limits.url_cache_seconds}"
        delivery = RepresentationResponse(row, digest, f"{digest[:16]}.{row.name}", kept, is_public=True)
        send_representation(self, delivery, InHand(picture.data))

    head = get

    def _read(self, source: str, suffix: str) -> RenderRequest:
        """What is signed.

        Raises
        ------
        Forbidden
            In the same words for a missing signature and a wrong one.
        """
        query = [
            (name, self.raw_query_argument(name)) for name in sorted(self.request.query_arguments) if name[:1] != "_"
        ]
        signed = [(name, value) for name, value in query if name != "sig"]
        signature = dict(query).get("sig", "")
        if not self.context.query_signer.is_good(signature, "render", source, suffix, signed):
            self.context.failed_attempts.note(self.request.remote_ip or "")
            raise Forbidden(UNSIGNED, code="not_signed")
        limits = self.context.config.render
        code = unpack(source, limits.code_bytes)
        wish = parse_render_request({**dict(signed), "code": code, "format": suffix}, limits)
        self.card_format = wish.options.format if wish.errors_as_image else None
        return replace(wish, seed=SIGNED_SEED if wish.seed is None else wish.seed)
