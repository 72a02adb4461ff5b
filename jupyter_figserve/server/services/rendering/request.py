"""What a request for a render asks for, read from JSON or a query and seen to be possible. Server process."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from ....errors import FigServeError, InvalidDuration, InvalidInput, TooLarge
from ....model.figures import check_name
from ....model.formats import FORMATS, Format
from ....model.times import parse_duration
from ....sandbox.renderer import ALL, DrawOptions, RenderJob
from ...web.http.content_negotiation import negotiate_formats

T = TypeVar("T")
PICTURES = tuple(name for name in FORMATS if name != "html")
"""Formats that a plotting library can draw."""
SEEDS = 2**32
_STYLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
_WHOLE = re.compile(r"[0-9]{1,10}")
_DECIMAL = re.compile(r"[0-9]{1,6}(\.[0-9]{1,4})?")
_MAX_DPI = 10_000
_YES = {"true": True, "1": True, "yes": True, "on": True, "": True}
_NO = {"false": False, "0": False, "no": False, "off": False}


@dataclass(frozen=True)
class RenderLimits:
    """What bounds a render; the traits of app.py have the words.

    Parameters
    ----------
    timeout
        Seconds of a job that names none; it may ask for ``longest_timeout``.
    result_bytes, output_bytes
        The most of the picture, and of what the code prints.
    """

    code_bytes: int = 256 * 1024
    timeout: float = 10.0
    longest_timeout: float = 60.0
    pixels: int = 25_000_000
    result_bytes: int = 32 * 2**20
    output_bytes: int = 64 * 1024
    url_length: int = 8_000
    url_cache_seconds: int = 86_400


@dataclass(frozen=True)
class RenderRequest:
    """One render, as asked for.

    Parameters
    ----------
    wants_json
        Whether the answer is to be JSON with output and size, rather than the picture.
    has_card
        Whether an error is to be answered as a picture of it.
    """

    code: str
    options: DrawOptions = field(default_factory=DrawOptions)
    figure: int | str | None = None
    seed: int | None = None
    timeout: float = 10.0
    name: str | None = None
    keep: bool = False
    wants_json: bool = False
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


def parse_render_request(values: Mapping[str, object], limits: RenderLimits, accept: str = "") -> RenderRequest:
    """The wish of these fields; a format that is not named comes from the ``Accept`` header, else it is PNG.

    Raises
    ------
    InvalidInput
        Naming the field, what came and what is allowed.
    TooLarge
        For more code or pixels than may be.
    """
    unknown = sorted(set(values) - set(FIELDS))
    if unknown:
        raise InvalidInput(f"There is no field {unknown[0]!r:.60}; the fields are {', '.join(FIELDS)}.")
    given = {name: value for name, value in values.items() if value is not None}
    accepted = negotiate_formats(accept)
    picture = next((name for name in accepted if name != "json"), "png")
    wish = RenderRequest(
        code=read_code(given, limits),
        options=read_options(given, limits, default_format=picture),
        figure=_read(given, "figure", _figure, None),
        seed=_read(given, "seed", lambda value: _whole(value, 0, SEEDS - 1), None),
        timeout=_read(given, "timeout", lambda value: _seconds(value, limits.longest_timeout), limits.timeout),
        name=_read(given, "name", check_name, None),
        keep=_read(given, "keep", _switch, False),
        wants_json=accepted[:1] == ["json"],
        errors_as_image=_read(given, "errors", _errors, "json") == "image",
    )
    if wish.keep and wish.figure == ALL:
        raise InvalidInput('figure="all" with keep: one figure is kept at a time; name it by its number.')
    if wish.name is not None and not wish.keep:
        raise InvalidInput("name is of figures that are kept; add keep=true.")
    return wish


def requested_error_format(values: Mapping[str, object], accept: str = "") -> str | None:
    """The format in which an error is wanted, before all else is read: the picture's; None where not as a picture."""
    if values.get("errors") != "image":
        return None
    named = values.get("format") or next((name for name in negotiate_formats(accept) if name != "json"), "png")
    try:
        return _format(named)
    except InvalidInput:
        return "svg"


def read_code(values: Mapping[str, object], limits: RenderLimits) -> str:
    """The field ``code``.

    Raises
    ------
    InvalidInput
        When it is missing, empty, or no text.
    TooLarge
        Beyond ``FigServe.render_code_bytes``.
    """
    code = values.get("code")
    if not isinstance(code, str) or not code.strip():
        came = "nothing" if code is None else repr(code)[:40]
        raise InvalidInput(f"code={came}: send Python that draws a figure, as a string.", code="code_missing")
    try:
        size = len(code.encode())
    except UnicodeEncodeError as error:
        raise InvalidInput("code holds half of a surrogate pair; send text that is UTF-8.") from error
    if size > limits.code_bytes:
        raise TooLarge(f"The code has {size:,} bytes; {limits.code_bytes:,} are the most (FigServe.render_code_bytes).")
    return code


