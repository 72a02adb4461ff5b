"""``figserve.publish``: encode a figure, upload it, and return its record. Kernel."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ...errors import FigServeError, InvalidInput, NotConnected
from ...model.figures import EncodedImage
from ...model.formats import ANIMATION_FORMATS, get_format
from ...model.multipart import encode_form, image_part, json_part
from ...model.places import Place, read_place
from ...model.texts import MAX_ALT_LENGTH, MAX_CAPTION_LENGTH, MAX_TITLE_LENGTH, check_name, validate_single_line
from ..arguments import check_switch
from ..cells.cell import default_name, find_cell
from ..cells.last_shown import find_last_shown
from ..client.batch_server import get_connection
from ..client.connection import Connection
from ..options import PUBLISH, explain_options
from .display import INLINE_SUFFIXES
from .figure_source import FigureSource
from .offline import UnpublishedFigure, warn_or_raise
from .publishable import animation_limits, choose_formats, read_object
from .published_figure import Published

if TYPE_CHECKING:
    from ...plotting.encode import EncodedFigure

MAX_CODE_LENGTH = 2**20
"""Maximum length of a cell's code to upload, in characters; the server keeps less."""
_log = logging.getLogger(__name__)


@explain_options(PUBLISH)
def publish(
    fig: Any = None,
    name: str | None = None,
    *,
    title: str | None = None,
    alt: str | None = None,
    caption: str | None = None,
    format: str | Iterable[str] = "png",
    dpi: float | None = None,
    tight: bool = False,
    keep_source: bool = True,
    collection: str | None = None,
    notebook: str | None = None,
) -> Published:
    """Give a figure a URL. Publishing it again, or rerunning the notebook, updates the same URL.

    Parameters
    ----------
    fig
        A matplotlib figure, axes, artists or animation; a seaborn, plotnine or pandas plot; a PIL image, an array, path
        or bytes; or an object displayed as an image or HTML. None is the current figure, else this cell's last one.
    name
        Identifies the figure within the notebook. None derives it from the title, else from the cell.
    title, alt, caption
        Title of its pages, alternative text for screen readers, and text shown below the figure. None derives title
        and alternative text from the figure, and keeps its caption.
    format
        A format such as ``"png"`` or ``"svg"``, or several with the main one first.
    dpi, tight
        Resolution, where None is the figure's own; whether to crop the margins.
    keep_source
        Also upload the figure itself, for other sizes and formats and for its data, and the code of the cell.
    collection, notebook
        Another place: a named collection, or a notebook's path. None, without a kernel, is the collection "default".

    Returns
    -------
    Published
        The stored figure. As a cell's result, it shows the image with its link.

    Raises
    ------
    NotConnected
        There is no server; the message says what to do. A batch run is only warned, and ``url`` is None.
    InvalidInput
        An argument is not valid.
    UnsupportedType, OutputInvalid
        The object is not a figure, or cannot be drawn in the format.
    TooLarge, QuotaExceeded
        The figure is larger than ``FigServe.figure_bytes``, or its owner has used up ``FigServe.owner_quota``.
    """
    _reject_swapped_arguments(fig, name)
    texts = _check_texts(title, alt, caption)
    tight, keep_source = check_switch(tight, "tight"), check_switch(keep_source, "keep_source")
    fig, checked = read_object(fig, None if name is None else check_name(name))
    place, formats = read_place({"collection": collection, "notebook": notebook}), _formats(format)
    return _publish(fig, checked, texts, place, formats, keep_source=keep_source, dpi=dpi, tight=tight)


def publish_encoded(encoded: EncodedFigure, name: str | None, *, title: str | None, alt: str | None) -> Published:
    """Publish images that are encoded already, with ``publish``'s name and texts."""
    checked = None if name is None else check_name(name)
    given = _check_texts(title, alt, None)
    texts = {"title": encoded.title, "alt": encoded.alt} | {k: text for k, text in given.items() if text is not None}
    return _post(get_connection(), encoded, checked, texts, keep_source=False)


def _publish(
    fig: Any,
    name: str | None,
    metadata: dict[str, str | None],
    place: Place,
    formats: tuple[str, ...],
    *,
    keep_source: bool,
    **options: Any,
) -> Published:
    connection = _connect()
    from ...plotting.encode import encode

    drawn = _find_drawn() if fig is None else fig
    formats = choose_formats(drawn, formats)
    if formats[0] in ANIMATION_FORMATS and not isinstance(connection, NotConnected):
        options["animation"] = animation_limits(lambda: connection.client.get("api/status")["limits"])
    encoded = encode(drawn, formats, with_state=keep_source, **options)
    _warn_of_external_content(drawn, encoded)
    derived = {"title": encoded.title, "alt": encoded.alt}
    complete = derived | {field: text for field, text in metadata.items() if text is not None}
    if isinstance(connection, NotConnected):
        return _keep_unpublished(encoded, name, complete, connection)
    return _post(connection, encoded, name, complete | place.as_json(), keep_source)


