"""Renders links to live figures: page, images and JSON; and live figures on shared dashboards. Server process."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from ....errors import Conflict, FigServeError, InvalidInput, OutputInvalid, Unavailable
from ....model.formats import FORMATS, Format, get_live_format
from ....model.live import MAX_PARAMETERS, LiveDeclaration, LiveRequest
from ....model.parameters import SIZES, Parameters
from ....model.snippets import Snippets
from ...services.auth.redaction import redact_message
from ...services.callers import visitor_caller
from ...services.links.resolver import LinkNotFound, ResolvedLink
from ...services.live.backends.backend import KernelUnavailable
from ...services.live.registry import LiveTarget
from ...services.live.result import LiveResult
from ...services.live.watchers import LiveWatcher, LiveWatchers
from ..http.public_handler import PublicHandler
from ..live.page import make_live_page
from ..live.request import LAST_PARAMETER, asks_for_frame, asks_for_record, is_about_record, parse_device_pixel_ratio
from ..live.responder import LiveResponder
from .renderer import Embedding, FitSize, LinkRenderer

_OFFLINE = "This live figure is offline: its kernel is not running. Try again later, or ask its owner."
_EMBED_SIZE = (640, 480)
"""Size of a figure that was never drawn."""
_CONTROLS_HEIGHT = 160
"""Space for the controls above the image."""


@dataclass(frozen=True)
class ParameterGrant:
    """The parameters that a link locks, and those that its viewers may change."""

    locked: Mapping[str, Any]
    allowed: Sequence[str]

    def movable(self, parameters: Parameters) -> Parameters:
        """Return the parameters of a live figure that viewers may change."""
        return Parameters(tuple(item for item in parameters.items if item.name in self.allowed))

    def fixed(self, parameters: Parameters) -> dict[str, Any]:
        """Return the values of the parameters that viewers cannot change."""
        fixed = [item for item in parameters.items if item.name not in self.allowed]
        return {item.name: self.locked.get(item.name, item.default) for item in fixed}


@dataclass(frozen=True)
class PublicLiveFigure:
    """The images of a live figure, with the parameters of a grant.

    Parameters
    ----------
    resolved
        The link, whose calls are limited and which frames are bound to.
    cache_control_for
        Returns the header for an image that does not change for this number of seconds.
    use_view
        Called before an image is sent.
    """

    handler: PublicHandler
    target: LiveTarget
    grant: ParameterGrant
    resolved: ResolvedLink
    cache_control_for: Callable[[int], str]
    use_view: Callable[[], Awaitable[None]]

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
        query = handler.query_values()
        request = self.parse(query, row)
        is_framed, responder = asks_for_frame(query, row), LiveResponder(handler, target, row)
        result = await handler.context.live.find_last(target, request) if LAST_PARAMETER in query else None
        if result is None:
            known_etags = [] if is_framed else handler.known_etags()
            result = await handler.run_until_disconnect(self.render(request, known_etags))
        if result.image is not None:
            await self.use_view()
        if is_framed:
            responder.send_frame(result, self.resolved.link.id)
            return
        cache_control = self.cache_control_for(0 if result.stale else int(target.declaration.cache))
        await responder.send_image(result, cache_control=cache_control, is_public=self.resolved.is_for_anyone)

    def parse(self, query: dict[str, list[str]], row: Format) -> LiveRequest:
        """Return the request of a query.

        Raises
        ------
        InvalidInput, Conflict
            As ``send_image``.
        """
        widths = self.handler.context.link_sizes.widths
        return _parse_request(self.grant, self.target.declaration, query, row.name, widths)

    async def render(self, request: LiveRequest, known_etags: Sequence[str] = ()) -> LiveResult:
        """Call the function in the visitor's turn; a failure tells what a visitor may read."""
        live = self.handler.context.live
        rendering = live.render(
            self.target,
            request,
            known_etags=known_etags,
            before_call=self._count_call,
            caller=visitor_caller(self.resolved.link.id),
        )
        try:
            return await rendering
        except OutputInvalid as error:
            # Without the traceback and output, which only the owner may read.
            message = f"The function of this live figure failed: {redact_message(error.message)}"
            raise OutputInvalid(message, code=error.code) from error
        except KernelUnavailable as error:
            raise Unavailable(_OFFLINE, code=error.code, retry_after=error.retry_after) from error

    def _count_call(self) -> None:
        self.handler.context.rates.live_links.count(self.resolved.link.id)


