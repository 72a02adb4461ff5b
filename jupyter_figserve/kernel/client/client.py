"""HTTP to one server: requests as JSON or bytes, with one credential, and errors as our exceptions. Kernel."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Callable, Iterator
from typing import IO, Any
from urllib.parse import urlencode

from ... import errors
from .address import Address
from .connection_pool import ConnectionPool, HttpRequest, HttpResponse
from .responses import error_of, is_json, parse_json

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 60.0


class FigServeClient:
    """A server's API for one credential; may be used by any thread.

    Connections are kept alive and are not shared with a forked child. Redirects are not followed, so the
    credential goes to no other host. Proxies of the environment are not used.

    Parameters
    ----------
    address
        Which server.
    key
        An ``fsk_`` key, or a token of Jupyter's; None sends no credential.
    ca_file
        PEM file of the authority to trust, None for the system's authorities.
    connect_timeout, read_timeout
        Seconds until the connection stands, and between two reads.
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
        self._headers = {"Accept": "application/json", **_credential(key)}
        self._exchange = ConnectionPool(address, ca_file, connect_timeout, read_timeout)

    def __repr__(self) -> str:
        return f"Client({self.address.url!r})"

    @property
    def has_credential(self) -> bool:
        return self.has_key or "Authorization" in self._headers

    @property
    def has_key(self) -> bool:
        """Whether the credential is a key of ours, whose 403 is about scopes."""
        return "X-API-Key" in self._headers

    @property
    def credential(self) -> dict[str, str]:
        """The header that carries it, for another protocol than this."""
        return {name: value for name, value in self._headers.items() if name != "Accept"}

    @property
    def ca_file(self) -> str | None:
        return self._exchange.ca_file

    def get(self, path: str, **query: Any) -> Any:
        return self._json(self._request("GET", path, query=query))

    def get_bytes(self, path: str, **query: Any) -> bytes:
        return self._checked(self._request("GET", path, query=query, accept="*/*")).body

    def post(self, path: str, value: Any) -> Any:
        return self._json(self._request("POST", path, body=value, is_repeatable=False))

    def post_for_bytes(self, path: str, value: Any, accept: str = "*/*") -> bytes:
        """The body of an answer that is no JSON."""
        request = self._request("POST", path, body=value, accept=accept, is_repeatable=False)
        return self._checked(request).body

    def post_form(self, path: str, content_type: str, body: bytes, meanwhile: Callable[[], None] | None = None) -> Any:
        """Post a form that may be sent twice without harm; ``meanwhile`` runs while the server works on it."""
        request = self._request("POST", path, body=body, content_type=content_type)
        return self._json(request, meanwhile)

    def put_bytes(self, path: str, body: bytes, **query: Any) -> None:
        binary = "application/octet-stream"
        self._checked(self._request("PUT", path, query=query, body=body, content_type=binary))

    def patch(self, path: str, value: Any) -> Any:
        return self._json(self._request("PATCH", path, body=value))

    def delete(self, path: str, **query: Any) -> Any:
        answer = self._checked(self._request("DELETE", path, query=query))
        return self._parsed(answer) if answer.body else None

    def close(self) -> None:
        self._exchange.close()

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
        """A request on a connection of its own, for what is too large to hold; the answer is yet to be read.

        Raises
        ------
        FigServeError
            For an answer that is no success, and when the connection breaks off, also while the answer is read.
        """
        request = self._request(method, path, query=query, accept="*/*")
        with self._exchange.stream(request, body, headers or {}) as response:
            yield response

    def _json(self, request: HttpRequest, meanwhile: Callable[[], None] | None = None) -> Any:
        return self._parsed(self._checked(request, meanwhile))

    def _checked(self, request: HttpRequest, meanwhile: Callable[[], None] | None = None) -> HttpResponse:
        answer = self._exchange.send(request, meanwhile)
        if not 200 <= answer.status < 300:
            raise error_of(answer.status, answer.headers, answer.body, self.address)
        return answer

    def _parsed(self, answer: HttpResponse) -> Any:
        if not is_json(answer.headers):
            raise errors.ServerError(
                f"{self.address.url} answers, but not as jupyter_figserve does; is the extension installed there?",
                code="not_figserve",
            )
        return parse_json(answer.body)

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, Any] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str | None = None,
        is_repeatable: bool = True,
    ) -> HttpRequest:
        given = {name: value for name, value in (query or {}).items() if value is not None}
        target = f"{self.address.prefix}/{path}" + (f"?{urlencode(given)}" if given else "")
        headers = dict(self._headers) if accept is None else {**self._headers, "Accept": accept}
        if body is not None:
            headers["Content-Type"] = content_type
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        return HttpRequest(method, target, headers, data, is_repeatable)


def _credential(key: str | None) -> dict[str, str]:
    """The header that carries the key.

    Raises
    ------
    InvalidInput
        When the key cannot stand in a header.
    """
    if key is None:
        return {}
    text = key.strip()
    if not text or not text.isascii() or not text.isprintable():
        raise errors.InvalidInput("The key is empty or holds characters that no key has; copy it again.")
    return {"X-API-Key": text} if text.startswith("fsk_") else {"Authorization": f"token {text}"}
