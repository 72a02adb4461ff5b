"""Requests for what the JupyterHub's service has, at the server of one of its users. Server process.

JupyterLab's menu knows its own server only, and a kernel publishes to the service: what its figures and their links are
asked for here is asked there, as this server's user.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ....errors import NotFound
from ....model.keys import Scope
from ...services.links.team import forward
from .private_handler import AuthenticatedHandler

H = TypeVar("H", bound=AuthenticatedHandler)
_IMAGES = ("image/png", "image/svg+xml")


def speaks_for_user(handler: AuthenticatedHandler) -> bool:
    """Whether a request comes from the browser of the user whose server this is, on a Hub with a service."""
    caller, context = handler.principal, handler.context
    is_user = caller.is_login and caller.owner == context.config.owner and Scope.PUBLISH in caller.scopes
    return context.service is not None and is_user


def relayed(method: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., Coroutine[Any, Any, None]]:
    """Decorate a method of a handler: what is not here may be at the service."""

    @functools.wraps(method)
    async def answer(handler: H, *arguments: str) -> None:
        try:
            await method(handler, *arguments)
        except NotFound:
            # Nothing has been written yet.
            if not (speaks_for_user(handler) and await _relay(handler)):
                raise

    return answer


async def _relay(handler: AuthenticatedHandler) -> bool:
    """Pass the request on and write the answer; False where the service does not know it either."""
    service, request = handler.context.service, handler.request
    assert service is not None, "speaks_for_user() has said so"
    path = "api/" + request.path.rpartition("/api/")[2]
    query = f"?{request.query}" if request.query else ""
    sent = forward(service, str(request.method), path + query, handler.read_body())
    given = await handler.run_until_disconnect(sent)
    if given.code == 404 or 300 <= given.code < 400:
        return False
    handler.set_header("Cache-Control", "private, no-store")
    kind = given.headers.get("Content-Type", "").partition(";")[0]
    if kind == "application/json":
        found = json.loads(given.body)
        handler.write_json(found | {"server": service.url} if "id" in found else found, given.code)
        return True
    handler.set_status(given.code)
    if kind in _IMAGES:
        handler.set_header("Content-Type", kind)
        handler.write(given.body)
    handler.finish()
    return True
