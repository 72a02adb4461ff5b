"""Requests for what the JupyterHub's service has, at the server of one of its users. Server process.

JupyterLab's menu knows its own server only, and a kernel publishes to the service: what its figures and their links are
asked for here is asked there, as this server's user.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from ....errors import NotFound
from ....model.formats import get_format_of_mimetype
from ....model.keys import Scope
from ...services.events.subscriber import Subscriber
from ...services.links.team import forward
from .private_handler import AuthenticatedHandler
from .security_headers import image_headers

H = TypeVar("H", bound=AuthenticatedHandler)
SERVICE = "service"
"""Value of ``at`` that asks for the service's list or events; a server without a service has its own alone."""


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


def relay_events(handler: AuthenticatedHandler, subscriber: Subscriber) -> AbstractContextManager[None]:
    """Return a context in which a subscriber gets the service's events too, where the request asks for them."""
    service = handler.context.service
    if service is None or handler.get_query_argument("at", "") != SERVICE or not speaks_for_user(handler):
        return nullcontext()
    return service.events.passed_on_to(subscriber)


async def relay_list(handler: AuthenticatedHandler) -> bool:
    """Respond with the list of the service, where the request asks for that one; False elsewhere."""
    return handler.get_query_argument("at", "") == SERVICE and speaks_for_user(handler) and await _relay(handler)


async def _relay(handler: AuthenticatedHandler) -> bool:
    """Pass the request on and write the answer; False where the service does not know it either."""
    service, request = handler.context.service, handler.request
    assert service is not None, "speaks_for_user() has said so"
    path = request.path.removeprefix(handler.context.addresses.prefix).lstrip("/")
    query = f"?{request.query}" if request.query else ""
    sent = forward(service, str(request.method), path + query, handler.read_body())
    given = await handler.run_until_disconnect(sent)
    if given.code == 404 or 300 <= given.code < 400:
        return False
    kind = given.headers.get("Content-Type", "").partition(";")[0]
    if kind.startswith("image/"):
        handler.replace_headers(image_headers(get_format_of_mimetype(kind), public=False))
        handler.set_header("Content-Type", kind)
        handler.write(given.body)
    elif kind == "application/json" and given.body:
        found = json.loads(given.body)
        is_named = "id" in found or "figures" in found
        handler.write_json(found | {"server": service.url} if is_named else found, given.code)
        return True
    elif given.body:
        # Documents have policies and frames of their own there.
        return False
    handler.set_header("Cache-Control", "private, no-store")
    handler.set_status(given.code)
    handler.finish()
    return True