def _warn_of_external_content(fig: Any, encoded: EncodedFigure) -> None:
    """Warn of external content that the figure would load, as a published figure loads none."""
    from ...plotting.external_content import find_warnings

    try:
        found = find_warnings(fig, encoded.images)
    except FigServeError:
        raise
    except Exception as error:
        _log.debug("The figure is published without a check of its external content: %s", error)
        return
    for message in found:
        warnings.warn(message, stacklevel=5)


def _connect() -> Connection | NotConnected:
    """Return the connection; in a batch run without one, the error that the warning reported."""
    try:
        return get_connection()
    except NotConnected as error:
        warn_or_raise(error, 5)
        return error


def _keep_unpublished(
    encoded: EncodedFigure, name: str | None, texts: dict[str, str], error: NotConnected
) -> UnpublishedFigure:
    checked = default_name(texts["title"], find_cell()) if name is None else name
    figure = UnpublishedFigure(checked, texts["title"], texts["alt"], _displayed_image(encoded), error)
    if encoded.figure is not None:
        figure.set_source_figure(encoded.figure)
    return figure


def _find_drawn() -> Any | None:
    """Return the figure that the running cell has shown or closed, if none is open; None for the current figure."""
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    is_open = pyplot is not None and bool(pyplot.get_fignums())
    return None if is_open else find_last_shown()


def _post(
    connection: Connection, encoded: EncodedFigure, name: str | None, metadata: dict[str, str], keep_source: bool
) -> Published:
    from ...plotting.libraries import loaded_versions

    cell = find_cell()
    used = loaded_versions()
    figure = {
        "name": default_name(metadata["title"], cell) if name is None else name,
        **metadata,
        "cell": cell.as_json() if cell else None,
        "provenance": {"libraries": used},
        "sizes": [_size_json(part) for part in encoded.images],
    }
    source = FigureSource(encoded, cell.code[:MAX_CODE_LENGTH] if cell and keep_source else "")
    content_type, body = _form(figure, encoded)
    record = connection.client.post_form("api/figures", content_type, body, source.pickle)
    problem = source.send(connection.client, record, used)
    published = Published(record, connection, _displayed_image(encoded), problem)
    if encoded.figure is not None:
        published.set_source_figure(encoded.figure)
    return published


def _check_texts(title: str | None, alt: str | None, caption: str | None) -> dict[str, str | None]:
    return {
        "title": None if title is None else validate_single_line(title, "title", MAX_TITLE_LENGTH),
        "alt": None if alt is None else validate_single_line(alt, "alternative text", MAX_ALT_LENGTH),
        "caption": None if caption is None else validate_single_line(caption, "caption", MAX_CAPTION_LENGTH),
    }


def _size_json(part: EncodedImage) -> dict[str, float | None]:
    size: dict[str, float | None] = {"width": part.width, "height": part.height, "dpi": part.dpi}
    if part.display_width and part.display_height:
        size |= {"display_width": part.display_width, "display_height": part.display_height}
    return size


def _form(figure: dict[str, Any], encoded: EncodedFigure) -> tuple[str, bytes]:
    parts = [json_part("figure", figure)]
    parts += [image_part("representation", image.mimetype, image.data) for image in encoded.images]
    if encoded.thumbnail is not None:
        parts.append(image_part("thumbnail", encoded.thumbnail.mimetype, encoded.thumbnail.data))
    return encode_form(parts)


def _displayed_image(encoded: EncodedFigure) -> EncodedImage | None:
    """Return the image that the notebook displays: the first that an ``img`` element supports, else the thumbnail."""
    return next((part for part in encoded.images if part.mimetype in INLINE_SUFFIXES), encoded.thumbnail)


def _formats(format: str | Iterable[str]) -> tuple[str, ...]:
    """Return the canonical format names without duplicates.

    Raises
    ------
    InvalidInput
        There is no format, or an unknown one.
    """
    names = (format,) if isinstance(format, str) else tuple(format) if isinstance(format, Iterable) else ()
    if not names or not all(isinstance(name, str) for name in names):
        raise InvalidInput('format must be a name such as "png", or a list of names.')
    return tuple(dict.fromkeys(get_format(name).name for name in names))


def _reject_swapped_arguments(fig: Any, name: object) -> None:
    if isinstance(fig, str) and name is not None and not isinstance(name, str):
        raise InvalidInput(
            "The first argument is the figure and the second its name. To publish the current figure, use"
            " publish(name=…)."
        )
