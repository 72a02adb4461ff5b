"""A server's answer read with care: its JSON, and its errors as the exceptions of ``errors``. Kernel."""

from __future__ import annotations

import json
import re
from typing import Any

from ... import errors
from .address import Address

_MESSAGE_LENGTH = 500
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
_RETRY_AFTER = 60
# ECMA-48: CSI and OSC sequences, then any other control character.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x00-\x1f\x7f-\x9f]")
# Overrides of the writing direction and invisible marks can make a message say something else than it does.
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def is_json(headers: dict[str, str]) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def parse_json(body: bytes) -> Any:
    """The value of a JSON body.

    Raises
    ------
    ServerError
        When it is not JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise errors.ServerError("The server's answer is not the JSON that it says it is.") from error


def error_of(status: int, headers: dict[str, str], body: bytes, address: Address) -> errors.FigServeError:
    """The exception for an answer that is not a success, never with markup or control characters in its text."""
    if 300 <= status < 400:
        return _redirected(headers, address)
    said = _said(headers, body)
    if said is None and status == 404:
        return errors.ServerError(
            f"{address.origin} answers, but there is no jupyter_figserve at {address.prefix}; install it there or"
            " check the base URL.",
            code="not_figserve",
        )
    message, code = said or (f"{address.url} answered {status} without saying why.", None)
    if code == errors.CodeFailed.code:
        return _code_failed(message, body)
    kind = _BY_CODE.get(code or "") or _BY_STATUS.get(status, errors.ServerError)
    if issubclass(kind, errors.RetryLater):
        return kind(message, code=code, retry_after=_retry_after(headers))
    return kind(message, code=code)


def plain(text: object) -> str:
    """``text`` on one line without escape sequences, control characters and invisible marks."""
    line = _INVISIBLE.sub("", _ESCAPES.sub(" ", str(text)))
    return " ".join(line.split())[:_MESSAGE_LENGTH]


def _redirected(headers: dict[str, str], address: Address) -> errors.FigServeError:
    target = plain(headers.get("location", "")).partition("?")[0]
    if re.search(r"/(login|oauth\w*|authorize)\b", target):
        return errors.Unauthorized(f"{address.url} asks for a login; the key is not one of this server's.")
    return errors.ServerError(f"{address.url} redirects to {target or 'another address'}; connect to that one.")


def _said(headers: dict[str, str], body: bytes) -> tuple[str, str | None] | None:
    """Message and code of an error in our shape; in Jupyter's only when it says more than the status."""
    if not is_json(headers):
        return None
    try:
        value = json.loads(body)
    except ValueError:
        return None
    if not isinstance(value, dict) or "error" not in value:
        return None
    code = value.get("code")
    return plain(value["error"]), plain(code) if isinstance(code, str) else None


def _code_failed(message: str, body: bytes) -> errors.CodeFailed:
    """With what the server tells of the code's own error; each as plain text."""
    told = json.loads(body)
    line = told.get("line")
    return errors.CodeFailed(
        message,
        kind=plain(told.get("type", "")),
        line=line if isinstance(line, int) else None,
        traceback=_lines(told.get("traceback")),
        output=_lines(told.get("output")),
    )


def _lines(text: object) -> str:
    """``text`` without escape sequences; its lines stay."""
    if not isinstance(text, str):
        return ""
    return "\n".join(_INVISIBLE.sub("", _ESCAPES.sub(" ", line)) for line in text.splitlines())


def _retry_after(headers: dict[str, str]) -> int:
    text = headers.get("retry-after", "").strip()
    return int(text) if re.fullmatch(r"[0-9]{1,6}", text) else _RETRY_AFTER
