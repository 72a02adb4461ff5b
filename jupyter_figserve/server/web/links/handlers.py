"""Links over HTTP for those who make them: make, list, change, revoke. Server process."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import Conflict, Forbidden, InvalidInput, NotFound
from ....model.figures import FigureRecord
from ....model.keys import PUBLISH, READ_OR_PUBLISH
from ....model.links import (
    DASHBOARD,
    DEFAULT_LINK_LIFE,
    FIGURE,
    LIVE,
    Link,
    Target,
    check_label,
    find_token,
    hash_secret,
    new_link_id,
    new_token,
)
from ....model.queries import DEFAULT_LIMIT, MAX_LIMIT
from ....model.times import parse_expiry
from ....store.catalog import dashboards, links, live_figures
from ....store.catalog.pagination import encode_cursor
from ...services.rendering.request import SIZE_FIELDS, get_render_format, parse_size, size_to_query
from ..context import HandlerConfig
from ..http import json_views
from ..http.private_handler import AuthenticatedHandler

_FIELDS = ("expires", "label", "views", "version", "audience", "users", "groups", "lock", "allow")
_MAX_VIEWS = 1_000_000


class FigureLinksHandler(AuthenticatedHandler):
    """``/api/figures/{id}/links``."""

    scopes = {"GET": READ_OR_PUBLISH, "HEAD": READ_OR_PUBLISH, "POST": PUBLISH}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, figure_id: str) -> None:
        record = self.get_owned_figure(figure_id)
        await self.context.view_counter.flush()
        found = links.for_target(self.context.store.catalog.reader, Target(FIGURE, record.id))
        self.write_json({"links": [json_views.link_json(link) for link in found]})

    head = get

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def post(self, figure_id: str) -> None:
        record = self.get_owned_figure(figure_id)
        config, store, token = self.context.config, self.context.store, new_token()
        if not config.allow_public_shares:
            raise Forbidden(
                "Links that open without login are switched off here; an admin can allow them"
                " (FigServe.allow_public_shares).",
                code="public_shares_off",
            )
        link = _read_link(self.json_body(_FIELDS), record, config, store.clock(), hash_secret(token))
        shown = store.get_figure(record.id, link.version) if link.version else record
        await asyncio.wrap_future(store.add_link(link))
        self.write_json(json_views.created_link_json(link, shown, token, self.base), 201)


class LinksHandler(AuthenticatedHandler):
    """``/api/links``."""

    scopes = {"GET": READ_OR_PUBLISH, "HEAD": READ_OR_PUBLISH}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self) -> None:
        await self.context.view_counter.flush()
        limit = min(self.int_argument("limit", DEFAULT_LIMIT) or DEFAULT_LIMIT, MAX_LIMIT)
        owner = self.principal.owner_filter
        reader, cursor = self.context.store.catalog.reader, self.get_query_argument("cursor", None)
        found = links.list_for_owner(reader, owner, self.get_query_argument("figure", None), limit + 1, cursor)
        following = encode_cursor(found[limit - 1].created, found[limit - 1].id) if len(found) > limit else None
        self.write_json({"links": [json_views.link_json(link) for link in found[:limit]], "next": following})

    head = get


class FindLinkHandler(AuthenticatedHandler):
    """``/api/links/find``: which link a URL is, for who has the URL and wants to revoke it."""

    scopes = {"POST": PUBLISH}

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def post(self) -> None:
        """A POST, since the URL is a secret, which an address of a GET would show to every log."""
        url = self.json_body(("url",)).get("url")
        token = find_token(url) if isinstance(url, str) else None
        if token is None:
            raise InvalidInput("Give url as the link's URL, which ends in /f/ and 32 letters, digits, - and _.")
        store = self.context.store
        reader = store.catalog.reader
        link = links.find_by_token(reader, token)
        if link is None:
            raise NotFound("There is no such link.")
        self.write_json(json_views.any_link_json(get_owned_link(self, link.id)))


class LinkHandler(AuthenticatedHandler):
    """``/api/links/{id}``."""

    scopes = {"GET": READ_OR_PUBLISH, "HEAD": READ_OR_PUBLISH, "PATCH": PUBLISH, "DELETE": PUBLISH}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, link_id: str) -> None:
        await self.context.view_counter.flush()
        self.write_json(json_views.any_link_json(get_owned_link(self, link_id)))

    head = get

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def patch(self, link_id: str) -> None:
        link = get_owned_link(self, link_id)
        config, store = self.context.config, self.context.store
        body = self.json_body(("paused", "expires", "label"))
        changes: dict[str, Any] = {}
        if "paused" in body:
            if not isinstance(body["paused"], bool):
                raise InvalidInput("paused is true or false.")
            changes["paused"] = body["paused"]
        if "expires" in body:
            changes["expires"] = parse_expiry_argument(body["expires"], config, store.clock(), link.created)
        if "label" in body:
            changes["label"] = check_label(body["label"])
        changed = await asyncio.wrap_future(store.change_link(link, changes))
        self.context.events.wake()
        self.write_json(json_views.any_link_json(changed))

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def delete(self, link_id: str) -> None:
        await asyncio.wrap_future(self.context.store.revoke_link(get_owned_link(self, link_id)))
        self.context.events.wake()
        self.set_status(204)
        self.finish()


class LinkSizesHandler(AuthenticatedHandler):
    """``/api/links/{id}/sizes``: signs a size, so that the link shows the figure in it too."""

    scopes = {"POST": PUBLISH}

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def post(self, link_id: str) -> None:
        link, body = get_owned_link(self, link_id), self.json_body(("format", *SIZE_FIELDS))
        if link.target.kind != FIGURE:
            raise NotFound("There is no such link.")
        row = get_render_format(body.get("format") or "png")
        options = parse_size(body, row.name, self.context.config)
        asked = size_to_query(options)
        signature = self.context.query_signer.sign("link", link.id, row.name, asked)
        self.write_json({"format": row.name, "query": urlencode([*asked, ("sig", signature)])}, 201)


def get_owned_link(handler: AuthenticatedHandler, link_id: str) -> Link:
    store = handler.context.store
    reader = store.catalog.reader
    finders: dict[str, Any] = {
        FIGURE: store.find_figure,
        LIVE: lambda target: live_figures.find(reader, target),
        DASHBOARD: lambda target: dashboards.find(reader, target),
    }
    link = links.find(reader, link_id)
    shown = finders[link.target.kind](link.target.id) if link else None
    if link is None or shown is None or not handler.principal.may_see(shown.owner):
        raise NotFound("There is no such link.")
    return link


def _read_link(body: dict[str, Any], record: FigureRecord, config: HandlerConfig, now: float, token_hash: str) -> Link:
    for field in ("lock", "allow"):
        if body.get(field):
            raise InvalidInput(f"{field} is for live figures; this one has no parameters.")
    audience = body.get("audience") or "link"
    if audience not in ("link", "hub", "people"):
        raise InvalidInput('audience is "link", "hub" or "people".')
    if audience != "link" or body.get("users") or body.get("groups"):
        raise Conflict('Only a JupyterHub knows people and groups; here the audience is "link".', code="no_hub")
    return Link(
        id=new_link_id(),
        token_hash=token_hash,
        target=Target(FIGURE, record.id),
        created=now,
        expires=parse_expiry_argument(body.get("expires", DEFAULT_LINK_LIFE), config, now, now),
        version=_read_count(body.get("version"), "version"),
        label=check_label(body.get("label")),
        views=_read_count(body.get("views"), "views"),
    )


def parse_expiry_argument(value: object, config: HandlerConfig, now: float, created: float) -> float | None:
    expires = parse_expiry(DEFAULT_LINK_LIFE if value is None else value, now)
    longest = config.link_max_seconds
    if longest is not None and (expires is None or expires > created + longest + 1):
        raise InvalidInput(
            f"Links may live {longest / 86_400:g} days here at most (FigServe.link_max_age).", code="link_too_long"
        )
    return expires


def _read_count(value: object, name: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MAX_VIEWS:
        raise InvalidInput(f"{name} is a whole number from 1 to {_MAX_VIEWS:,}.")
    return value
