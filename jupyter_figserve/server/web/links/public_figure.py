"""Renders links to figures: page, images and JSON; and figures on shared dashboards. Server process."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from ....errors import CodeFailed, Conflict, Forbidden, OutputInvalid
from ....model.figures import FigureRecord, Representation, sha256_hex
from ....model.formats import FORMATS, Format, get_format, get_format_of_mimetype
from ....model.snippets import Snippets, image_url
from ...services.addresses import hidpi_address
from ...services.callers import stranger
from ...services.figures.offers import PageOffers, find_convertible
from ...services.figures.redraw import explain_problem, render_again
from ...services.figures.source_problems import find_problem
from ...services.figures.stored import find_stored
from ...services.figures.stored_blob import StoredBlob
from ...services.links.resolver import LinkNotFound, ResolvedLink
from ...services.rendering.request import SIZE_FIELDS
from ..figures.json_views import figure_json
from ..http.handler import PublicHandler
from ..http.representation import RepresentationResponse
from .renderer import Embedding, FitSize, LinkRenderer

_PUBLIC_FIELDS = ("title", "alt", "caption", "name", "version", "created", "updated")
Responses = dict[str, RepresentationResponse]
# Building the headers is most of the cost of an image request: built once for each link, while the link is cached.
_responses: WeakKeyDictionary[ResolvedLink, Responses] = WeakKeyDictionary()


class PublicFigure:
    """The images and pages of a figure.

    Parameters
    ----------
    resolved
        The link, whose id signed sizes and frames are bound to.
    cache_control
        Header of all responses except frames.
    responses
        Cache of responses to requests without a query, by format.
    """

    def __init__(
        self,
        handler: PublicHandler,
        record: FigureRecord,
        resolved: ResolvedLink,
        cache_control: str,
        responses: Responses,
    ) -> None:
        self.record = record
        self.main = record.version.representations[0]
        self.image = record.version.inline_image
        self._handler = handler
        self._context = handler.context
        self._link_id = resolved.link.id
        self._is_for_anyone = resolved.is_for_anyone
        self._cache_control = cache_control
        self._responses = responses

    def is_page(self, row: Format) -> bool:
        """Whether this format is served as a page with a sandboxed frame."""
        return row is FORMATS["html"] and self.record.version.find_representation(row) is not None

    async def find_image(self, row: Format) -> RepresentationResponse:
        """Return the response in a format, in the size that the query requests.

        Raises
        ------
        Forbidden
            For a size that is neither in the server's list nor signed by the owner.
        OutputInvalid
            When the figure cannot be rendered in this size or format.
        """
        return self._find_stored(row) or await self._render(row)

    def write_page(self, template: str, url: str, *, ancestors: str, as_html: bool = False, **names: Any) -> None:
        """Send a page with the figure; HTML is in a frame.

        Parameters
        ----------
        url
            URL of the link; URLs of images add a suffix.
        as_html
            Whether to show the HTML of a figure, even if that is not its main representation.
        """
        handler, image = self._handler, self.image
        frame = frames = None
        if as_html or self.main.format is FORMATS["html"]:
            frame, frames = handler.signed_frame_url(self.record, self._link_id)
        local = url.replace(handler.base.url, handler.relative_root, 1)
        handler.set_header("Cache-Control", "private, no-store" if frame else self._cache_control)
        handler.set_header("Vary", "Accept")
        handler.write_page(
            template,
            ancestors=ancestors,
            record=self.record,
            main=self.main,
            part=image,
            image=image and _inline_url(url, self.record, image),
            local_image=image and _inline_url(local, self.record, image),
            hidpi=image and _hidpi_url(local, self.record),
            frame=frame,
            url=url,
            **({"frames": frames} if frames else {}),
            **names,
        )

    def _find_stored(self, row: Format) -> RepresentationResponse | None:
        is_plain = not self._handler.request.query
        known = self._responses.get(row.name) if is_plain else None
        if known is not None and known.cache_control == self._cache_control:
            return known
        stored = find_stored(self.record, row, self._handler.draw_options(row))
        if stored is None:
            return None
        response = self._respond(row, stored.digest, StoredBlob(self._context.blob_cache, stored.digest, stored.size))
        if is_plain:
            self._responses[row.name] = response
        return response

    async def _render(self, row: Format) -> RepresentationResponse:
        context, options = self._context, self._handler.draw_options(row)
        record = await context.source_checker.recheck_problem(self.record)
        problem = find_problem(record.version, row.name)
        if problem is not None and find_convertible(record.version, row) is None:
            raise Conflict(explain_problem(record, problem.public_reason), code="not_redrawable")
        if not context.link_sizes.grants(options):
            self._check_signature(row)
        caller = stranger(self._link_id)
        rendering = render_again(context.store, context.rendering, record, options, caller, self._count_render)
        try:
            rendered = await self._handler.run_until_disconnect(rendering)
        except (CodeFailed, Conflict) as error:
            # Only the owner may read the message of the code.
            raise OutputInvalid(
                "This figure could not be rendered in that size or format; its stored images are available."
            ) from error
        return self._respond(row, sha256_hex(rendered.data), rendered.data)

    def _count_render(self) -> None:
        self._context.rates.renders.count(f"link {self._link_id}")

    def _respond(self, row: Format, digest: str, body: bytes | StoredBlob) -> RepresentationResponse:
        name = f"{self.record.name}.{row.name}"
        is_public = self._is_for_anyone
        return RepresentationResponse(row, digest, name, self._cache_control, body, is_public=is_public)

    def _check_signature(self, row: Format) -> None:
        handler = self._handler
        given = [name for name in SIZE_FIELDS if name in handler.request.query_arguments]
        size = [(name, handler.raw_query_argument(name)) for name in given]
        signature = handler.get_query_argument("sig", "")
        if not self._context.query_signer.is_good(signature, "link", self._link_id, row.name, size):
            raise Forbidden(
                "This link serves the figure in its own size"
                f" and in {self._context.link_sizes.text or 'sizes that its owner signed'}."
                " Ask the owner for a signed URL of another size.",
                code="size_not_allowed",
            )


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
        figure, config = self.figure, self.context.config
        figure.record = await self.context.source_checker.checked(figure.record)
        figure.write_page(
            "share/embed.html" if embedded else "share/figure.html",
            self.url,
            ancestors=self.frame_ancestors(embedded=embedded),
            as_html=as_html,
            link=self.link,
            can_embed=bool(config.embed_origins),
            offers=PageOffers.of(figure.record.version, self.context.link_sizes.widths),
            snippets=self._make_snippets(),
        )

    @property
    def stored_formats(self) -> list[str]:
        return [part.format.name for part in self.figure.record.version.representations]

    @property
    def is_complete(self) -> bool:
        return self.figure.record.version.source is None

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
        self.write_public_json(shown, self.figure.record.name)

    async def send_image(self, suffix: str) -> None:
        row = get_format(suffix)
        if self.figure.is_page(row) and not self.handler.wants_download:
            await self.send_page(embedded=True, as_html=True)
            return
        response = await self.figure.find_image(row)
        if self.link.views is not None and self.handler.sends_full_body(response):
            await response.check_readable()
            await self.use_view()
        await self.handler.send_representation(response)
        self.count_view()

    async def describe_embedding(self, fit: FitSize) -> Embedding:
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
        url = _inline_url(self.url, record, image) if image else self.url
        return Snippets(self.url, url, record.heading, record.alt, part.css_width, part.css_height)


def _hidpi_url(url: str, record: FigureRecord) -> str | None:
    """Return the URL of the stored image for hidpi screens, None when there is none."""
    part = record.version.hidpi
    return None if part is None else f"{url}.{hidpi_address(part)}"


def _inline_url(url: str, record: FigureRecord, image: Representation) -> str:
    """Return the URL of the image on a link's page; a thumbnail's contains its width."""
    width = image.width if image is record.version.thumbnail else None
    return image_url(url, image.format.name, width=width)
