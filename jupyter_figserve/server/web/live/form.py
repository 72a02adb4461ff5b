"""Page model of a live figure: its form controls, its image, and errors in the query. Server process."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ....errors import InvalidInput
from ....model.formats import FORMATS
from ....model.live import DEVICE_PIXEL_RATIOS
from ....model.parameter import Parameter
from ....model.parameters import Parameters
from ...services.live.appearance import Appearance
from ...services.live.registry import LiveTarget
from .request import DRAW_PARAMETER, FORMAT_PARAMETER, FRAME_PARAMETER, LAST_PARAMETER, RATIO_PARAMETER

_INPUTS = {"int": "number", "float": "number", "date": "date", "datetime": "datetime-local", "str": "text"}


@dataclass(frozen=True)
class FormControl:
    """A form control for one parameter.

    Parameters
    ----------
    kind
        ``"select"``, ``"box"``, or the ``type`` of an ``input``.
    texts
        Its value as in a query; several if several options are selected.
    default
        Text of the default value, which URLs omit.
    options
        Value and label of each option.
    prefix
        Prefix of the parameter's name on a page with several live figures.
    """

    parameter: Parameter
    kind: str
    texts: tuple[str, ...]
    default: str | None
    options: tuple[tuple[str, str], ...] = ()
    prefix: str = ""

    @property
    def field(self) -> str:
        """Its name in the form and in the query."""
        return self.prefix + self.name

    @property
    def name(self) -> str:
        return self.parameter.name

    @property
    def label(self) -> str:
        text = self.name.replace("_", " ").strip()
        return text[:1].upper() + text[1:]

    @property
    def is_range(self) -> bool:
        """Whether it can be a slider."""
        item = self.parameter
        bounded = item.minimum is not None and item.maximum is not None
        return item.kind in ("int", "float") and bounded and not item.many and not item.is_optional

    @property
    def step(self) -> float | str:
        """Step of a slider or a number field, with a suitable default."""
        item = self.parameter
        if item.step is not None:
            return item.step
        if item.kind != "float":
            return 1
        return (item.maximum - item.minimum) / 200 if self.is_range else "any"  # type: ignore[operator]


@dataclass(frozen=True)
class LivePage:
    """Model of a live figure's page.

    Parameters
    ----------
    address
        URL of the page, relative to itself; with a suffix, URL of its image.
    query
        Canonical query of the image; None when the query of the page is invalid.
    error
        Error message for the query of the page, or "".
    notice
        Message about names in the query that no parameter has, which the image does without, or "".
    is_paused
        Whether the user must first allow the function to run, because another site linked here.
    names
        Names in the query of the page that determine the image.
    appearance
        What is known of the function's result.
    format
        Image format that the query of the page selects; None for the form's own.
    refresh
        Seconds after which the page refreshes its image; None for never.
    is_offline
        Whether nothing can call the function, so that the image is the last one.
    is_drawing
        Whether the page itself has made the call.
    arguments
        Values of the controls, if they are valid and the image has its own size.
    """

    address: str
    query: str | None
    controls: Sequence[FormControl]
    error: str = ""
    notice: str = ""
    is_paused: bool = False
    names: tuple[str, ...] = ()
    appearance: Appearance = field(default_factory=Appearance)
    arguments: Mapping[str, Any] | None = None
    format: str | None = None
    refresh: float | None = None
    is_offline: bool = False
    is_drawing: bool = False

    @property
    def form(self) -> str | None:
        """Form of the function's result; None when unknown."""
        return self.appearance.form

    @property
    def suffix(self) -> str:
        """Suffix of the result that the page shows."""
        return self.appearance.suffix

    @property
    def status(self) -> int:
        """HTTP status of the page."""
        return 400 if self.error or self.notice else 200

    def image(self, suffix: str | None = None) -> str:
        return f"{self.address}.{suffix or self.suffix}" + (f"?{self.query}" if self.query else "")

    @property
    def shown(self) -> str:
        """URL of the image that the page loads by itself; not drawn again if the page has made the call."""
        return last_url(self.image()) if self.is_drawing else self.image()

    @property
    def hidpi(self) -> str | None:
        """URL of the image for HiDPI screens, where its size on the page is known and its own."""
        is_known = self.arguments is not None and self.appearance.size[0] and is_raster(self.suffix)
        return hidpi_url(self.image()) if is_known else None

    @property
    def frame(self) -> str:
        """URL that a frame without our script shows."""
        url = frame_url(self.address, self.query)
        return last_url(url) if self.is_drawing else url

    @property
    def drawing(self) -> str | None:
        """URL of the page that makes the call itself, for browsers without scripts; None where it need not."""
        is_due = self.query is not None and not (self.is_paused or self.is_offline or self.is_drawing)
        if not is_due or self.appearance.is_drawn:
            return None
        chosen = f"{FORMAT_PARAMETER}={self.format}" if self.format else ""
        return f"{self.address}?" + "&".join(part for part in (self.query, chosen, f"{DRAW_PARAMETER}=1") if part)

    @property
    def defaults(self) -> str:
        """Text of each default as JSON, for the script."""
        return json.dumps({one.name: one.default for one in self.controls if one.default is not None})


