"""The exception family, drawn as a tree. Used in every process; server/base.py alone turns it into HTTP statuses.

FigServeError
├── InvalidInput            what came is malformed                        400
│   ├── InvalidName         a figure's name is outside the grammar        400
│   └── InvalidDuration     "30d" it is not                               400
├── Unauthorized            no credential, or a bad one                   401
├── Forbidden               a good credential without the scope           403
├── NotFound                unknown, expired and revoked alike            404
├── Conflict                the thing is not in a state that allows it    409
├── TooLarge                a body or a figure beyond a limit             413
├── UnsupportedType         not a row of the format table, or not it      415
├── RangeNotSatisfiable     a Range beyond the end                        416
├── OutputInvalid           a figure could not be drawn                   422
│   ├── CodeFailed          posted code raised                            422
│   └── NoFigure            it made no figure                             422
├── RetryLater              passes by itself (has ``retry_after``)
│   ├── TooManyRequests     a rate is used up                             429
│   └── Unavailable         for now                                       503
│       ├── DeadlineExceeded    no picture in time                        504
│       ├── SandboxUnavailable  what was asked for needs the sandbox      503
│       └── ReadOnly            the store cannot be written               503
├── FormatNotOffered        an oEmbed format other than JSON              501
├── QuotaExceeded           the owner or the session is full              507
├── NotConnected            the notebook side found no server
└── ServerError             the server answered something unexpected
"""

from __future__ import annotations


class FigServeError(Exception):
    """Base of all errors of this package; its text is one sentence fit for the user.

    Parameters
    ----------
    message
        What happened and what to do next.
    code
        A stable snake_case word for programs; the class has a default.
    """

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class InvalidInput(FigServeError):
    code = "invalid_input"


class InvalidName(InvalidInput):
    code = "invalid_name"


class InvalidDuration(InvalidInput):
    code = "invalid_duration"


class Unauthorized(FigServeError):
    code = "unauthorized"


class Forbidden(FigServeError):
    code = "forbidden"


class NotFound(FigServeError):
    code = "not_found"


class Conflict(FigServeError):
    code = "conflict"


class TooLarge(FigServeError):
    code = "too_large"


class UnsupportedType(FigServeError):
    code = "unsupported_type"


class RangeNotSatisfiable(FigServeError):
    code = "range_not_satisfiable"

    def __init__(self, size: int) -> None:
        super().__init__(f"The range lies beyond the figure's {size} bytes.")
        self.size = size


class OutputInvalid(FigServeError):
    code = "output_invalid"


class CodeFailed(OutputInvalid):
    """Posted code, or a function of the user's, raised.

    Parameters
    ----------
    kind
        Name of the exception's class.
    line
        Of the code, counted from 1; None when it is not known.
    traceback
        Its own frames only.
    output
        What it had printed, bounded.
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
    """Base of the errors that pass by themselves; ``retry_after`` is in seconds."""

    def __init__(self, message: str, *, code: str | None = None, retry_after: int = 60) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class TooManyRequests(RetryLater):
    code = "too_many_requests"


class Unavailable(RetryLater):
    code = "unavailable"


class DeadlineExceeded(Unavailable):
    code = "deadline_exceeded"


class SandboxUnavailable(Unavailable):
    code = "sandbox_unavailable"


class ReadOnly(Unavailable):
    code = "store_read_only"


class FormatNotOffered(FigServeError):
    code = "format_not_offered"


class QuotaExceeded(FigServeError):
    code = "quota_exceeded"


class NotConnected(FigServeError):
    code = "not_connected"


class ServerError(FigServeError):
    code = "server_error"
