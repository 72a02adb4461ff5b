"""The access log: one structured line for each request to our routes. Server process.

``access method=GET path=/figserve/figures/AbC.png status=200 bytes=25012 ms=1.8 user=ada key=k1 ip=127.0.0.1``

It replaces the lines of Jupyter and tornado, and contains no secret: a path with a token or with signed code is
replaced as a whole, and what is in an address by mistake is cut out (``address_redaction``).
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import urlsplit

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.prometheus.metrics import HTTP_REQUEST_DURATION_SECONDS
from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler

from ...services.monitoring.metrics import METHODS
from .address_redaction import redact_uri

_MAX_PATH_LENGTH = 500
_PLAIN = re.compile(r"[\x21\x23-\x3c\x3e-\x7e][\x21\x23-\x7e]*")
"""Text that needs no quotes: printable ASCII without spaces and quotes."""
_PLAIN_FIELDS = re.compile(rf"[a-z]+={_PLAIN.pattern}(?: [a-z]+={_PLAIN.pattern})*")
_observers: dict[tuple[type, str | None, int], Callable[[float], None]] = {}
"""Jupyter's metrics by handler, method and status; looking one up by its labels takes longer than counting."""


class AccessLogMixin(JupyterHandler):
    """Adds the access log to a handler."""

    link_id: str | None = None
    """The link that the request used."""
    is_stream = False
    """Whether the response lasts as long as a page is open."""
    logs_success: ClassVar[bool] = True
    """Whether requests that succeed are logged, too."""
    _body_bytes = 0

    def write(self, chunk: str | bytes | dict[str, Any]) -> None:
        super().write(chunk)
        self._body_bytes += len(self._write_buffer[-1])

    def _log(self) -> None:
        """Log the request, and count it in our metrics and in Jupyter's."""
        context, request = self.settings["figserve"], self.request
        config, status = context.config, self.get_status()
        seconds = None if self.is_stream else request.request_time()
        context.monitoring.metrics.record_request(
            type(self).__name__, request.method, status, seconds, self._sent_bytes
        )
        if not config.access_log and (status >= 400 or config.logs_success):
            # Jupyter quotes the Referer of errors, which may be a link.
            if "Referer" in request.headers:
                del request.headers["Referer"]
            super()._log()
            return
        if status < 400 and not self.logs_success:
            return
        level = logging.INFO if status < 400 else logging.WARNING if status < 500 else logging.ERROR
        if config.access_log and self.log.isEnabledFor(level):
            write_access_line(self.log, level, self._access_fields(status))
        record_for_jupyter(type(self), request, status)

    @property
    def _sent_bytes(self) -> int:
        has_body = self.request.method != "HEAD" and self.get_status() not in (204, 304)
        return self._body_bytes if has_body else 0

    def _access_fields(self, status: int) -> dict[str, object]:
        request, principal = self.request, getattr(self, "principal", None)
        person = {"user": principal.person, "key": principal.key.id if principal.key else "login"} if principal else {}
        path = (request.uri or "")[:_MAX_PATH_LENGTH]
        return access_fields(request, path, status, self._sent_bytes, person=person, link=self.link_id)


def access_fields(
    request: HTTPServerRequest,
    path: str,
    status: int,
    size: int,
    *,
    person: Mapping[str, object] = MappingProxyType({}),
    link: str | None = None,
) -> dict[str, object]:
    """Return the fields of a request's line, in their order.

    Parameters
    ----------
    path
        The request's address, redacted.
    size
        Bytes of the body that was sent.
    person
        Who sent the request and with which key; empty for a visitor.
    link
        Id of the link that the request used.
    """
    elapsed = round(1000 * request.request_time(), 1)
    fields = {"method": request.method, "path": path, "status": status, "bytes": size, "ms": elapsed, **person}
    if link is not None:
        fields["link"] = link
    fields["ip"] = request.remote_ip
    return fields


def write_access_line(log: logging.Logger, level: int, fields: dict[str, object]) -> None:
    # The logger's own methods search the stack for the caller's line, which takes as long as all the rest.
    record = log.makeRecord(
        log.name, level, __file__, 0, "access %s", (_to_text(fields),), None, extra={"figserve_access": fields}
    )
    log.handle(record)


def record_for_jupyter(handler: type, request: HTTPServerRequest, status: int) -> None:
    """Count a request in the metrics of the Jupyter server, as its own handlers do."""
    key = (handler, request.method, status)
    observe = _observers.get(key)
    if observe is None:
        name = f"{handler.__module__}.{handler.__name__}"
        labels = {"method": request.method, "handler": name, "status_code": status}
        observe = HTTP_REQUEST_DURATION_SECONDS.labels(**labels).observe
        if request.method in METHODS:
            _observers[key] = observe
    observe(request.request_time())


def redact_other_lines(settings: dict[str, Any]) -> None:
    """Redact the addresses that the log has of requests to other handlers.

    A link whose address was mistyped, such as one without the base URL, leads to Jupyter's own handlers.
    """
    log_request = settings.get("log_function")
    if log_request is None:
        return

    def log_redacted(handler: RequestHandler, *args: Any, **kwargs: Any) -> None:
        request = handler.request
        request.uri = _parseable(redact_uri(request.uri or ""))
        if "Referer" in request.headers:
            request.headers["Referer"] = _parseable(redact_uri(request.headers["Referer"]))
        log_request(handler, *args, **kwargs)

    settings["log_function"] = log_redacted


def _parseable(uri: str) -> str:
    """Return an address that Jupyter's log can parse: brackets where a host would be are taken for an IPv6 address."""
    try:
        urlsplit(uri)
    except ValueError:
        return uri.replace("[", "%5B").replace("]", "%5D")
    return uri


def _to_text(fields: dict[str, object]) -> str:
    """Return the fields as text: plain values as they are, and those that could forge a line as JSON."""
    text = " ".join([f"{name}={value}" for name, value in fields.items()])
    # One search for all: text of so many words has no spaces, quotes or control characters within a value.
    if _PLAIN_FIELDS.fullmatch(text) and text.count(" ") == len(fields) - 1:
        return text
    return " ".join(f"{name}={_quote(value)}" for name, value in fields.items())


def _quote(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