def read_options(values: Mapping[str, object], limits: RenderLimits, *, default_format: str = "png") -> DrawOptions:
    """How to draw: format, sizes, style and the rest; what is in ``values`` besides is of no account."""
    options = DrawOptions(
        format=_read(values, "format", _format, default_format),
        width=_read(values, "width", lambda value: _side(value, limits), None),
        height=_read(values, "height", lambda value: _side(value, limits), None),
        dpi=_read(values, "dpi", _dpi, None),
        style=_read(values, "style", _style, None),
        transparent=_read(values, "transparent", _switch, False),
        tight=_read(values, "tight", _switch, False),
    )
    if (options.width or 1) * (options.height or 1) > limits.pixels:
        raise _too_many_pixels(f"width={options.width}, height={options.height}", limits)
    return options


def to_query(wish: RenderRequest, limits: RenderLimits) -> dict[str, str]:
    """The fields of a wish that differ from what they are when nobody names them, as a query has them."""
    query = query_of_options(wish.options)
    query |= {name: str(value) for name in ("figure", "seed") if (value := getattr(wish, name)) is not None}
    if wish.timeout != limits.timeout:
        query["timeout"] = f"{wish.timeout:g}"
    if wish.errors_as_image:
        query["errors"] = "image"
    return query


def query_of_options(options: DrawOptions) -> dict[str, str]:
    """The same for options; the format is the suffix's to tell."""
    given = {part.name: getattr(options, part.name) for part in fields(DrawOptions) if part.name != "format"}
    usual = DrawOptions()
    return {name: _as_text(value) for name, value in given.items() if value != getattr(usual, name)}


def cache_key(job: RenderJob, libraries: Mapping[str, str]) -> str:
    """What of a job and its surroundings decides the picture, as a text equal for equal ones."""
    from ....model.figures import sha256_hex

    known = {
        "kind": job.kind,
        "source": sha256_hex(job.source),
        "options": job.options.__dict__,
        "figure": job.figure,
        "seed": job.seed,
        "thumbnail": job.with_thumbnail,
        "libraries": dict(libraries),
    }
    return json.dumps(known, sort_keys=True)


def get_picture_format(name: str) -> Format:
    """The row of a format that can be drawn; ``jpeg`` is ``jpg``."""
    return FORMATS[_format(name)]


def _read(values: Mapping[str, object], name: str, check: Callable[[Any], T], default: Any) -> T:
    """The checked field, with its name before what is wrong with it."""
    value = values.get(name)
    if value is None:
        checked: T = default
        return checked
    try:
        return check(value)
    except (InvalidDuration, InvalidInput) as error:
        raise InvalidInput(f"{name}={value!r:.60}: {error.message}", code=error.code) from error
    except TooLarge:
        raise
    except FigServeError as error:
        raise InvalidInput(f"{name}={value!r:.60}: {error.message}") from error


def _format(value: object) -> str:
    found = {"jpeg": "jpg"}.get(value, value) if isinstance(value, str) else value
    if found not in PICTURES:
        raise InvalidInput(f"the formats are {', '.join(PICTURES)}.", code="unknown_format")
    return str(found)


def _side(value: object, limits: RenderLimits) -> int:
    side = _whole(value, 1, 10**10)
    if side > limits.pixels:
        raise _too_many_pixels(f"A side of {side:,}", limits)
    return side


def _whole(value: object, least: int, most: int) -> int:
    number = int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
        raise InvalidInput(f"a whole number from {least} to {most:,} is wanted.")
    return number


def _dpi(value: object) -> float:
    is_plain = isinstance(value, (int, float)) or (isinstance(value, str) and _DECIMAL.fullmatch(value))
    number = float(str(value)) if is_plain and not isinstance(value, bool) else math.nan
    if not 1 <= number <= _MAX_DPI:
        raise InvalidInput(f"dots per inch from 1 to {_MAX_DPI:,} are wanted.")
    return number


def _style(value: object) -> str:
    if not isinstance(value, str) or not _STYLE.fullmatch(value):
        raise InvalidInput("the name of a matplotlib style is wanted, such as ggplot or dark_background.")
    return value


def _switch(value: object) -> bool:
    known = _YES | _NO
    found = known.get(value.lower()) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise InvalidInput("true or false is wanted.")
    return found


def _figure(value: object) -> int | str:
    if value == ALL:
        return ALL
    try:
        return _whole(value, 0, 10_000)
    except InvalidInput:
        raise InvalidInput('the number of a figure, or "all", is wanted.') from None


def _seconds(value: object, longest: float) -> float:
    number = float(value) if isinstance(value, str) and _DECIMAL.fullmatch(value) else value
    seconds = parse_duration(number) if isinstance(number, (str, int, float)) else math.nan
    if not 0.05 <= seconds <= longest:
        raise InvalidInput(f"from 0.05 to {longest:g} seconds are allowed (FigServe.render_timeout_max).")
    return seconds


def _errors(value: object) -> str:
    if value not in ("json", "image"):
        raise InvalidInput("json or image is wanted.")
    return str(value)


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _too_many_pixels(what: str, limits: RenderLimits) -> TooLarge:
    return TooLarge(
        f"{what}: the picture may have {limits.pixels:,} pixels (FigServe.render_pixels).", code="too_many_pixels"
    )


FIELDS = (
    "code",
    *(part.name for part in fields(DrawOptions)),
    "figure",
    "timeout",
    "seed",
    "name",
    "keep",
    "errors",
)