def _parse_request(
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


@dataclass(frozen=True)
class Preview:
    """The last good image of a live figure, for programs that show a preview of its link."""

    url: str
    width: int
    height: int


class LiveRenderer(LinkRenderer):
    """Renders links to live figures."""

    target: LiveTarget
    grant: ParameterGrant

    async def open(self) -> None:
        target = await self.context.live.registry.find_by_id(self.link.target.id)
        if target is None:
            raise LinkNotFound
        self.target, self.grant = target, ParameterGrant(self.link.locked, self.link.allowed)

    async def send_page(self, *, embedded: bool) -> None:
        await self.use_view()
        handler, live, target = self.handler, self.context.live, self.target
        query, image = handler.query_values(), self._make_image()
        movable = self.grant.movable(target.declaration.parameters)
        making = make_live_page(
            live,
            target,
            movable,
            query,
            address=self.address,
            min_refresh=self.context.config.min_refresh_seconds,
            make_request=lambda known: image.parse(known, FORMATS["png"]),
            call=image.render,
        )
        page = await handler.run_until_disconnect(making)
        handler.set_status(page.status)
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
            url=self.url,
            preview=await self._find_preview(page.arguments),
        )
        self.count_view()

    @property
    def stored_formats(self) -> Sequence[str]:
        return self.context.live.forms.find_formats(self.target)

    @property
    def is_complete(self) -> bool:
        return self.context.live.forms.has_one_form(self.target)

    async def send_json(self) -> None:
        """Send the data that the function returns, else the public metadata of the live figure."""
        forms, is_lenient = self.context.live.forms, self.handler.is_lenient
        if not asks_for_record(self.handler.query_values(), self.target, forms, is_lenient=is_lenient):
            try:
                await self.send_image("json")
                return
            except FigServeError as error:
                if is_lenient or not is_about_record("json", error, self.target, forms):
                    raise
        await self.use_view()
        movable = self.grant.movable(self.target.declaration.parameters)
        public = {"name": self.target.record.name, "schema": movable.schema(), "url": self.url}
        self.write_public_json(public | {"form": forms.guess(self.target)}, self.target.record.name)
        self.count_view()

    def watch(self) -> tuple[LiveWatchers, LiveWatcher]:
        """Watch the figure's changes, and the progress of calls that this link allows."""
        fixed = self.grant.fixed(self.target.declaration.parameters)
        watcher = LiveWatcher(self.target.record.id, self.make_revalidation(), fixed, authority=self.authority)
        return self.context.live.watchers, watcher

    async def send_image(self, suffix: str) -> None:
        await self._make_image().send_image(suffix)
        self.count_view()

    def _make_image(self) -> PublicLiveFigure:
        resolved, cache_control = self.resolved, self.cache_control_for
        return PublicLiveFigure(self.handler, self.target, self.grant, resolved, cache_control, self.use_view)

    async def describe_embedding(self, fit: FitSize, query: str) -> Embedding:
        declaration, movable = self.target.declaration, self.grant.movable(self.target.declaration.parameters)
        moved: dict[str, Any] = {}
        # Values that are not allowed, or too many to read, leave the frame at its defaults.
        with contextlib.suppress(InvalidInput, ValueError):
            moved = (
                movable.parse(parse_qs(query, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)) if query else {}
            )
        preview = await self._find_preview(moved)
        alt = declaration.description or declaration.heading
        width, height = (preview.width, preview.height) if preview else _EMBED_SIZE
        size = fit(width, height + _CONTROLS_HEIGHT * bool(self.grant.allowed))
        image = preview.url if preview else self.url
        snippets = Snippets(self.url, image, declaration.heading, alt, *size, query=movable.query(moved))
        # An address that the site keeps must show no more than the link does now.
        thumbnail = (preview.url, preview.width, preview.height) if preview and self.link.is_cacheable else None
        return Embedding(snippets, thumbnail=thumbnail)

    async def _find_preview(self, moved: Mapping[str, Any] | None) -> Preview | None:
        """Return the last good image for these values of the controls, which needs no call; None without one."""
        parameters = self.target.declaration.parameters
        try:
            values = parameters.complete({**parameters.check(self.grant.locked), **(moved or {})})
        except InvalidInput:
            return None
        last = await self.context.live.find_last(self.target, LiveRequest(values, "png"))
        if last is None or last.image is None or None in last.image.size:
            return None
        width, height = last.image.size
        query = self.grant.movable(parameters).query(values)
        url = f"{self.url}.png?" + "&".join(part for part in (query, f"{LAST_PARAMETER}=1") if part)
        return Preview(url, width or 0, height or 0)
