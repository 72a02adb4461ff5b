"""Links onto dashboards for those who make them. Server process."""

from __future__ import annotations

import asyncio
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from ....errors import Conflict, Forbidden, InvalidInput
from ....model.keys import PUBLISH, READ_OR_PUBLISH
from ....model.links import DASHBOARD, DEFAULT_LINK_LIFE, Link, Target, check_label, hash_secret, new_link_id, new_token
from ....model.parameters import Parameters
from ....store.catalog import links
from ...services.dashboards.resolver import ResolvedDashboard
from ..context import AppContext
from ..dashboards.handlers import DashboardBase
from ..http import json_views
from .handlers import parse_expiry_argument

_FIELDS = ("expires", "label", "audience", "lock", "allow")


class DashboardLinksHandler(DashboardBase):
    """``/api/dashboards/{id}/links``."""

    scopes = {"GET": READ_OR_PUBLISH, "HEAD": READ_OR_PUBLISH, "POST": PUBLISH}

    @web.authenticated
    @authorized(action="read", resource="figserve")
    async def get(self, dashboard_id: str) -> None:
        record = self.get_owned_dashboard(dashboard_id)
        await self.context.view_counter.flush()
        found = links.for_target(self.context.store.catalog.reader, Target(DASHBOARD, record.id))
        self.write_json({"links": [json_views.dashboard_link(link) for link in found]})

    head = get

    @web.authenticated
    @authorized(action="write", resource="figserve")
    async def post(self, dashboard_id: str) -> None:
        record, context, token = self.get_owned_dashboard(dashboard_id), self.context, new_token()
        dashboard = self.resolve(record)
        _check_switches(context, dashboard)
        link = _read_link(self.json_body(_FIELDS), dashboard, context, hash_secret(token))
        await asyncio.wrap_future(context.store.add_link(link))
        self.write_json(json_views.new_dashboard_link(link, dashboard, token, self.base), 201)


def _check_switches(context: AppContext, dashboard: ResolvedDashboard) -> None:
    if not context.config.allow_public_shares:
        raise Forbidden(
            "Links that open without login are switched off here; an admin can allow them"
            " (FigServe.allow_public_shares).",
            code="public_shares_off",
        )
    if not context.config.allow_public_live and any(panel.target for panel in dashboard.panels):
        raise Forbidden(
            "Links onto live figures are switched off here, and this dashboard has some; an admin can allow them"
            " (FigServe.allow_public_live).",
            code="public_live_off",
        )


def _read_link(body: dict[str, Any], dashboard: ResolvedDashboard, context: AppContext, token_hash: str) -> Link:
    if body.get("audience") not in (None, "link"):
        raise Conflict('Only a JupyterHub knows people and groups; here the audience is "link".', code="no_hub")
    lock, allow, now = body.get("lock") or {}, body.get("allow") or [], context.store.clock()
    if not isinstance(lock, dict) or not isinstance(allow, list) or not all(isinstance(one, str) for one in allow):
        raise InvalidInput("lock is an object of values, and allow a list of names.")
    return Link(
        id=new_link_id(),
        token_hash=token_hash,
        target=Target(DASHBOARD, dashboard.record.id),
        created=now,
        expires=parse_expiry_argument(body.get("expires", DEFAULT_LINK_LIFE), context.config, now, now),
        label=check_label(body.get("label")),
        locked=_check_lock(lock, allow, dashboard),
        allowed=tuple(dict.fromkeys(allow)),
    )


def _check_lock(lock: dict[str, Any], allow: list[str], dashboard: ResolvedDashboard) -> dict[str, Any]:
    """The locked values, as each of the live figures that have the parameter would take them.

    Raises
    ------
    InvalidInput
        Naming the parameter that is not there, both locked and allowed, wrong, or missing.
    """
    known = {panel.name: panel.parameters for panel in dashboard.panels if panel.target is not None}
    names = list(dict.fromkeys(name for parameters in known.values() for name in parameters.names))
    for name in (*lock, *allow):
        if name not in names:
            raise InvalidInput(f"No live panel has a parameter {name!r:.60}; there are {', '.join(names) or 'none'}.")
    for name in allow:
        if name in lock:
            raise InvalidInput(f"{name} cannot be both locked and allowed.")
    locked: dict[str, Any] = {}
    for place, parameters in known.items():
        locked.update(_check_place(place, parameters, lock))
        for item in parameters.items:
            if item.is_required and item.name not in lock and item.name not in allow:
                raise InvalidInput(
                    f"{item.name} of panel {place} has no default: lock a value of it, or allow it to be moved."
                )
    return locked


def _check_place(place: str, parameters: Parameters, lock: dict[str, Any]) -> dict[str, Any]:
    try:
        return parameters.check({name: value for name, value in lock.items() if name in parameters.names})
    except InvalidInput as error:
        raise InvalidInput(f"Panel {place}: {error.message}", code=error.code) from error
