"""The base of all handlers: headers, error responses, pages, cancellation. Server process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from http.client import responses
from typing import Any, ClassVar, TypeVar

from tornado import web

from .... import errors
from ....model.figures import FigureRecord
from ....model.formats import FORMATS, Format
from ....model.rendering import DrawOptions
from ...services.addresses import PublicBase
from ...services.callers import Caller, visitor_caller
from ...services.hosts import normalize_netloc
from ...services.rendering.request import SIZE_FIELDS, parse_size
from ..context import AppContext
from . import security_headers
from .access_log import AccessLogMixin
from .address_redaction import redact_uri
from .conditional_get import ConditionalGetMixin
from .content_negotiation import negotiate_page
from .login import LoginMixin
from .query import QueryMixin
from .representation import RepresentationResponse
from .visitor_turn import VisitorTurnMixin

T = TypeVar("T")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_MAX_KNOWN_HOSTS = 64
_LENIENT = "handling=lenient"
PLOT_FRAME = "plot:"
"""Replaces the version in a frame's signed URL for the plot of a session, which is named by its path."""
_MESSAGES = {
    400: ("malformed", "The request is malformed."),
    403: ("forbidden", "That is not allowed."),
    404: (errors.NotFound.code, errors.NOTHING_HERE),
    405: ("method_not_allowed", "This address does not support that method."),
    413: ("too_large", "The request is too large."),
    500: ("internal_error", "Something went wrong on the server; see its log."),
}
"""Code and message of tornado's and Jupyter's own errors."""


