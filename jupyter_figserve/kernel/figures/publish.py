"""Publishing from a notebook or a script: encode, post, and hold the answer. Kernel."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ...errors import FigServeError, InvalidInput
from ...model.figures import ALT_LENGTH, TITLE_LENGTH, EncodedImage, check_name, validate_single_line
from ...model.formats import get_format
from ..client.connection import Connection, get_connection
from ..client.multipart import encode_form, json_part, picture_part
from . import source_uploader
from .cell import find_cell, name_of
from .display import SHOWN_FORMATS
from .published_figure import Published

if TYPE_CHECKING:
    from ...plotting.encode import EncodedFigure

_log = logging.getLogger(__name__)


def publish(
    fig: Any = None,
    name: str | None = None,
    *,
    title: str | None = None,
    alt: str | None = None,
    format: str | Iterable[str] = "png",
    dpi: float | None = None,
    tight: bool = False,
    keep_source: bool = True,
) -> Published:
    """Give a figure a URL. Publishing it again, also by running the notebook again, updates it under the same URL.

    Parameters
    ----------
    fig
        A matplotlib figure, axes or artists, what seaborn, plotnine or pandas return, a PIL image, the bytes of an
        image, or anything that shows itself as an image or HTML. None is the current pyplot figure.
    name
        Tells the figures of a notebook apart. None names it after its title, else after its cell.
    title, alt
        Heading and alternative text of its pages. None takes what the figure itself says.
    format
        ``"png"``, ``"svg"``, … or several, the main one first.
    dpi
        None is the figure's own.
    tight
        Cut the margins off.
    keep_source
        Send the figure itself too, after this call, so that the server can draw other sizes and formats. Only its
        sandbox ever opens it.

    Raises
    ------
    NotConnected
        When there is no server; the text says what to do.
    InvalidInput
        When ``fig`` is nothing that can be published, or an argument is not what it must be.
    """
    _refuse_swapped(fig, name)
    given = None if name is None else check_name(name)
    given_title = None if title is None else validate_single_line(title, "title", TITLE_LENGTH)
    given_alt = None if alt is None else validate_single_line(alt, "alternative text", ALT_LENGTH)
    formats = _formats(format)
    connection = get_connection()
    from ...plotting.encode import encode

    encoded = encode(fig, formats, dpi=dpi, tight=tight)
    words = {
        "title": encoded.title if given_title is None else given_title,
        "alt": encoded.alt if given_alt is None else given_alt,
    }
    return _post(connection, encoded, given, words, keep_source)


def figures() -> list[Published]:
    """The published figures of this notebook, newest first."""
    connection = get_connection()
    found: list[Published] = []
    cursor: str | None = None
    while True:
        page = connection.client.get("api/figures", here=1, cursor=cursor)
        found += [Published(record, connection) for record in page["figures"]]
        cursor = page.get("next")
        if not cursor:
            return found


def unpublish(notebook: str | None = None) -> int:
    """Take all figures of a notebook off the server, with their versions and links; how many there were.

    Parameters
    ----------
    notebook
        Its path below the server's root; None is this one.
    """
    client = get_connection().client
    where = {"here": 1} if notebook is None else {"notebook": notebook}
    return int(client.delete("api/figures", **where)["deleted"])


def _post(
    connection: Connection, encoded: EncodedFigure, name: str | None, words: dict[str, str], keep_source: bool
) -> Published:
    from ...plotting.describe import libraries

    cell = find_cell()
    used = libraries()
    described = {
        "name": name_of(words["title"], cell) if name is None else name,
        **words,
        "cell": cell.as_json() if cell else None,
        "provenance": {"libraries": used},
        "sizes": [{"width": part.width, "height": part.height, "dpi": part.dpi} for part in encoded.payloads],
    }
    source = _PickledSource(encoded.figure if keep_source else None)
    content_type, body = _form(described, encoded)
    record = connection.client.post_form("api/figures", content_type, body, source.pickle)
    if source.data is not None and not record.get("redrawable"):
        pending = source_uploader.SourceUpload(connection.client, record["id"], record["version"], source.data, used)
        record["redrawable"] = source_uploader.send_later(pending)
    published = Published(record, connection, _still(encoded))
    if encoded.figure is not None:
        published.mark_drawn_from(encoded.figure)
    return published


class _PickledSource:
    """A figure's source, pickled in the call that publishes it: the next line of the cell may change the figure."""

    def __init__(self, figure: Any | None) -> None:
        self._figure = figure
        self.data: bytes | None = None

    def pickle(self) -> None:
        if self._figure is None:
            return
        from ...plotting.pickling import pickle_figure

        try:
            self.data = pickle_figure(self._figure)
        except FigServeError as error:
            _log.debug("The figure is published without its source: %s", error)


def _form(described: dict[str, Any], encoded: EncodedFigure) -> tuple[str, bytes]:
    parts = [json_part("figure", described)]
    parts += [picture_part("representation", payload.mimetype, payload.data) for payload in encoded.payloads]
    if encoded.thumbnail is not None:
        parts.append(picture_part("thumbnail", encoded.thumbnail.mimetype, encoded.thumbnail.data))
    return encode_form(parts)


def _still(encoded: EncodedFigure) -> EncodedImage | None:
    """What the notebook shows: the first encoding that an ``img`` element takes, else the thumbnail."""
    return next((part for part in encoded.payloads if part.mimetype in SHOWN_FORMATS), encoded.thumbnail)


def _formats(format: str | Iterable[str]) -> tuple[str, ...]:
    """The names in the table of formats, each once.

    Raises
    ------
    InvalidInput
        When there is none.
    """
    wanted = (format,) if isinstance(format, str) else tuple(format)
    if not wanted or not all(isinstance(name, str) for name in wanted):
        raise InvalidInput('Give format as a name such as "png", or as several.')
    return tuple(dict.fromkeys(get_format(name).name for name in wanted))


def _refuse_swapped(fig: Any, name: object) -> None:
    is_words = isinstance(fig, str) and not fig.lstrip().startswith("<")
    if is_words and (name is None or not isinstance(name, str)):
        raise InvalidInput("The figure comes first and its name second; for the current figure write publish(name=…).")
