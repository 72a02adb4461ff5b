"""Links of every kind over HTTP for their owners: create, list, find, change, revoke. Server process."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import Conflict, InvalidInput, NotFound
from ....model.dashboards import DashboardRecord
from ....model.figures import FigureRecord, is_id
from ....model.keys import PUBLISH, READ_OR_PUBLISH, Scope
from ....model.link_addresses import find_link_address
from ....model.links import DASHBOARD, FIGURE, KIND_FOLDERS, LIVE, Link, Target
from ....model.live import LiveFigureRecord
from ....model.snippets import Snippets
from ...services.dashboards.resolver import resolve_dashboard
from ...services.figures.source_problems import explain_missing_data
from ...services.links.listing import list_own
from ...services.links.names import check_names
from ...services.links.reach import Reach, find_reach
from ...services.links.team import Peer
from ...services.rendering.request import SIZE_FIELDS, get_render_format, parse_size, size_to_query
from ...services.trash import find_deleted
from ..http.listing import list_in_parts
from ..http.private_handler import AuthenticatedHandler
from ..http.service_relay import relayed, speaks_for_user
from .json_views import created_link_json, link_json, listed_link_json
from .link_body import CHANGE_FIELDS, LinkParser
from .link_targets import DashboardTarget, FigureTarget, LinkTarget, LiveFigureTarget

Record = FigureRecord | LiveFigureRecord | DashboardRecord
_KINDS = {folder: kind for kind, folder in KIND_FOLDERS.items()}
_MISSING = {
    FIGURE: ("There is no such figure.", None),
    LIVE: ("There is no such live figure.", "live_figure_not_found"),
    DASHBOARD: ("There is no such dashboard.", None),
}


_KINDS_OF = {FigureRecord: FIGURE, LiveFigureRecord: LIVE, DashboardRecord: DASHBOARD}
_ONLY_HERE = {
    LIVE: "A live figure cannot be shared on another server: its function runs in a kernel of this one. Publish an"
    ' image of it and share that there: figserve.publish(f(...)).share(server="team").',
    DASHBOARD: "A dashboard cannot be shared on another server, which does not have its figures. Run its notebook again"
    " after figserve.connect(url), which publishes it there.",
}


class OwnedLinksHandler(AuthenticatedHandler):
    """Base of the handlers of links: finds the caller's records and links."""

    async def get_owned_record(self, target: Target) -> Record:
        """Return the caller's figure, live figure or dashboard; another owner's counts as missing.

        Raises
        ------
        NotFound
            When there is none.
        """
        record = await self._find_record(target)
        if record is None or not self.principal.may_see(record.owner):
            deleted = await find_deleted(self.context.store, target.kind, target.id) if is_id(target.id) else None
            if deleted is not None and self.principal.may_see(deleted.owner):
                raise NotFound(f"This {target.noun} is in the trash. Restore it first.")
            message, code = _MISSING[target.kind]
            raise NotFound(message, code=code)
        return record

    async def get_owned_link(self, link_id: str) -> Link:
        """Return a link to a record of the caller; another owner's counts as missing.

        Raises
        ------
        NotFound
            When there is none.
        """
        link = await self.context.store.links.find(link_id)
        record = await self._find_record(link.target) if link else None
        if link is None or record is None or not self.principal.may_see(record.owner):
            raise NotFound("There is no such link.")
        return link

    async def audit_link(self, action: str, link: Link, **details: object) -> None:
        """Record a change of a link, with its owner where that is not the caller."""
        record = await self._find_record(link.target)
        if record is not None and record.owner != self.principal.owner:
            details["owned_by"] = record.owner
        self.audit(action, link.id, **details)

    async def open_target(self, record: Record) -> LinkTarget:
        match record:
            case FigureRecord():
                return FigureTarget(record)
            case DashboardRecord():
                return DashboardTarget(await resolve_dashboard(self.context.store, self.context.live, record))
        live = await self.context.live.registry.find_by_id(record.id)
        assert live is not None, "its record was just found"
        return LiveFigureTarget(live)

    async def make_snippets(self, link: Link, link_target: LinkTarget, token: str) -> Snippets:
        """Return the snippets of a link, which show the version that it shows."""
        if link.version is not None:
            link_target = FigureTarget(await self.context.store.figures.get(link.target.id, link.version))
        return link_target.make_snippets(self.base.link(token))

    def find_reach(self, kind: str) -> Reach | None:
        """Return the ways to others, where a link of this kind opens only on this machine."""
        if not self.base.is_local:
            return None
        reach = find_reach(self.context.addresses, self.context.team)
        return reach if kind == FIGURE else replace(reach, team=None)

    def make_parser(self) -> LinkParser:
        context = self.context
        return LinkParser(context.config.link_max_seconds, context.store.clock(), context.audiences)

    async def _find_record(self, target: Target) -> Record | None:
        store = self.context.store
        if target.kind == FIGURE:
            return await store.figures.find(target.id)
        if target.kind == LIVE:
            return await store.live.find(target.id)
        return await store.dashboards.find(target.id)


