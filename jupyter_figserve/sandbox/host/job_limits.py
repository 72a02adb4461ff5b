"""Limits of a render job, and its validation before it reaches a child process. Server process."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import DeadlineExceeded, InvalidInput, TooLarge
from ...model.formats import TABLES, get_format, get_live_format
from ...model.rendering import ALL, DrawOptions, RenderJob

MAX_ROWS = 10_000_000


@dataclass(frozen=True)
class JobLimits:
    """Limits of a job and its result.

    Parameters
    ----------
    pixels
        Maximum pixels of an image.
    source_bytes
        Maximum size of the source.
    timeout
        Maximum timeout of a job in seconds.
    """

    pixels: int
    source_bytes: int
    timeout: float


def deadline_error(timeout: float) -> DeadlineExceeded:
    """Return the error of a job that takes longer than its timeout."""
    return DeadlineExceeded(
        f"The code took longer than {timeout:g} s; reduce its work or raise the timeout.", retry_after=5
    )


def check_job(job: RenderJob, limits: JobLimits) -> None:
    """Validate a job, regardless of earlier validation.

    A request is parsed and validated in ``server.services.rendering.request`` as well, with messages about its fields.
    This check is the sandbox's own: a trust boundary must not depend on its callers, some of which make jobs from
    stored sources and not from requests.

    Raises
    ------
    InvalidInput
        A field is malformed or out of range.
    TooLarge
        The source or the requested image exceeds the limits.
    """
    if job.kind == "function":
        get_live_format(job.options.format)
    elif job.options.format != TABLES.name or job.kind not in ("figure", "code"):
        get_format(job.options.format)
    _check_options(job.options, limits)
    if len(job.source) > limits.source_bytes:
        raise TooLarge(f"The source has {len(job.source):,} bytes; the limit is {limits.source_bytes:,}.")
    if not 0 < job.timeout <= limits.timeout:
        raise InvalidInput(f"Invalid timeout {job.timeout!r:.40}; give more than 0 and at most {limits.timeout:g} s.")
    if job.seed is not None and not (type(job.seed) is int and 0 <= job.seed < 2**32):
        raise InvalidInput(f"Invalid seed {job.seed!r:.40}; give an integer from 0 to {2**32 - 1:,}.")
    if job.figure not in (None, ALL) and not (type(job.figure) is int and job.figure >= 0):
        raise InvalidInput(f"Invalid figure {job.figure!r:.40}; give its number, or all.")


def _check_options(options: DrawOptions, limits: JobLimits) -> None:
    for name, side in (("width", options.width), ("height", options.height)):
        if side is not None and not (type(side) is int and side >= 1):
            raise InvalidInput(f"Invalid {name} {side!r:.40}; give a positive integer, in pixels.")
    dpi = options.dpi
    if dpi is not None and not (isinstance(dpi, (int, float)) and 1 <= dpi <= 10_000):
        raise InvalidInput(f"Invalid dpi {dpi!r:.40}; give 1 to 10,000 dots per inch.")
    if options.rows is not None and not (type(options.rows) is int and 1 <= options.rows <= MAX_ROWS):
        raise InvalidInput(f"Invalid rows {options.rows!r:.40}; give 1 to {MAX_ROWS:,}.")
    check_pixels(options.width or 1, options.height or 1, limits)


def check_pixels(width: int, height: int, limits: JobLimits) -> None:
    """Refuse an image with more pixels than allowed.

    Raises
    ------
    TooLarge
        With the code ``too_many_pixels``.
    """
    if width * height > limits.pixels:
        raise TooLarge(
            f"The figure would have {width:,} by {height:,} pixels; the limit is {limits.pixels:,} in total."
            " Choose a smaller size or dpi.",
            code="too_many_pixels",
        )
