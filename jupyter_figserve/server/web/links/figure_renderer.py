"""Renders links to figures: page, images, data and JSON. Server process."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from ....model.formats import FORMATS, get_format, get_format_of_mimetype
from ....model.snippets import Snippets, image_url
from ...services.figures.cell_code import read_code
from ...services.figures.offers import PageOffers
from ...services.figures.stored_blob import StoredBlob
from ...services.links.ready_images import is_plain
from ...services.links.resolver import LinkNotFound, ResolvedLink
from ..figures.data_responses import csv_response, json_response
from ..figures.json_views import figure_json
from ..http.paced_response import PIECE_BYTES
from ..http.representation import RepresentationResponse
from .public_data import check_shared, preview_data, write_csv, write_json
from .public_figure import PublicFigure, Responses, inline_url
from .renderer import Embedding, FitSize, LinkRenderer

_PUBLIC_FIELDS = ("title", "alt", "caption", "name", "version", "created", "updated")
# Building the headers is most of the cost of an image request: built once for each link, while the link is cached.
_responses: WeakKeyDictionary[ResolvedLink, Responses] = WeakKeyDictionary()


class FigureRenderer(LinkRenderer):
    """Renders links to figures. Their views may be limited, so each request uses up a view before the response."""

    figure: PublicFigure

    async def open(self) -> None:
        record = self.resolved.figure
        if record is None:
            raise LinkNotFound
        responses = _responses.setdefault(self.resolved, {})
        self.figure = PublicFigure(self.handler, record, self.resolved, self.cache_control, responses)

    async def send_page(self, *, embedded: bool, as_html: bool = False) -> None:
        await self._view_page()
        figure = self.figure
        figure.record = await self.context.source_checker.checked(figure.record)
        figure.write_page(
            "share/embed.html" if embedded else "share/figure.html",
            self.url,
            ancestors=self.frame_ancestors(embedded=embedded),
            as_html=as_html,
            link=self.link,
            offers=PageOffers.of(figure.record.version, self.context.link_sizes.widths),
            snippets=self._make_snippets(),
            data=None if embedded else await preview_data(self, figure),
            code=None if embedded else await self._read_code(),
        )

    @property
    def stored_formats(self) -> list[str]:
        return [part.format.name for part in self.figure.record.version.representations]

    @property
    def is_complete(self) -> bool:
        return self.context.source_checker.is_complete(self.figure.record)

    async def send_json(self) -> None:
        """Send the figure without its owner, notebook, session and id."""
        await self._view_page()
        record = figure_json(self.figure.record, self.handler.base)
        representations = [
            part | {"url": image_url(self.url, get_format_of_mimetype(part["mimetype"]).name)}
            for part in record["representations"]
        ]
        self.handler.set_header("Cache-Control", self.cache_control)
        public = {name: record[name] for name in _PUBLIC_FIELDS}
        shown = public | {"url": self.url, "representations": representations}
        shown["data_url"] = f"{self.url}/data" if self.link.data else None
        shown["code"] = await self._read_code()
        self.write_public_json(shown, self.figure.record.name)

    async def send_image(self, suffix: str) -> None:
        if suffix == "csv":
            check_shared(self)
            number, name = self.handler.int_argument("table"), self.figure.record.name
            body, is_public = await write_csv(self, self.figure, number), self.resolved.is_for_anyone
            await self._send_file(csv_response(body, number, name, self.cache_control, is_public=is_public))
            return
        row = get_format(suffix)
        if self.figure.is_page(row) and not self.handler.wants_download:
            await self.send_page(embedded=True, as_html=True)
            return
        await self._send_file(await self.figure.find_image(row))

    async def send_data(self) -> None:
        check_shared(self)
        body, name = await write_json(self, self.figure), self.figure.record.name
        is_public = self.resolved.is_for_anyone
        await self._send_file(json_response(body, name, self.cache_control, is_public=is_public))

    async def _read_code(self) -> str | None:
        """Return the code that made the figure, where the link shows it."""
        return await read_code(self.figure.record.version, self.context.blob_cache.get) if self.link.code else None

    async def _send_file(self, response: RepresentationResponse) -> None:
        """Send a file, which uses up a view of a link with a limit."""
        if self.link.views is not None and self.handler.sends_full_body(response):
            await response.check_readable()
            await self.use_view()
        await self.handler.send_representation(response)
        self.count_view()
        self._keep_ready(response)

    def _keep_ready(self, response: RepresentationResponse) -> None:
        """Have the next requests for this address answered without a handler, where all would be answered like this."""
        handler, context, body = self.handler, self.context, response.body
        if not isinstance(body, StoredBlob) or not body.is_cacheable or body.size > PIECE_BYTES:
            return
        seconds = self.cache_seconds
        if not self.link.is_cacheable or seconds != context.config.link_cache_seconds or not is_plain(handler.request):
            return
        if handler.get_status() != 200 or "Vary" in handler._headers or context.blob_handover is not None:
            return
        context.ready_images.add(
            handler.request.path, self._token, self.resolved, body.digest, handler._headers, seconds
        )

    async def describe_embedding(self, fit: FitSize, query: str) -> Embedding:
        record, image = self.figure.record, self.figure.image
        if image is None or self.figure.main.format is FORMATS["html"]:
            return Embedding(Snippets(self.url, self.url, record.heading, record.alt, *fit(640, 480)))
        photo, size = image_url(self.url, image.format.name), fit(image.css_width or 640, image.css_height or 480)
        return Embedding(Snippets(self.url, photo, record.heading, record.alt, *size), photo)

    async def _view_page(self) -> None:
        await self.use_view()
        self.count_view()

    def _make_snippets(self) -> Snippets:
        record, image = self.figure.record, self.figure.image
        part = image or self.figure.main
        url = inline_url(self.url, record, image) if image else self.url
        return Snippets(self.url, url, record.heading, record.alt, part.css_width, part.css_height)
