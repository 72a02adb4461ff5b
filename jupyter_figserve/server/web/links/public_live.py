"""Renders links to live figures: page, images and JSON; and live figures on shared dashboards. Server process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ....errors import Conflict, FigServeError, InvalidInput, OutputInvalid
from ....model.formats import get_live_format
from ....model.live import LiveDeclaration, LiveRequest
from ....model.parameters import SIZES, Parameters
from ...services.auth.redaction import redact_message
from ...services.callers import stranger
from ...services.links.resolver import LinkNotFound
from ...services.live.registry import LiveTarget
from ...services.live.watchers import LiveWatcher
from ..http.handler import PublicHandler
from ..http.watched_stream import send_watched_events
from ..live.page import make_live_page
from ..live.request import FORMAT_PARAMETER, asks_for_frame, asks_for_record, is_about_record, parse_device_pixel_ratio
from ..live.responder import LiveResponder
from .renderer import LinkRenderer


@dataclass(frozen=True)
class ParameterGrant:
    """The parameters that a link locks, and those that its viewers may change."""

    locked: Mapping[str, Any]
    allowed: Sequence[str]

    def movable(self, parameters: Parameters) -> Parameters:
        """Return the parameters of a live figure that viewers may change."""
        return Parameters(tuple(item for item in parameters.items if item.name in self.allowed))


@dataclass(frozen=True)
class PublicLiveFigure:
    """The images of a live figure, with the parameters of a grant.

    Parameters
    ----------
    link_id
        Id of the link, whose calls are limited and which frames are bound to.
    cache_control_for
        Returns the header for an image that does not change for this number of seconds.
    """

    handler: PublicHandler
    target: LiveTarget
    grant: ParameterGrant
    link_id: str
    cache_control_for: Callable[[int], str]

    async def send_image(self, suffix: str) -> None:
        """Send the image that the query requests, or the URL of a frame with it.

        Raises
        ------
        InvalidInput
            For a parameter that is not allowed or out of bounds.
        Conflict
            When the function has changed and does not accept the locked values.
        OutputInvalid
            When the function failed.
        """
        handler, target, row = self.handler, self.target, get_live_format(suffix)
        context = handler.context
        query, widths = handler.query_values(), context.link_sizes.widths
        request = parse_public_request(self.grant, target.declaration, query, row.name, widths)
        is_framed, responder = asks_for_frame(query, row), LiveResponder(handler, target, row)
        known = [] if is_framed else handler.known_etags()
        rendering = context.live.render(
            target, request, known_etags=known, before_call=self._count_call, caller=stranger(self.link_id)
        )
        try:
            result = await handler.run_until_disconnect(rendering)
        except OutputInvalid as error:
            # Without the traceback and output, which only the owner may read.
            message = f"The function of this live figure failed: {redact_message(error.message)}"
            raise OutputInvalid(message, code=error.code) from error
        if is_framed:
            responder.send_frame(result, self.link_id)
            return
        cache_control = self.cache_control_for(0 if result.stale else int(target.declaration.cache))
        responder.send_image(result, cache_control=cache_control, is_public=True)

    def _count_call(self) -> None:
        self.handler.context.live_limiter.count(self.link_id)


def parse_public_request(
    grant: ParameterGrant,
    declaration: LiveDeclaration,
    query: dict[str, list[str]],
    format: str,
    widths: Sequence[int],
) -> LiveRequest:
    """Return the request for an image: the locked values and the allowed part of the query.

    Parameters
    ----------
    widths
        Allowed widths in pixels. A public request can choose no other size, as each is another call of the function.

    Raises
    ------
    InvalidInput, Conflict
        As ``PublicLiveFigure.send_image``.
    """
    width = None
    for name in ("height", "dpi"):
        if name in query and name in declaration.sizes:
            raise InvalidInput(f"The {name} of this live figure cannot be chosen here. Choose a width instead.")
    if "width" in query and "width" in declaration.sizes:
        text, offered = query["width"][-1], ", ".join(map(str, widths))
        if text not in map(str, widths):
            raise InvalidInput(f"width={text[:20]!r} is not offered. The widths of this link are {offered}.")
        width = int(text)
    given = {name: values for name, values in query.items() if name not in SIZES or name not in declaration.sizes}
    moved = grant.movable(declaration.parameters).parse(given)
    try:
        values = declaration.parameters.complete({**declaration.parameters.check(grant.locked), **moved})
    except InvalidInput as error:
        raise Conflict(
            "The live figure has changed since this link was created. Ask its owner for a new link.",
            code="live_changed",
        ) from error
    return LiveRequest(values, format, width, device_pixel_ratio=1 if width else parse_device_pixel_ratio(query))


class LiveRenderer(LinkRenderer):
    """Renders links to live figures."""

    target: LiveTarget
    grant: ParameterGrant

    async def open(self) -> None:
        target = await self.context.live.registry.get_by_id(self.link.target.id)
        if target is None or not self.context.config.allow_public_live:
            raise LinkNotFound
        self.target, self.grant = target, ParameterGrant(self.link.locked, self.link.allowed)

    async def send_page(self, *, embedded: bool) -> None:
        handler, live, target, locked = self.handler, self.context.live, self.target, self.grant.locked
        given = handler.query_values()
        query = {name: texts for name, texts in given.items() if not name.startswith("_") or name == FORMAT_PARAMETER}
        movable = self.grant.movable(target.declaration.parameters)
        page = await make_live_page(
            live,
            target,
            movable,
            query,
            address=self.address,
            min_refresh=self.context.config.min_refresh_seconds,
            locked=locked,
        )
        handler.set_status(400 if page.error else 200)
        handler.set_header("Cache-Control", self.cache_control_for(0))
        handler.write_page(
            "share/live.html",
            ancestors=self.frame_ancestors(embedded=embedded),
            frames=handler.csp_frame_sources("frame", "f"),
            view=page,
            target=target,
            link=self.link,
            embedded=embedded,
            events=f"{self.address}/events",
        )
        self.count_view()

    @property
    def stored_formats(self) -> Sequence[str]:
        return self.context.live.forms.find_formats(self.target)

    @property
    def is_complete(self) -> bool:
        return self.context.live.forms.has_one_form(self.target)

    async def send_json(self) -> None:
        """Send the data that the function returns, else what everybody may know of the live figure."""
        forms = self.context.live.forms
        if not asks_for_record(self.handler.query_values(), self.target, forms):
            try:
                await self.send_image("json")
                return
            except FigServeError as error:
                if not is_about_record("json", error, self.target, forms):
                    raise
        movable = self.grant.movable(self.target.declaration.parameters)
        public = {"name": self.target.record.name, "schema": movable.schema(), "url": self.url}
        self.write_public_json(public | {"form": forms.find(self.target)})
        self.count_view()

    async def send_events(self) -> None:
        """Send what the page follows: the figure's changes, and the progress of calls that this link allows."""
        locked, allowed = self.grant.locked, self.grant.allowed
        fixed = {
            item.name: locked.get(item.name, item.default)
            for item in self.target.declaration.parameters.items
            if item.name not in allowed
        }

        watcher = LiveWatcher(self.target.record.id, self.make_revalidation(), fixed)
        await send_watched_events(self.handler, self.context.live.watchers, watcher)

    async def send_image(self, suffix: str) -> None:
        image = PublicLiveFigure(self.handler, self.target, self.grant, self.link.id, self.cache_control_for)
        await image.send_image(suffix)
        self.count_view()
