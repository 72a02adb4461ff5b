"""A missing server in a batch run: one warning, and figures without a URL, so that the run continues. Kernel."""

from __future__ import annotations

import os
import warnings
from typing import Any, NoReturn

from ...errors import InvalidInput, NotConnected
from ...model.environment_variables import OFFLINE_VARIABLE
from ...model.figures import EncodedImage
from ..client.client import FigServeClient
from ..client.front_end import is_batch_run
from . import display
from .published_figure import Published

_has_warned = False


class UnpublishedFigure(Published):
    """A figure that a batch run could not publish: ``url`` is None, methods that need a server raise NotConnected.

    As a cell's result, it shows the image.
    """

    def __init__(self, name: str, title: str, alt: str, image: EncodedImage | None, error: NotConnected) -> None:
        self._record = {"name": name, "title": title, "alt": alt}
        self._image = image
        self._source_figure = None
        self._source_problem = ""
        self._error = error

    @property
    def url(self) -> str:
        return None  # type: ignore[return-value]  # documented: only a figure of a batch run has none

    @property
    def id(self) -> str:
        self._refuse()

    @property
    def version(self) -> int:
        self._refuse()

    @property
    def _client(self) -> FigServeClient:  # type: ignore[override]  # an attribute where there is a server
        self._refuse()

    @property
    def path(self) -> str:
        return ""

    def image_url(self, *_args: Any, **_options: Any) -> str:
        self._refuse()

    def bundle(self, *, with_link: bool = True) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the mimebundle with the image alone."""
        display.close_if_inline(self.source_figure)
        return display.unpublished_bundle(repr(self), self.title, self.alt, self.still())

    def __repr__(self) -> str:
        return f'Figure "{self.name}", not published: no server was found'

    def _refuse(self) -> NoReturn:
        raise NotConnected(f'"{self.name}" is not published. {self._error.message}', code=self._error.code)


def warn_or_raise(error: NotConnected, stacklevel: int) -> None:
    """Raise ``error`` at a front end; in a batch run, warn once that nothing is published.

    ``FIGSERVE_OFFLINE`` set to ``error`` or ``warn`` selects one of the two everywhere.

    Parameters
    ----------
    stacklevel
        Stack level of the user's line, for the warning.

    Raises
    ------
    InvalidInput
        The variable has another value.
    """
    global _has_warned
    choice = os.environ.get(OFFLINE_VARIABLE, "").strip().lower()
    if choice not in ("", "error", "warn"):
        raise InvalidInput(f"{OFFLINE_VARIABLE} is {choice!r:.40}. Set it to error or warn, or unset it.")
    if choice == "error" or (not choice and not is_batch_run()):
        raise error
    if not _has_warned:
        _has_warned = True
        strict = f"With {OFFLINE_VARIABLE}=error, such a run fails instead."
        text = f"Nothing is published in this run. {error.message} {strict}"
        warnings.warn(text, UserWarning, stacklevel=stacklevel + 1)
