"""Parses and validates render requests (JSON body or query string). Server process.

The sandbox's host checks a job again before it runs: this module gives users their error messages, that one guards the
boundary.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Protocol

from ....errors import InvalidInput, TooLarge
from ....model.fields import bool_field, check_field_names, choice_field, number_field, parse_int, read_field
from ....model.formats import FORMATS, Format
from ....model.places import NO_PLACE, Place, read_place
from ....model.rendering import ALL, DrawOptions, RenderJob
from ....model.texts import check_name
from ....model.times import parse_duration

RENDER_FORMATS = tuple(name for name in FORMATS if name != "html")
"""Formats of rendered images."""
OFFERED_FORMATS = tuple(name for name in RENDER_FORMATS if not FORMATS[name].is_animated)
"""Formats that pages offer for a still figure."""
SIZE_FIELDS = ("width", "height", "dpi", "style", "transparent")
"""Size and style fields of a request for a published figure, in the order in which they are signed."""
SEEDS = 2**32
_STYLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,4})?")
_KEPT_FIELDS = ("name", "collection", "notebook")
_MAX_DPI = 10_000
_MAX_FIGURE = 10_000


class RenderLimits(Protocol):
    """The settings that bound a render request: traits of ``FigServe``."""

    render_code_bytes: int
    render_timeout: float
    render_timeout_max: float
    render_pixels: int


@dataclass(frozen=True)
class RenderRequest:
    """A validated render request.

    Parameters
    ----------
    as_json
        Whether the response is JSON with image, output and size, rather than the image.
    errors_as_image
        Whether an error is answered as an image of its message.
    place
        The place of a kept figure.
    """

    code: str
    options: DrawOptions = field(default_factory=DrawOptions)
    figure: int | str | None = None
    seed: int | None = None
    timeout: float = 10.0
    name: str | None = None
    keep: bool = False
    place: Place = NO_PLACE
    as_json: bool = False
    errors_as_image: bool = False

    def job(self) -> RenderJob:
        return RenderJob(
            "code",
            self.code.encode(),
            self.options,
            figure=self.figure,
            seed=self.seed,
            timeout=self.timeout,
            with_thumbnail=self.keep,
        )


def parse_render_request(
    values: Mapping[str, object], limits: RenderLimits, accepted: Sequence[str] = ()
) -> RenderRequest:
    """Parse the fields of a request.

    Parameters
    ----------
    accepted
        Formats of the ``Accept`` header, the preferred one first; used where ``format`` is missing, before PNG.

    Raises
    ------
    InvalidInput
        Naming the field, its value and the allowed ones.
    TooLarge
        For more code or pixels than allowed.
    """
    check_field_names(values, RENDER_FIELDS)
    timeout = default_timeout(limits)
    request = RenderRequest(
        code=_parse_code(values, limits),
        options=_parse_options(values, limits, default_format=_accepted_image(accepted)),
        figure=read_field(values, "figure", None, _parse_figure),
        seed=read_field(values, "seed", None, lambda value: parse_int(value, 0, SEEDS - 1)),
        timeout=read_field(values, "timeout", timeout, lambda value: _parse_seconds(value, limits.render_timeout_max)),
        name=read_field(values, "name", None, check_name),
        keep=bool_field(values, "keep"),
        place=read_place(values),
        as_json=tuple(accepted[:1]) == ("json",),
        errors_as_image=choice_field(values, "errors", "json", ("json", "image")) == "image",
    )
    if request.keep and request.figure == ALL:
        raise InvalidInput('figure="all" cannot be combined with keep; choose one figure by its number.')
    for field_name in _KEPT_FIELDS:
        if values.get(field_name) is not None and not request.keep:
            raise InvalidInput(f"{field_name} is for figures that are kept; add keep=true.")
    return request


def requested_error_format(values: Mapping[str, object], accepted: Sequence[str] = ()) -> str | None:
    """Return the format for an error image, None for errors in JSON; reads no other field, as those may be wrong."""
    if values.get("errors") != "image":
        return None
    try:
        return _parse_format(values.get("format") or _accepted_image(accepted))
    except InvalidInput:
        return "svg"


def default_timeout(limits: RenderLimits) -> float:
    """Return the timeout, in seconds, of a render that names none."""
    return min(limits.render_timeout, limits.render_timeout_max)


def _parse_code(values: Mapping[str, object], limits: RenderLimits) -> str:
    """Return the field ``code``.

    Raises
    ------
    InvalidInput
        When it is missing, empty, or not text.
    TooLarge
        Beyond ``FigServe.render_code_bytes``.
    """
    code = values.get("code")
    if not isinstance(code, str) or not code.strip():
        given = "nothing" if code is None else repr(code)[:40]
        raise InvalidInput(f"code={given}: send Python code that draws a figure, as a string.", code="code_missing")
    try:
        size = len(code.encode())
    except UnicodeEncodeError as error:
        raise InvalidInput("code has an unpaired surrogate; send text that can be encoded as UTF-8.") from error
    if size > limits.render_code_bytes:
        raise TooLarge(
            f"The code has {size:,} bytes; the maximum is {limits.render_code_bytes:,} (FigServe.render_code_bytes)."
        )
    return code


def _parse_options(values: Mapping[str, object], limits: RenderLimits, *, default_format: str = "png") -> DrawOptions:
    """Parse format, size, style and the other output options; other fields of ``values`` are ignored.

    Raises
    ------
    InvalidInput
        A value is not allowed; the message names the field.
    TooLarge
        The image would have more than ``FigServe.render_pixels``.
    """
    options = DrawOptions(
        format=read_field(values, "format", default_format, _parse_format),
        width=read_field(values, "width", None, lambda value: _parse_side(value, limits)),
        height=read_field(values, "height", None, lambda value: _parse_side(value, limits)),
        dpi=number_field(values, "dpi", None, 1, _MAX_DPI),
        style=read_field(values, "style", None, _parse_style),
        transparent=bool_field(values, "transparent"),
        tight=bool_field(values, "tight"),
    )
    if (options.width or 1) * (options.height or 1) > limits.render_pixels:
        raise _too_many_pixels(f"width={options.width}, height={options.height}", limits)
    return options


def parse_size(values: Mapping[str, object], format: str, limits: RenderLimits) -> DrawOptions:
    """Parse the ``SIZE_FIELDS`` of a published figure.

    Raises
    ------
    InvalidInput, TooLarge
        As for posted code.
    """
    known = {name: values[name] for name in SIZE_FIELDS if name in values}
    return _parse_options({**known, "format": format}, limits)


def to_query(request: RenderRequest, limits: RenderLimits) -> dict[str, str]:
    """Return the fields that differ from their defaults, as a query; ``parse_render_request`` reads it back."""
    query = _options_to_query(request.options)
    query |= {name: str(value) for name in ("figure", "seed") if (value := getattr(request, name)) is not None}
    if request.timeout != default_timeout(limits):
        query["timeout"] = f"{request.timeout:g}"
    if request.errors_as_image:
        query["errors"] = "image"
    return query


def _options_to_query(options: DrawOptions) -> dict[str, str]:
    """Return the options that differ from their defaults; the format is the suffix of the address."""
    given = {part.name: getattr(options, part.name) for part in fields(DrawOptions) if part.name != "format"}
    defaults = DrawOptions()
    return {name: _to_text(value) for name, value in given.items() if value != getattr(defaults, name)}


def size_to_query(options: DrawOptions) -> list[tuple[str, str]]:
    """Return the ``SIZE_FIELDS`` that differ from their defaults, in the order in which they are signed."""
    query = _options_to_query(options)
    return [(name, query[name]) for name in SIZE_FIELDS if name in query]


def get_render_format(name: str) -> Format:
    """Return the row of a format that can be rendered; ``jpeg`` is ``jpg``."""
    return FORMATS[_parse_format(name)]


def _accepted_image(accepted: Sequence[str]) -> str:
    return next((name for name in accepted if name != "json"), "png")


def _parse_format(value: object) -> str:
    found = {"jpeg": "jpg"}.get(value, value) if isinstance(value, str) else value
    if found not in RENDER_FORMATS:
        raise InvalidInput(f"expected one of {', '.join(RENDER_FORMATS)}.", code="unknown_format")
    return str(found)


def _parse_side(value: object, limits: RenderLimits) -> int:
    side = parse_int(value, 1, 10**10)
    if side > limits.render_pixels:
        raise _too_many_pixels(f"A side of {side:,}", limits)
    return side


def _parse_style(value: object) -> str:
    if not isinstance(value, str) or not _STYLE.fullmatch(value):
        raise InvalidInput("expected the name of a matplotlib style, such as ggplot or dark_background.")
    return value


def _parse_figure(value: object) -> int | str:
    if value == ALL:
        return ALL
    try:
        return parse_int(value, 0, _MAX_FIGURE)
    except InvalidInput:
        raise InvalidInput('expected the number of a figure, or "all".') from None


def _parse_seconds(value: object, maximum: float) -> float:
    number = float(value) if isinstance(value, str) and _SECONDS.fullmatch(value) else value
    seconds = parse_duration(number) if isinstance(number, (str, int, float)) else math.nan
    if not 0.05 <= seconds <= maximum:
        raise InvalidInput(f"expected 0.05 to {maximum:g} s (FigServe.render_timeout_max).")
    return seconds


def _to_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _too_many_pixels(what: str, limits: RenderLimits) -> TooLarge:
    return TooLarge(
        f"{what}: the maximum is {limits.render_pixels:,} pixels (FigServe.render_pixels).", code="too_many_pixels"
    )


RENDER_FIELDS = (
    "code",
    *(part.name for part in fields(DrawOptions) if part.name != "rows"),
    "figure",
    "timeout",
    "seed",
    "keep",
    *_KEPT_FIELDS,
    "errors",
)
