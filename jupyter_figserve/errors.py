"""The exceptions of this package, as a tree. Every process raises them; the web layer answers with their status.

FigServeError
├── InvalidInput            the input is malformed                            400
│   ├── InvalidName         the name of a figure breaks the naming rules      400
│   ├── InvalidDuration     the text is not a duration such as "30d"          400
│   └── UnknownOption       a function has no option of this name             400
├── Unauthorized            the credential is missing or not valid            401
├── Forbidden               the credential is valid but lacks the scope       403
├── NotFound                unknown, expired or revoked; all look the same    404
├── BodyTimeout             the body did not arrive in time                   408
├── Conflict                the current state does not allow the change       409
├── TooLarge                a body or a figure exceeds a limit                413
├── UnsupportedType         the format is not supported, or is another one    415
├── RangeNotSatisfiable     the requested range lies beyond the end           416
├── OutputInvalid           the figure cannot be rendered                     422
│   ├── CodeFailed          the user's code raised an exception               422
│   └── NoFigure            the code made no figure                           422
├── RetryLater              temporary; ``retry_after`` says for how long
│   ├── TooManyRequests     a rate limit is exceeded                          429
│   └── Unavailable         the service cannot answer at the moment           503
│       ├── DeadlineExceeded    the result was not ready in time              504
│       ├── SandboxUnavailable  the request needs the sandbox                 503
│       └── ReadOnly            the store does not accept writes              503
├── FormatNotOffered        oEmbed is offered as JSON only                    501
├── NotInstalled            an optional package is missing                    501
├── QuotaExceeded           the owner or the session has used its quota       507
├── NotConnected            the notebook found no server
└── ServerError             the server sent an unexpected response
"""

from __future__ import annotations

import linecache
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import ClassVar

_NOT_USERS = frozenset({"jupyter_figserve", "IPython", "ipykernel"})
"""Packages whose lines in a traceback tell users nothing."""
NOTHING_HERE = "There is nothing at this address."


class FigServeError(Exception):
    """Base class of the exceptions of this package; the text is a sentence to show to the user.

    Parameters
    ----------
    message
        What is wrong and what to do about it.
    code
        Stable snake_case identifier for programs; each class has a default.
    """

    code = "error"
    status: ClassVar[int] = 500
    """HTTP status of the response; subclasses inherit it."""

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows instead of a traceback: the message, and the user's lines that led to it.

        IPython calls this. ``%debug`` has all frames, and ``%xmode Verbose`` shows them.
        """
        shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        full = getattr(shell, "InteractiveTB", None)
        if getattr(full, "mode", "") == "Verbose":
            lines: list[str] = full.structured_traceback(type(self), self, self.__traceback__)  # type: ignore[union-attr]
            return lines
        return [f"{type(self).__name__}: {self}", *_describe_users_lines(self.__traceback__)]


def _describe_users_lines(found: TracebackType | None) -> Iterator[str]:
    for frame, number in traceback.walk_tb(found):
        line = linecache.getline(frame.f_code.co_filename, number, frame.f_globals).strip()
        if line and str(frame.f_globals.get("__name__")).partition(".")[0] not in _NOT_USERS:
            yield f"  line {number}: {line}"


class InvalidInput(FigServeError):
    code = "invalid_input"
    status = 400


class InvalidName(InvalidInput):
    code = "invalid_name"


class InvalidDuration(InvalidInput):
    code = "invalid_duration"


class UnknownOption(InvalidInput, TypeError):
    """As Python's own error, a ``TypeError``."""

    code = "unknown_option"


class Unauthorized(FigServeError):
    code = "unauthorized"
    status = 401


class Forbidden(FigServeError):
    code = "forbidden"
    status = 403


class NotFound(FigServeError):
    code = "not_found"
    status = 404

    def __init__(self, message: str = NOTHING_HERE, *, code: str | None = None) -> None:
        super().__init__(message, code=code)


class BodyTimeout(FigServeError):
    code = "body_timeout"
    status = 408


class Conflict(FigServeError):
    code = "conflict"
    status = 409


class TooLarge(FigServeError):
    code = "too_large"
    status = 413


class UnsupportedType(FigServeError):
    code = "unsupported_type"
    status = 415


class RangeNotSatisfiable(FigServeError):
    code = "range_not_satisfiable"
    status = 416

    def __init__(self, size: int) -> None:
        super().__init__(f"The requested range lies beyond the end of the figure ({size} bytes).")
        self.size = size


class OutputInvalid(FigServeError):
    code = "output_invalid"
    status = 422


class CodeFailed(OutputInvalid):
    """The user's code, posted or a live function, raised an exception.

    Parameters
    ----------
    kind
        Name of the exception class.
    line
        Line of the code, counted from 1; None if unknown.
    traceback
        Traceback with the frames of the user's code only.
    output
        Printed output up to the exception, truncated.
    """

    code = "code_failed"

    def __init__(
        self, message: str, *, kind: str, line: int | None = None, traceback: str = "", output: str = ""
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.line = line
        self.traceback = traceback
        self.output = output


class NoFigure(OutputInvalid):
    code = "no_figure"


class RetryLater(FigServeError):
    """Base class of temporary errors; ``retry_after`` is in seconds."""

    def __init__(self, message: str, *, code: str | None = None, retry_after: int = 60) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class TooManyRequests(RetryLater):
    code = "too_many_requests"
    status = 429


class Unavailable(RetryLater):
    code = "unavailable"
    status = 503


class DeadlineExceeded(Unavailable):
    code = "deadline_exceeded"
    status = 504


class SandboxUnavailable(Unavailable):
    code = "sandbox_unavailable"


class ReadOnly(Unavailable):
    code = "store_read_only"


class FormatNotOffered(FigServeError):
    code = "format_not_offered"
    status = 501


class NotInstalled(FigServeError):
    code = "not_installed"
    status = 501


class QuotaExceeded(FigServeError):
    code = "quota_exceeded"
    status = 507


class NotConnected(FigServeError):
    """The notebook, script or command found no server, or the server does not answer."""

    code = "not_connected"


class ServerError(FigServeError):
    code = "server_error"
