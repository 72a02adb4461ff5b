"""``/api/links/{id}/url`` and ``/qr.{svg,png}``: the address of a link, for its owner. Server process."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import Forbidden
from ....model.figures import sha256_hex
from ....model.formats import FORMATS
from ....model.keys import PUBLISH
from ....model.links import Link
from ....model.snippets import Snippets
from ...services.links.qr_code import make_qr_code
from ..http.representation import RepresentationResponse
from ..http.service_relay import relayed
from .handlers import OwnedLinksHandler
from .json_views import address_json


class LinkAddressHandler(OwnedLinksHandler):
    """Base of the handlers that give a link's address, which has its secret."""

    async def find_address(self, link_id: str) -> tuple[Link, Snippets]:
        """Return a link with its address, and record that it was read.

        Raises
        ------
        NotFound
            When there is no such link of the caller.
        Forbidden
            When it is another owner's: a key with the scope ``admin`` may list and revoke it, and not use it.
        """
        link = await self.get_owned_link(link_id)
        record = await self._find_record(link.target)
        if record is None or record.owner != self.principal.owner:
            raise Forbidden("Only the owner of a link can read its address.", code="not_owner")
        token = self.context.link_tokens.get(link)
        snippets = await self.make_snippets(link, await self.open_target(record), token)
        self.audit("link.address_copied", link.id)
        return link, snippets


class LinkUrlHandler(LinkAddressHandler):
    """``/api/links/{id}/url``: the address of a link, for its owner to copy again."""

    scopes = {"GET": PUBLISH, "HEAD": PUBLISH}

    @web.authenticated
    @authorized(action="write", resource="figserve")
    @relayed
    async def get(self, link_id: str) -> None:
        link, snippets = await self.find_address(link_id)
        self.set_header("Cache-Control", "private, no-store")
        self.write_json({"id": link.id} | address_json(snippets, self.base, self.find_reach(link.target.kind)))

    head = get


class LinkQrHandler(LinkAddressHandler):
    """``/api/links/{id}/qr.{ext}``; it has the link's secret, like its address."""

    scopes = {"GET": PUBLISH, "HEAD": PUBLISH}

    @web.authenticated
    @authorized(action="write", resource="figserve")
    @relayed
    async def get(self, link_id: str, suffix: str) -> None:
        _, snippets = await self.find_address(link_id)
        row, drawn = FORMATS[suffix], make_qr_code(snippets.page, suffix)
        name, digest = f"link.{suffix}", sha256_hex(drawn)
        await self.send_representation(
            RepresentationResponse(row, digest, name, "private, no-store", drawn, is_public=False)
        )

    head = get
