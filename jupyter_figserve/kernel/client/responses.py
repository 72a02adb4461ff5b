"""Parses responses: their JSON, and their errors as the exceptions of ``errors``. Kernel."""

from __future__ import annotations

import json
import re
from typing import Any

from ... import errors
from .address import Address

_MAX_MESSAGE_LENGTH = 500
_BY_STATUS: dict[int, type[errors.FigServeError]] = {
    kind.status: kind
    for kind in (
        errors.InvalidInput,
        errors.Unauthorized,
        errors.Forbidden,
        errors.NotFound,
        errors.Conflict,
        errors.TooLarge,
        errors.UnsupportedType,
        errors.OutputInvalid,
        errors.TooManyRequests,
        errors.Unavailable,
        errors.DeadlineExceeded,
        errors.QuotaExceeded,
    )
}
_BY_CODE: dict[str, type[errors.FigServeError]] = {
    kind.code: kind
    for kind in (
        errors.InvalidName,
        errors.InvalidDuration,
        errors.SandboxUnavailable,
        errors.ReadOnly,
        errors.NoFigure,
    )
}
_DEFAULT_RETRY_AFTER = 60
# ECMA-48: CSI and OSC sequences, then any other control character.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x00-\x1f\x7f-\x9f]")
# Bidirectional overrides and zero-width characters can make a message read differently from what it says.
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def is_json(headers: dict[str, str]) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


class ResponseObject(dict[str, Any]):
    """A JSON object in a response; reading a field that it lacks raises ``ServerError``."""

    def __missing__(self, name: str) -> Any:
        raise errors.ServerError(
            f"The server's response has no {name!r:.60}. Server and client have different versions of jupyter_figserve:"
            " install the same one.",
            code="other_version",
        )


def parse_json(body: bytes) -> Any:
    """Parse a JSON body.

    Raises
    ------
    ServerError
        It is not a JSON object, which all responses are.
    """
    try:
        value = json.loads(body, object_hook=ResponseObject)
    except (ValueError, RecursionError) as error:
        raise errors.ServerError("The server's response is not valid JSON.") from error
    if not isinstance(value, ResponseObject):
        raise errors.ServerError(
            "The server's response is no JSON object: it is not a jupyter_figserve server, or one of another version.",
            code="not_figserve",
        )
    return value


def to_error(status: int, headers: dict[str, str], body: bytes, address: Address) -> errors.FigServeError:
    """Return the exception for an error response; its text has neither markup nor control characters."""
    if 300 <= status < 400:
        return _redirect_error(headers, address)
    parsed = _message_and_code(headers, body)
    if parsed is None and status == 404:
        return errors.ServerError(
            f"{address.origin} responds, but has no jupyter_figserve at {address.prefix}. Install it there or check"
            " the base URL.",
            code="not_figserve",
        )
    if parsed is None and status == 400 and address.scheme == "http" and re.search(rb"plain HTTP|HTTPS server", body):
        return errors.NotConnected(f"{address.origin} speaks https; use an address with https://.", code="unreachable")
    message, code = parsed or (f"{address.url} responded with status {status} and no explanation.", None)
    if code == errors.CodeFailed.code:
        return _code_failed(message, body)
    kind = _BY_CODE.get(code or "") or _BY_STATUS.get(status, errors.ServerError)
    if issubclass(kind, errors.RetryLater):
        return kind(message, code=code, retry_after=_retry_after(headers))
    return kind(message, code=code)


def to_plain_text(text: object) -> str:
    """Return ``text`` on one line, without escape sequences, control characters and invisible characters."""
    line = _INVISIBLE.sub("", _ESCAPES.sub(" ", str(text)))
    return " ".join(line.split())[:_MAX_MESSAGE_LENGTH]


def _redirect_error(headers: dict[str, str], address: Address) -> errors.FigServeError:
    target = to_plain_text(headers.get("location", "")).partition("?")[0]
    if re.search(r"/(login|oauth\w*|authorize)\b", target):
        return errors.Unauthorized(f"{address.url} requires a login. The key does not belong to this server.")
    return errors.ServerError(f"{address.url} redirects to {target or 'another address'}. Connect to that address.")


def _message_and_code(headers: dict[str, str], body: bytes) -> tuple[str, str | None] | None:
    """Return message and code of an error in our JSON format, else None."""
    if not is_json(headers):
        return None
    try:
        value = json.loads(body)
    except ValueError:
        return None
    if not isinstance(value, dict) or "error" not in value:
        return None
    code = value.get("code")
    return to_plain_text(value["error"]), to_plain_text(code) if isinstance(code, str) else None


def _code_failed(message: str, body: bytes) -> errors.CodeFailed:
    details = json.loads(body)
    line = details.get("line")
    return errors.CodeFailed(
        message,
        kind=to_plain_text(details.get("type", "")),
        line=line if isinstance(line, int) else None,
        traceback=_to_plain_lines(details.get("traceback")),
        output=_to_plain_lines(details.get("output")),
    )


def _to_plain_lines(text: object) -> str:
    """Return ``text`` without escape sequences, keeping its lines."""
    if not isinstance(text, str):
        return ""
    return "\n".join(_INVISIBLE.sub("", _ESCAPES.sub(" ", line)) for line in text.splitlines())


def _retry_after(headers: dict[str, str]) -> int:
    text = headers.get("retry-after", "").strip()
    return int(text) if re.fullmatch(r"[0-9]{1,6}", text) else _DEFAULT_RETRY_AFTER