class TargetLinksHandler(OwnedLinksHandler):
    """``/api/figures/{id}/links``, ``/api/live/{id}/links`` and ``/api/dashboards/{id}/links``."""

    scopes = {"GET": READ_OR_PUBLISH, "HEAD": READ_OR_PUBLISH, "POST": PUBLISH}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    @relayed
    async def get(self, folder: str, target_id: str) -> None:
        target = Target(_KINDS[folder], target_id)
        await self.get_owned_record(target)
        await self.context.view_counter.flush()
        found = await self.context.store.links.list_for_target(target)
        self.write_json({"links": [link_json(link) for link in found]})

    head = get

    @web.authenticated
    @authorized(action="write", resource="figserve")
    @relayed
    async def post(self, folder: str, target_id: str) -> None:
        target = Target(_KINDS[folder], target_id)
        record = await self.get_owned_record(target)
        link_target = await self.open_target(record)
        body = self.json_body((*link_target.fields, "server"))
        is_by_service = isinstance(record, FigureRecord) and speaks_for_user(self)
        if body.get("server") is not None or is_by_service:
            await self._share_elsewhere(record, body)
            return
        body.pop("server", None)
        link = self.make_parser().parse_new(body, link_target, target)
        await check_names(self.context.directory, link.users, link.groups)
        link, token = self.context.link_tokens.issue(link)
        snippets = await self.make_snippets(link, link_target, token)
        await self.context.store.links.add(link)
        self.audit("link.created", link.id, target=f"{target.kind}/{target.id}", audience=link.audience)
        hint = explain_missing_data(record) if link.data and isinstance(record, FigureRecord) else None
        self.write_json(created_link_json(link, snippets, self.base, self.find_reach(target.kind), hint), 201)

    async def _share_elsewhere(self, record: Record, body: dict[str, Any]) -> None:
        """Respond with a link of the server of the owner's team, or of the service: others may not open this server."""
        if not isinstance(record, FigureRecord):
            raise Conflict(_ONLY_HERE[_KINDS_OF[type(record)]], code="not_a_figure")
        name, version, context = body.pop("server", None), body.get("version"), self.context
        if record.owner != self.principal.owner or record.owner != context.config.owner:
            raise Conflict("The team's server is for the figures of this server's user.", code="no_team_server")
        if not isinstance(name, str | None):
            raise InvalidInput('server must be the URL of a server that you are connected to, or "team".')
        if isinstance(version, int) and not isinstance(version, bool):
            record = await context.store.figures.get(record.id, version)
        server: Peer | None = context.service if name is None else context.team.get_server(name)
        assert server is not None, "a name, or the service"
        link = await self.run_until_disconnect(context.team.share(server, record, body))
        self.audit("link.created_elsewhere", record.id, server=server.url)
        self.write_json(link, 201)


