"""The frame that carries a job to a child, and what comes back from one. Server process, and a render worker's."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import get_args

from ...errors import InvalidInput
from ...model.rendering import Kind, RenderJob
from .. import wire

_FIELDS = ("kind", "options", "figure", "seed", "with_thumbnail", "libraries", "device_pixel_ratio", "niceness")
_MAX_NICENESS = 19
_PARTS = {"function": (2,), "figure": (1, 2), "code": (1, 2)}
"""Numbers of parts: the source, and the arguments of a function or the published image."""


@dataclass(frozen=True)
class ChildAnswer:
    """What a child left behind, before anything in it is trusted.

    Parameters
    ----------
    frame
        The frame of the result; None if the child ended without one.
    output
        The printed output, truncated.
    status
        Exit status of the child, negative for a signal; None while it runs.
    """

    frame: bytes | None
    output: str
    status: int | None


@dataclass(frozen=True)
class PackedJob:
    """A job on its way to a child.

    Parameters
    ----------
    frame
        The pieces of its frame.
    timeout, niceness
        As the job has them.
    """

    frame: Sequence[bytes]
    timeout: float
    niceness: int = 0


def pack_job(job: RenderJob) -> PackedJob:
    """Return a job with its frame. Only a child unpickles what is in it."""
    header = {
        "kind": job.kind,
        "options": asdict(job.options),
        "figure": job.figure,
        "seed": job.seed,
        "with_thumbnail": job.with_thumbnail,
        "libraries": dict(job.libraries),
        "device_pixel_ratio": job.device_pixel_ratio,
        "niceness": job.niceness,
    }
    more = [job.published] if job.published else []
    if job.kind == "function":
        more = [pickle.dumps(dict(job.arguments))]
    return PackedJob(wire.pack_frame(header, [job.source, *more]), job.timeout, job.niceness)


@dataclass(frozen=True)
class ReceivedJob:
    """A job whose frame another process made; the source is not opened."""

    kind: str
    source: bytes
    packed: PackedJob


def read_job_frame(frame: bytes, timeout: float) -> ReceivedJob:
    """Return the job in a frame that another process made.

    Raises
    ------
    InvalidInput
        The frame is not that of one job.
    """
    try:
        header, parts = wire.parse_frame(frame)
        if not all(name in header for name in _FIELDS):
            raise ValueError("fields are missing")
        kind, niceness = header["kind"], header["niceness"]
        if kind not in get_args(Kind) or type(niceness) is not int or not 0 <= niceness <= _MAX_NICENESS:
            raise ValueError("its kind or its niceness is unknown")
        if len(parts) not in _PARTS.get(kind, (1,)):
            raise ValueError("it has another number of parts")
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"The body is not a job: {str(error)[:100]}.", code="not_a_job") from error
    return ReceivedJob(kind, parts[0], PackedJob([frame], timeout, niceness))
