"""HTTP client of one server: JSON and bytes, one credential, errors as exceptions. Kernel."""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any
from urllib.parse import unquote, urlencode

from ...errors import InvalidInput, ServerError, Unavailable
from .address import Address
from .connection_pool import ConnectionPool, HttpRequest, HttpResponse
from .json_body import encode_json
from .responses import is_json, parse_json, to_error, to_plain_text

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 60.0
_MAX_KEY_LENGTH = 4_000
"""Servers close connections without a word where a header is longer."""
_START_DELAYS = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds to wait before trying again in the first moments of a kernel."""


class FigServeClient:
    """A server's API with one credential; thread-safe.

    Connections are kept alive, and a forked child opens its own. Redirects are not followed, so the credential
    reaches no other host. Proxy settings of the environment are ignored.

    Parameters
    ----------
    key
        An ``fsk_`` API key or a Jupyter token; None sends no credential.
    ca_file
        PEM file of the certificate authority to trust; None trusts the system's authorities.
    connect_timeout, read_timeout
        Seconds to establish a connection, and to wait for data.
    """

    def __init__(
        self,
        address: Address,
        key: str | None,
        *,
        ca_file: str | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
    ) -> None:
        self.address = address
        self.credential = _credential_header(key)
        """The header that carries the credential, also for other protocols."""
        self._pool = ConnectionPool(address, ca_file, connect_timeout, read_timeout)

    def __repr__(self) -> str:
        return f"FigServeClient({self.address.url!r})"

    @property
    def has_credential(self) -> bool:
        return bool(self.credential)

    @property
    def has_key(self) -> bool:
        """Whether the credential is an API key; its 403 is then about scopes."""
        return "X-API-Key" in self.credential

    @property
    def ca_file(self) -> str | None:
        return self._pool.ca_file

    def get(self, path: str, **query: Any) -> Any:
        return self._send_json(self._request("GET", path, query=query))

    def iterate(self, path: str, field: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Yield the records of a list in the response's ``field``, from all its pages."""
        cursor: str | None = None
        while True:
            page = self.get(path, **query, cursor=cursor)
            yield from page[field]
            cursor = page.get("next")
            if not cursor:
                return

    def get_bytes(self, path: str, **query: Any) -> bytes:
        return self._send(self._request("GET", path, query=query, accept="*/*")).body

    def post(self, path: str, value: Any) -> Any:
        return self._send_json(self._request("POST", path, body=value, is_idempotent=False))

    def post_for_image(self, path: str, value: Any) -> tuple[bytes, list[str]]:
        """Post JSON and return a response body that is not JSON, and the server's warnings about it."""
        request = self._request("POST", path, body=value, accept="*/*", is_idempotent=False)
        response = self._send(request)
        lines = unquote(response.headers.get("x-figserve-warnings", "")).splitlines()
        return response.body, [text for line in lines if (text := to_plain_text(line))]

    def post_form(self, path: str, content_type: str, body: bytes, meanwhile: Callable[[], None] | None = None) -> Any:
        """Post a form that is safe to send twice; ``meanwhile`` is called while the server processes it."""
        return self._send_json(self._request("POST", path, body=body, content_type=content_type), meanwhile)

    def put_bytes(
        self, path: str, body: bytes, *, content_type: str = "application/octet-stream", **query: Any
    ) -> Mapping[str, str]:
        """Put bytes and return the headers of the response, with names in lower case."""
        return self._send(self._request("PUT", path, query=query, body=body, content_type=content_type)).headers

    def patch(self, path: str, value: Any) -> Any:
        return self._send_json(self._request("PATCH", path, body=value))

    def delete(self, path: str, **query: Any) -> Any:
        response = self._send(self._request("DELETE", path, query=query))
        return self._parse(response) if response.body else None

    def close(self) -> None:
        self._pool.close()

    @contextlib.contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        body: IO[bytes] | None = None,
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> Iterator[http.client.HTTPResponse]:
        """Send a request with a body or response that is too large for memory, and yield the unread response.

        Raises
        ------
        FigServeError
            The response is an error, or the connection drops, also while the response is read.
        """
        request = self._request(method, path, query=query, accept="*/*")
        with self._pool.stream(request, body, headers or {}) as response:
            yield response

    def _send_json(self, request: HttpRequest, meanwhile: Callable[[], None] | None = None) -> Any:
        return self._parse(self._send(request, meanwhile))

    def _send(self, request: HttpRequest, meanwhile: Callable[[], None] | None = None) -> HttpResponse:
        """Send a request; again, while the server does not know yet which notebook this kernel has."""
        for delay in _START_DELAYS:
            try:
                return self._send_once(request, meanwhile)
            except Unavailable as error:
                if error.code != "kernel_starting":
                    raise
            meanwhile = None
            time.sleep(delay)
        return self._send_once(request, meanwhile)

    def _send_once(self, request: HttpRequest, meanwhile: Callable[[], None] | None = None) -> HttpResponse:
        return self._check(self._pool.send(request, meanwhile))

    def _check(self, response: HttpResponse) -> HttpResponse:
        if not 200 <= response.status < 300:
            raise to_error(response.status, response.headers, response.body, self.address)
        return response

    def _parse(self, response: HttpResponse) -> Any:
        if not is_json(response.headers):
            raise ServerError(
                f"{self.address.url} is not a jupyter_figserve server. Is the extension installed there?",
                code="not_figserve",
            )
        return parse_json(response.body)

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, Any] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        is_idempotent: bool = True,
    ) -> HttpRequest:
        given = {name: value for name, value in (query or {}).items() if value is not None}
        target = f"{self.address.prefix}/{path}" + (f"?{_encode_query(given)}" if given else "")
        headers = {"Accept": accept, **self.credential}
        if body is not None:
            headers["Content-Type"] = content_type
        data = body if body is None or isinstance(body, bytes) else encode_json(body)
        return HttpRequest(method, target, headers, data, is_idempotent)


def _encode_query(values: Mapping[str, Any]) -> str:
    """Return values as a query.

    Raises
    ------
    InvalidInput
        One is no text in UTF-8, such as an argument of a command in another encoding.
    """
    try:
        return urlencode(values)
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{error.object!r:.60} has a character that UTF-8 cannot encode; remove it.") from error


def _credential_header(key: str | None) -> dict[str, str]:
    """Return the header that carries a key.

    Raises
    ------
    InvalidInput
        The key cannot be sent in a header.
    """
    if key is None:
        return {}
    text = key.strip() if isinstance(key, str) else ""
    if not text or not text.isascii() or not text.isprintable() or len(text) > _MAX_KEY_LENGTH:
        raise InvalidInput("The key is empty, too long or contains invalid characters. Copy it again.")
    return {"X-API-Key": text} if text.startswith("fsk_") else {"Authorization": f"token {text}"}