class FigServeHandler(AccessLogMixin, ConditionalGetMixin, QueryMixin, LoginMixin, VisitorTurnMixin):
    """Base of all handlers; concrete ones derive from ``PublicHandler`` or ``AuthenticatedHandler``."""

    redacted_path: ClassVar[str | None] = None
    """Path in log lines, for paths that contain a secret."""

    _on_disconnect: Callable[[], object] | None = None

    @property
    def context(self) -> AppContext:
        context: AppContext = self.settings["figserve"]
        return context

    @property
    def caller(self) -> Caller:
        """Whose turns the work of this request takes in queues."""
        return visitor_caller("")

    @property
    def base(self) -> PublicBase:
        """The absolute URL of our routes as this client reaches them."""
        return self.context.addresses.base(self.request)

    @property
    def relative_root(self) -> str:
        """Our prefix as a relative path from this page, so that a proxy may serve it at any path."""
        depth = self.request.path.removeprefix(self.context.addresses.prefix).count("/")
        return "/".join([".."] * (depth - 1)) or "."

    @property
    def is_cross_site(self) -> bool:
        """Whether a page of another site caused this request; False when the browser does not say.

        Source: w3.org/TR/fetch-metadata.
        """
        return self.request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")

    @property
    def is_lenient(self) -> bool:
        """Whether our script requests something that may be missing or fail, and wants that answer with status 200.

        Source: RFC 7240, section 4.4.
        """
        return self.request.method == "GET" and _LENIENT in self.request.headers.get("Prefer", "").replace(" ", "")

    def initialize(self) -> None:
        """Redact before anything can fail: an unknown method is rejected and logged without ``prepare``."""
        self.address = self.request.uri or ""
        self.redact()
        self.read_query_names()

    def redact(self) -> None:
        """Keep secrets in the URL out of the log lines of tornado, Jupyter and this package."""
        if self.redacted_path is not None:
            self.request.uri = self.context.addresses.prefix + self.redacted_path
        else:
            self.request.uri = redact_uri(self.request.uri or "")

    @property
    def is_method_implemented(self) -> bool:
        """Whether this address answers the request's method; tornado answers 405 where it does not."""
        return getattr(type(self), (self.request.method or "").lower(), None) is not _UNIMPLEMENTED

    def set_default_headers(self) -> None:
        for name, value in security_headers.JSON_HEADERS.items():
            self._headers[name] = value

    def check_host(self) -> bool:
        """Check the ``Host`` header as Jupyter does; the result depends only on the name and is cached."""
        known, host = self.context.known_hosts, self.request.host
        if host not in known:
            addresses = self.context.addresses
            if not (addresses.is_own_host(host) or addresses.is_local_host(host) or super().check_host()):
                return False
            if len(known) < _MAX_KNOWN_HOSTS:
                known.add(host)
        return True

    def require_known_host(self) -> None:
        if not self.check_host():
            raise errors.Forbidden("This server does not answer under that host name.", code="unknown_host")

    def count_wrong_token(self) -> None:
        """Count a login's token, if the request has one, as wrong against the rate limit of the client's address."""
        if "Authorization" in self.request.headers or "token" in self.request.query_arguments:
            self.context.rates.failed_attempts.count(self.request.remote_ip or "")

    def find_handover(self, response: RepresentationResponse) -> tuple[str, str] | None:
        handover = self.context.blob_handover
        # A web server that caches the response asks for its bytes.
        if handover is None or not response.is_stored or self.request.headers.get("X-Sendfile-Type") == "off":
            return None
        location = handover.find_location(response.row, response.digest)
        name = "X-Sendfile" if handover.is_by_path else "X-Accel-Redirect"
        return None if location is None else (name, location)

    def compute_etag(self) -> str | None:
        """Return None: our ETags are digests, and hashing every response would cost more than building it."""
        return None

    async def run_until_disconnect(self, work: Coroutine[Any, Any, T]) -> T:
        """Await ``work``; when the client disconnects, it is cancelled and the request ends without a response."""
        task: asyncio.Task[T] = asyncio.ensure_future(work)
        self.call_on_disconnect(task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            raise web.Finish from None

    def call_on_disconnect(self, end_work: Callable[[], object]) -> None:
        """Have the work of this request ended by ``end_work`` when the client disconnects."""
        self._on_disconnect = end_work

    def on_connection_close(self) -> None:
        if self._on_disconnect is not None:
            self._on_disconnect()
        super().on_connection_close()

    def negotiate_page(self, stored: Sequence[str] = (), *, is_complete: bool = False) -> str | None:
        """Return the format to send in place of the page; see ``content_negotiation``."""
        return negotiate_page(self.request.headers.get("Accept", ""), stored, is_complete=is_complete)

    def with_csv(self, stored: Sequence[str]) -> Sequence[str]:
        """Return the formats of a figure with CSV, where the request names that."""
        return [*stored, "csv"] if "text/csv" in self.request.headers.get("Accept", "") else stored

    def draw_options(self, row: Format) -> DrawOptions:
        """Return the size and style in the query; HTML has neither."""
        if row is FORMATS["html"]:
            return DrawOptions(format=row.name)
        given = {name: self.raw_query_argument(name) for name in SIZE_FIELDS if name in self.request.query_arguments}
        # A form sends its empty fields too.
        return parse_size({name: value for name, value in given.items() if value}, row.name, self.context.config)

    def write_json(self, data: Any, status: int = 200, *, filename: str | None = None) -> None:
        """Finish the request with JSON; ``filename`` names it where the query asks for a download."""
        for name, value in security_headers.JSON_HEADERS.items():
            if name not in self._headers:
                self._headers[name] = value
        self.set_status(status)
        if filename is not None:
            self.name_download(filename)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(json.dumps(data, ensure_ascii=False))

    def write_no_content(self) -> None:
        """Finish the request with 204 and no body."""
        self.set_status(204)
        self.finish()

    def write_page(
        self,
        template: str,
        *,
        ancestors: str = security_headers.NONE,
        frames: str = security_headers.NONE,
        **names: Any,
    ) -> None:
        """Finish the request with a template, under the Content-Security-Policy of pages."""
        cache = self._headers.get("Cache-Control")
        self.replace_headers(
            security_headers.page_headers(ancestors, frames) | {"Cache-Control": cache or "private, no-store"}
        )
        self.set_header("Content-Type", "text/html; charset=utf-8")
        page, context = self.context.templates.get_template(template), self.context
        can_embed = bool(context.config.embed_origins)
        policies = {"audiences": context.audiences, "figure_audiences": context.figure_audiences}
        common = {"base": self.base, "root": self.relative_root, "can_embed": can_embed, **policies}
        self.finish(page.render(common | names))

    def signed_frame_url(self, record: FigureRecord, link: str | None) -> tuple[str, str]:
        """Return the relative address of an HTML figure's frame, valid for a minute, and its source in the policy."""
        signed = self.context.frame_signer.sign(record.id, record.version.number, link)
        return f"{self.relative_root}/frame/{signed}.html", self.csp_frame_sources("frame")

    def signed_plot_frame(self, session: str, path: str) -> tuple[str, str]:
        """Return the address and source for a session's plot."""
        signed = self.context.frame_signer.sign(session, f"{PLOT_FRAME}{path}", None)
        return f"{self.relative_root}/frame/{signed}.html", self.csp_frame_sources("frame")

    def csp_frame_sources(self, *folders: str) -> str:
        """Return the sources of ``frame-src`` for frames below these paths of ours."""
        own = normalize_netloc(self.request.host, self.request.protocol)
        hosts = {own + self.context.addresses.prefix, self.base.url.partition("://")[2]}
        return " ".join(sorted(f"{host}/{folder}/" for host in hosts for folder in folders))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None))[1]
        status_code, code, message = self.describe_error(error, status_code)
        self.set_status(status_code)
        self.set_error_headers(status_code, error)
        if isinstance(error, (errors.UnsupportedType, errors.OutputInvalid)) and self.is_lenient:
            status_code = 200
            self.set_header("Preference-Applied", _LENIENT)
            self.set_header("Cache-Control", "private, no-store")
        if self.prefers_page():
            # Owners find their way back; a visitor's page is the same for all that does not open.
            self.write_page("base/error.html", status=status_code, message=message, is_own=hasattr(self, "principal"))
        else:
            self.write_json({"error": message, "code": code, **self.error_details(error)}, status_code)

    def describe_error(self, error: object, status: int = 500) -> tuple[int, str, str]:
        if isinstance(error, errors.FigServeError):
            return error.status, error.code, error.message
        return status, *_MESSAGES.get(status, ("error", responses.get(status, "Error") + "."))

    def error_details(self, error: object) -> dict[str, Any]:
        """Return further fields of an error's JSON, for callers who may see them."""
        return {}

    def log_exception(self, kind: Any, value: Any, traceback: Any) -> None:
        """Log exceptions other than domain errors, which are ordinary responses."""
        if not isinstance(value, errors.FigServeError):
            super().log_exception(kind, value, traceback)

    def _request_summary(self) -> str:
        return f"{self.request.method} {self.request.uri} ({self.request.remote_ip})"

    def set_error_headers(self, status: int, error: object) -> None:
        if isinstance(error, errors.RetryLater):
            self.set_header("Retry-After", str(error.retry_after))
        if isinstance(error, errors.RangeNotSatisfiable):
            self.set_header("Content-Range", f"bytes */{error.size}")
        if status == 401:
            self.set_header("WWW-Authenticate", 'Bearer realm="figserve"')
        if status == 405:
            allowed = [m for m in self.SUPPORTED_METHODS if getattr(type(self), m.lower()) is not _UNIMPLEMENTED]
            self.set_header("Allow", ", ".join(allowed))

    def prefers_page(self) -> bool:
        return self.is_page and "text/html" in self.request.headers.get("Accept", "")


_UNIMPLEMENTED = web.RequestHandler._unimplemented_method
