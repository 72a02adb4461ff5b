"""Messages between servers on the same catalog: what one passes on to the server of a kernel, and its answers.

Server process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .....errors import DeadlineExceeded, FigServeError, InvalidInput, TooManyRequests, Unavailable
from .....model.figures import Source
from .....model.live import LiveRequest
from .....model.rendering import DrawOptions, RenderResult
from ...callers import OWNER, Caller, Priority
from ..image_cache import CachedImage
from .agent_frames import make_frame, parse_frame
from .backend import KernelUnavailable
from .kernel_answer import make_kernel_answer

ROUTE = "/api/replicas/calls"
_TEMPORARY: dict[str, type[Unavailable] | type[TooManyRequests]] = {
    kind.__name__: kind for kind in (Unavailable, DeadlineExceeded, TooManyRequests)
}


@dataclass(frozen=True)
class ReplicaCall:
    """A live call.

    Parameters
    ----------
    known
        Versions of the data whose images the asking server has.
    caller
        Whose turn it takes in the kernel's queue.
    is_fresh
        Whether to join only a call that still waits for its turn.
    """

    kernel: str
    name: str
    request: LiveRequest
    known: tuple[str, ...] = ()
    caller: Caller = OWNER
    is_fresh: bool = False

    def to_bytes(self) -> bytes:
        return json.dumps(
            {
                "kernel": self.kernel,
                "name": self.name,
                "request": self.request.as_json(),
                "known": list(self.known),
                "caller": _caller_to_json(self.caller),
                "is_fresh": self.is_fresh,
            }
        ).encode()

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> ReplicaCall:
        return cls(
            str(row["kernel"]),
            str(row["name"]),
            LiveRequest.from_json(row["request"]),
            tuple(map(str, row["known"])),
            _parse_caller(row),
            bool(row["is_fresh"]),
        )


@dataclass(frozen=True)
class ReplicaRedraw:
    """A request to have a kernel draw a figure that it has published; the other server reads the source.

    Parameters
    ----------
    owner
        Of the figure, and so of the kernel.
    caller
        Whose turn it takes in the kernel's queue.
    """

    kernel: str
    owner: str
    source: Source
    options: DrawOptions
    caller: Caller = OWNER

    def to_bytes(self) -> bytes:
        return json.dumps(
            {
                "kernel": self.kernel,
                "owner": self.owner,
                "source": asdict(self.source),
                "options": asdict(self.options),
                "caller": _caller_to_json(self.caller),
            }
        ).encode()

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> ReplicaRedraw:
        source, options = Source(**row["source"]), DrawOptions(**row["options"])
        return cls(str(row["kernel"]), str(row["owner"]), source, options, _parse_caller(row))


def parse_message(body: bytes) -> ReplicaCall | ReplicaRedraw:
    """Read what another server passes on.

    Raises
    ------
    InvalidInput
        When it is not valid.
    """
    try:
        row = json.loads(body)
        return (ReplicaRedraw if "source" in row else ReplicaCall).from_json(row)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InvalidInput("This is neither a call of a live figure nor a request to draw a figure again.") from error


def make_answer(result: CachedImage | FigServeError, known: tuple[str, ...]) -> bytes:
    """Return the answer to a call: an image, unless the data still has a known version, or an error."""
    if type(result) is FigServeError:
        return make_frame({"failure": {"message": result.message, "code": result.code}}, b"")
    if isinstance(result, KernelUnavailable) or not isinstance(result, (Unavailable, TooManyRequests)):
        return make_frame(*make_kernel_answer(result, known))
    kind = next(name for name, one in reversed(_TEMPORARY.items()) if isinstance(result, one))
    row = {"type": kind, "message": result.message, "code": result.code, "retry_after": result.retry_after}
    return make_frame({"temporary": row}, b"")


def make_redraw_answer(result: RenderResult) -> bytes:
    """Return the answer to a request to draw a figure again: its image, as its kernel has sent it."""
    image = result.images[0]
    size = {"width": image.width, "height": image.height, "dpi": image.dpi}
    return make_frame({"mimetype": image.mimetype} | size, image.data)


def parse_answer(answer: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the head and the body that the kernel has answered with.

    Raises
    ------
    FigServeError
        When the other server could not ask the kernel.
    """
    head, content = parse_frame(answer)
    if isinstance(found := head.get("failure"), dict):
        raise FigServeError(str(found.get("message")), code=str(found.get("code")))
    if isinstance(found := head.get("temporary"), dict):
        raise _parse_temporary(found)
    return head, content


def _parse_temporary(row: dict[str, Any]) -> FigServeError:
    kind = _TEMPORARY.get(str(row.get("type")), Unavailable)
    retry_after = row.get("retry_after")
    return kind(
        str(row.get("message")),
        code=str(row.get("code")),
        retry_after=retry_after if isinstance(retry_after, int) else 1,
    )


def _caller_to_json(caller: Caller) -> list[Any]:
    return [int(caller.priority), caller.share]


def _parse_caller(row: Mapping[str, Any]) -> Caller:
    priority, share = row["caller"]
    return Caller(Priority(priority), str(share))
