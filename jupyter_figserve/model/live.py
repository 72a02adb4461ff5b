"""A live figure and requests for its images as frozen values. Any process; knows no store and no HTTP."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import InvalidInput
from .figures import Identified, Identity
from .parameters import SIZES, Parameters
from .texts import check_name

_TEXTS = ("description", "digest", "revision")
_MAX_TEXT_LENGTH = 1_000
MAX_PARAMETERS = 100
"""Maximum number of parameters of a live figure."""
_MAX_TIMEOUT = 600.0
_MAX_CACHE = 366 * 86_400.0
_MAX_REFRESH = 31 * 86_400.0
"""Maximum seconds that a declaration may state; longer times are reduced to these."""
DEVICE_PIXEL_RATIOS = (1, 2)
"""Device pixel ratios that an image can be drawn for: 1, and 2 for HiDPI screens."""
_RATIO_FIELD = "density"
"""Name of ``device_pixel_ratio`` in messages between kernel and server."""
RECORD_PARAMETER = "_record"
"""Query parameter with which ``.json`` returns the record of a live figure, even if its function returns data."""
IMAGE_FORM, HTML_FORM, DATA_FORM = "picture", "html", "data"
"""Forms of a function's result; a function that gives only SVG, JPEG or WebP has the name of that format."""
FORMS = (IMAGE_FORM, HTML_FORM, DATA_FORM, "svg", "jpg", "webp")


def shown_suffix(form: str | None, format: str | None = None) -> str:
    """Return the suffix that a page requests a live figure with: ``format`` if chosen, else that of its form."""
    if form == DATA_FORM:
        return "json"
    if format is not None:
        return format
    return "png" if form in (None, IMAGE_FORM) else form


@dataclass(frozen=True)
class LiveDeclaration:
    """A live figure as its kernel declares it.

    Parameters
    ----------
    sizes
        Those of width, height and dpi that a request may set, because the function has no parameter of that name.
    cache
        Seconds for which an image may be served again.
    timeout
        Seconds that a call may take.
    version
        Version of the data, if it is a constant; None if the kernel computes it, or there is none.
    digest
        Digest of the function's code, equal in other kernels.
    revision
        Identifies this declaration; running its cell again makes a new one.
    tight
        Whether images are cropped or extended to their content.
    refresh
        Seconds after which open pages refresh the image; None for never.
    refreshed
        Changes with each refresh: images from before it are out of date.
    form
        Form of the result as the return annotation declares it; ``""`` if it declares none.
    """

    name: str
    parameters: Parameters = field(default_factory=Parameters)
    description: str = ""
    sizes: tuple[str, ...] = SIZES
    cache: float = 0.0
    timeout: float = 20.0
    version: str | None = None
    is_versioned: bool = False
    digest: str = ""
    revision: str = ""
    tight: bool = False
    refresh: float | None = None
    refreshed: str = ""
    form: str = ""

    @property
    def heading(self) -> str:
        return self.name.replace("_", " ")

    def as_json(self) -> dict[str, Any]:
        """Return the fields of the message to the server, which ``from_json`` reads."""
        return {**self.__dict__, "parameters": self.parameters.as_json(), "sizes": list(self.sizes)}

    @classmethod
    def from_json(cls, row: Any) -> LiveDeclaration:
        """Parse a declaration that a kernel sent.

        Raises
        ------
        InvalidInput
            When it is not a valid declaration.
        """
        try:
            parameters = Parameters.from_json(row["parameters"])
            texts = {name: str(row[name])[:_MAX_TEXT_LENGTH] for name in _TEXTS}
            texts["refreshed"] = str(row.get("refreshed") or "")[:_MAX_TEXT_LENGTH]
            texts["form"] = row.get("form") if row.get("form") in FORMS else ""
            sizes = tuple(name for name in SIZES if name in row["sizes"])
            version = None if row["version"] is None else str(row["version"])[:_MAX_TEXT_LENGTH]
            cache, timeout = min(float(row["cache"]), _MAX_CACHE), min(float(row["timeout"]), _MAX_TIMEOUT)
            name, is_versioned = check_name(row["name"]), bool(row["is_versioned"])
            refresh = None if row.get("refresh") is None else min(float(row["refresh"]), _MAX_REFRESH)
        except (TypeError, KeyError, ValueError, AttributeError, OverflowError) as error:
            raise InvalidInput("This is not a valid declaration of a live figure.") from error
        if "." in name:
            raise InvalidInput(
                f"The name {name!r} contains a dot, which addresses use before the format; choose one without."
            )
        is_valid = cache >= 0 and timeout > 0 and (refresh is None or refresh > 0)
        if len(parameters.items) > MAX_PARAMETERS or not is_valid:
            raise InvalidInput("This is not a valid declaration of a live figure.")
        return cls(name, parameters, sizes=sizes, cache=cache, timeout=timeout, version=version,
                   is_versioned=is_versioned, tight=row.get("tight") is True, refresh=refresh, **texts)  # fmt: skip


@dataclass(frozen=True)
class LiveFigureRecord(Identified):
    """A live figure as the catalog stores it, the same for every kernel of its notebook."""

    id: str
    identity: Identity
    declaration: LiveDeclaration
    created: float
    updated: float

    @property
    def heading(self) -> str:
        return self.declaration.heading


@dataclass(frozen=True)
class LiveRequest:
    """A request for an image of a live figure, with all that determines it.

    Parameters
    ----------
    arguments
        JSON values by parameter.
    width, height
        Pixels at ``dpi`` for raster formats, at 96 to the inch for vector formats; None is the figure's own.
    device_pixel_ratio
        Image pixels per CSS pixel, in raster formats of the figure's own size: 2 for HiDPI screens. Other images
        are drawn at 1.
    """

    arguments: Mapping[str, Any] = field(default_factory=dict)
    format: str = "png"
    width: int | None = None
    height: int | None = None
    dpi: float | None = None
    device_pixel_ratio: int = 1

    @property
    def key(self) -> str:
        """Equal for equivalent requests."""
        meaning = [self.arguments, self.format, self.width, self.height, self.dpi]
        text = json.dumps(meaning + ([] if self.device_pixel_ratio == 1 else [self.device_pixel_ratio]), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:40]

    def as_json(self) -> dict[str, Any]:
        """Return the fields of the message to a kernel, which ``from_json`` reads."""
        fields = dict(self.__dict__)
        return fields | {_RATIO_FIELD: fields.pop("device_pixel_ratio")}

    @classmethod
    def from_json(cls, message: Mapping[str, Any]) -> LiveRequest:
        """Read the request from a message; absent fields and nulls mean the defaults."""
        names = ("arguments", "format", "width", "height", "dpi")
        given = {name: message[name] for name in names if message.get(name) is not None}
        return cls(**given, device_pixel_ratio=message.get(_RATIO_FIELD) or 1)
