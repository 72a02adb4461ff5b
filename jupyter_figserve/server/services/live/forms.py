"""Forms of live figures: image, HTML or data, as known from earlier calls. Server process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ....errors import InvalidInput
from ....model.formats import DATA_FORMATS, INLINE_FORMATS
from ....model.live import DATA_FORM, HTML_FORM, IMAGE_FORM, LiveRequest
from .image_cache import CachedImage, StaleImageCache
from .registry import LiveTarget

_FORMS = {"html": HTML_FORM, "data": DATA_FORM, "png": IMAGE_FORM} | {
    row.name: row.name for row in INLINE_FORMATS if row.name != "png"
}
"""Forms by their representative format."""
_FORMATS: Mapping[str, tuple[str, ...]] = {
    IMAGE_FORM: ("png", "csv"),
    HTML_FORM: ("csv",),
    DATA_FORM: ("json", "csv"),
}
_FIGURE = "figure"
"""Some form other than data."""


class LiveForms:
    """The form of each live figure's result: ``"picture"``, ``"html"``, ``"data"``, or another image format's name."""

    def __init__(self, images: StaleImageCache) -> None:
        self._images = images
        self._forms: dict[str, tuple[str, str]] = {}

    def find(self, target: LiveTarget) -> str | None:
        """Return the form of the function's last result as currently declared; None before its first call."""
        form = self._find(target)
        return None if form == _FIGURE else form

    def guess(self, target: LiveTarget) -> str | None:
        """Return the form; before the first call the declared one, else that of an earlier revision's last result."""
        form = self._find(target)
        if form not in (None, _FIGURE):
            return form
        guess = target.declaration.form or self._find_earlier(target)
        return None if form == _FIGURE and guess == DATA_FORM else guess

    def gives_data(self, target: LiveTarget) -> bool | None:
        """Whether the function returns data; None where that is not known."""
        form = self._find(target)
        return None if form is None else form == DATA_FORM

    def find_formats(self, target: LiveTarget) -> tuple[str, ...]:
        """Return the formats of the function's own form, the main one first, CSV included even where there is none."""
        form = self.find(target)
        return _FORMATS.get(form, (form, "csv")) if form is not None else ("png", "csv")

    def has_one_form(self, target: LiveTarget) -> bool:
        """Whether the function's result is available in these formats only."""
        return self.find(target) not in (None, IMAGE_FORM, HTML_FORM)

    async def find_last(self, target: LiveTarget, arguments: Mapping[str, Any]) -> str | None:
        """Return the form, or a guess before the first call: ``guess``, else that of the last stored result."""
        form = self.guess(target)
        if form is not None:
            return form
        for name in ("png", "html", "svg", "json"):
            image = await self.find_image(target, LiveRequest(arguments, name))
            if image is not None:
                return DATA_FORM if name == "json" else HTML_FORM if image.is_html else _FORMS[name]
        return None

    async def find_image(self, target: LiveTarget, request: LiveRequest) -> CachedImage | None:
        """Return the last image for a request; None without one, or when the function requires other arguments."""
        try:
            complete = target.declaration.parameters.complete(request.arguments)
        except InvalidInput:
            return None
        return await self._images.find_last(target.record.id, replace(request, arguments=complete))

    def record(self, target: LiveTarget, request: LiveRequest, image: CachedImage) -> None:
        """Record the form of a result; only a request for PNG, the default, leaves the choice to the figure."""
        if request.format in DATA_FORMATS:
            self._record(target, DATA_FORM)
        elif request.format == "png":
            self._record(target, HTML_FORM if image.is_html else IMAGE_FORM)

    def record_failure(self, target: LiveTarget, code: str) -> None:
        """Record the form that the error's code names for a function without the requested format."""
        form = _FORMS.get(code.removesuffix("_only"))
        if form is not None:
            self._record(target, form)
        elif code == "not_data" and self.gives_data(target) is not False:
            self._record(target, _FIGURE)

    def _record(self, target: LiveTarget, form: str) -> None:
        self._forms[target.record.id] = (target.declaration.revision, form)

    def _find(self, target: LiveTarget) -> str | None:
        revision, form = self._forms.get(target.record.id, ("", None))
        return form if revision == target.declaration.revision else None

    def _find_earlier(self, target: LiveTarget) -> str | None:
        _, form = self._forms.get(target.record.id, ("", None))
        return None if form == _FIGURE else form
