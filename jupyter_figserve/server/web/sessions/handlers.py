"""Sessions over HTTP: list them, read their plots by name, and publish a plot as a figure. Server process."""

from __future__ import annotations

import binascii
from dataclasses import replace
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import Conflict, InvalidInput, NotFound, Unavailable
from ....model.events import FIGURE_PUBLISHED
from ....model.figures import DIGEST, EncodedImage, FigureRecord, Identity
from ....model.formats import FORMATS
from ....model.keys import PUBLISH, READ
from ....model.new_version import NewVersion
from ....model.queries import FigureQuery
from ....model.sessions import Session
from ....model.texts import MAX_ALT_LENGTH, MAX_TITLE_LENGTH, check_name, slug, validate_single_line
from ...services.figures.cell_code import trim_code
from ...services.figures.upload import parse_image
from ...services.plots.plot import ReadablePlot
from ..figures.json_views import figure_json
from ..http.private_handler import AuthenticatedHandler
from ..http.representation import RepresentationResponse
from .json_views import plot_json, session_json

HERE = "here"
"""Stands for the id of the session whose kernel sends the request."""
_MARK_TIMEOUT_SECONDS = 3.0
_MAX_MARK_LENGTH = 64
_DIGITS = 8
"""Of the digest, in the name of a captured plot."""
_SAME_ENDING = 10
_FLAGS = ("", "0", "1", "false", "true", "no", "yes")
"""Values of ``download`` that are no name."""


class SessionHandler(AuthenticatedHandler):
    """Base of the handlers of one session."""

    async def get_owned_session(self, session_id: str) -> Session:
        """Return the caller's session; another owner's counts as missing.

        Raises
        ------
        NotFound
            When there is none.
        """
        if session_id == HERE:
            if self.principal.kernel is None:
                raise NotFound(
                    "Only a kernel of this server can ask for its own session. Name the session by its id.",
                    code="session_not_found",
                )
            session_id = self.principal.kernel
        found = await self.context.plots.get_session(session_id)
        if not self.principal.may_see(found.owner):
            raise NotFound("There is no such session.", code="session_not_found")
        return found


class SessionsHandler(AuthenticatedHandler):
    """``/api/sessions``."""

    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        await self.context.kernels.follow_all()
        store, base = self.context.store, self.base
        found, next_cursor = await store.sessions.list_page(
            self.principal.owner_filter,
            notebook=self.find_notebook(),
            alive=self.get_query_argument("alive", "") not in ("", "0"),
            limit=self.limit_argument(),
            cursor=self.get_query_argument("cursor", None),
        )
        made, plots = await store.sessions.count_figures([one.id for one in found]), self.context.plots
        rows = [session_json(one, made.get(one.id, 0), plots.count_captured(one.id), base) for one in found]
        self.write_json({"sessions": rows, "next": next_cursor})

    head = get


class LastHandler(SessionHandler):
    """``/api/sessions/{session}/last``: the figure displayed last, as soon as it has been captured."""

    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, session_id: str) -> None:
        session = await self.get_owned_session(session_id)
        capture = self.context.capture
        if capture.off_reason is not None:
            raise Conflict(f"Images are not captured on this server. {capture.off_reason}", code="capture_off")
        mark = self.get_query_argument("mark", "")[:_MAX_MARK_LENGTH]
        is_awaited = bool(mark) and capture.find_buffer(session.id) is not None
        if is_awaited and not await capture.wait_for_mark(session.id, mark, _MARK_TIMEOUT_SECONDS):
            raise Unavailable(
                "What was displayed last has not arrived yet; try again.", code="display_pending", retry_after=1
            )
        plot = await self.context.plots.get_last(session)
        self.write_json(plot_json(plot, session.id, self.base))

    head = get


