"""What a live figure's page shows: its controls, its picture, and what is wrong. Server process."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ....errors import InvalidInput
from ....model.live import DENSITIES
from ....model.parameter import Parameter
from ....model.parameters import Parameters
from ...services.live.registry import LiveTarget
from . import frames

DENSITY = "_density"
"""In the query of a live figure's picture: for which screens it is."""
_INPUTS = {"int": "number", "float": "number", "date": "date", "datetime": "datetime-local", "str": "text"}


@dataclass(frozen=True)
class FormControl:
    """A form's control for one parameter.

    Parameters
    ----------
    kind
        ``"select"``, ``"box"``, or the ``type`` of an ``input``.
    texts
        What it shows, as a query says it; several where several options are chosen.
    default
        The text of the default, which an address leaves out.
    options
        Text and label of each.
    prefix
        Before the parameter's name in the form, where a page has several live figures.
    """

    parameter: Parameter
    kind: str
    texts: tuple[str, ...]
    default: str | None
    options: tuple[tuple[str, str], ...] = ()
    prefix: str = ""

    @property
    def field(self) -> str:
        """Its name in the form, and in the address."""
        return self.prefix + self.name

    @property
    def name(self) -> str:
        return self.parameter.name

    @property
    def label(self) -> str:
        words = self.name.replace("_", " ").strip()
        return words[:1].upper() + words[1:]

    @property
    def is_range(self) -> bool:
        """Whether it may be moved on a line."""
        item = self.parameter
        bounded = item.minimum is not None and item.maximum is not None
        return item.kind in ("int", "float") and bounded and not item.many and not item.is_optional

    @property
    def step(self) -> float | str:
        """Of a line or a number: what suits when none was declared."""
        item = self.parameter
        if item.step is not None:
            return item.step
        if item.kind != "float":
            return 1
        return (item.maximum - item.minimum) / 200 if self.is_range else "any"  # type: ignore[operator]


@dataclass(frozen=True)
class LivePage:
    """Parameters
    ----------
    address
        Of the page, relative to it; with a dot and a suffix, of its picture.
    query
        Of what is shown, in its canonical form; None when nothing can be.
    fault
        What is wrong with the address, in words.
    is_paused
        Whether a person must first say that the function may run: another site led here.
    form
        ``"html"`` or ``"picture"``, as the function gave it last; None when that is not known.
    size
        Width and height of the picture as it was drawn last, in its own size.
    """

    address: str
    query: str | None
    controls: Sequence[FormControl]
    fault: str = ""
    is_paused: bool = False
    form: str | None = None
    size: tuple[int | None, int | None] = (None, None)

    def image(self, suffix: str = "png") -> str:
        return f"{self.address}.{suffix}" + (f"?{self.query}" if self.query else "")

    @property
    def dense(self) -> str | None:
        """The picture for dense screens, where a page knows in which size to show it."""
        return hidpi_url(self.image()) if self.size[0] else None

    @property
    def frame(self) -> str:
        """The address that a frame without our script shows."""
        return frames.signed_frame_url(self.address, self.query)

    @property
    def defaults(self) -> str:
        """For the script: the text of each default."""
        return json.dumps({one.name: one.default for one in self.controls if one.default is not None})


def make_view(
    target: LiveTarget,
    parameters: Parameters,
    query: Mapping[str, Sequence[str]],
    *,
    address: str,
    is_paused: bool = False,
    form: str | None = None,
    find_size: Callable[[Mapping[str, Any]], tuple[int | None, int | None]] = lambda values: (None, None),
) -> LivePage:
    """The page's view of ``target`` with the controls of ``parameters``, as ``query`` has them.

    Parameters
    ----------
    find_size
        Of the picture with these values of the controls.
    """
    sizes = {name: values for name, values in query.items() if name in target.declaration.sizes}
    said = {name: values for name, values in query.items() if name not in sizes}
    try:
        values = parameters.parse(said)
    except InvalidInput as error:
        is_first = error.code == "parameter_missing" and not any(name in parameters.names for name in said)
        controls = [_control(item, said.get(item.name)) for item in parameters.items]
        return LivePage(address, None, controls, "" if is_first else error.message, is_paused, form)
    controls = [_control(item, None, values[item.name]) for item in parameters.items]
    parts = [parameters.query(values), *(f"{name}={texts[-1]}" for name, texts in sizes.items() if texts[-1].isdigit())]
    size = (None, None) if sizes else find_size(values)
    return LivePage(address, "&".join(part for part in parts if part), controls, "", is_paused, form, size)


def hidpi_url(image: str) -> str:
    """The address of a live picture for dense screens."""
    return f"{image}{'&' if '?' in image else '?'}{DENSITY}={DENSITIES[-1]}"


def make_control(item: Parameter, said: Sequence[str] | None, *, prefix: str = "") -> FormControl:
    """The control of one parameter as an address has it; what the address says wrongly stands there to be corrected."""
    if said:
        try:
            return replace(_control(item, None, item.parse(said)), prefix=prefix)
        except InvalidInput:
            return replace(_control(item, said), prefix=prefix)
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
    # A control for a time knows no zone and no seconds beyond the whole ones.
    return [text[:16] if item.kind == "datetime" and not item.many and len(text) >= 16 else text]


def _escaped(item: Parameter, choice: str) -> str:
    """As one item of a query's list, where the parameter is a list."""
    return item.write([choice]) if item.many else choice
