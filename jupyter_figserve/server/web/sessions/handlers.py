"""Sessions over HTTP: list them, read their plots by name, and publish a plot as a figure. Server process."""

from __future__ import annotations

from urllib.parse import quote

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import Conflict, NotFound
from ....model.figures import ALT_LENGTH, TITLE_LENGTH, FigureRecord, Identity, check_name, slug, validate_single_line
from ....model.keys import PUBLISH, READ
from ....model.new_version import NewVersion
from ....model.queries import DEFAULT_LIMIT
from ....model.sessions import Session
from ...services.figures.upload import make_payload
from ...services.sessions.plots import ReadablePlot
from ..figures.json_views import figure_json
from ..http.private_handler import AuthenticatedHandler
from ..http.representation import RepresentationResponse
from .json_views import plot_json, session_json

HERE = "here"
"""Stands for the id of the session whose kernel sends the request."""
_MARK_TIMEOUT_SECONDS = 3.0
_MAX_MARK_LENGTH = 64


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
            notebook=self.get_query_argument("notebook", None),
            alive=self.get_query_argument("alive", "") not in ("", "0"),
            limit=self.int_argument("limit", DEFAULT_LIMIT) or DEFAULT_LIMIT,
            cursor=self.get_query_argument("cursor", None),
        )
        made, plots = await store.sessions.count_figures([one.id for one in found]), self.context.plots
        rows = [session_json(one, made.get(one.id, 0), plots.count_captured(one.id), base) for one in found]
        self.write_json({"sessions": rows, "next": next_cursor})

    head = get


class LastHandler(SessionHandler):
    """``/api/sessions/{session}/last``: the image displayed last, as soon as it has been captured."""

    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, session_id: str) -> None:
        session = await self.get_owned_session(session_id)
        capture = self.context.capture
        if capture.off_reason is not None:
            raise Conflict(f"Images are not captured on this server. {capture.off_reason}", code="capture_off")
        mark = self.get_query_argument("mark", "")[:_MAX_MARK_LENGTH]
        if mark:
            await capture.wait_for_mark(session.id, mark, _MARK_TIMEOUT_SECONDS)
        plot = self.context.plots.find_newest_captured(session.id)
        if plot is None:
            raise NotFound("This session has not displayed an image yet. Display one first.", code="nothing_captured")
        self.write_json(plot_json(plot, session.id, self.base))

    head = get


class SessionFiguresHandler(SessionHandler):
    """``/api/sessions/{session}/figures``: publishes a captured plot or a file as a figure."""

    scopes = {"POST": PUBLISH}

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def post(self, session_id: str) -> None:
        session = await self.get_owned_session(session_id)
        body = self.json_body(("path", "name", "title", "alt"))
        path = validate_single_line(body.get("path"), "path", 1_000)
        readable = await self.context.plots.get(session.id, path, published=False)
        title = validate_single_line(body.get("title"), "title", TITLE_LENGTH)
        alt = validate_single_line(body.get("alt"), "alternative text", ALT_LENGTH)
        name = check_name(body["name"]) if body.get("name") is not None else slug(title) or _make_name(readable)
        record = await self._publish(session, readable, name, title, alt)
        await self.context.events.wake()
        self.set_header("Location", self.base.page(record))
        self.write_json(figure_json(record, self.base), 201)

    async def _publish(self, session: Session, readable: ReadablePlot, name: str, title: str, alt: str) -> FigureRecord:
        image = make_payload(await readable.read(), readable.format.mimetype, {}, self.context.config.figure_pixels)
        notebook = session.notebook
        if self.context.kernels.has(session.id):
            notebook = await self.context.kernels.follow_notebook(session.id) or notebook
        scope, maker = (session.scope, "") if notebook else ("", session.id)
        draft = NewVersion(
            Identity(session.owner, scope, notebook, maker, name),
            (image,),
            title,
            alt,
            session=session.id,
            origin=readable.plot.origin,
            provenance={"plot": readable.plot.path},
        )
        return await self.context.store.figures.publish(draft)


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
        download = self.get_query_argument("download", None)
        name = None if download is None else check_name(download)
        session = await self.get_owned_session(session_id)
        readable = await self.context.plots.get(session.id, path)
        # Not read for a client that has it already.
        data = b"" if self.is_not_modified(f'"{readable.digest}"') else await readable.read()
        response = RepresentationResponse(
            readable.format,
            readable.digest,
            _make_filename(readable, name),
            "private, no-cache",
            data,
            is_public=False,
            is_download=name is not None,
        )
        self.send_representation(response)

    head = get


def _make_name(readable: ReadablePlot) -> str:
    """Return the default name of the figure of a plot.

    For a file, its own name. The name of a captured plot contains its digest: the next session reuses the numbers of
    cells for other cells, whose images must not appear behind the links of this session.
    """
    stem = slug(readable.plot.path.rpartition("/")[2].rpartition(".")[0]) or "plot"
    return stem if readable.plot.origin == "file" else f"{stem}-{readable.digest[:8]}"


def _make_filename(readable: ReadablePlot, name: str | None) -> str:
    """Return the name to save a plot as: the requested one with the suffix of the format, or the plot's own."""
    suffix = f".{readable.format.name}"
    if name is None:
        name = readable.plot.path.rpartition("/")[2]
    elif not name.lower().endswith(suffix):
        name += suffix
    return quote(name, safe="")