class SessionFiguresHandler(SessionHandler):
    """``/api/sessions/{session}/figures``: publishes a captured plot or a file as a figure."""

    scopes = {"POST": PUBLISH}

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def post(self, session_id: str) -> None:
        session = await self.get_owned_session(session_id)
        body = self.json_body(("path", "digest", "name", "title", "alt", "thumbnail"))
        readable = await self._find(session, body)
        given = validate_single_line(body.get("title"), "title", MAX_TITLE_LENGTH)
        alt = validate_single_line(body.get("alt"), "alternative text", MAX_ALT_LENGTH) or readable.plot.alt
        name = check_name(body["name"]) if body.get("name") is not None else slug(given)
        # A title that was found does not name the figure: another one of the notebook may have the same.
        thumbnail = _read_thumbnail(body.get("thumbnail"), self.context.config.figure_pixels)
        record = await self._publish(session, readable, name, given or readable.plot.title, alt, thumbnail)
        await self.announce(FIGURE_PUBLISHED, record.id, version=record.version.number)
        self.set_header("Location", self.base.page(record))
        self.write_json(figure_json(record, self.base), 201)

    async def _find(self, session: Session, body: dict[str, Any]) -> ReadablePlot:
        """Return the plot that the body names by its path or by the digest of what was displayed."""
        digest = body.get("digest")
        if digest is None:
            path = validate_single_line(body.get("path"), "path", 1_000)
            return await self.context.plots.get(session.id, path, published=False)
        if body.get("path") is not None or not (isinstance(digest, str) and DIGEST.fullmatch(digest)):
            raise InvalidInput("Give either a path or a digest (the sha256 of the displayed bytes in hexadecimal).")
        return await self.context.plots.get_by_digest(session.id, digest)

    async def _publish(
        self,
        session: Session,
        readable: ReadablePlot,
        name: str | None,
        title: str,
        alt: str,
        thumbnail: EncodedImage | None,
    ) -> FigureRecord:
        images = await self._read_images(readable)
        notebook = session.notebook
        if self.context.kernels.has(session.id):
            notebook = await self.context.kernels.follow_notebook(session.id) or notebook
        scope, maker = (session.scope, "") if notebook else ("", session.id)
        place = FigureQuery(session.owner, scope=scope, notebook=notebook, maker=maker)
        draft = NewVersion(
            Identity(session.owner, scope, notebook, maker, name or await self._choose_name(place, readable)),
            images,
            title,
            alt,
            session=session.id,
            origin=readable.plot.origin,
            thumbnail=thumbnail if readable.format is FORMATS["html"] else None,
            provenance={"plot": readable.plot.path, "digest": readable.digest},
            code=trim_code(readable.plot.code, self.context.config.cell_code_bytes),
        )
        return await self.context.store.figures.publish(draft)

    async def _choose_name(self, place: FigureQuery, readable: ReadablePlot) -> str:
        """Return the name of the figure with this image that was kept before, when the cell ran; else a new one."""
        made = _make_name(readable)
        if readable.plot.origin != "captured":
            return made
        ending = f"-{readable.digest[:_DIGITS]}"
        found, _ = await self.context.store.figures.list_page(replace(place, text=ending), _SAME_ENDING)
        return next((one.name for one in found if one.origin == "captured" and one.name.endswith(ending)), made)

    async def _read_images(self, readable: ReadablePlot) -> tuple[EncodedImage, ...]:
        max_pixels = self.context.config.figure_pixels
        size = {"display_width": readable.plot.width, "display_height": readable.plot.height}
        main = parse_image(await readable.read(), readable.format.mimetype, size, max_pixels)
        return (main, *readable.read_others())


class PlotsHandler(SessionHandler):
    """``/plots/{session}``."""

    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, session_id: str) -> None:
        session, base = await self.get_owned_session(session_id), self.base
        plots = await self.context.plots.list(session.id)
        self.write_json({"session": session.id, "plots": [plot_json(plot, session.id, base) for plot in plots]})

    head = get


class PlotHandler(SessionHandler):
    """``/plots/{session}/{path}``: one plot by its name."""

    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, session_id: str, path: str) -> None:
        name = self._read_download_name()
        session = await self.get_owned_session(session_id)
        readable = await self.context.plots.get(session.id, path)
        if readable.format is FORMATS["html"] and not self.wants_download and self._prefers_frame():
            self._write_frame(session, readable)
            return
        # Not read for a client that has it already.
        data = b"" if self.is_not_modified(f'"{readable.digest}"') else await readable.read()
        response = RepresentationResponse(
            readable.format,
            readable.digest,
            _make_filename(readable, name),
            "private, no-cache",
            data,
            is_public=False,
        )
        await self.send_representation(response)

    head = get

    def _read_download_name(self) -> str | None:
        """Return the name in ``download``, None for the plot's own."""
        given = self.get_query_argument("download", "")
        return check_name(given) if given.lower() not in _FLAGS else None

    def _prefers_frame(self) -> bool:
        """Whether the address is opened in a browser, rather than read by a program."""
        return "text/html" in self.request.headers.get("Accept", "")

    def _write_frame(self, session: Session, readable: ReadablePlot) -> None:
        """Send a page with the plot in a sandboxed frame, in which its scripts run."""
        address, allowed = self.signed_plot_frame(session.id, readable.plot.path)
        heading = readable.plot.path.rpartition("/")[2]
        self.set_header("Vary", "Accept")
        self.write_page("session/plot.html", frames=allowed, heading=heading, frame=address)


def _read_thumbnail(text: object, max_pixels: int) -> EncodedImage | None:
    """Return the PNG in base64 that a browser made of an interactive figure; None where there is none."""
    if text is None:
        return None
    try:
        data = binascii.a2b_base64(text, strict_mode=True) if isinstance(text, str) else b""
    except ValueError as error:
        raise InvalidInput("The thumbnail is not valid base64.") from error
    return parse_image(data, FORMATS["png"].mimetype, {}, max_pixels)


def _make_name(readable: ReadablePlot) -> str:
    """Return the default name of the figure of a plot.

    For a file, its own name. The name of a captured plot contains its digest: the next session reuses the numbers of
    cells for other cells, whose images must not appear behind the links of this session.
    """
    stem = slug(readable.plot.path.rpartition("/")[2].rpartition(".")[0]) or "plot"
    return stem if readable.plot.origin == "file" else f"{stem}-{readable.digest[:_DIGITS]}"


def _make_filename(readable: ReadablePlot, name: str | None) -> str:
    """Return the name to save a plot as: the requested one with the suffix of the format, or the plot's own."""
    suffix = f".{readable.format.name}"
    if name is None:
        name = readable.plot.path.rpartition("/")[2]
    elif not name.lower().endswith(suffix):
        name += suffix
    return name