class LinksHandler(OwnedLinksHandler):
    """``/api/links``."""

    scopes = {"GET": READ_OR_PUBLISH, "HEAD": READ_OR_PUBLISH}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        await self.context.view_counter.flush()
        limit = self.limit_argument()
        figure, cursor = (self.get_query_argument(name, None) for name in ("figure", "cursor"))
        sees_all = Scope.ADMIN in self.principal.scopes and not self.principal.is_login
        owner = None if sees_all else self.principal.owner
        list_page = partial(list_own, self.context.store, owner, figure)
        found, next_cursor = await list_in_parts(list_page, listed_link_json, limit, cursor)
        self.write_json({"links": found, "next": next_cursor})

    head = get


class FindLinkHandler(OwnedLinksHandler):
    """``/api/links/find``: the link of a URL, for an owner who wants to revoke a URL."""

    scopes = {"POST": PUBLISH}

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def post(self) -> None:
        """Respond with the link of a URL. A POST, because the URL is secret and logs contain the address of a GET."""
        url = self.json_body(("url",)).get("url")
        address = find_link_address(url) if isinstance(url, str) else None
        if address is None:
            raise InvalidInput("Give url as the link's URL, which ends in /f/ and 32 letters, digits, - and _.")
        link = await self.context.store.links.find_by_token(address.token)
        if link is None:
            raise NotFound("There is no such link.")
        self.write_json(link_json(await self.get_owned_link(link.id)))


class LinkHandler(OwnedLinksHandler):
    """``/api/links/{id}``."""

    scopes = {"GET": READ_OR_PUBLISH, "HEAD": READ_OR_PUBLISH, "PATCH": PUBLISH, "DELETE": PUBLISH}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    @relayed
    async def get(self, link_id: str) -> None:
        await self.context.view_counter.flush()
        self.write_json(link_json(await self.get_owned_link(link_id)))

    head = get

    @web.authenticated
    @authorized(action="write", resource="figserve")
    @relayed
    async def patch(self, link_id: str) -> None:
        link, body = await self.get_owned_link(link_id), self.json_body(CHANGE_FIELDS)
        record = await self._find_record(link.target)
        assert record is not None, "it was just found"
        parser, link_target = self.make_parser(), await self.open_target(record)
        changes = parser.parse_changes(body, link_target, link)
        users, groups = (set(changes.get(name, ())) - set(getattr(link, name)) for name in ("users", "groups"))
        await check_names(self.context.directory, sorted(users), sorted(groups))
        # Of two that change the link at the same time, the second one changes what the first has made of it.
        changed = await self.context.store.links.change(
            link, lambda current: parser.parse_changes(body, link_target, current)
        )
        await self._audit_changes(link, changed, sorted(body))
        await self.context.events.wake()
        self.write_json(link_json(changed))

    @web.authenticated
    @authorized(action="write", resource="figserve")
    @relayed
    async def delete(self, link_id: str) -> None:
        link = await self.get_owned_link(link_id)
        await self.context.store.links.revoke(link)
        await self.audit_link("link.revoked", link)
        await self.context.events.wake()
        self.write_no_content()

    async def _audit_changes(self, link: Link, changed: Link, fields: list[str]) -> None:
        action = "link.changed"
        if changed.paused != link.paused:
            action = "link.paused" if changed.paused else "link.resumed"
        await self.audit_link(action, link, fields=fields, audience=changed.audience)


class LinkSizesHandler(OwnedLinksHandler):
    """``/api/links/{id}/sizes``: signs another size in which the link serves its figure."""

    scopes = {"POST": PUBLISH}

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def post(self, link_id: str) -> None:
        link = await self.get_owned_link(link_id)
        if link.target.kind != FIGURE:
            raise NotFound("There is no such link.")
        body = self.json_body(("format", *SIZE_FIELDS))
        row = get_render_format(body.get("format") or "png")
        size = size_to_query(parse_size(body, row.name, self.context.config))
        signature = self.context.query_signer.sign("link", link.id, row.name, size)
        self.write_json({"format": row.name, "query": urlencode([*size, ("sig", signature)])}, 201)
