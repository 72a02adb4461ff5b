"""HTTP client of a JupyterHub's service, for a kernel that is registered there, or a script: it tries again. Kernel."""

from __future__ import annotations

import time
from collections.abc import Callable

from ...errors import NotConnected, Unauthorized, Unavailable
from .client import FigServeClient
from .connection_pool import HttpRequest, HttpResponse
from .responses import is_json

_DELAYS = (0.3, 0.7, 1.5)
"""Seconds to wait before trying again: a service that restarts is back soon."""
_PROXY_STATUSES = (502, 503, 504)


class HubServiceClient(FigServeClient):
    """A client that never gives up for another server: the kernel's figures and links are the service's."""

    def _send_once(self, request: HttpRequest, meanwhile: Callable[[], None] | None = None) -> HttpResponse:
        for delay in _DELAYS:
            try:
                response = self._pool.send(request, meanwhile)
            except NotConnected as error:
                if error.code != "unreachable":
                    raise
            else:
                if not _is_of_proxy(response):
                    return self._check(response)
            meanwhile = None
            time.sleep(delay)
        try:
            response = self._pool.send(request, meanwhile)
        except NotConnected as error:
            raise self._unavailable(error.message) from error
        if _is_of_proxy(response):
            raise self._unavailable(f"The proxy answers {response.status}.")
        return self._check(response)

    def _check(self, response: HttpResponse) -> HttpResponse:
        try:
            return super()._check(response)
        except Unauthorized as error:
            if not self.has_key:
                raise
            raise Unauthorized(
                f"The figserve service {self.address.url} does not know this kernel any more. Its Jupyter server"
                " registers it again within half a minute; else restart the kernel.",
                code=error.code,
            ) from error

    def _unavailable(self, reason: str) -> Unavailable:
        return Unavailable(
            f"The figserve service of this JupyterHub, {self.address.url}, does not answer. {reason} Run this again in"
            " a moment; nothing was stored elsewhere.",
            code="service_unavailable",
            retry_after=5,
        )


def _is_of_proxy(response: HttpResponse) -> bool:
    """Whether the Hub's proxy answers because it does not reach the service."""
    return response.status in _PROXY_STATUSES and not is_json(response.headers)
