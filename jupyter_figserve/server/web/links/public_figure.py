"""The images and the page of a figure by link, also on shared dashboards. Server process."""

from __future__ import annotations

from typing import Any

from ....errors import CodeFailed, Conflict, Forbidden, OutputInvalid
from ....model.figures import FigureRecord, Representation, sha256_hex
from ....model.formats import FORMATS, Format
from ....model.snippets import image_url
from ...services.addresses import hidpi_address
from ...services.callers import visitor_caller
from ...services.figures.offers import find_convertible
from ...services.figures.redraw import NotRunning, explain_problem, render_again
from ...services.figures.source_problems import explain_no_kernel, find_problem
from ...services.figures.stored import find_stored
from ...services.figures.stored_blob import StoredBlob
from ...services.links.resolver import ResolvedLink
from ...services.rendering.request import SIZE_FIELDS
from ..http.public_handler import PublicHandler
from ..http.representation import RepresentationResponse

Responses = dict[str, RepresentationResponse]


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
            image=image and inline_url(url, self.record, image),
            local_image=image and inline_url(local, self.record, image),
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
        caller = visitor_caller(self._link_id)
        rendering = render_again(context.store, context.rendering, record, options, caller, self.count_render)
        try:
            rendered = await self._handler.run_until_disconnect(rendering)
        except NotRunning as error:
            shown = context.source_checker.known(record)
            reason = explain_no_kernel(record.version).public_reason
            raise Conflict(explain_problem(shown, reason), code="not_redrawable") from error
        except (CodeFailed, Conflict) as error:
            # Only the owner may read the message of the code.
            raise OutputInvalid(
                "This figure could not be rendered in that size or format; its stored images are available."
            ) from error
        return self._respond(row, sha256_hex(rendered.data), rendered.data)

    def count_render(self) -> None:
        """Count a render against the rate limit of the link."""
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


def _hidpi_url(url: str, record: FigureRecord) -> str | None:
    """Return the URL of the stored image for HiDPI screens, None when there is none."""
    part = record.version.hidpi
    return None if part is None else f"{url}.{hidpi_address(part)}"


def inline_url(url: str, record: FigureRecord, image: Representation) -> str:
    """Return the URL of the image on a link's page; a thumbnail's contains its width."""
    width = image.width if image is record.version.thumbnail else None
    return image_url(url, image.format.name, width=width)