def build_page(
    target: LiveTarget,
    parameters: Parameters,
    query: Mapping[str, Sequence[str]],
    *,
    address: str,
    is_paused: bool = False,
) -> LivePage:
    """Return the page of ``target`` with a control for each of ``parameters``, set as in ``query``."""
    sizes = {name: values for name, values in query.items() if name in target.declaration.sizes}
    names = (*parameters.names, *sizes)
    unknown = parameters.unknown(name for name in query if name not in sizes)
    notice = parameters.describe_unknown(unknown)
    given = {name: values for name, values in query.items() if name in parameters.names}
    try:
        values = parameters.parse(given)
    except InvalidInput as error:
        is_first = error.code == "parameter_missing" and not given
        controls = [_control(item, given.get(item.name)) for item in parameters.items]
        return LivePage(address, None, controls, "" if is_first else error.message, notice, is_paused)
    controls = [_control(item, None, values[item.name]) for item in parameters.items]
    parts = [parameters.query(values), *(f"{name}={texts[-1]}" for name, texts in sizes.items() if texts[-1].isdigit())]
    canonical = "&".join(part for part in parts if part)
    arguments = None if sizes else values
    return LivePage(address, canonical, controls, "", notice, is_paused, names=names, arguments=arguments)


def is_raster(suffix: str) -> bool:
    """Whether an image with this suffix has pixels, of which HiDPI screens want more."""
    row = FORMATS.get(suffix)
    return row is not None and row.is_raster


def last_url(url: str) -> str:
    """Return the URL of the last good result, which needs no call."""
    return f"{url}{'&' if '?' in url else '?'}{LAST_PARAMETER}=1"


def hidpi_url(image: str) -> str:
    """Return the URL of a live image for HiDPI screens."""
    return f"{image}{'&' if '?' in image else '?'}{RATIO_PARAMETER}={DEVICE_PIXEL_RATIOS[-1]}"


def frame_url(address: str, query: str | None) -> str:
    """Return the URL that a frame without our script shows: the HTML at ``address``, which has no suffix."""
    return f"{address}.html?" + (f"{query}&" if query else "") + f"{FRAME_PARAMETER}=1"


def make_control(item: Parameter, given: Sequence[str] | None, *, prefix: str = "") -> FormControl:
    """Return the control of one parameter, set as in a query; it also shows an invalid value, to be corrected."""
    if given:
        try:
            return replace(_control(item, None, item.parse(given)), prefix=prefix)
        except InvalidInput:
            return replace(_control(item, given), prefix=prefix)
    return replace(_control(item, None, item.default), prefix=prefix)


def _control(item: Parameter, texts: Sequence[str] | None, value: Any = None) -> FormControl:
    default = None if item.is_required else item.write(item.default)
    if texts is None:
        shown = item.default if value is None and not item.is_optional else value
        texts = _texts(item, shown)
    if item.kind == "choice":
        options = [("", "none")] if item.is_optional and not item.many else []
        options += [(_escaped(item, choice), choice) for choice in item.choices]
        return FormControl(item, "select", tuple(texts), default, tuple(options))
    if item.kind == "bool" and not item.many and not item.is_optional:
        return FormControl(item, "box", tuple(texts), default)
    if item.kind == "bool" and not item.many:
        options = [("", "none"), ("true", "yes"), ("false", "no")]
        return FormControl(item, "select", tuple(texts), default, tuple(options))
    return FormControl(item, "text" if item.many else _INPUTS[item.kind], tuple(texts), default)


def _texts(item: Parameter, value: Any) -> list[str]:
    if value is None:
        return [""]
    if item.many and item.kind == "choice":
        return [_escaped(item, one) for one in value]
    text = item.write(value)
    # An input for a time has neither a time zone nor seconds.
    return [text[:16] if item.kind == "datetime" and not item.many and len(text) >= 16 else text]


def _escaped(item: Parameter, choice: str) -> str:
    """Return a choice as text in a query, escaped if the parameter is a list."""
    return item.write([choice]) if item.many else choice
