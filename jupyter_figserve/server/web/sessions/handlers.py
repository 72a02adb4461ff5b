"""Sessions over HTTP: which there are, their plots by name, and plots that become figures. Server process."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import Conflict, NotFound
from ....model.figures import ALT_LENGTH, TITLE_LENGTH, FigureRecord, Identity, check_name, slug, validate_single_line
from ....model.keys import PUBLISH, READ
from ....model.new_version import NewVersion
from ....model.queries import DEFAULT_LIMIT
from ....model.sessions import Session
from ....store.catalog import sessions
from ...services.figures.upload import make_payload
from ...services.sessions.plots import ReadablePlot
from ..figures.json_views import figure_json
from ..http.private_handler import AuthenticatedHandler
from ..http.representation import RepresentationResponse
from .json_views import plot_json, session_json

HERE = "here"
"""What stands for the session of the kernel that asks."""
_MARK_SECONDS = 3.0
_MARK_LENGTH = 64


class SessionHandler(AuthenticatedHandler):
    """What handlers of one session share."""

    async def get_own_session(self, session_id: str) -> Session:
        """The caller's session; another owner's is as unknown as one that is not there.

        Raises
        ------
        NotFound
            For both.
        """
        if session_id == HERE:
            if self.principal.kernel is None:
                raise NotFound(
                    "Only a kernel of this server has a session here; name another one by its id.",
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
        reader, base = self.context.store.catalog.reader, self.base
        found, following = sessions.list_page(
            reader,
            self.principal.owner_filter,
            notebook=self.get_query_argument("notebook", None),
            alive=self.get_query_argument("alive", "") not in ("", "0"),
            limit=self.int_argument("limit", DEFAULT_LIMIT) or DEFAULT_LIMIT,
            cursor=self.get_query_argument("cursor", None),
        )
        made, plots = sessions.count_figures(reader, [one.id for one in found]), self.context.plots
        shown = [session_json(one, made.get(one.id, 0), plots.count_captured(one.id), base) for one in found]
        self.write_json({"sessions": shown, "next": following})

    head = get


class LastHandler(SessionHandler):
    """``/api/sessions/{session}/last``: what was displayed last, once it has come here."""

    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, session_id: str) -> None:
        session = await self.get_own_session(session_id)
        capture = self.context.capture
        if capture.why_off is not None:
            raise Conflict(f"Nothing is captured here. {capture.why_off}", code="capture_off")
        mark = self.get_query_argument("mark", "")[:_MARK_LENGTH]
        if mark:
            await capture.wait_for_mark(session.id, mark, _MARK_SECONDS)
        plot = self.context.plots.newest_captured(session.id)
        if plot is None:
            raise NotFound("This session has displayed no picture yet; show one first.", code="nothing_captured")
        self.write_json(plot_json(plot, session.id, self.base))

    head = get


class SessionFiguresHandler(SessionHandler):
    """``/api/sessions/{session}/figures``: a captured plot or a file becomes a figure that stays."""

    scopes = {"POST": PUBLISH}

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def post(self, session_id: str) -> None:
        session = await self.get_own_session(session_id)
        wanted = self.json_body(("path", "name", "title", "alt"))
        path = validate_single_line(wanted.get("path"), "path", 1_000)
        held = await self.context.plots.get(session.id, path, published=False)
        title = validate_single_line(wanted.get("title"), "title", TITLE_LENGTH)
        alt = validate_single_line(wanted.get("alt"), "alternative text", ALT_LENGTH)
        name = check_name(wanted["name"]) if wanted.get("name") is not None else slug(title) or _name_of(held)
        record = await self._publish(session, held, name, title, alt)
        self.context.events.wake()
        self.set_header("Location", self.base.page(record))
        self.write_json(figure_json(record, self.base), 201)

    async def _publish(self, session: Session, held: ReadablePlot, name: str, title: str, alt: str) -> FigureRecord:
        payload = make_payload(await held.read(), held.row.mimetype, {}, self.context.config.figure_pixels)
        notebook = session.notebook
        if self.context.kernels.has(session.id):
            notebook = await self.context.kernels.follow_notebook(session.id) or notebook
        scope, maker = (session.scope, "") if notebook else ("", session.id)
        draft = NewVersion(
            Identity(session.owner, scope, notebook, maker, name),
            (payload,),
            title,
            alt,
            session=session.id,
            origin=held.plot.origin,
            provenance={"plot": held.plot.path},
        )
        return await asyncio.wrap_future(self.context.store.publish(draft))


class PlotsHandler(SessionHandler):
    """``/plots/{session}``."""

    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, session_id: str) -> None:
        session, base = await self.get_own_session(session_id), self.base
        plots = await self.context.plots.list(session.id)
        self.write_json({"session": session.id, "plots": [plot_json(plot, session.id, base) for plot in plots]})

    head = get


class PlotHandler(SessionHandler):
    """``/plots/{session}/{path}``: one plot by its name."""

    scopes = {"GET": READ, "HEAD": READ}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, session_id: str, path: str) -> None:
        wanted = self.get_query_argument("download", None)
        name = None if wanted is None else check_name(wanted)
        session = await self.get_own_session(session_id)
        held = await self.context.plots.get(session.id, path)
        # A client that has the image already needs no read.
        data = b"" if self.is_not_modified(f'"{held.digest}"') else await held.read()
        response = RepresentationResponse(
            held.row,
            held.digest,
            _filename(held, name),
            "private, no-cache",
            data,
            is_public=False,
            is_download=name is not None,
        )
        self.send_representation(response)
        self.log.info("Plot %r of session %s: %d.", path, session.id, self.get_status())

    head = get


def _name_of(held: ReadablePlot) -> str:
    """A figure's name for a plot that is given none.

    A file's own. The numbers of cells come again in the next session for other cells, whose pictures must not appear
    behind this one's links: a captured plot's name says which picture it is.
    """
    stem = slug(held.plot.path.rpartition("/")[2].rpartition(".")[0]) or "plot"
    return stem if held.plot.origin == "file" else f"{stem}-{held.digest[:8]}"


def _filename(held: ReadablePlot, name: str | None) -> str:
    """For saving: the name that was asked for, with the suffix of the format, else the plot's own."""
    suffix = f".{held.row.name}"
    if name is None:
        name = held.plot.path.rpartition("/")[2]
    elif not name.lower().endswith(suffix):
        name += suffix
    return quote(name, safe="")
