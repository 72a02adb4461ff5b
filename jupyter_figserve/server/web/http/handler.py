"""What every handler of ours shares: which headers, how errors answer, how JSON comes in. Server process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Mapping
from http.client import responses
from typing import Any, ClassVar, TypeVar

from jupyter_server.base.handlers import JupyterHandler
from tornado import web

from .... import errors
from ....model.figures import FigureRecord
from ....model.formats import FORMATS, Format
from ....sandbox.renderer import DrawOptions
from ...services.addresses import PublicBase
from ...services.rendering.sizes import SIZE_FIELDS, read_sizes
from ..context import AppContext
from . import security_headers

T = TypeVar("T")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_JSON_LIMIT = 64 * 1024
_KNOWN_HOSTS = 64
_WORDS = {
    400: ("malformed", "The request is malformed."),
    403: ("forbidden", "That is not allowed."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not answer that method."),
    413: ("too_large", "The request is too large."),
    500: ("internal_error", "Something went wrong on the server; its log says what."),
}


class FigServeHandler(JupyterHandler):
    """Base of all; concrete ones derive from ``PublicHandler`` or ``private.PrivateHandler``."""

    is_page: ClassVar[bool] = False
    """Whether people open it in a browser, so that errors are pages and a missing login is the login form."""
    redacted_path: ClassVar[str | None] = None
    """What logs say instead of the path, where the path holds a secret."""

    @property
    def context(self) -> AppContext:
        context: AppContext = self.settings["figserve"]
        return context

    @property
    def base(self) -> PublicBase:
        return self.context.addresses.base(self.request)

    def set_default_headers(self) -> None:
        for name, value in security_headers.JSON_HEADERS.items():
            self._headers[name] = value

    def replace_headers(self, values: Mapping[str, str]) -> None:
        """Put one of the tables of headers.py in the place of JSON's.

        The values are ours and well-formed, so that tornado's check of each is not needed on the way of every picture.
        """
        for name in security_headers.JSON_HEADERS:
            if name not in values:
                self.clear_header(name)
        for name, value in values.items():
            self._headers[name] = value

    @property
    def is_cross_site(self) -> bool:
        """Whether another site's page made the browser ask; browsers that do not say count as a person's own hand.

        Source: w3.org/TR/fetch-metadata.
        """
        return self.request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")

    _work: asyncio.Task[Any] | None = None

    async def run_until_disconnect(self, work: Coroutine[Any, Any, T]) -> T:
        """Do ``work``, which is cancelled when the client goes away; then the request ends without an answer."""
        task: asyncio.Task[T] = asyncio.ensure_future(work)
        self._work = task
        try:
            return await task
        except asyncio.CancelledError:
            raise web.Finish from None

    def on_connection_close(self) -> None:
        if self._work is not None:
            self._work.cancel()
        super().on_connection_close()

    def check_host(self) -> bool:
        """As Jupyter checks it, and remembered: the answer depends on the name alone."""
        known, host = self.context.known_hosts, self.request.host
        if host not in known:
            if not (self.context.addresses.is_own_host(host) or super().check_host()):
                return False
            if len(known) < _KNOWN_HOSTS:
                known.add(host)
        return True

    def compute_etag(self) -> str | None:
        """Ours come from digests; hashing every answer would cost more than making it."""
        return None

    def initialize(self) -> None:
        """Before anything can fail: a method that nobody knows is refused, and logged, without ``prepare``."""
        self.redact()

    def redact(self) -> None:
        """Make sure that no log line of ours, Jupyter's or tornado's shows what is secret in the address."""
        if self.redacted_path is not None:
            self.request.uri = self.context.addresses.prefix + self.redacted_path
        elif "token" in self.request.query:
            self.request.uri = self.request.path

    def _log(self) -> None:
        """Jupyter's line for errors quotes the Referer, which may be a link."""
        if "Referer" in self.request.headers:
            del self.request.headers["Referer"]
        super()._log()

    def write_json(self, data: Any, status: int = 200) -> None:
        for name, value in security_headers.JSON_HEADERS.items():
            if name not in self._headers:
                self._headers[name] = value
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(json.dumps(data, ensure_ascii=False))

    @property
    def relative_root(self) -> str:
        """Our prefix as a relative path from this page, so that any proxy may put it elsewhere."""
        below = self.request.path.removeprefix(self.context.addresses.prefix).count("/")
        return "/".join([".."] * (below - 1)) or "."

    def write_page(
        self,
        template: str,
        *,
        ancestors: str = security_headers.NONE,
        frames: str = security_headers.NONE,
        **names: Any,
    ) -> None:
        """Render one of our templates under the pages' policy."""
        cache = self._headers.get("Cache-Control")
        self.replace_headers(
            security_headers.page_headers(ancestors, frames) | {"Cache-Control": cache or "private, no-store"}
        )
        self.set_header("Content-Type", "text/html; charset=utf-8")
        page = self.context.templates.get_template(template)
        self.finish(page.render(base=self.base, root=self.relative_root, **names))

    def signed_frame_url(self, record: FigureRecord, link: str | None) -> tuple[str, str]:
        """For a page that shows HTML: the frame's relative address for a minute, and the policy's source for it."""
        signed = self.context.frame_signer.sign(record.id, record.version.number, link)
        return f"{self.relative_root}/frame/{signed}.html", self.csp_frame_sources("frame")

    def csp_frame_sources(self, *folders: str) -> str:
        """The policy's sources for frames below these paths of ours."""
        hosts = {self.request.host + self.context.addresses.prefix, self.base.url.partition("://")[2]}
        return " ".join(sorted(f"{host}/{folder}/" for host in hosts for folder in folders))

    def json_body(self, allowed: tuple[str, ...], limit: int = _JSON_LIMIT) -> dict[str, Any]:
        """The request's JSON object.

        Raises
        ------
        InvalidInput
            When it is none, or has a field that is not in ``allowed``.
        """
        if len(self.request.body) > limit:
            raise errors.TooLarge(f"The request has more than {limit:,} bytes of JSON.")
        try:
            data = json.loads(self.request.body or b"{}")
        except (ValueError, RecursionError) as error:
            raise errors.InvalidInput("The body is not JSON.", code="invalid_json") from error
        if not isinstance(data, dict):
            raise errors.InvalidInput("The body is JSON but not an object.", code="invalid_json")
        unknown = sorted(set(data) - set(allowed))
        if unknown:
            raise errors.InvalidInput(f"There is no field {unknown[0]!r:.60}; the fields are {', '.join(allowed)}.")
        return data

    def int_argument(self, name: str, default: int | None = None, least: int = 1) -> int | None:
        """A whole number of the query.

        Raises
        ------
        InvalidInput
            When it is there but not a whole number, or less than ``least``.
        """
        text = self.get_query_argument(name, None)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= least):
            raise errors.InvalidInput(f"{name}={text[:40]!r} is not a whole number from {least} on.")
        return int(text)

    def draw_options(self, row: Format) -> DrawOptions:
        """How a figure is asked for, from the query; HTML has one form."""
        given = {name: self.raw_query_argument(name) for name in SIZE_FIELDS if name in self.request.query_arguments}
        # A form sends its empty fields too.
        query = {name: value for name, value in given.items() if value}
        if row is FORMATS["html"]:
            return DrawOptions(format=row.name)
        return read_sizes(query, row.name, self.context.config.render)

    def raw_query_argument(self, name: str) -> str:
        """Text of the query as it was sent; tornado's own reader trims it and makes spaces of control characters."""
        return self.decode_argument(self.request.query_arguments[name][-1], name)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None))[1]
        code, message = _WORDS.get(status_code, ("error", responses.get(status_code, "Error") + "."))
        if isinstance(error, errors.FigServeError):
            status_code, code, message = error.status, error.code, error.message
        self.set_status(status_code)
        self._set_error_headers(status_code, error)
        if self._wants_page():
            self.write_page("base/error.html", status=status_code, message=message)
        else:
            self.write_json({"error": message, "code": code, **self.error_details(error)}, status_code)

    def error_details(self, error: object) -> dict[str, Any]:
        """What an error's JSON says besides, for those who may know it."""
        return {}

    def log_exception(self, kind: Any, value: Any, traceback: Any) -> None:
        """Domain errors are answers, not incidents; of the others, the log never shows a secret path."""
        if not isinstance(value, errors.FigServeError):
            super().log_exception(kind, value, traceback)

    def _request_summary(self) -> str:
        return f"{self.request.method} {self.request.uri} ({self.request.remote_ip})"

    def _set_error_headers(self, status: int, error: object) -> None:
        if isinstance(error, errors.RetryLater):
            self.set_header("Retry-After", str(error.retry_after))
        if isinstance(error, errors.RangeNotSatisfiable):
            self.set_header("Content-Range", f"bytes */{error.size}")
        if status == 401:
            self.set_header("WWW-Authenticate", 'Bearer realm="figserve"')
        if status == 405:
            allowed = [m for m in self.SUPPORTED_METHODS if getattr(type(self), m.lower()) is not _UNIMPLEMENTED]
            self.set_header("Allow", ", ".join(allowed))

    def _wants_page(self) -> bool:
        return self.is_page and "text/html" in self.request.headers.get("Accept", "")


_UNIMPLEMENTED = web.RequestHandler._unimplemented_method


class PublicHandler(FigServeHandler):
    """Asks nobody who they are; neither a cookie nor a token makes a difference, and none is set."""

    def prepare(self) -> None:  # type: ignore[override]
        self.current_user = self._jupyter_current_user = None
        if not self.check_host():
            raise errors.Forbidden("This server does not answer under that host name.", code="unknown_host")
        if "token=" in self.request.query and "token" in self.request.query_arguments:
            raise errors.InvalidInput("No token belongs into this address; open it without one.", code="token_in_query")

    def check_xsrf_cookie(self) -> None:
        """Nothing here acts for a logged-in person."""


class MissingHandler(PublicHandler):
    """Whatever lies under our prefix and is no route: never Jupyter's HTML page, which holds the server's token."""

    is_page = True
    redacted_path = "/[unknown]"
    """A link with one letter wrong before its token comes here too."""

    def prepare(self) -> None:  # type: ignore[override]
        super().prepare()
        raise errors.NotFound("There is nothing at this address.")
