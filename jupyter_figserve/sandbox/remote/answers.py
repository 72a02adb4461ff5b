"""The answer of a render worker as a frame: what the child left behind, or an error. Server process, and a worker's.

No answer is trusted: a worker that has been taken over can send what it likes. Only lengths and JSON are read here, and
the result is validated as that of a local child.
"""

from __future__ import annotations

from typing import Any

from ...errors import (
    DeadlineExceeded,
    FigServeError,
    InvalidInput,
    OutputInvalid,
    RetryLater,
    SandboxUnavailable,
    TooLarge,
    Unavailable,
)
from ...model.rendering import RenderJob
from .. import wire
from ..host.job_frames import ChildAnswer

PROTOCOL = 2
"""Version of the frame format; a worker with another version is not used."""
MAX_ANSWER_OVERHEAD = wire.PREFIX_BYTES * 2 + wire.MAX_HEADER_BYTES * 2
"""Bytes of an answer beyond the images and the output."""
_MAX_MESSAGE = 1_000
_MAX_RETRY_SECONDS = 600
_MAX_OMISSION = 100
_ERRORS: dict[str, type[FigServeError]] = {
    "output_too_large": OutputInvalid,
    "too_large": TooLarge,
    "sandbox_unavailable": SandboxUnavailable,
    "not_a_job": InvalidInput,
}


class WorkerBusy(Unavailable):
    """A worker that takes no job now; the job did not begin, so it may go to another one."""

    code = "worker_busy"


def pack_answer(answer: ChildAnswer) -> bytes:
    """Return the frame of a child's answer."""
    header = {"has_frame": answer.frame is not None, "status": answer.status}
    return b"".join(wire.pack_frame(header, [answer.frame or b"", answer.output.encode("utf-8", "replace")]))


def pack_error(error: FigServeError) -> bytes:
    """Return the frame of an error that is not the child's."""
    return b"".join(wire.pack_frame({"error": describe_error(error)}))


def describe_error(error: FigServeError) -> dict[str, Any]:
    """Return an error as JSON."""
    retry_after = error.retry_after if isinstance(error, RetryLater) else None
    return {"code": error.code, "message": error.message[:_MAX_MESSAGE], "retry_after": retry_after}


def read_answer(data: bytes, job: RenderJob, output_bytes: int) -> ChildAnswer:
    """Return the child's answer in a frame that a worker sent.

    Raises
    ------
    FigServeError
        The error that the worker reports.
    Unavailable
        The frame is malformed.
    """
    try:
        header, parts = wire.parse_frame(data)
        if "error" in header:
            raise read_error(header["error"], job)
        frame, output = parts
        status, has_frame = header["status"], header["has_frame"] is True
        if not (status is None or (type(status) is int and -256 < status < 256)):
            raise ValueError("the exit status is not a number")
    except (KeyError, ValueError) as error:
        raise Unavailable("The render worker sent an invalid answer; see its log.", code="worker_invalid") from error
    text = output[: output_bytes + _MAX_OMISSION].decode("utf-8", "replace")
    return ChildAnswer(frame if has_frame else None, text, status)


def read_error(described: object, job: RenderJob) -> FigServeError:
    """Return the error that a worker describes, in our words where we know them."""
    values = described if isinstance(described, dict) else {}
    code, message, retry_after = values.get("code"), values.get("message"), values.get("retry_after")
    text = _to_sentence(message) if isinstance(message, str) else ""
    seconds = retry_after if type(retry_after) is int and 0 < retry_after <= _MAX_RETRY_SECONDS else 5
    if code == "deadline_exceeded":
        return DeadlineExceeded(text or f"The code took longer than {job.timeout:g} s.", retry_after=seconds)
    kind = _ERRORS.get(code) if isinstance(code, str) else None
    if kind is not None and issubclass(kind, RetryLater):
        return kind(text or "The render worker cannot render.", retry_after=seconds)
    if kind is not None:
        return kind(text or "The render worker refuses this job.", code=str(code))
    if code == WorkerBusy.code:
        return WorkerBusy(text or "The render worker takes no job now.", retry_after=seconds)
    return Unavailable(text or "The render worker could not render this; try again.", retry_after=seconds)


def _to_sentence(message: str) -> str:
    """Return a message without what a terminal or a page would obey; an honest worker's are sentences."""
    return "".join(character if character.isprintable() else " " for character in message[:_MAX_MESSAGE])


def is_rendered(answer: ChildAnswer) -> bool:
    """Whether a child reports images; only for what its worker learns from a job."""
    try:
        return answer.frame is not None and wire.parse_frame(answer.frame)[0].get("status") == "rendered"
    except ValueError:
        return False
